//! Chunked bodies: the same in any pieces, the same payload and the same end as in a plain reading of RFC 9112 section 7.1,
//! and what passes on is the same body again, to this reader and to hyper.

use wsgen_proxy::fuzzing;

use super::response;

/// Checks one body; the first byte chooses the pieces.
pub fn check(bytes: &[u8]) {
    let Some((first, bytes)) = bytes.split_first() else { return };
    let whole = fuzzing::chunks(bytes, usize::MAX);
    let pieces = fuzzing::chunks(bytes, usize::from(first % 13) + 1);
    assert_eq!(whole, pieces, "any pieces");
    let Ok(read) = whole else { return };
    if !read.ended {
        return;
    }
    let (payload, end) = plain(bytes).expect("what is taken follows the grammar");
    assert_eq!((&read.payload, read.taken), (&payload, end));
    let again = fuzzing::chunks(&read.passed, usize::MAX).expect("what passes on is taken again");
    assert_eq!(again.payload, payload);
    assert_eq!((again.taken, again.ended), (read.passed.len(), true));
    assert_eq!(again.passed, read.passed);
    let answer =
        [&b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"[..], &read.passed].concat();
    response::check(&[&b"g"[..], &answer].concat());
}

/// The payload and the length of a body, line by line.
fn plain(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (mut at, mut payload) = (0, Vec::new());
    loop {
        let line = line(bytes, &mut at)?;
        let digits = line.iter().position(|byte| *byte == b';').unwrap_or(line.len());
        let size = std::str::from_utf8(&line[..digits]).ok()?;
        if size.is_empty() || !size.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let size = usize::from_str_radix(size, 16).ok()?;
        if size == 0 {
            break;
        }
        payload.extend_from_slice(bytes.get(at..at.checked_add(size)?)?);
        at += size;
        if !line_is_empty(bytes, &mut at)? {
            return None;
        }
    }
    // Each trailer is a field line; an empty line is the end.
    loop {
        let line = line(bytes, &mut at)?;
        if line.is_empty() {
            return Some((payload, at));
        }
        let colon = line.iter().position(|byte| *byte == b':')?;
        let is_token =
            |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
        if colon == 0 || !line[..colon].iter().all(is_token) {
            return None;
        }
    }
}

/// The next line without its end, which is a carriage return and a line feed and nothing else.
fn line<'b>(bytes: &'b [u8], at: &mut usize) -> Option<&'b [u8]> {
    let rest = bytes.get(*at..)?;
    let feed = rest.iter().position(|byte| *byte == b'\n')?;
    *at += feed + 1;
    let line = rest[..feed].strip_suffix(b"\r")?;
    (!line.contains(&b'\r')).then_some(line)
}

fn line_is_empty(bytes: &[u8], at: &mut usize) -> Option<bool> {
    line(bytes, at).map(<[u8]>::is_empty)
}
