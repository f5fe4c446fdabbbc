//! nginx's times and sizes.

/// A time in milliseconds: a number is seconds; several units follow each other (nginx, "Configuration file measurement
/// units").
pub(in crate::targets::nginx) fn time(text: &str) -> Option<u64> {
    let mut total = 0_u64;
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let number: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let units = [
            ("ms", 1),
            ("s", 1_000),
            ("m", 60_000),
            ("h", 3_600_000),
            ("d", 86_400_000),
            ("w", 604_800_000),
            ("M", 2_592_000_000),
            ("y", 31_536_000_000),
        ];
        let unit = units.iter().find(|(unit, _)| rest.starts_with(unit));
        let (length, millis) = match unit {
            Some((unit, millis)) => (unit.len(), *millis),
            None if rest.is_empty() => (0, 1_000),
            None => return None,
        };
        total = total.saturating_add(number.saturating_mul(millis));
        rest = rest[length..].trim_start();
    }
    Some(total)
}

/// A size in bytes.
pub(in crate::targets::nginx) fn size(text: &str) -> Option<u64> {
    let (digits, factor) = match text.chars().last()? {
        'k' | 'K' => (&text[..text.len() - 1], 1 << 10),
        'm' | 'M' => (&text[..text.len() - 1], 1 << 20),
        'g' | 'G' => (&text[..text.len() - 1], 1 << 30),
        _ => (text, 1),
    };
    digits.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_the_server_reads_them() {
        for (text, millis) in [
            ("60", Some(60_000)),
            ("1h30m", Some(5_400_000)),
            ("1h 30m", Some(5_400_000)),
            ("7d", Some(604_800_000)),
            ("250ms", Some(250)),
            ("43200000", Some(43_200_000_000)),
            ("never", None),
            ("", None),
        ] {
            assert_eq!(time(text), millis, "{text}");
        }
        assert_eq!(size("50M"), Some(50 << 20));
        assert_eq!(size("0"), Some(0));
    }
}
