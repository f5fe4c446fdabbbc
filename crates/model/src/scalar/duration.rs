//! Durations with units.

use std::fmt;

use crate::code::Code;
use crate::decode::{Decode, Decoder, Problem, Scalar, decode_scalar};
use crate::field::{ScalarSpec, Shape};
use crate::tree::Node;

/// A time in whole milliseconds, from `MIN` milliseconds to 365 days, written with units: `250ms`,
/// `5s`, `10m`, `1h30m`, `2d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration<const MIN: u64 = 1>(u64);

/// How long a tunnel may be silent: a duration, or `unlimited`, the one way to write none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TunnelIdle {
    /// No bound.
    Unlimited,
    /// At most this long.
    After(Duration),
}

const MAX: u64 = 365 * 86_400_000;
const UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

impl<const MIN: u64> Duration<MIN> {
    /// From milliseconds; moved into the bounds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(if millis < MIN {
            MIN
        } else if millis > MAX {
            MAX
        } else {
            millis
        })
    }

    /// From seconds; moved into the bounds.
    pub const fn from_secs(secs: u64) -> Self {
        Self::from_millis(secs.saturating_mul(1_000))
    }

    /// In milliseconds.
    pub const fn as_millis(self) -> u64 {
        self.0
    }
}

impl<const MIN: u64> From<Duration<MIN>> for std::time::Duration {
    fn from(value: Duration<MIN>) -> Self {
        Self::from_millis(value.0)
    }
}

impl<const MIN: u64> fmt::Display for Duration<MIN> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        if rest == 0 {
            return f.write_str("0s");
        }
        for (unit, millis) in UNITS {
            if rest >= millis {
                write!(f, "{}{unit}", rest / millis)?;
                rest %= millis;
            }
        }
        Ok(())
    }
}

impl<const MIN: u64> Scalar for Duration<MIN> {
    const SPEC: ScalarSpec = ScalarSpec {
        name: "Duration",
        doc: "a duration with units (ms, s, m, h, d), at most 365d",
        examples: &["250ms", "5s", "10m", "1h30m", "2d"],
    };
    const CODE: Code = Code::BAD_DURATION;

    fn parse(text: &str) -> Result<Self, Problem> {
        let bad = |message: String, help: String| {
            Problem::new(message, "a duration such as `250ms`, `5s`, `10m` or `1h30m`", help)
        };
        if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
            let meant = match text.parse::<u64>() {
                Ok(number) if number >= 1_000 && number % 1_000 == 0 => format!("{text}ms"),
                _ => format!("{text}s"),
            };
            return Err(bad(
                format!("`{text}` has no unit"),
                format!("write the unit: probably `{meant}`"),
            ));
        }
        let mut total: u64 = 0;
        let mut rest = text;
        let mut last = u64::MAX;
        while !rest.is_empty() {
            let at = text.len() - rest.len();
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let letters = rest[digits..].bytes().take_while(u8::is_ascii_alphabetic).count();
            let (number, unit) = (&rest[..digits], &rest[digits..digits + letters]);
            let known = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, millis)| *millis);
            let (Ok(number), Some(millis)) = (number.parse::<u64>(), known) else {
                return Err(bad(
                    format!("`{text}` is not a duration"),
                    "write whole numbers with the units ms, s, m, h and d, such as `1m30s`".into(),
                )
                .at(at..text.len()));
            };
            if millis >= last {
                return Err(bad(
                    format!("the units of `{text}` are out of order"),
                    "write each unit once, the largest first, such as `1h30m`".into(),
                )
                .at(at..text.len()));
            }
            last = millis;
            total = total.saturating_add(number.saturating_mul(millis));
            rest = &rest[digits + letters..];
        }
        if last == u64::MAX {
            return Err(bad(
                "the duration is empty".into(),
                "write a duration such as `10m`".into(),
            ));
        }
        if total < MIN || total > MAX {
            let mut problem = Problem::new(
                format!("`{text}` is out of range"),
                format!("a duration from {} to {}", Self(MIN), Self(MAX)),
                if total == 0 {
                    "zero means something else in every server; write the time that is meant"
                } else {
                    "write a duration within these bounds"
                },
            );
            problem.code = Some(Code::OUT_OF_RANGE);
            return Err(problem);
        }
        Ok(Self(total))
    }
}

decode_scalar!(Duration<0>, Duration<1>, Duration<1000>);

impl TunnelIdle {
    /// The bound, if there is one.
    pub fn bound(self) -> Option<Duration> {
        match self {
            Self::Unlimited => None,
            Self::After(duration) => Some(duration),
        }
    }
}

impl fmt::Display for TunnelIdle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unlimited => f.write_str("unlimited"),
            Self::After(duration) => duration.fmt(f),
        }
    }
}

impl Decode for TunnelIdle {
    fn decode(node: &Node, out: &mut Decoder<'_>) -> Option<Self> {
        if node.scalar().is_some_and(|scalar| scalar.text == "unlimited") {
            return Some(Self::Unlimited);
        }
        out.scalar(node).map(Self::After)
    }

    fn shape() -> Shape {
        Shape::Either(vec![
            Duration::<1>::shape(),
            Shape::Choice(&[("unlimited", "No bound at all.")]),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn problem(text: &str) -> (Option<Code>, String) {
        let problem = Duration::<1>::parse(text).unwrap_err();
        (problem.code, problem.help)
    }

    #[test]
    fn units_add_up() {
        for (text, millis) in [
            ("250ms", 250),
            ("5s", 5_000),
            ("1h30m", 5_400_000),
            ("2d", 172_800_000),
            ("1s5ms", 1_005),
        ] {
            assert_eq!(Duration::<1>::parse(text).map(Duration::as_millis), Ok(millis), "{text}");
        }
    }

    #[test]
    fn a_bare_number_gets_the_probable_unit() {
        assert_eq!(problem("60").1, "write the unit: probably `60s`");
        assert_eq!(problem("5000").1, "write the unit: probably `5000ms`");
    }

    #[test]
    fn nonsense_is_refused() {
        for text in
            ["", "s", "1x", "1m1h", "1m1m", "-1s", "1.5s", "1 s", "99999999999999999999s", "1S"]
        {
            assert!(Duration::<1>::parse(text).is_err(), "{text:?}");
        }
        assert_eq!(problem("0s").0, Some(Code::OUT_OF_RANGE));
        assert_eq!(problem("366d").0, Some(Code::OUT_OF_RANGE));
        assert!(Duration::<0>::parse("0s").is_ok());
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(millis in 1..=MAX) {
            let duration = Duration::<1>::from_millis(millis);
            prop_assert_eq!(Duration::parse(&duration.to_string()), Ok(duration));
        }

        #[test]
        fn no_text_panics(text in ".*") {
            let _ = Duration::<1>::parse(&text);
        }
    }
}
