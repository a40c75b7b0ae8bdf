//! Header parameters `;name[=value]` (RFC 3261 25.1 `generic-param`): order, case and quoting are kept.

use bytes::Bytes;

use super::BadHeader;
use crate::sip::grammar::{cut, find_unquoted, quoted_end, share_word, split, trim, trim_start};
use crate::sip::octet::Class;

/// Reads `*(; param)`; `text` lies inside `owner`.
///
/// # Errors
/// Text that is no parameter list: an empty parameter, an open quote, white space inside a value.
pub(crate) fn parse(owner: &Bytes, text: &[u8]) -> Result<Vec<(Bytes, Option<Bytes>)>, BadHeader> {
    let mut params = Vec::new();
    for segment in Segments::new(text) {
        let (name, value) = parse_one(segment?)?;
        params.push((share_word(owner, name), value.map(|value| share_word(owner, value))));
    }
    Ok(params)
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

/// Value of the first parameter of that name (no case); `Some(None)` for a flag.
pub(crate) fn find<'a>(params: &'a [(Bytes, Option<Bytes>)], name: &str) -> Option<Option<&'a Bytes>> {
    params.iter().find(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value.as_ref())
}

/// How often a parameter stands there (RFC 3261 7.3.1 allows once).
pub(crate) fn count(params: &[(Bytes, Option<Bytes>)], name: &str) -> usize {
    params.iter().filter(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes())).count()
}

/// Replaces the first parameter of that name, or appends it.
pub(crate) fn set(params: &mut Vec<(Bytes, Option<Bytes>)>, name: &str, value: Option<Bytes>) {
    match params.iter_mut().find(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes())) {
        Some((_, old)) => *old = value,
        None => params.push((Bytes::copy_from_slice(name.as_bytes()), value)),
    }
}

/// Writes `;name=value` for each.
pub(crate) fn write(params: &[(Bytes, Option<Bytes>)], out: &mut Vec<u8>) {
    for (name, value) in params {
        out.push(b';');
        out.extend_from_slice(name);
        if let Some(value) = value {
            out.push(b'=');
            out.extend_from_slice(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &'static str) -> Result<Vec<(Bytes, Option<Bytes>)>, BadHeader> {
        let owner = Bytes::from_static(text.as_bytes());
        parse(&owner, &owner)
    }

    #[test]
    fn white_space_around_separators_is_legal() {
        let params = read(" ;  tag \t = a ; b ; c=\"x;y=\\\"\"").unwrap();
        assert_eq!(find(&params, "TAG"), Some(Some(&Bytes::from_static(b"a"))));
        assert_eq!(find(&params, "b"), Some(None));
        assert_eq!(find(&params, "c"), Some(Some(&Bytes::from_static(b"\"x;y=\\\"\""))));
    }

    #[test]
    fn stray_separators_and_open_quotes_are_refused() {
        for bad in [";", ";;", ";a;;b", ";=x", ";a=\"x", ";a=x y", "a=b", ";a=\"x\"y"] {
            assert_eq!(read(bad), Err(BadHeader), "{bad}");
        }
    }
}
