//! Max-Breadth (RFC 5393 5): over how many branches at once a request may still be spread.

use super::BadHeader;
use super::name::Name;
use crate::base::limits::MAX_BREADTH;
use crate::sip::grammar::number_as;
use crate::sip::message::Message;

/// What a request says; `None`: nothing. More than [`MAX_BREADTH`] counts as that (RFC 5393 5.3.3).
///
/// # Errors
/// Several of them, or one that is no number.
pub fn max_breadth(message: &Message) -> Result<Option<u8>, BadHeader> {
    let mut values = message.headers(Name::MaxBreadth);
    let Some(value) = values.next() else { return Ok(None) };
    let is_number = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    if !is_number || values.next().is_some() {
        return Err(BadHeader);
    }
    Ok(Some(number_as::<u8>(&value).map_or(MAX_BREADTH, |breadth| breadth.min(MAX_BREADTH))))
}
