//! Files in the folders of servers under test. Workers of a server may run as another user, so the folders are open to
//! everybody; a private key is for its owner alone, except in a container, where the server may be somebody else.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use crate::launch::Place;

/// Writes a file for the server at a place, with mode 0600 if it holds a private key.
pub(crate) fn write(path: &Path, bytes: &[u8], server: &Place) -> io::Result<()> {
    const KEY: &[u8] = b"PRIVATE KEY-----";
    let private = !matches!(server, Place::In(_)) && bytes.windows(KEY.len()).any(|p| p == KEY);
    let mode = if private { 0o600 } else { 0o644 };
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(path)?;
    if private {
        // The mode of a file that was there before stays otherwise.
        file.set_permissions(PermissionsExt::from_mode(mode))?;
    }
    file.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_for_their_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("both.pem");
        let here = Place::Here("server".into());
        let mode = || std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        write(&path, b"-----BEGIN CERTIFICATE-----", &here).unwrap();
        assert_eq!(mode() & 0o600, 0o600);
        let key = b"-----BEGIN EC PRIVATE KEY-----";
        write(&path, key, &here).unwrap();
        assert_eq!((mode(), std::fs::read(&path).unwrap().as_slice()), (0o600, &key[..]));
    }
}
