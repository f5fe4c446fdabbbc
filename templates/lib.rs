//! The templates that wsgen renders server configurations from. A crate of its own, so that the folder
//! can stand at the top of the repository and still be packaged.

/// Every template: its name below this folder, and its text. A test compares the list with the folder.
pub const TEMPLATES: &[(&str, &str)] = &[
    ("apache/httpd.conf.j2", include_str!("apache/httpd.conf.j2")),
    ("apache/modules.conf.j2", include_str!("apache/modules.conf.j2")),
    ("haproxy/haproxy.cfg.j2", include_str!("haproxy/haproxy.cfg.j2")),
    ("nginx/location.j2", include_str!("nginx/location.j2")),
    ("nginx/main.conf.j2", include_str!("nginx/main.conf.j2")),
    ("nginx/nginx.conf.j2", include_str!("nginx/nginx.conf.j2")),
];

#[cfg(test)]
mod tests {
    use super::TEMPLATES;

    #[test]
    fn the_list_is_the_folder() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut found = Vec::new();
        for folder in std::fs::read_dir(root).into_iter().flatten().flatten() {
            for file in std::fs::read_dir(folder.path()).into_iter().flatten().flatten() {
                let path = file.path();
                if path.extension().is_some_and(|e| e == "j2") {
                    let name = path.strip_prefix(root).map(|p| p.display().to_string());
                    found.push(name.unwrap_or_default());
                }
            }
        }
        found.sort();
        let listed: Vec<_> = TEMPLATES.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(found, listed);
    }
}
