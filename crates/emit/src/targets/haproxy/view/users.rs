//! `userlist` sections: the users of a file, with the hashes that crypt(3) knows.

use serde::Serialize;
use wsgen_model::located::Located;
use wsgen_model::scalar::FilePath;

use super::Context;
use crate::engine::Raw;
use crate::targets::haproxy::quote::literal;

/// The users of one file.
#[derive(Serialize)]
pub(super) struct UserList {
    name: Raw,
    users: Vec<(Raw, Raw)>,
    #[serde(skip)]
    file: String,
}

/// Hashes of crypt(3): MD5-crypt, bcrypt, SHA-crypt, yescrypt.
const HASHES: [&str; 7] = ["$1$", "$2a$", "$2b$", "$2y$", "$5$", "$6$", "$y$"];

/// The name of the list for a file; routes with the same file share it.
pub(super) fn list(file: &Located<FilePath>, context: &mut Context<'_>) -> String {
    let path = file.as_str();
    if let Some(known) = context.users.iter().find(|list| list.file == path) {
        return known.name.0.clone();
    }
    let name = format!("wsgen_users_{}", context.users.len() + 1);
    let text = String::from_utf8_lossy(context.base.handed(path)).into_owned();
    let mut users = Vec::new();
    for line in
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let (user, hash) = line.split_once(':').unwrap_or((line, ""));
        let hash = hash.split(':').next().unwrap_or("");
        let bad = |c: char| c.is_control() || c == '\u{fffd}';
        if !HASHES.iter().any(|kind| hash.starts_with(kind)) || line.contains(bad) {
            let what = format!("the password of `{}`", user.escape_debug());
            let help = "hash it with bcrypt or SHA-crypt: `openssl passwd -6`";
            context.base.refuse(file.span, &what, help);
            continue;
        }
        users.push((literal(user), literal(hash)));
    }
    context.users.push(UserList { name: Raw(name.clone()), users, file: path.to_owned() });
    name
}
