//! The files that a configuration includes: below the configuration's own folders, and nowhere else.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use wsgen_emit::{Files, Layout, Selection, Target, Unreadable};
use wsgen_model::scalar::TargetVersion;

use crate::args::ReadArguments;

/// Largest file that is taken for a part of a configuration.
const LARGEST: u64 = 16 << 20;

/// The file system, seen from a root.
pub(in crate::commands) struct Tree {
    root: Option<PathBuf>,
    /// The folders that files are read from, without links.
    folders: Vec<PathBuf>,
    defined: BTreeMap<String, String>,
    version: Option<TargetVersion>,
}

impl Tree {
    /// The files that the command line opens to a configuration of this target: those below `--root`, or below the folders
    /// of the named files and the server's own folder where a named file lies in it.
    pub(in crate::commands) fn of(arguments: &ReadArguments, from: &Selection) -> Self {
        let folders = match &arguments.root {
            Some(root) => fs::canonicalize(root).into_iter().collect(),
            None => {
                let named = arguments.paths.iter().filter_map(|path| fs::canonicalize(path).ok());
                let beside: Vec<PathBuf> =
                    named.filter_map(|path| path.parent().map(Path::to_owned)).collect();
                let own = servers_folders(from.target);
                let own = own.filter(|own| beside.iter().any(|folder| folder.starts_with(own)));
                own.collect::<Vec<_>>().into_iter().chain(beside).collect()
            }
        };
        let defined = arguments.define.iter().cloned().collect();
        Self { root: arguments.root.clone(), folders, defined, version: from.version }
    }

    /// Returns the path that a name leads to: below the root, or beside the file that has it.
    fn place(&self, name: &str, from: &str) -> PathBuf {
        let beside = Path::new(from).parent().unwrap_or(Path::new(""));
        match &self.root {
            // What was found below the root is named by it already.
            Some(root) if name.starts_with('/') && !Path::new(name).starts_with(root) => {
                root.join(name.trim_start_matches('/'))
            }
            _ => beside.join(name),
        }
    }

    /// The file behind links; those that are absolute lead below the root too, as in `sites-enabled`.
    fn behind(&self, mut path: PathBuf) -> PathBuf {
        for _ in 0..8 {
            let Ok(target) = fs::read_link(&path) else { break };
            path = self.place(&target.display().to_string(), &path.display().to_string());
        }
        path
    }

    /// A file without links, if it lies in a folder that may be read.
    fn opened(&self, path: &Path) -> Result<PathBuf, Unreadable> {
        let Ok(whole) = fs::canonicalize(path) else {
            // Whether a file elsewhere is there is not told either.
            return Err(if self.may_be_inside(path) {
                Unreadable::Missing
            } else {
                Unreadable::Outside
            });
        };
        let inside = self.folders.iter().any(|folder| whole.starts_with(folder));
        if inside { Ok(whole) } else { Err(Unreadable::Outside) }
    }

    /// Whether the nearest folder of a path that is there lies in a folder that may be read.
    fn may_be_inside(&self, path: &Path) -> bool {
        let folder = path.ancestors().skip(1).find_map(|folder| {
            let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            fs::canonicalize(folder).ok()
        });
        folder.is_some_and(|there| self.folders.iter().any(|folder| there.starts_with(folder)))
    }
}

/// The folders of a server's configuration in the distributions that are known: `/etc/NAME`.
fn servers_folders(target: &Target) -> impl Iterator<Item = PathBuf> + use<> {
    let mains = [Layout::Debian, Layout::Rhel].map(|layout| (target.place)(layout).main);
    mains.into_iter().filter_map(|main| {
        let folder: PathBuf = Path::new("/").join(main).components().take(3).collect();
        // The place of a single file is not a folder of its own.
        (folder != Path::new("/").join(main)).then_some(folder)
    })
}

impl Files for Tree {
    fn read(&mut self, name: &str, from: &str) -> Result<(String, String), Unreadable> {
        let place = self.behind(self.place(name, from));
        let whole = self.opened(&place)?;
        let about = fs::metadata(&whole).map_err(|_| Unreadable::Missing)?;
        if about.is_dir() {
            return Err(Unreadable::Missing);
        }
        // A pipe would wait for ever, and a device would never end.
        if !about.is_file() || about.len() > LARGEST {
            return Err(Unreadable::TooLarge);
        }
        let mut bytes = Vec::new();
        let read = File::open(&whole).and_then(|file| file.take(LARGEST).read_to_end(&mut bytes));
        read.map_err(|_| Unreadable::Missing)?;
        Ok((place.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()))
    }

    fn defined(&self, name: &str) -> Option<String> {
        self.defined.get(name).cloned()
    }

    fn version(&self) -> Option<TargetVersion> {
        self.version
    }

    fn list(&mut self, pattern: &str, from: &str) -> Vec<String> {
        let place = self.place(pattern, from);
        let text = place.display().to_string();
        // What stands ahead of the first mark is a folder; others are not looked into.
        let fixed = text.find(['*', '?', '[']).map_or(text.as_str(), |at| &text[..at]);
        if !self.may_be_inside(&Path::new(fixed).join("x")) {
            return vec![pattern.to_owned()];
        }
        let paths = glob::glob(&text);
        let paths = paths.map(|paths| paths.flatten().collect::<Vec<_>>()).unwrap_or_default();
        // They are read from the same folder as the pattern: their names begin where its does.
        let here = Path::new(from).parent().unwrap_or(Path::new(""));
        let own = |path: PathBuf| path.strip_prefix(here).map(Path::to_owned).unwrap_or(path);
        let mut names: Vec<String> =
            paths.into_iter().map(|path| own(path).display().to_string()).collect();
        names.sort();
        names
    }
}
