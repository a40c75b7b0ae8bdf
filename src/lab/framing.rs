//! Where a message ends on a stream: the lab's own reading of RFC 3261 18.3 (rsip has none: crates-measured R18, R19).

use bytes::{Buf, Bytes, BytesMut};

/// More than any message of a lab peer; a stream that exceeds it is broken.
const MESSAGE_LIMIT: usize = 64 * 1024;

/// Cuts a stream of octets into messages.
#[derive(Debug, Default)]
pub struct StreamCutter {
    buffer: BytesMut,
}

impl StreamCutter {
    /// Takes octets as they came.
    pub fn push(&mut self, octets: &[u8]) {
        self.buffer.extend_from_slice(octets);
    }

    /// The next whole message; `None` when more octets are needed.
    ///
    /// # Errors
    /// A stream that cannot be cut: no or bad Content-Length, or a message above the limit. Nothing can follow.
    pub fn next_message(&mut self) -> Result<Option<Bytes>, String> {
        self.skip_keep_alives();
        let Some(head) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") else {
            return if self.buffer.len() > MESSAGE_LIMIT { Err("endless header block".to_owned()) } else { Ok(None) };
        };
        let head = head + 4;
        let length = head + content_length(self.buffer.get(..head).unwrap_or_default())?;
        if length > MESSAGE_LIMIT {
            return Err(format!("message of {length} octets"));
        }
        Ok((self.buffer.len() >= length).then(|| self.buffer.split_to(length).freeze()))
    }

    /// RFC 5626 3.5.1: lines without content between messages.
    fn skip_keep_alives(&mut self) {
        let empty = self.buffer.iter().take_while(|octet| matches!(octet, b'\r' | b'\n')).count();
        self.buffer.advance(empty);
    }
}

fn content_length(head: &[u8]) -> Result<usize, String> {
    let head = std::str::from_utf8(head).map_err(|_| "header block is not UTF-8")?;
    let field = |line: &str| {
        let (name, value) = line.split_once(':')?;
        let name = name.trim_end();
        (name.eq_ignore_ascii_case("Content-Length") || name.eq_ignore_ascii_case("l")).then(|| value.trim().parse())
    };
    match head.lines().find_map(field) {
        Some(Ok(length)) => Ok(length),
        Some(Err(_)) => Err("unreadable Content-Length".to_owned()),
        None => Err("no Content-Length on a stream".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &[u8] = b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 3\r\n\r\nabc\r\n\r\nSIP/2.0 200 OK\r\nl: 0\r\n\r\n";

    #[test]
    fn octet_by_octet_gives_both_messages() {
        let mut cutter = StreamCutter::default();
        let mut messages = Vec::new();
        for octet in TWO {
            cutter.push(&[*octet]);
            messages.extend(cutter.next_message().expect("a good stream"));
        }
        assert_eq!(messages.len(), 2);
        assert!(messages[0].ends_with(b"abc"));
        assert!(messages[1].starts_with(b"SIP/2.0 200"));
    }

    #[test]
    fn a_stream_without_length_is_broken() {
        let mut cutter = StreamCutter::default();
        cutter.push(b"OPTIONS sip:a SIP/2.0\r\n\r\n");
        assert!(cutter.next_message().is_err());
    }
}
