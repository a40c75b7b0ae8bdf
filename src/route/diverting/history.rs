//! History-Info: every address the call was for, oldest first, each with its place in the tree of retargetings.
//!
//! RFC 7044 marks the *new* target with `cause` (RFC 4458) and `mp`; the older RFC 4244 puts the Reason into the URI of
//! the address that was left. Both are read; a trunk says which is written.

use bytes::Bytes;

use super::{DiversionReason, Diversions, Diverted, DivertingPrivacy};
use crate::base::bounds::Bound;
use crate::base::limits::{DIVERSIONS, HISTORY_ENTRIES};
use crate::route::number::{Field, NumberPlan, Party};
use crate::sip::grammar::{ListItems, number_as, percent_decoded, unquoted};
use crate::sip::header::Reason;
use crate::sip::{Message, Name, NameAddr, SipUri, Uri};

/// Which of the two RFCs a peer reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum HistoryStyle {
    /// `cause` and `mp` at the new target.
    #[default]
    Rfc7044,
    /// `?Reason=` at the old target (Microsoft, MD-99).
    Rfc4244,
}

/// One entry as read.
struct Entry {
    address: NameAddr,
    /// Numbers of `index`, dots taken away.
    index: Vec<u16>,
    /// `cause` of the URI, or of the header as some gateways write it.
    cause: Option<u16>,
    /// `cause` of a Reason header inside the URI.
    left_for: Option<u16>,
    privacy: DivertingPrivacy,
}

/// Reads the diversions that a message's History-Info tells of. Retargetings without a cause (routing decisions of
/// proxies) are no diversions.
pub fn read_history(message: &Message, plan: &NumberPlan) -> Diversions {
    let values = message.list(Name::HistoryInfo);
    let read = Bound::HistoryEntries.first(HISTORY_ENTRIES, values.iter());
    let mut entries: Vec<Entry> = read.filter_map(entry).collect();
    entries.sort_by(|one, two| one.index.cmp(&two.index));
    let pairs = entries.iter().zip(entries.iter().skip(1));
    let diversions = pairs
        .filter_map(|(before, reached)| diversion(mapped_from(&entries, reached).unwrap_or(before), reached, plan));
    Diversions::new(diversions.collect())
}

/// The entry that `mp` of another one names: of two tried one after the other, both were reached from there (RFC 7044 10.4).
fn mapped_from<'e>(entries: &'e [Entry], reached: &Entry) -> Option<&'e Entry> {
    let from = index_of(reached.address.param("mp").flatten()?)?;
    entries.iter().find(|entry| entry.index == from && entry.index < reached.index)
}

/// Numbers between the dots.
fn index_of(text: &[u8]) -> Option<Vec<u16>> {
    text.split(|&octet| octet == b'.').map(number_as::<u16>).collect()
}

fn entry(value: &Bytes) -> Option<Entry> {
    let address = NameAddr::parse(value).ok()?;
    let index = index_of(address.param("index").flatten()?)?;
    let number = |text: &[u8]| number_as::<u16>(&unquoted(text));
    let in_uri = address.uri.as_sip().and_then(|uri| uri.param("cause").flatten()).and_then(number);
    let cause = in_uri.or_else(|| address.param("cause").flatten().and_then(number));
    let left_for = headers_of(&address.uri, b"reason").into_iter().find_map(|value| left_for(&value));
    let is_private = headers_of(&address.uri, b"privacy")
        .iter()
        .any(|value| value.split(|&octet| octet == b';').any(is_history_or_session));
    let privacy = if is_private { DivertingPrivacy::Full } else { DivertingPrivacy::Off };
    Some(Entry { address, index, cause, left_for, privacy })
}

fn is_history_or_session(token: &[u8]) -> bool {
    let token = token.trim_ascii();
    [b"history".as_slice(), b"session", b"header"].iter().any(|word| token.eq_ignore_ascii_case(word))
}

/// The cause of the SIP reason among those that the address was left for; gateways name their own beside it.
fn left_for(reasons: &[u8]) -> Option<u16> {
    let reason = |value: &[u8]| Reason::parse(&Bytes::copy_from_slice(value)).ok();
    let sip = ListItems::new(reasons).filter_map(reason).find(|reason| reason.is("SIP"))?;
    sip.cause()
}

