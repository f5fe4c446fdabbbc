//! JSON text (RFC 8259) for logs and status pages.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, Serializer};

/// Adds a value in JSON. DEL and the C1 controls, which JSON allows as they are, are escaped too: a terminal obeys them.
pub(crate) fn write(value: &(impl Serialize + ?Sized), out: &mut Vec<u8>) {
    // A string, a number or an object with names can always be written to memory.
    let _ = value.serialize(&mut Serializer::with_formatter(out, Escaped));
}

/// Returns the escaped form as a text.
pub(crate) fn text(value: &(impl Serialize + ?Sized)) -> String {
    let mut out = Vec::new();
    write(value, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

struct Escaped;

impl Formatter for Escaped {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        // DEL, and the first byte of every C1 control in UTF-8; most texts hold neither.
        if !fragment.bytes().any(|byte| matches!(byte, 0x7f | 0xc2)) {
            return CompactFormatter.write_string_fragment(writer, fragment);
        }
        let mut rest = fragment;
        while let Some(at) = rest.find(char::is_control) {
            writer.write_all(&rest.as_bytes()[..at])?;
            let control = rest[at..].chars().next().unwrap_or_default();
            write!(writer, "\\u{:04x}", u32::from(control))?;
            rest = &rest[at + control.len_utf8()..];
        }
        writer.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_control_character_is_left_as_it_is() {
        let hostile: String = (0..=0x9f_u8).map(char::from).chain(['"', 'ä', '😀']).collect();
        let written = text(hostile.as_str());
        assert!(!written.contains(char::is_control), "{written:?}");
        assert!(written.contains("ä😀"));
        assert_eq!(serde_json::from_str::<String>(&written).unwrap(), hostile);
    }
}
