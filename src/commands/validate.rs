//! `wsgen render --validate`: the server's own checker over what was rendered, and its complaint at the line of the
//! model that it is about.

use std::path::Path;

use wsgen_conformance::launch::Target as Installed;
use wsgen_emit::{Rendered, Selection};
use wsgen_model::code::Code;
use wsgen_model::diagnostic::Diagnostic;
use wsgen_model::site::{Action, Site};
use wsgen_model::source::Span;

use crate::output::Failure;

/// The server that is installed for a target: its version is rendered for, where none was named.
pub(super) fn installed(selection: &Selection) -> Result<(Installed, Selection), Failure> {
    let target = selection.target;
    let found = Installed::installed(target.name).ok_or_else(|| {
        Failure::new(
            format!("{} is not installed, so nothing can be validated", target.title),
            format!("apt-get install {}", target.recipe.package),
        )
    })?;
    let version = selection.version.or(found.selection.and_then(|own| own.version));
    Ok((found, Selection { target, version }))
}

/// Runs the checker; a complaint becomes a finding.
pub(super) fn check(
    server: &Installed,
    rendered: &Rendered,
    site: &Site,
) -> Result<Option<Diagnostic>, Failure> {
    let fail = |error: std::io::Error| {
        Failure::new(format!("cannot validate: {error}"), "check the temporary folder (TMPDIR)")
    };
    let folder = tempfile::tempdir().map_err(fail)?;
    let write = |name: &str, bytes: &[u8]| -> std::io::Result<()> {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("/")))?;
        std::fs::write(path, bytes)
    };
    for file in &rendered.files {
        write(&file.name, &file.bytes).map_err(fail)?;
    }
    write(server.file(), rendered.main.as_bytes()).map_err(fail)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let verdict = runtime.map_err(fail)?.block_on(server.check(folder.path()));
    let Err(said) = verdict else { return Ok(None) };
    let said = said.replace(&folder.path().display().to_string(), "…");
    let complaint = said.lines().find(|line| line_number(line, server.file()).is_some());
    let line = complaint.and_then(|line| line_number(line, server.file()));
    let text = line.and_then(|number| rendered.main.lines().nth(number.checked_sub(1)?));
    // Some complaints name no line, but the value itself.
    let place = text.and_then(|text| place(site, text)).or_else(|| place(site, &said));
    let message = format!("{} refuses what was rendered", server.title());
    let mut finding = Diagnostic::new(Code::REFUSED_BY_SERVER, message);
    let short = complaint.unwrap_or_else(|| said.lines().next().unwrap_or_default());
    if let Some(span) = place {
        finding = finding.labelled(span, short.trim());
    }
    let line = text.map_or_else(String::new, |text| format!("; its line is `{}`", text.trim()));
    Ok(Some(finding.help(format!("it says: {}{line}", said.trim().replace('\n', " / ")))))
}

/// The line of a file that a checker complains about: `FILE:33`, or `line 33 of FILE`.
fn line_number(said: &str, file: &str) -> Option<usize> {
    let digits = |text: &str| {
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        text[..end].parse().ok()
    };
    let behind = said.split_once(&format!("{file}:")).and_then(|(_, rest)| digits(rest));
    let ahead = || {
        let (_, rest) = said.split_once("line ")?;
        rest.contains(file).then(|| digits(rest)).flatten()
    };
    behind.or_else(ahead)
}

/// The longest value of the model that stands in a text.
fn place(site: &Site, text: &str) -> Option<Span> {
    let mut values: Vec<(Span, String)> = Vec::new();
    for listener in &site.listeners {
        values.push((listener.address.span, listener.address.value.to_string()));
    }
    for upstream in &site.upstreams {
        let servers = upstream.servers.iter();
        values.extend(servers.map(|s| (s.address.span, s.address.value.to_string())));
        values.push((upstream.name.span, upstream.name.value.to_string()));
    }
    for file in site.clone().files_mut() {
        values.push((file.span, file.value.as_str().to_owned()));
    }
    for route in &site.routes {
        values.extend(route.hostnames.iter().map(|name| (name.span, name.value.to_string())));
        for snippet in &route.snippets {
            let text = snippet.value.text.as_ref();
            let lines = text.iter().flat_map(|text| text.value.as_str().lines());
            values.extend(lines.map(|line| (snippet.span, line.trim().to_owned())));
        }
        if let Action::Forward(forward) = &route.action {
            let edits = [&forward.request_headers, &forward.response_headers];
            for (name, value) in edits.iter().flat_map(|edit| edit.set.iter().chain(&edit.add)) {
                values.push((value.span, value.value.as_str().to_owned()));
                values.push((name.span, name.value.to_string()));
            }
        }
    }
    let found = values.into_iter().filter(|(_, value)| !value.is_empty() && text.contains(value));
    found.max_by_key(|(_, value)| value.len()).map(|(span, _)| span)
}

#[cfg(test)]
mod tests {
    use super::line_number;

    #[test]
    fn lines_are_found_in_what_checkers_say() {
        for (said, file, line) in [
            (
                "nginx: [emerg] host not found in upstream \"a\" in …/nginx.conf:33",
                "nginx.conf",
                Some(33),
            ),
            (
                "[ALERT]    (1) : config : parsing […/haproxy.cfg:22] : 'bind'",
                "haproxy.cfg",
                Some(22),
            ),
            ("AH00526: Syntax error on line 84 of …/httpd.conf:", "httpd.conf", Some(84)),
            ("nginx: configuration file …/nginx.conf test failed", "nginx.conf", None),
        ] {
            assert_eq!(line_number(said, file), line, "{said}");
        }
    }
}
