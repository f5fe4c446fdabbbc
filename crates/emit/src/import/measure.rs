//! Durations and sizes in the model's form.

/// A duration, in the largest units that keep it whole; the model's longest is 365 days.
pub(crate) fn duration(millis: u64) -> String {
    const UNITS: [(u64, &str); 5] =
        [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s"), (1, "ms")];
    let mut left = millis.min(365 * 86_400_000);
    // `1d12h` is harder to read than `36h`, and `90s` easier than `1m30s`.
    if let Some((size, unit)) =
        UNITS.iter().find(|(size, _)| left > 0 && left.is_multiple_of(*size))
    {
        return format!("{}{unit}", left / size);
    }
    let mut text = String::new();
    for (size, unit) in UNITS {
        if left >= size {
            text.push_str(&format!("{}{unit}", left / size));
            left %= size;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// A size, in the largest unit that keeps it whole.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let unit = UNITS.iter().find(|(size, _)| bytes > 0 && bytes.is_multiple_of(*size));
    unit.map_or_else(|| format!("{bytes}B"), |(size, unit)| format!("{}{unit}", bytes / size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_what_they_mean() {
        for (millis, text) in [
            (60_000, "1m"),
            (90_000, "90s"),
            (86_400_000, "1d"),
            (1_500, "1500ms"),
            (0, "0s"),
            (129_600_000, "36h"),
            (u64::MAX, "365d"),
        ] {
            assert_eq!(duration(millis), text);
        }
        assert_eq!(size(1 << 20), "1MiB");
        assert_eq!(size(1000), "1000B");
    }
}
