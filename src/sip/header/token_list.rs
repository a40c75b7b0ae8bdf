//! Lists of tokens: Supported, Require, Proxy-Require, Unsupported, Allow, Privacy (RFC 3261 20.37, RFC 3323).

use std::borrow::Cow;

use crate::sip::grammar::{ListItems, is_token};

/// Every token of some fields of one name; empty members and what is no token are left out.
pub fn tokens<'a>(fields: impl Iterator<Item = Cow<'a, [u8]>>) -> Vec<String> {
    let mut out = Vec::new();
    for field in fields {
        out.extend(
            ListItems::new(&field).filter(|item| is_token(item)).map(|item| String::from_utf8_lossy(item).into_owned()),
        );
    }
    out
}

/// True when one of the fields holds `token`, compared without case.
pub fn has_token<'a>(mut fields: impl Iterator<Item = Cow<'a, [u8]>>, token: &str) -> bool {
    fields.any(|field| ListItems::new(&field).any(|item| item.eq_ignore_ascii_case(token.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields() -> impl Iterator<Item = Cow<'static, [u8]>> {
        ["timer, 100rel,,", "", " replaces ", "a b"].into_iter().map(|text| Cow::Borrowed(text.as_bytes()))
    }

    #[test]
    fn tokens_are_gathered_over_fields_and_commas() {
        assert_eq!(tokens(fields()), ["timer", "100rel", "replaces"]);
    }

    #[test]
    fn a_token_is_found_without_case_and_only_whole() {
        assert!(has_token(fields(), "100REL"));
        assert!(!has_token(fields(), "100"));
    }
}
