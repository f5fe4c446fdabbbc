//! Names and passwords of a users file (`auth/basic`).

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use wsgen_model::located::Located;
use wsgen_model::scalar::FilePath;

use crate::snapshot::StartError;

/// How long a good password is not asked for again: hashes are slow on purpose, and browsers send them each time.
const REMEMBERED: Duration = Duration::from_mins(1);
/// How many are remembered.
const MANY: usize = 10_000;

/// The users of a file.
pub(crate) struct Users {
    hashes: HashMap<String, String>,
    /// Credentials that were good, by two hashes with secret keys, and when that was.
    good: Mutex<HashMap<(u64, u64), Instant>>,
    keys: (RandomState, RandomState),
}

impl std::fmt::Debug for Users {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Users").field("known", &self.hashes.len()).finish_non_exhaustive()
    }
}

impl Users {
    /// Reads a file in htpasswd form: bcrypt or SHA-crypt.
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
        let keys = (RandomState::new(), RandomState::new());
        Ok(Self { hashes, good: Mutex::default(), keys })
    }

    /// Whether an `Authorization` field has a good name and password (RFC 7617 section 2).
    pub(crate) async fn allow(self: &Arc<Self>, authorization: Option<&[u8]>) -> bool {
        let Some((user, password)) = authorization.and_then(credentials) else { return false };
        let both = (&user, &password);
        let key = (self.keys.0.hash_one(both), self.keys.1.hash_one(both));
        {
            let good = self.good.lock().unwrap_or_else(PoisonError::into_inner);
            if good.get(&key).is_some_and(|since| since.elapsed() < REMEMBERED) {
                return true;
            }
        }
        let users = self.clone();
        // Off the thread that carries tunnels.
        let verified = tokio::task::spawn_blocking(move || users.verify(&user, &password)).await;
        let is_good = verified.unwrap_or(false);
        if is_good {
            let mut good = self.good.lock().unwrap_or_else(PoisonError::into_inner);
            good.retain(|_, since| since.elapsed() < REMEMBERED);
            if good.len() < MANY {
                good.insert(key, Instant::now());
            }
        }
        is_good
    }

    /// A name that nobody has costs as much time as one that somebody has.
    fn verify(&self, user: &str, password: &str) -> bool {
        let known = self.hashes.get(user);
        let Some(hash) = known.or_else(|| self.hashes.values().next()) else { return false };
        let fits = if hash.starts_with("$5$") {
            sha_crypt::sha256_check(password, hash).is_ok()
        } else if hash.starts_with("$6$") {
            sha_crypt::sha512_check(password, hash).is_ok()
        } else {
            bcrypt::verify(password, hash).unwrap_or(false)
        };
        fits && known.is_some()
    }
}

/// Parses a users file: the hash of each user. Where two lines name the same user, the first one counts, as in other
/// servers that read such files.
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
        let (user, hash) = line.split_once(':').unwrap_or((line, ""));
        if !["$2a$", "$2b$", "$2y$", "$5$", "$6$"].iter().any(|kind| hash.starts_with(kind)) {
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
    Some((user.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_of_a_user_counts() {
        let users = parse("# staff\nme:$5$a$b\n\nyou:$6$c$d\nme:$6$e$f\n").unwrap();
        assert_eq!((users["me"].as_str(), users["you"].as_str()), ("$5$a$b", "$6$c$d"));
        assert_eq!(parse("me:$5$a$b\nyou:plain\n"), Err(2));
    }

    #[test]
    fn each_kind_of_hash_is_known() {
        let users = Users {
            hashes: [
                // openssl passwd -6 -salt wsgensalt secret, the same with -5, and bcrypt of cost 4
                ("six", "$6$wsgensalt$SpV7rYiLLbZD6QJbQUKBRZJWvhLaS8LWR825Mpoy1O8wC45Zepg04ENxOsdQeahV4gW5tKeZrA/j7bw2SR/.M0"),
                ("five", "$5$wsgensalt$Fhxyo.sp9Tw5OZDU/q5YxBWoLDf0Y73ONmxdOmAmnJ0"),
                ("bcrypt", &bcrypt::hash_with_salt("secret", 4, [7; 16]).unwrap().to_string()),
            ]
            .map(|(user, hash)| (user.to_owned(), hash.to_owned()))
            .into(),
            good: Mutex::default(),
            keys: (RandomState::new(), RandomState::new()),
        };
        for user in ["six", "five", "bcrypt"] {
            assert!(users.verify(user, "secret"), "{user}");
            assert!(!users.verify(user, "Secret"), "{user}");
        }
        assert!(!users.verify("nobody", "secret"));
        assert_eq!(credentials(b"basic bWU6YTpi"), Some(("me".into(), "a:b".into())));
        assert_eq!(credentials(b"Bearer bWU6YTpi"), None);
    }
}
