//! How a server is run: data for whoever launches it.

/// The commands of a server that is started with a rendered configuration, in a folder of its own.
#[derive(Debug, Clone, Copy)]
pub struct Recipe {
    /// The program.
    pub program: &'static str,
    /// The Debian package that it comes with.
    pub package: &'static str,
    /// The official container image.
    pub image: &'static str,
    /// What the program is called in it.
    pub image_program: &'static str,
    /// Prints the version.
    pub version: &'static [&'static str],
    /// Checks the configuration in a folder (its absolute name).
    pub check: fn(&str) -> Vec<String>,
    /// What makes the checker refuse what it warns of.
    pub strict: &'static [&'static str],
    /// What stands in a line of the checker that only warns, of what is deprecated for example.
    pub warning: Option<&'static str>,
    /// Runs in the foreground.
    pub run: fn(&str) -> Vec<String>,
    /// The signal that makes it read its configuration anew.
    pub reload: &'static str,
    /// The signal that ends it at once.
    pub stop: &'static str,
    /// The setting below `targets` that says how many threads or processes serve; nothing where connections have one each.
    pub threads: Option<&'static str>,
    /// The file that its access log ends up in; `stdout.log` is its standard output.
    pub access_log: &'static str,
    /// The file that its own troubles end up in.
    pub error_log: &'static str,
}
