//! MD5-crypt, the hash of `htpasswd -m` (`$apr1$`) and of old Unix (`$1$`): a thousand rounds of MD5 over a password and
//! its salt (FreeBSD, crypt.c; Apache, `apr_md5.c`).

use md5::{Digest, Md5};

/// The forms that are known; the last rounds are the same, the first one mixes the form in.
const FORMS: [&str; 2] = ["$apr1$", "$1$"];
/// The alphabet of crypt(3), which is not that of RFC 4648.
const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// The bytes of the last digest in the order in which they are written, three for four letters.
const ORDER: [[usize; 3]; 5] = [[0, 6, 12], [1, 7, 13], [2, 8, 14], [3, 9, 15], [4, 10, 5]];

/// Whether a hash has one of the forms.
pub(crate) fn is_known(hash: &str) -> bool {
    FORMS.iter().any(|form| hash.starts_with(form))
}

/// Whether a password fits a hash such as `$apr1$SALT$HASH`.
pub(crate) fn fits(password: &str, hash: &str) -> bool {
    let Some(form) = FORMS.iter().find(|form| hash.starts_with(*form)) else { return false };
    let Some((salt, digest)) = hash[form.len()..].split_once('$') else { return false };
    let salt = &salt.as_bytes()[..salt.len().min(8)];
    let found = letters(&rounds(password.as_bytes(), form.as_bytes(), salt));
    // Every letter is looked at, however many fit.
    let other = found.bytes().zip(digest.bytes()).fold(0, |other, (a, b)| other | (a ^ b));
    found.len() == digest.len() && other == 0
}

fn rounds(password: &[u8], form: &[u8], salt: &[u8]) -> [u8; 16] {
    let inner: [u8; 16] = Md5::new()
        .chain_update(password)
        .chain_update(salt)
        .chain_update(password)
        .finalize()
        .into();
    let mut first = Md5::new().chain_update(password).chain_update(form).chain_update(salt);
    for at in (0..password.len()).step_by(16) {
        first.update(&inner[..(password.len() - at).min(16)]);
    }
    // One byte for each bit of the length, from the lowest.
    let mut length = password.len();
    while length > 0 {
        first.update(if length & 1 == 1 { &[0] } else { &password[..1] });
        length >>= 1;
    }
    let mut digest: [u8; 16] = first.finalize().into();
    for round in 0..1000 {
        let mut next = Md5::new();
        next.update(if round % 2 == 1 { password } else { &digest });
        if round % 3 != 0 {
            next.update(salt);
        }
        if round % 7 != 0 {
            next.update(password);
        }
        next.update(if round % 2 == 1 { &digest } else { password });
        digest = next.finalize().into();
    }
    digest
}

/// The digest in the letters of crypt(3): 22 of them.
fn letters(digest: &[u8; 16]) -> String {
    let mut out = String::with_capacity(22);
    let mut put = |mut bits: usize, letters: usize| {
        for _ in 0..letters {
            out.push(char::from(ALPHABET[bits & 63]));
            bits >>= 6;
        }
    };
    for [high, middle, low] in ORDER.map(|order| order.map(|at| usize::from(digest[at]))) {
        put(high << 16 | middle << 8 | low, 4);
    }
    put(usize::from(digest[11]), 2);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_of_openssl_fit_their_passwords_alone() {
        // openssl passwd -apr1 -salt wsgensal secret, -1 of the same, and -apr1 -salt ab of 70 times x
        for (password, hash) in [
            ("secret", "$apr1$wsgensal$xprES1IaZ5/Mzrn.e4Bsu/"),
            ("secret", "$1$wsgensal$DX2b5Um69Ig1vnfyeTl4a."),
            (&"x".repeat(70), "$apr1$ab$c9R.YzIXeh0TE0HHXzQfw/"),
        ] {
            assert!(fits(password, hash), "{hash}");
            assert!(!fits("Secret", hash) && !fits("", hash), "{hash}");
            assert!(!fits(password, &hash[..hash.len() - 1]), "a part of {hash}");
        }
        for broken in ["$apr1$", "$apr1$salt", "$1$$", "$apr1$wsgensal$", "$2y$", ""] {
            assert!(!fits("secret", broken) && !fits("", broken), "{broken}");
        }
    }
}
