//! Answers of name servers: addresses that are taken stand in the answer as records of the question's name or of its
//! aliases, read here byte by byte (RFC 1035 section 4).

use std::net::IpAddr;

use wsgen_proxy::fuzzing;

/// Checks one answer to the question with the number 7.
pub fn check(bytes: &[u8]) {
    let Some(addresses) = fuzzing::dns_addresses(bytes, 7) else { return };
    assert_eq!(&bytes[..2], [0, 7], "the number");
    assert!(bytes[2] & 0x80 != 0, "an answer");
    assert!(matches!(bytes[3] & 0xf, 0 | 3), "a good one");
    let expected = records(bytes).expect("what is taken can be read");
    assert_eq!(addresses, expected);
}

fn word(bytes: &[u8], at: usize) -> Option<usize> {
    Some(usize::from(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?)))
}

/// Where a name ends.
fn behind_name(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match bytes.get(at)? {
            0 => return Some(at + 1),
            length @ 1..=63 => at += 1 + usize::from(*length),
            192.. => return Some(at + 2),
            _ => return None,
        }
    }
}

/// Every address of the Internet class among the answers.
fn records(bytes: &[u8]) -> Option<Vec<IpAddr>> {
    let (questions, answers) = (word(bytes, 4)?, word(bytes, 6)?);
    let mut at = 12;
    for _ in 0..questions {
        at = behind_name(bytes, at)? + 4;
    }
    let mut all = Vec::new();
    for _ in 0..answers {
        at = behind_name(bytes, at)?;
        let (kind, class, length) = (word(bytes, at)?, word(bytes, at + 2)?, word(bytes, at + 8)?);
        let data = bytes.get(at + 10..at + 10 + length)?;
        match (kind, class & 0x7fff) {
            (1, 1) => all.push(IpAddr::from(<[u8; 4]>::try_from(data).ok()?)),
            (28, 1) => all.push(IpAddr::from(<[u8; 16]>::try_from(data).ok()?)),
            _ => {}
        }
        at += 10 + length;
    }
    Some(all)
}
