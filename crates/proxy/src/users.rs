//! Names and passwords of a users file (`auth/basic`).

use std::collections::HashMap;
use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use wsgen_model::located::Located;
use wsgen_model::scalar::FilePath;

use crate::passwords::{self, Verdict};
use crate::snapshot::StartError;

/// The longest name and the longest password, in bytes. What a hash costs grows with its password: one of 11,000 bytes
/// took 0.7 s.
const LONGEST: usize = 256;

/// The users of a file.
pub(crate) struct Users {
    hashes: HashMap<String, String>,
}

impl std::fmt::Debug for Users {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Users").field("known", &self.hashes.len()).finish_non_exhaustive()
    }
}

impl Users {
    /// Reads a file in htpasswd form: bcrypt, SHA-crypt or MD5-crypt.
    pub(crate) fn read(file: &Located<FilePath>) -> Result<Self, StartError> {
        let bad = |why: String, help: &str| {
            StartError::at(file.span, format!("cannot use {}: {why}", file.as_str()), help)
        };
        let text = std::fs::read_to_string(file.as_str())
            .map_err(|error| bad(error.to_string(), "make the users file readable"))?;
        let hashes = parse(&text).map_err(|number| {
            let why = format!("line {number} has another hash");
            bad(why, "hash with bcrypt or SHA-crypt: `openssl passwd -6`")
        })?;
        Ok(Self { hashes })
    }

    /// Whether an `Authorization` field of a client has a good name and password (RFC 7617 section 2). A name that
    /// nobody has costs as much time as a name that somebody has.
    pub(crate) async fn allow(&self, authorization: Option<&[u8]>, client: IpAddr) -> Verdict {
        let Some((user, password)) = authorization.and_then(credentials) else {
            return Verdict::Bad;
        };
        let known = self.hashes.get(&user);
        let Some(hash) = known.or_else(|| self.hashes.values().next()) else {
            return Verdict::Bad;
        };
        match passwords::verify(password, hash.clone(), client).await {
            Verdict::Good if known.is_none() => Verdict::Bad,
            verdict => verdict,
        }
    }
}

/// Parses a users file: the hash of each user. Where two lines name the same user, the first one counts, as in other
/// servers that read such files. Behind another colon some programs keep notes of theirs.
///
/// # Errors
///
/// The number of a line whose hash is of another kind.
pub(crate) fn parse(text: &str) -> Result<HashMap<String, String>, usize> {
    let mut hashes = HashMap::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (user, rest) = line.split_once(':').unwrap_or((line, ""));
        let hash = rest.split(':').next().unwrap_or_default();
        if !passwords::is_known(hash) {
            return Err(number + 1);
        }
        hashes.entry(user.to_owned()).or_insert_with(|| hash.to_owned());
    }
    Ok(hashes)
}

/// The name in an `Authorization` field (RFC 7617 section 2), for the access log.
pub(crate) fn user(authorization: Option<&[u8]>) -> Option<String> {
    authorization.and_then(credentials).map(|(user, _)| user)
}

fn credentials(value: &[u8]) -> Option<(String, String)> {
    let text = std::str::from_utf8(value).ok()?;
    let (scheme, coded) = text.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let plain = String::from_utf8(STANDARD.decode(coded.trim()).ok()?).ok()?;
    let (user, password) = plain.split_once(':')?;
    let short = user.len() <= LONGEST && password.len() <= LONGEST;
    short.then(|| (user.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_of_a_user_counts() {
        let users = parse("# staff\nme:$5$a$b\n\nyou:$6$c$d:a note\nme:$6$e$f\n").unwrap();
        assert_eq!((users["me"].as_str(), users["you"].as_str()), ("$5$a$b", "$6$c$d"));
        assert_eq!(parse("me:$5$a$b\nyou:plain\n"), Err(2));
    }

    #[test]
    fn names_and_passwords_have_bounds() {
        assert_eq!(credentials(b"basic bWU6YTpi"), Some(("me".into(), "a:b".into())));
        assert_eq!(credentials(b"Bearer bWU6YTpi"), None);
        let of = |length: usize| {
            format!("Basic {}", STANDARD.encode(format!("me:{}", "x".repeat(length))))
        };
        assert!(credentials(of(LONGEST).as_bytes()).is_some());
        assert!(credentials(of(LONGEST + 1).as_bytes()).is_none());
    }

    #[tokio::test]
    async fn users_of_a_file_are_known_by_their_passwords() {
        let hash = "$apr1$wsgensal$xprES1IaZ5/Mzrn.e4Bsu/";
        let users = Users { hashes: [("ada".to_owned(), hash.to_owned())].into() };
        let ask = async |user: &str, password: &str| {
            let field = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
            users.allow(Some(field.as_bytes()), [127, 0, 0, 1].into()).await
        };
        for _ in 0..2 {
            assert_eq!(ask("ada", "secret").await, Verdict::Good);
            assert_eq!(ask("ada", "Secret").await, Verdict::Bad);
            assert_eq!(ask("bob", "secret").await, Verdict::Bad, "with the password of another");
        }
        assert_eq!(users.allow(None, [127, 0, 0, 1].into()).await, Verdict::Bad);
    }
}
