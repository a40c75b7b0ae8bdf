//! Header parameters `;name[=value]` (RFC 3261 25.1 `generic-param`): order, case and quoting are kept.

use bytes::Bytes;

use super::BadHeader;
use crate::sip::grammar::{cut, find_unquoted, quoted_end, share, split, trim, trim_start};
use crate::sip::octet::Class;

/// Parameters in order, name and value as written, of a header or of a URI. One text, so that a list is read, copied and
/// dropped for one reference count however long it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Params {
    /// `;name=value;flag`, no white space around the separators.
    text: Bytes,
}

/// A name, and a value if there is one.
pub type Param<'a> = (&'a [u8], Option<&'a [u8]>);

impl Params {
    /// None.
    pub const fn new() -> Params {
        Params { text: Bytes::new() }
    }

    /// Reads `*(; param)` of a header; `text` lies inside `owner`.
    ///
    /// # Errors
    /// Text that is no parameter list: an empty parameter, an open quote, white space inside a value.
    pub(crate) fn parse(owner: &Bytes, text: &[u8]) -> Result<Params, BadHeader> {
        match is_plain(text) {
            true => Ok(Params::written(owner, text)),
            false => Params::gathered(text),
        }
    }

    /// `text` lies inside `owner`, and is empty or begins with a semicolon; what stands between the semicolons was checked.
    pub(crate) fn written(owner: &Bytes, text: &[u8]) -> Params {
        if text.is_empty() { Params::new() } else { Params { text: share(owner, text) } }
    }

    /// A list with white space around its separators, or none at all.
    #[cold]
    fn gathered(text: &[u8]) -> Result<Params, BadHeader> {
        let mut out = Vec::with_capacity(text.len());
        for segment in Segments::new(text) {
            let (name, value) = parse_one(segment?)?;
            append(name, value, &mut out);
        }
        Ok(Params { text: Bytes::from(out) })
    }

    /// All of them in order.
    pub fn iter(&self) -> Iter<'_> {
        Iter { rest: &self.text }
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Value of the first parameter of that name (no case); `Some(None)` for a flag.
    pub fn find(&self, name: &str) -> Option<Option<&[u8]>> {
        behind(&self.text, name.as_bytes()).map(|after| value_in(after).0)
    }

    /// False when the parameter of that name (no case) stands there with two values. Twice with the same one it can be
    /// read in one way only, and baresip writes `transport` so.
    pub(crate) fn has_one_value(&self, name: &str) -> bool {
        let of_name = self.iter().filter(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes()));
        let mut values = of_name.map(|(_, value)| value);
        let Some(first) = values.next() else { return true };
        values.all(|value| match (first, value) {
            (Some(first), Some(value)) => first.eq_ignore_ascii_case(value),
            (first, value) => first.is_none() && value.is_none(),
        })
    }

    /// False for a parameter given twice (RFC 3261 7.3.1 allows once) or whose value `is_sound` refuses; a flag has none.
    pub(crate) fn is_sound(&self, name: &str, is_sound: impl Fn(&[u8]) -> bool) -> bool {
        let Some(after) = behind(&self.text, name.as_bytes()) else { return true };
        let (value, rest) = value_in(after);
        value.is_some_and(is_sound) && behind(rest, name.as_bytes()).is_none()
    }

    /// Replaces the first parameter of that name, or appends it. The caller answers for name and value.
    pub fn set(&mut self, name: &str, value: Option<&[u8]>) {
        let mut out = Vec::with_capacity(self.text.len() + name.len() + value.map_or(0, <[u8]>::len) + 2);
        let mut is_set = false;
        for (found, old) in self.iter() {
            let is_meant = !is_set && found.eq_ignore_ascii_case(name.as_bytes());
            append(found, if is_meant { value } else { old }, &mut out);
            is_set |= is_meant;
        }
        if !is_set {
            append(name.as_bytes(), value, &mut out);
        }
        self.text = Bytes::from(out);
    }

    /// Removes every parameter of that name (no case).
    pub fn remove(&mut self, name: &str) {
        if self.find(name).is_none() {
            return;
        }
        let mut out = Vec::with_capacity(self.text.len());
        let others = self.iter().filter(|(found, _)| !found.eq_ignore_ascii_case(name.as_bytes()));
        others.for_each(|(name, value)| append(name, value, &mut out));
        self.text = Bytes::from(out);
    }

    /// Appends `;name=value` for each.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.text);
    }
}

fn append(name: &[u8], value: Option<&[u8]>, out: &mut Vec<u8>) {
    out.push(b';');
    out.extend_from_slice(name);
    if let Some(value) = value {
        out.push(b'=');
        out.extend_from_slice(value);
    }
}

/// A list that is written as we write it.
fn is_plain(text: &[u8]) -> bool {
    let mut rest = text;
    while let [b';', after @ ..] = rest {
        let (name, after) = Class::PARAM_NAME.leading(after);
        if name.is_empty() {
            return false;
        }
        rest = match after {
            [b'=', value @ ..] => split(value, value_end(value)).1,
            _ => after,
        };
    }
    rest.is_empty()
}

/// Where a value ends that has no white space around it.
fn value_end(value: &[u8]) -> usize {
    match value.first() {
        Some(b'"') => quoted_end(value).unwrap_or(0),
        _ => Class::PARAM_VALUE.run(value),
    }
}

/// See [`Params::iter`].
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Iter<'a> {
    type Item = Param<'a>;

    fn next(&mut self) -> Option<Param<'a>> {
        let text = self.rest.strip_prefix(b";")?;
        let (name, after) = split_at_mark(text, |octet| matches!(octet, b';' | b'='));
        let (value, rest) = value_in(after);
        self.rest = rest;
        Some((name, value))
    }
}

