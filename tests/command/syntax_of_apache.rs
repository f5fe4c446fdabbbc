//! The share of the directives of real files that the syntax of Apache httpd reads in full.

use std::fs;
use std::path::{Path, PathBuf};

use wsgen_emit::syntax::apache;
use wsgen_model::source::SourceId;

/// Every `.conf` file below a folder.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "conf") {
            found.push(path);
        }
    }
}

#[test]
fn nearly_every_directive_is_read() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut all = Vec::new();
    files(&root.join("tests/imports/apache"), &mut all);
    // Next to the checkout, or next to a folder of several.
    for shared in ["../shared", "../../shared"] {
        files(&root.join(shared).join("corpus/apache"), &mut all);
        files(&root.join(shared).join("field"), &mut all);
    }
    all.sort();
    assert!(all.len() >= 14, "{} files", all.len());
    let (mut count, mut unread) = (0, Vec::new());
    for file in all {
        let text = fs::read_to_string(&file).unwrap();
        // Some of the folder are of another server.
        if text.contains("proxy_pass") || text.contains("server {") {
            continue;
        }
        for directive in apache::read(SourceId::default(), &text) {
            count += 1;
            if let Err(why) = directive.value {
                let line = text.get(directive.span.range()).unwrap_or_default();
                unread.push(format!("{}: {line}: {}", file.display(), why.why));
            }
        }
    }
    for line in &unread {
        eprintln!("{line}");
    }
    let read = 1000 - 1000 * unread.len() / count;
    assert!(read >= 970, "{read} of 1000 directives are read; {} of {count} are not", unread.len());
}
