//! Diversion (RFC 5806): one entry for each diversion, the newest first.

use bytes::Bytes;

use super::{DiversionReason, Diversions, Diverted, DivertingPrivacy};
use crate::base::limits::DIVERSIONS;
use crate::route::number::{Field, NumberPlan};
use crate::sip::grammar::{number_as, unquoted};
use crate::sip::{Message, Name, NameAddr, SipUri};

/// Reads the Diversion fields of a message. An entry that cannot be read is left out, and so are those beyond the limit.
pub fn read_diversions(message: &Message, plan: &NumberPlan) -> Diversions {
    let newest_first = message.list(Name::Diversion);
    let entries = newest_first.iter().take(usize::from(DIVERSIONS)).filter_map(|value| read(value, plan));
    let mut entries: Vec<Diverted> = entries.collect();
    entries.reverse();
    Diversions::new(entries)
}

fn read(value: &Bytes, plan: &NumberPlan) -> Option<Diverted> {
    let address = NameAddr::parse(value).ok()?;
    let text = |name: &str| address.param(name).flatten().map(|value| unquoted(value).into_owned());
    let reason = text("reason").map_or(DiversionReason::Unknown, |word| DiversionReason::from_word(&word));
    let counter = text("counter").and_then(|digits| number_as::<u16>(&digits)).unwrap_or(1).max(1);
    let privacy = match text("privacy") {
        Some(word) if !word.eq_ignore_ascii_case(b"off") => DivertingPrivacy::Full,
        Some(_) | None => DivertingPrivacy::Off,
    };
    Some(Diverted {
        by: plan.party(Field::Diversion, &address.uri),
        display: address.display,
        reason,
        counter,
        privacy,
    })
}

/// Writes the list for a peer, newest first; `host` is shown in every URI (no host of the other side).
pub fn write_diversions(list: &Diversions, plan: &NumberPlan, host: &SipUri) -> Vec<Bytes> {
    list.oldest_first().iter().rev().map(|diverted| write(diverted, plan, host)).collect()
}

fn write(diverted: &Diverted, plan: &NumberPlan, host: &SipUri) -> Bytes {
    let mut address = NameAddr::new(plan.uri(Field::Diversion, &diverted.by, host));
    address.display = diverted.display.clone();
    address.set_param("reason", Some(diverted.reason.word()));
    address.set_param("counter", Some(&diverted.counter.max(1).to_string()));
    let privacy = match diverted.privacy {
        DivertingPrivacy::Off => "off",
        DivertingPrivacy::Full => "full",
    };
    address.set_param("privacy", Some(privacy));
    address.to_bytes()
}