/// What stands behind the first name like this one (no case) in a list: nothing, a value, or the next parameter. Other
/// names are not read: nearly every question is for a parameter that stands first, or not at all.
fn behind<'a>(text: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut rest = text;
    loop {
        rest = rest.strip_prefix(b";")?;
        if let Some((found, after)) = rest.split_at_checked(name.len())
            && matches!(after, [] | [b';' | b'=', ..])
            && found.eq_ignore_ascii_case(name)
        {
            return Some(after);
        }
        let (_, after) = split_at_mark(rest, |octet| matches!(octet, b';' | b'='));
        (_, rest) = value_in(after);
    }
}

/// The value, if one follows the name here, and the parameters behind it.
fn value_in(after: &[u8]) -> (Option<&[u8]>, &[u8]) {
    let (value, rest) = match after {
        [b'=', quoted @ ..] if quoted.first() == Some(&b'"') => {
            split(quoted, quoted_end(quoted).unwrap_or(quoted.len()))
        }
        [b'=', value @ ..] => split_at_mark(value, |octet| octet == b';'),
        _ => return (None, after),
    };
    (Some(value), rest)
}

fn split_at_mark(text: &[u8], is_mark: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    split(text, text.iter().position(|&octet| is_mark(octet)).unwrap_or(text.len()))
}

/// The texts between the semicolons of a parameter list.
pub(crate) struct Segments<'a> {
    rest: &'a [u8],
}

impl<'a> Segments<'a> {
    /// `text` is empty or begins with a semicolon (white space aside).
    pub(crate) fn new(text: &'a [u8]) -> Self {
        Segments { rest: trim_start(text) }
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = Result<&'a [u8], BadHeader>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let next = next_segment(self.rest);
        self.rest = next.map_or(&[], |(_, rest)| rest);
        Some(next.map(|(segment, _)| segment))
    }
}

fn next_segment(text: &[u8]) -> Result<(&[u8], &[u8]), BadHeader> {
    let text = text.strip_prefix(b";").ok_or(BadHeader)?;
    let end = find_unquoted(text, b';')?.unwrap_or(text.len());
    Ok(split(text, end))
}

/// Splits one parameter into name and value.
pub(crate) fn parse_one(segment: &[u8]) -> Result<(&[u8], Option<&[u8]>), BadHeader> {
    let (name, value) = cut(segment, b'=');
    let (name, value) = (trim(name), value.map(trim));
    let sound = !name.is_empty() && Class::PARAM_NAME.has_all(name) && value.is_none_or(is_value);
    if sound { Ok((name, value)) } else { Err(BadHeader) }
}

fn is_value(value: &[u8]) -> bool {
    if value.first() == Some(&b'"') {
        return quoted_end(value) == Some(value.len());
    }
    Class::PARAM_VALUE.has_all(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &'static str) -> Result<Params, BadHeader> {
        let owner = Bytes::from_static(text.as_bytes());
        Params::parse(&owner, &owner)
    }

    #[test]
    fn white_space_around_separators_is_legal() {
        let params = read(" ;  tag \t = a ; b ; c=\"x;y=\\\"\"").unwrap();
        assert_eq!(params.find("TAG"), Some(Some(b"a".as_slice())));
        assert_eq!(params.find("b"), Some(None));
        assert_eq!(params.find("c"), Some(Some(b"\"x;y=\\\"\"".as_slice())));
        assert_eq!(params, read(";tag=a;b;c=\"x;y=\\\"\"").unwrap());
    }

    #[test]
    fn what_is_written_plainly_is_read_as_what_is_not() {
        for text in ["", ";a", ";a=", ";a=b;c", ";a=\"b;c=d\";e=f=g", ";a=b:[c]/d;E=\"\"", ";\u{fc}=\u{e9}"] {
            assert!(is_plain(text.as_bytes()), "{text}");
            assert_eq!(Ok(read(text).unwrap()), Params::gathered(text.as_bytes()), "{text}");
        }
        for text in
            [" ", ";", "a", ";;a", ";=a", ";a=\"b", ";a=\"b\"c", ";a =b", ";a= b", ";a,", ";a=b,", ";a=b\"", ";a<"]
        {
            assert!(!is_plain(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn what_is_asked_for_is_no_part_of_another_name_or_value() {
        let params = read(";tagged=1;x=tag;y=\";tag=2\";Tag=3;tag=4").unwrap();
        assert_eq!(params.find("tag"), Some(Some(b"3".as_slice())));
        assert_eq!(params.find("ta"), None);
        assert_eq!(read(";tag").unwrap().find("tag"), Some(None));
    }

    #[test]
    fn a_parameter_is_replaced_where_it_stands_or_appended() {
        let mut params = read(";a=1;b;A=2").unwrap();
        params.set("A", Some(b"3"));
        params.set("c", None);
        assert_eq!(params, read(";a=3;b;A=2;c").unwrap());
        params.remove("a");
        assert_eq!(params, read(";b;c").unwrap());
    }

    #[test]
    fn what_stands_twice_or_has_no_sound_value_is_not_sound() {
        for (text, is_sound) in
            [("", true), (";b", true), (";a=1", true), (";a", false), (";a=", false), (";a=1;A=1", false)]
        {
            assert_eq!(read(text).unwrap().is_sound("a", |value| !value.is_empty()), is_sound, "{text}");
        }
    }

    #[test]
    fn stray_separators_and_open_quotes_are_refused() {
        for bad in [";", ";;", ";a;;b", ";=x", ";a=\"x", ";a=x y", "a=b", ";a=\"x\"y"] {
            assert_eq!(read(bad), Err(BadHeader), "{bad}");
        }
    }
}