/// Values of a header inside a URI, escapes removed.
fn headers_of(uri: &Uri, name: &[u8]) -> Vec<Vec<u8>> {
    let headers = uri.as_sip().and_then(SipUri::headers).map(|headers| headers.as_ref()).unwrap_or_default();
    let fields = headers.split(|&octet| octet == b'&').filter_map(|field| {
        let mut parts = field.splitn(2, |&octet| octet == b'=');
        parts.next().filter(|key| key.eq_ignore_ascii_case(name))?;
        Some(percent_decoded(parts.next().unwrap_or_default()).into_owned())
    });
    fields.collect()
}

/// The diversion from one entry to the next, if it is one.
fn diversion(left: &Entry, reached: &Entry, plan: &NumberPlan) -> Option<Diverted> {
    let cause = reached.cause.or(left.left_for)?;
    let reason = DiversionReason::from_cause(cause)?;
    let skipped = reached.index.len().saturating_sub(left.index.len()).max(1);
    Some(Diverted {
        by: plan.party(Field::HistoryInfo, &left.address.uri),
        display: left.address.display.clone(),
        reason,
        counter: u16::try_from(skipped).unwrap_or(u16::MAX),
        privacy: left.privacy,
    })
}

/// Writes the list for a peer, and behind it whom the call is for now. Empty when nothing was diverted.
pub fn write_history(
    list: &Diversions,
    called: &Party,
    plan: &NumberPlan,
    host: &SipUri,
    style: HistoryStyle,
) -> Vec<Bytes> {
    if list.is_empty() {
        return Vec::new();
    }
    let mut written = Vec::with_capacity(list.oldest_first().len() + 1);
    let mut index = String::from("1");
    let mut before: Option<(&Diverted, String)> = None;
    for diverted in list.oldest_first() {
        let address = target(&diverted.by, before.as_ref(), plan, host, style);
        written.push(private(address, diverted, &index, before.as_ref(), style));
        before = Some((diverted, index.clone()));
        index.push_str(&".1".repeat(usize::from(diverted.counter.clamp(1, DIVERSIONS))));
    }
    let last = target(called, before.as_ref(), plan, host, style);
    written.push(indexed(NameAddr::new(Uri::Sip(last)), &index, before.as_ref(), style));
    written
}

/// The URI of one address; by RFC 7044 with the cause for which it was reached.
fn target(
    party: &Party,
    before: Option<&(&Diverted, String)>,
    plan: &NumberPlan,
    host: &SipUri,
    style: HistoryStyle,
) -> SipUri {
    let mut uri = plan.sip_uri(Field::HistoryInfo, party, host);
    if let (HistoryStyle::Rfc7044, Some((diverted, _))) = (style, before) {
        uri.set_param("cause", Some(&diverted.reason.cause().to_string()));
    }
    uri
}

/// An address that sent the call on, with its URI headers.
fn private(
    mut uri: SipUri,
    diverted: &Diverted,
    index: &str,
    before: Option<&(&Diverted, String)>,
    style: HistoryStyle,
) -> Bytes {
    let mut headers = Vec::new();
    if diverted.privacy == DivertingPrivacy::Full {
        headers.push("Privacy=history".to_owned());
    }
    if style == HistoryStyle::Rfc4244 {
        headers.push(format!("Reason=SIP%3Bcause%3D{}", diverted.reason.cause()));
    }
    if !headers.is_empty() {
        uri.set_headers(Bytes::from(headers.join("&")));
    }
    let mut address = NameAddr::new(Uri::Sip(uri));
    address.display = diverted.display.clone();
    indexed(address, index, before, style)
}

fn indexed(mut address: NameAddr, index: &str, before: Option<&(&Diverted, String)>, style: HistoryStyle) -> Bytes {
    address.set_param("index", Some(index));
    if let (HistoryStyle::Rfc7044, Some((_, from))) = (style, before) {
        address.set_param("mp", Some(from));
    }
    address.to_bytes()
}
