//! What an echo can be asked to do wrong, by the query of its URL.

use std::time::Duration;

/// What goes wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "one for each word of a query")]
pub struct Mischief {
    /// `delay=MS`: it answers that much later.
    pub delay: Duration,
    /// `status=N`: a handshake gets this in place of a 101.
    pub status: Option<u16>,
    /// `silent`: it never answers.
    pub silent: bool,
    /// `drop`: it ends without an answer.
    pub drops: bool,
    /// `lie`: its 101 is for another protocol.
    pub lies: bool,
    /// `alter`: messages come back with another first byte.
    pub alters: bool,
    /// `close=CODE`: it closes with this code once it was spoken to.
    pub close: Option<u16>,
}

/// No answer is put off for longer.
const LONGEST: u64 = 3_600_000;

impl Mischief {
    /// Reads the query of a target; what it does not know is none of its business.
    pub fn of(target: &str) -> Self {
        let query = target.split_once('?').map_or("", |(_, query)| query);
        let mut mischief = Self::default();
        for part in query.split('&') {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            match name {
                "delay" => {
                    let time = value.parse().unwrap_or(0).min(LONGEST);
                    mischief.delay = Duration::from_millis(time);
                }
                "status" => mischief.status = value.parse().ok().filter(|s| (200..600).contains(s)),
                "silent" => mischief.silent = true,
                "drop" => mischief.drops = true,
                "lie" => mischief.lies = true,
                "alter" => mischief.alters = true,
                "close" => mischief.close = value.parse().ok(),
                _ => {}
            }
        }
        mischief
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_read() {
        assert_eq!(Mischief::of("/ws?token=x"), Mischief::default());
        let all = Mischief::of("/?delay=250&status=403&silent&drop&lie&alter&close=4000");
        assert_eq!(
            (all.delay, all.status, all.close),
            (Duration::from_millis(250), Some(403), Some(4000))
        );
        assert!(all.silent && all.drops && all.lies && all.alters);
        assert_eq!(Mischief::of("/?status=99&delay=x"), Mischief::default());
    }
}
