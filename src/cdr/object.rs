//! One line of JSON, written straight into octets. A call's record has some eighty fields, and the general serialiser of
//! `serde_json`, which looks at each octet of each name and text by itself, cost a sixteenth of all instructions of a call.

use std::net::{IpAddr, SocketAddr};

use serde::Serialize;

use crate::base::WallTime;
use crate::base::text::{append_address, append_number};
use crate::store::wall;

/// An object whose fields come one after the other. [`Object::end`] closes it and its line.
#[derive(Debug)]
pub(super) struct Object<'o> {
    out: &'o mut Vec<u8>,
    /// What stands before the next name.
    before: u8,
}

impl<'o> Object<'o> {
    /// Begins a line behind what `out` holds.
    pub fn begin(out: &'o mut Vec<u8>) -> Object<'o> {
        Object { out, before: b'{' }
    }

    /// Closes the object and the line.
    pub fn end(self) {
        self.out.extend_from_slice(b"}\n");
    }

    /// A text from outside this file.
    pub fn text(&mut self, name: &'static str, text: &str) -> &mut Self {
        // No early end: so the compiler looks at sixteen octets at a time.
        if text.bytes().fold(false, |any, octet| any | must_be_escaped(octet)) {
            return self.value(name, text);
        }
        self.plain(name, text)
    }

    /// A label of ours: like names, nothing in it is escaped.
    pub fn label(&mut self, name: &'static str, label: &'static str) -> &mut Self {
        debug_assert!(!label.bytes().any(must_be_escaped), "{label} is no label");
        self.plain(name, label)
    }

    fn plain(&mut self, name: &'static str, text: &str) -> &mut Self {
        self.name(name, b"\":\"", text.len());
        self.out.extend_from_slice(text.as_bytes());
        self.out.push(b'"');
        self
    }

    /// `None`: `null`.
    pub fn text_if_any(&mut self, name: &'static str, text: Option<&str>) -> &mut Self {
        match text {
            Some(text) => self.text(name, text),
            None => self.null(name),
        }
    }

    pub fn number(&mut self, name: &'static str, number: u64) -> &mut Self {
        self.name(name, b"\":", 0);
        append_number(self.out, number);
        self
    }

    /// `None`: `null`.
    pub fn number_if_any(&mut self, name: &'static str, number: Option<u64>) -> &mut Self {
        match number {
            Some(number) => self.number(name, number),
            None => self.null(name),
        }
    }

    /// Anything else.
    pub fn value(&mut self, name: &'static str, value: &(impl Serialize + ?Sized)) -> &mut Self {
        let before = self.out.len();
        self.name(name, b"\":", 0);
        // Plain structures of texts and numbers always serialise; half a value must not stay if one ever does not.
        if serde_json::to_writer(&mut *self.out, value).is_err() {
            self.out.truncate(before);
            return self.null(name);
        }
        self
    }

    /// A list; most calls have nothing to list.
    pub fn list<T: Serialize>(&mut self, name: &'static str, items: impl Iterator<Item = T>) -> &mut Self {
        let mut items = items.peekable();
        if items.peek().is_some() {
            return self.value(name, &items.collect::<Vec<_>>());
        }
        self.name(name, b"\":[]", 0);
        self
    }

    /// An address and its port.
    pub fn address(&mut self, name: &'static str, address: SocketAddr) -> &mut Self {
        let SocketAddr::V4(address) = address else { return self.value(name, &address) };
        self.name(name, b"\":\"", 0);
        append_address(self.out, IpAddr::V4(*address.ip()));
        self.out.push(b':');
        append_number(self.out, address.port().into());
        self.out.push(b'"');
        self
    }

    pub fn null(&mut self, name: &'static str) -> &mut Self {
        self.name(name, b"\":null", 0);
        self
    }

    /// A moment of the calendar.
    pub fn time(&mut self, name: &'static str, time: WallTime) -> &mut Self {
        self.name(name, b"\":\"", 0);
        wall::append(self.out, time);
        self.out.push(b'"');
        self
    }

    /// `None`: `null`.
    pub fn time_if_any(&mut self, name: &'static str, time: Option<WallTime>) -> &mut Self {
        match time {
            Some(time) => self.time(name, time),
            None => self.null(name),
        }
    }

    /// A name, which is an identifier of ours: nothing in it is escaped. Then what closes it, and room for `more`. One
    /// copy of a text: what has a length that the compiler knows is stored without a call.
    fn name<const N: usize>(&mut self, name: &'static str, close: &[u8; N], more: usize) {
        self.out.reserve(name.len() + N + more + 3);
        self.out.push(self.before);
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(close);
        self.before = b',';
    }
}

/// RFC 8259 section 7; octets of longer characters are all above.
const fn must_be_escaped(octet: u8) -> bool {
    matches!(octet, b'"' | b'\\' | 0..=0x1f)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_back() {
        let hostile = "a\"b\\c\r\nd\u{1b}[2J\u{85}\u{7f}\t\u{0}é😀";
        let mut out = b"before\n".to_vec();
        let mut object = Object::begin(&mut out);
        object
            .text("plain", "x")
            .label("ours", "y z")
            .text("hostile", hostile)
            .text_if_any("none", None)
            .text_if_any("some", Some(""));
        object.number("count", 0).number_if_any("most", Some(u64::MAX)).number_if_any("no", None);
        object.value("list", &[1, 2]);
        object.list("items", [3].into_iter()).list("nothing", std::iter::empty::<u8>());
        object.address("v4", "192.0.2.10:5061".parse().unwrap()).address("v6", "[2001:db8::1]:80".parse().unwrap());
        object.time("time", WallTime(1)).time_if_any("never", None);
        object.end();
        let line = out.strip_prefix(b"before\n").and_then(|line| line.strip_suffix(b"\n")).unwrap();
        assert!(!line.contains(&b'\n'));
        let wanted = serde_json::json!({
            "plain": "x", "ours": "y z", "hostile": hostile, "none": null, "some": "", "count": 0, "most": u64::MAX, "no": null, "list": [1, 2],
            "items": [3], "nothing": [], "v4": "192.0.2.10:5061", "v6": "[2001:db8::1]:80",
            "time": "1970-01-01T00:00:00.001Z", "never": null
        });
        assert_eq!(serde_json::from_slice::<serde_json::Value>(line).unwrap(), wanted);
    }
}
