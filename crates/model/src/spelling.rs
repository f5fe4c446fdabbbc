//! Spellings of field names that applications cannot tell apart. CGI, WSGI, Rack and PHP hand `X-Real-IP` and
//! `X_Real_IP` to an application under one name (RFC 3875 section 4.1.18), so that a client could speak in the proxy's
//! name by spelling it otherwise.

/// Fields that tell an application who asked, by which scheme, for which host, port and prefix. The first five are
/// written by proxies in general, the others are read by web frameworks beside them.
pub const FORWARDED_FIELDS: [&str; 11] = [
    "Forwarded",
    "X-Real-IP",
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Forwarded-Prefix",
    "X-Forwarded-Protocol",
    "X-Forwarded-Scheme",
    "X-Forwarded-Server",
    "X-Forwarded-Ssl",
];

/// Fields that say where a body ends. No other spelling of them passes anywhere.
pub const FRAMING_FIELDS: [&str; 2] = ["Content-Length", "Transfer-Encoding"];

/// Whether two names become one in an application: letters compare without case, and all that is neither letter nor
/// digit is alike.
pub fn is_same(one: &str, other: &str) -> bool {
    let alike = |a: &u8, b: &u8| {
        a.eq_ignore_ascii_case(b) || !a.is_ascii_alphanumeric() && !b.is_ascii_alphanumeric()
    };
    one.len() == other.len() && one.bytes().zip(other.bytes()).all(|(a, b)| alike(&a, &b))
}

/// Returns the other spellings of a name with `-` and `_`, up to 256 of them, for servers that know fields by their
/// whole names only.
pub fn others(name: &str) -> Vec<String> {
    let places: Vec<usize> =
        name.bytes().enumerate().filter(|(_, b)| b"-_".contains(b)).map(|(at, _)| at).collect();
    let spelled = |number: u32| {
        let mut bytes = name.as_bytes().to_vec();
        for (bit, place) in places.iter().enumerate().take(8) {
            bytes[*place] = if number >> bit & 1 == 1 { b'_' } else { b'-' };
        }
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let all = 1_u32 << places.len().min(8);
    (0..all).map(spelled).filter(|other| other != name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_name_are_the_same() {
        for other in ["x_forwarded_for", "X-FORWARDED_For", "X.Forwarded~For"] {
            assert!(is_same("X-Forwarded-For", other), "{other}");
        }
        for other in ["X-Forwarded-Fo", "XForwardedFor", "X-Forwarded-For-", "Xa-Forwarded-For"] {
            assert!(!is_same("X-Forwarded-For", other), "{other}");
        }
    }

    #[test]
    fn other_spellings_are_counted_out() {
        assert_eq!(others("Remote-User"), ["Remote_User"]);
        assert_eq!(others("Remote_User"), ["Remote-User"]);
        assert_eq!(others("X-Real-IP"), ["X_Real-IP", "X-Real_IP", "X_Real_IP"]);
        assert!(others("Forwarded").is_empty());
        assert_eq!(others("a-b-c-d-e-f-g-h-i-j").len(), 255);
    }
}
