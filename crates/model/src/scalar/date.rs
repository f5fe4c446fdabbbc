//! Dates.

use std::fmt;

use crate::code::Code;
use crate::decode::{Problem, Scalar, decode_scalar};
use crate::field::ScalarSpec;

/// A day of the Gregorian calendar from 2000 to 2999, written `2027-06-30` (RFC 3339 full-date).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    /// Year.
    pub year: u16,
    /// Month, from 1.
    pub month: u8,
    /// Day, from 1.
    pub day: u8,
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

fn days(year: u16, month: u8) -> u8 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        _ => 31,
    }
}

impl Scalar for Date {
    const SPEC: ScalarSpec =
        ScalarSpec { name: "Date", doc: "a date: year, month, day", examples: &["2027-06-30"] };
    const CODE: Code = Code::BAD_DATE;

    fn parse(text: &str) -> Result<Self, Problem> {
        let number = |range: std::ops::Range<usize>| {
            text.get(range).filter(|t| t.bytes().all(|b| b.is_ascii_digit()))?.parse::<u16>().ok()
        };
        let dashes = text.len() == 10 && text.as_bytes()[4] == b'-' && text.as_bytes()[7] == b'-';
        if let (true, Some(year), Some(month), Some(day)) =
            (dashes, number(0..4), number(5..7), number(8..10))
            && let (Ok(month), Ok(day)) = (u8::try_from(month), u8::try_from(day))
            && (2000..3000).contains(&year)
            && (1..=12).contains(&month)
            && (1..=days(year, month)).contains(&day)
        {
            return Ok(Self { year, month, day });
        }
        Err(Problem::new(
            format!("`{}` is not a date", text.escape_debug()),
            "a date such as `2027-06-30`",
            "write year, month and day with dashes",
        ))
    }
}

decode_scalar!(Date);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calendar_is_known() {
        assert!(Date::parse("2028-02-29").is_ok());
        for text in
            ["2027-02-29", "2027-13-01", "2027-6-30", "27-06-30", "2027/06/30", "", "2027-06-3ä"]
        {
            assert!(Date::parse(text).is_err(), "{text}");
        }
    }
}
