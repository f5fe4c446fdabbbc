//! Directives whose arguments are plain: switches, times, sizes, texts.

use super::value::Value;
use crate::syntax::{Parsed, Unread, Word, Words};
use crate::targets::nginx::measure;

/// What the arguments of a plain directive are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setting {
    /// `on` or `off`.
    Switch(bool),
    /// A time in milliseconds.
    Time(u64),
    /// A size in bytes; 0 is often no bound.
    Size(u64),
    /// Values with variables, one or more.
    Values(Vec<Value>),
    /// Texts as they are written.
    Texts(Vec<String>),
    /// No argument at all.
    Nothing,
}

/// Directives with a switch.
const SWITCHES: [&str; 36] = [
    "absolute_redirect",
    "chunked_transfer_encoding",
    "daemon",
    "etag",
    "gunzip",
    "gzip",
    "gzip_vary",
    "http2",
    "http3",
    "ignore_invalid_headers",
    "log_not_found",
    "log_subrequest",
    "master_process",
    "merge_slashes",
    "multi_accept",
    "port_in_redirect",
    "proxy_buffering",
    "proxy_cache_background_update",
    "proxy_cache_lock",
    "proxy_cache_revalidate",
    "proxy_ignore_client_abort",
    "proxy_intercept_errors",
    "proxy_pass_request_body",
    "proxy_pass_request_headers",
    "proxy_request_buffering",
    "proxy_socket_keepalive",
    "proxy_ssl_server_name",
    "proxy_ssl_session_reuse",
    "proxy_ssl_verify",
    "real_ip_recursive",
    "recursive_error_pages",
    "server_name_in_redirect",
    "ssl",
    "ssl_reject_handshake",
    "tcp_nodelay",
    "tcp_nopush",
];

/// Directives with one time.
const TIMES: [&str; 14] = [
    "auth_delay",
    "client_body_timeout",
    "client_header_timeout",
    "lingering_time",
    "lingering_timeout",
    "proxy_cache_lock_timeout",
    "proxy_connect_timeout",
    "proxy_next_upstream_timeout",
    "proxy_read_timeout",
    "proxy_send_timeout",
    "resolver_timeout",
    "send_timeout",
    "ssl_session_timeout",
    "worker_shutdown_timeout",
];

/// Directives with one size.
const SIZES: [&str; 6] = [
    "client_body_buffer_size",
    "client_header_buffer_size",
    "client_max_body_size",
    "proxy_buffer_size",
    "proxy_max_temp_file_size",
    "subrequest_output_buffer_size",
];

/// Directives without arguments.
const NOTHING: [&str; 7] =
    ["break", "internal", "ip_hash", "least_conn", "stub_status", "empty_gif", "ntlm"];

/// Directives whose arguments have no variables: a dollar sign is a letter, or a pattern's end.
const TEXTS: [&str; 4] = ["include", "log_format", "proxy_redirect", "sub_filter"];

impl Setting {
    /// Parses the words behind a name.
    ///
    /// # Errors
    /// A word is not of the kind that the directive has, or one too many.
    pub fn parse(name: &str, words: &mut Words<'_>) -> Parsed<Self> {
        let text = |list: &[Word]| list.iter().map(|word| word.text.clone()).collect();
        let setting = match name {
            // A variable may decide, in few of them.
            name if SWITCHES.contains(&name) => {
                Self::Switch(words.read("`on` or `off`", |text| match text {
                    "on" => Some(true),
                    "off" => Some(false),
                    _ => None,
                })?)
            }
            name if TIMES.contains(&name) => Self::Time(words.read("a time", measure::time)?),
            name if SIZES.contains(&name) => Self::Size(words.read("a size", measure::size)?),
            name if NOTHING.contains(&name) => Self::Nothing,
            name if TEXTS.contains(&name) => Self::Texts(text(words.rest())),
            _ => match words.rest() {
                [] => Self::Nothing,
                list => match list.iter().map(Value::parse).collect::<Parsed<Vec<_>>>() {
                    Ok(values) => Self::Values(values),
                    // Patterns have dollar signs of their own.
                    Err(_) => Self::Texts(text(list)),
                },
            },
        };
        words.end()?;
        Ok(setting)
    }
}

/// Returns the single value of a directive.
///
/// # Errors
/// There is not one word.
pub(super) fn one(words: &mut Words<'_>) -> Parsed<Value> {
    let word = words.expect("a value")?;
    words.end().map_err(|left| Unread::new(left.span, left.why))?;
    Value::parse(word)
}
