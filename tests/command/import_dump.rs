//! `wsgen import` of what `nginx -T` prints, and for a version of nginx.

use std::fs;

use assert_cmd::Command;

const MAIN: &str = "pid nginx.pid;\nerror_log error.log;\nevents {}\nhttp {\n    access_log off;\n    include conf.d/*.conf;\n}\n";
const SITE: &str = "server {\n    listen 127.0.0.1:8089;\n    include snippets/app;\n}\n";
const SNIPPET: &str = "location /app/ {\n    proxy_pass http://127.0.0.1:3000;\n}\n";

/// Reads a text from standard input; the answer is the model and what was said.
fn import(from: &str, text: &str) -> (String, String) {
    let mut command = Command::cargo_bin("wsgen").unwrap();
    let command = command.args(["import", "--from", from, "-"]).write_stdin(text);
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr))
}

#[test]
fn what_nginx_prints_of_its_files_is_read_as_these_files() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in
        [("nginx.conf", MAIN), ("conf.d/site.conf", SITE), ("snippets/app", SNIPPET)]
    {
        let file = folder.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    let main = folder.path().join("nginx.conf");
    let mut nginx = Command::new("nginx");
    let nginx = nginx.arg("-T").arg("-p").arg(folder.path()).arg("-c").arg(&main);
    let printed = String::from_utf8(nginx.output().unwrap().stdout).unwrap();
    assert!(printed.contains("# configuration file "), "{printed}");
    let read = Command::cargo_bin("wsgen")
        .unwrap()
        .args(["import", "--from", "nginx"])
        .arg(&main)
        .output()
        .unwrap();
    let read = String::from_utf8(read.stdout).unwrap();
    // Nothing is opened, so that the files need not be there.
    drop(folder);
    let (model, said) = import("nginx", &printed);
    let rest = |model: &str| model.split_once('\n').unwrap().1.to_owned();
    assert_eq!(rest(&model), rest(&read), "{said}");
    assert!(model.contains("starts_with: /app/") && model.contains("127.0.0.1:3000"), "{model}");
    // A finding names the file and its line.
    let printed = printed.replace("listen 127.0.0.1:8089;", "listen 8089;\n    nonsense on;");
    let (_, said) = import("nginx", &printed);
    assert!(said.contains("conf.d/site.conf:3:5"), "{said}");
}

#[test]
fn files_that_nginx_did_not_print_are_not_looked_for() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret.conf");
    fs::write(&secret, "server { listen 1234; }\n").unwrap();
    let main = folder.path().join("nginx.conf");
    let text = format!(
        "# configuration file {}:\nhttp {{ include {}; include conf.d/*.conf; }}\n",
        main.display(),
        secret.display()
    );
    let (model, said) = import("nginx", &text);
    assert!(!model.contains("1234") && said.contains("is not there"), "{said}\n{model}");
}

#[test]
fn a_version_decides_what_is_sent_where_nothing_is_written() {
    let text = "server { listen 80; location / { proxy_pass http://127.0.0.1:1;\n\
                proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; } }";
    for (from, finding) in [
        ("nginx", Some("up to version 1.29.6")),
        ("nginx@1.22.1", Some("sends this handshake with HTTP/1.0")),
        ("nginx@1.29.7", None),
        ("nginx@1.30", None),
    ] {
        let (model, said) = import(from, text);
        assert!(!model.contains("mode: deny"), "{model}");
        match finding {
            Some(words) => assert!(said.contains(words), "{from}: {said}"),
            None => assert!(!said.contains("HTTP/1.0"), "{from}: {said}"),
        }
    }
    let written = text.replace("proxy_pass", "proxy_http_version 1.0; proxy_pass");
    let (_, said) = import("nginx@1.30", &written);
    assert!(said.contains("sends this handshake with HTTP/1.0"), "{said}");
    let (_, said) = import("nginx@new", text);
    assert!(said.contains("version"), "{said}");
}
