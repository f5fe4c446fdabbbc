//! The output of `nginx -T`: all files of a configuration in one text, each behind a line of its own,
//! `# configuration file /etc/nginx/nginx.conf:`. The first one is the main file.

use std::collections::BTreeMap;

use crate::import::Unreadable;

/// Beginning of the line that stands ahead of each file of the output, with the file's name behind it.
const MARK: &str = "# configuration file ";

/// The files of an output of `nginx -T`. Nothing is read from this machine.
#[derive(Debug)]
pub(super) struct Dump {
    /// The name of the main file; relative names are below its folder.
    main: String,
    /// The texts of all files, by their names.
    files: BTreeMap<String, String>,
}

impl Dump {
    /// Takes an output apart; `None` for a text that is an ordinary configuration file.
    pub(super) fn of(text: &str) -> Option<Self> {
        // What nginx says to standard error may have been written into the same file.
        let is_message = |line: &&str| line.trim().is_empty() || line.starts_with("nginx: ");
        let first = text.lines().find(|line| !is_message(line))?;
        let main = mark(first)?.to_owned();
        let mut files: BTreeMap<String, String> = BTreeMap::new();
        let mut name: Option<&str> = None;
        for line in text.split_inclusive('\n') {
            match (mark(line.trim_end_matches(['\r', '\n'])), name) {
                // nginx prints each file once.
                (Some(next), _) if !files.contains_key(next) => {
                    files.insert(next.to_owned(), String::new());
                    name = Some(next);
                }
                (_, Some(name)) => {
                    if let Some(text) = files.get_mut(name) {
                        text.push_str(line);
                    }
                }
                (_, None) => {}
            }
        }
        Some(Self { main, files })
    }

    /// The name and the text of the main file.
    pub(super) fn main(&self) -> (String, String) {
        (self.main.clone(), self.files.get(&self.main).cloned().unwrap_or_default())
    }

    /// The name and the text of an included file.
    pub(super) fn read(&self, name: &str) -> Result<(String, String), Unreadable> {
        let name = self.whole(name);
        let text = self.files.get(&name).cloned().ok_or(Unreadable::Missing)?;
        Ok((name, text))
    }

    /// The names of the files that fit a pattern with `*`, `?` and `[…]`, in order.
    pub(super) fn list(&self, pattern: &str) -> Vec<String> {
        let pattern = self.whole(pattern);
        let start = pattern.find(['*', '?', '[']).map_or(pattern.as_str(), |at| &pattern[..at]);
        let names = self.files.range(start.to_owned()..).map(|(name, _)| name);
        let names = names.take_while(|name| name.starts_with(start));
        names.filter(|name| fits(&pattern, name)).cloned().collect()
    }

    /// A name with the folder of the main file ahead of it, where it is relative (nginx, "`include`").
    fn whole(&self, name: &str) -> String {
        match self.main.rsplit_once('/') {
            Some((folder, _)) if !name.starts_with('/') => format!("{folder}/{name}"),
            _ => name.to_owned(),
        }
    }
}

/// The name of the file that begins behind a line.
fn mark(line: &str) -> Option<&str> {
    line.strip_prefix(MARK)?.strip_suffix(':').filter(|name| !name.is_empty())
}

/// Whether a name fits a pattern of `glob(7)`: no wildcard stands for a slash, or for a dot at the beginning.
fn fits(pattern: &str, name: &str) -> bool {
    let (patterns, names) = (pattern.split('/'), name.split('/'));
    patterns.clone().count() == names.clone().count()
        && patterns.zip(names).all(|(pattern, name)| {
            let hidden = name.starts_with('.') && !pattern.starts_with('.');
            !hidden && fits_segment(pattern.as_bytes(), name.as_bytes())
        })
}

/// Whether a name without slashes fits. On a failure only the last asterisk takes more, so that this takes no more steps
/// than both lengths multiplied.
fn fits_segment(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut behind) = (0, 0);
    let mut last: Option<(usize, usize)> = None;
    while behind < name.len() {
        if pattern.get(at) == Some(&b'*') {
            last = Some((at, behind));
            at += 1;
            continue;
        }
        match one(&pattern[at..], name[behind]) {
            Some(length) => (at, behind) = (at + length, behind + 1),
            None => {
                let Some((star, begin)) = last else { return false };
                last = Some((star, begin + 1));
                (at, behind) = (star + 1, begin + 1);
            }
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

/// The length of what stands for one byte at the beginning of a pattern, if it fits the byte.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern {
        [b'?', ..] => Some(1),
        [b'\\', escaped, ..] => (*escaped == byte).then_some(2),
        [b'[', rest @ ..] => {
            let (negated, rest) = match rest {
                [b'!' | b'^', rest @ ..] => (true, rest),
                rest => (false, rest),
            };
            // A bracket at the beginning is one of the class.
            let end = rest.iter().skip(1).position(|byte| *byte == b']')? + 1;
            let (class, mut fits) = (&rest[..end], false);
            let mut at = 0;
            while at < class.len() {
                let range = class.get(at + 1) == Some(&b'-') && at + 2 < class.len();
                let last = if range { class[at + 2] } else { class[at] };
                fits |= (class[at]..=last).contains(&byte);
                at += if range { 3 } else { 1 };
            }
            (fits != negated).then_some(end + 2 + usize::from(negated))
        }
        [first, ..] => (*first == byte).then_some(1),
        [] => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_is_taken_apart_at_its_marks() {
        let text = "nginx: the configuration file /etc/nginx/nginx.conf syntax is ok\n\
                    # configuration file /etc/nginx/nginx.conf:\nhttp {\n}\n\n\
                    # configuration file /etc/nginx/conf.d/a.conf:\n# configuration file: none\nserver {}\n";
        let dump = Dump::of(text).unwrap();
        assert_eq!(dump.main(), ("/etc/nginx/nginx.conf".to_owned(), "http {\n}\n\n".to_owned()));
        let (name, text) = dump.read("conf.d/a.conf").unwrap();
        assert_eq!(name, "/etc/nginx/conf.d/a.conf");
        assert_eq!(text, "# configuration file: none\nserver {}\n");
        assert_eq!(dump.list("conf.d/*.conf"), ["/etc/nginx/conf.d/a.conf"]);
        assert!(dump.read("/etc/passwd").is_err());
        assert!(Dump::of("# nginx\n# configuration file /x:\n").is_none());
    }

    #[test]
    fn names_fit_patterns_as_a_shell_compares_them() {
        for (pattern, name, wanted) in [
            ("/e/*.conf", "/e/a.conf", true),
            ("/e/*.conf", "/e/a.conf.bak", false),
            ("/e/*", "/e/a/b", false),
            ("/e/*", "/e/.a", false),
            ("/e/.*", "/e/.a", true),
            ("/e/[a-c]?", "/e/bx", true),
            ("/e/[!a-c]?", "/e/bx", false),
            ("/e/[]a]", "/e/]", true),
            ("/*/*/a*b*c", "/e/f/aXbYbZc", true),
            ("/e/a\\*", "/e/a*", true),
            ("/e/[", "/e/[", false),
        ] {
            assert_eq!(fits(pattern, name), wanted, "{pattern} {name}");
        }
    }
}
