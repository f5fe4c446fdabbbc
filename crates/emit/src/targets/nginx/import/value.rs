//! nginx's addresses.

use wsgen_model::decode::Scalar;
use wsgen_model::scalar::ListenAddress;

pub(super) use crate::targets::nginx::measure::{size, time};

/// The address of a `listen`, in the model's form.
pub(super) fn listen(text: &str) -> Option<String> {
    if text.starts_with("unix:") {
        return ListenAddress::parse(text).is_ok().then(|| text.to_owned());
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return port(text).map(|port| format!("0.0.0.0:{port}"));
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, number)) if !number.contains(']') => (host, port(number)?),
        _ => (text, 80),
    };
    match host {
        "*" => Some(format!("0.0.0.0:{port}")),
        "localhost" => Some(format!("127.0.0.1:{port}")),
        host => {
            let bare = host.trim_start_matches('[').trim_end_matches(']');
            let address: std::net::IpAddr = bare.parse().ok()?;
            Some(std::net::SocketAddr::new(address, port).to_string())
        }
    }
}

fn port(text: &str) -> Option<u16> {
    text.parse().ok().filter(|port| *port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_the_server_reads_them() {
        for (text, address) in [
            ("80", Some("0.0.0.0:80")),
            ("*:81", Some("0.0.0.0:81")),
            ("[::]:443", Some("[::]:443")),
            ("[::1]", Some("[::1]:80")),
            ("127.0.0.1", Some("127.0.0.1:80")),
            ("localhost:8080", Some("127.0.0.1:8080")),
            ("unix:/run/a.sock", Some("unix:/run/a.sock")),
            ("unix:[::]:443", None),
            ("YOUR_SERVER_IP:80", None),
            ("0000", None),
        ] {
            assert_eq!(listen(text).as_deref(), address, "{text}");
        }
    }
}
