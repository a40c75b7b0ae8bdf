//! What our INVITE says otherwise than the one that came, each with the rule that made it so, named as the configuration
//! writes it.
//!
//! A message does not say which rule wrote a line. The rules are asked again: what the trunk's policy lets through, and the
//! last edit that names the header. Where the trunk's rules are no longer those of the call, that is said instead.

use bytes::Bytes;

use super::{Message, Traced};
use crate::call::Side;
use crate::net::counters::Direction;
use crate::route::policy::{Edit, HeaderPolicy, Incoming, is_ours};
use crate::route::snapshot::Snapshot;
use crate::route::trunk::Trunk;
use crate::sip::frame::datagram;
use crate::sip::grammar::unfold;
use crate::sip::{Method, Name, Request, SipMessage};

/// Headers written by a table of the trunk, by the table's key.
const TABLES: [(&str, &str); 6] = [
    ("p-asserted-identity", "identity.send"),
    ("p-preferred-identity", "identity.send"),
    ("remote-party-id", "identity.send"),
    ("privacy", "identity"),
    ("diversion", "diversion.send"),
    ("history-info", "diversion.send"),
];

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Name of the header, or `Request-URI`.
    pub header: String,
    /// As it came; `None`: it was not there.
    pub came: Option<String>,
    /// As it went out; `None`: it did not.
    pub went: Option<String>,
    /// Key of the configuration that decided.
    pub rule: String,
}

/// Both INVITEs compared; empty when one of them is not known.
pub fn changes(traced: &Traced, snapshot: &Snapshot) -> Vec<Change> {
    let came = invite(traced, Side::Caller, Direction::Received);
    let went = invite(traced, Side::Callee, Direction::Sent);
    let (Some(came), Some(went)) = (came, went) else { return Vec::new() };
    let sent = traced.record.sent.as_ref();
    let trunk = traced.record.to.as_deref().and_then(|name| snapshot.trunk_named(name));
    let trunk = trunk.filter(|trunk| sent.is_some_and(|sent| sent.policy == trunk.policy));
    let Some(trunk) = trunk else {
        let rule = "the trunk's rules have changed since this call".to_owned();
        return vec![Change { header: "*".to_owned(), came: None, went: None, rule }];
    };
    let mut found = numbers(&came, &went, trunk);
    found.extend(written(&came, &went, trunk));
    found.extend(withheld(&came, &went, trunk));
    found
}

/// The last one that opened a dialog on this side.
fn invite(traced: &Traced, side: Side, direction: Direction) -> Option<Box<Request>> {
    let own = |message: &&Message| message.side == Some(side) && message.direction == direction;
    traced.messages.iter().rev().filter(own).find_map(|message| {
        let octets = Bytes::copy_from_slice(&message.octets);
        match datagram(&octets, message.remote)? {
            Ok(SipMessage::Request(request)) if request.method == Method::Invite && request.to_tag().is_none() => {
                Some(request)
            }
            Ok(_) | Err(_) => None,
        }
    })
}

/// User parts that were written in another form.
fn numbers(came: &Request, went: &Request, trunk: &Trunk) -> Vec<Change> {
    let fields = [
        ("Request-URI", &came.uri, &went.uri, "numbers.outgoing"),
        ("To", &came.to.uri, &went.to.uri, "numbers.outgoing"),
        ("From", &came.from.uri, &went.from.uri, "identity.from, numbers.outgoing"),
    ];
    let changed =
        fields.into_iter().map(|(header, came, went, rule)| (header, came.user_text(), went.user_text(), rule));
    changed
        .filter(|(_, came, went, _)| came != went)
        .map(|(header, came, went, rule)| Change {
            header: header.to_owned(),
            came,
            went,
            rule: format!("trunks.{}.{rule}", trunk.name),
        })
        .collect()
}

/// Lines of our INVITE that a rule let through or made.
fn written(came: &Request, went: &Request, trunk: &Trunk) -> Vec<Change> {
    let policy = &trunk.presentation.headers;
    let lines = went.message.raw_headers().map(|(name, value)| (text(name), text(&unfold(value))));
    lines
        .filter_map(|(name, value)| {
            let rule = rule_of(came, policy, &name, &value)?;
            let before = first(came, &name);
            Some(Change {
                came: before,
                went: Some(value),
                rule: format!("trunks.{}.{rule}", trunk.name),
                header: name,
            })
        })
        .collect()
}

fn rule_of(came: &Request, policy: &HeaderPolicy, name: &str, value: &str) -> Option<String> {
    if let Some((_, table)) = TABLES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
        return Some((*table).to_owned());
    }
    if is_ours(name.as_bytes()) {
        return None;
    }
    if let Some(rule) = built(came, policy, name) {
        return Some(rule);
    }
    let edits = policy.edits.iter().enumerate().rev();
    let edit = edits
        .filter(|(_, edit)| edit.name().eq_ignore_ascii_case(name))
        .map(|(place, edit)| edited(place, edit))
        .next();
    let is_as_it_came = came.message.headers_named(name.as_bytes()).any(|held| text(&held) == value);
    let pass = policy.pass.iter().rev().find(|pattern| pattern.fits(name.as_bytes()));
    let passed =
        pass.filter(|pattern| is_as_it_came && pattern.takes_in()).map(|pattern| format!("headers.pass {pattern}"));
    passed.or(edit).or_else(|| Some("headers".to_owned()))
}

/// User-to-User where a builder writes it. Values are masked here: whether it changed what came in cannot be seen.
fn built(came: &Request, policy: &HeaderPolicy, name: &str) -> Option<String> {
    let builder = policy.context.as_ref().filter(|_| name.eq_ignore_ascii_case("User-to-User"))?;
    let came_in = came.message.header(Name::UserToUser).is_some();
    match builder.incoming {
        Incoming::Keep if came_in => None,
        Incoming::Merge | Incoming::Keep | Incoming::Replace => Some("context".to_owned()),
    }
}

fn edited(place: usize, edit: &Edit) -> String {
    let what = match edit {
        Edit::Add { .. } => "add",
        Edit::Set { .. } => "set",
        Edit::Remove { .. } => "remove",
        Edit::Copy { .. } => "copy",
        Edit::Map { .. } => "map",
    };
    format!("headers.edits[{place}] {what}")
}

/// Lines that came and did not go out.
fn withheld(came: &Request, went: &Request, trunk: &Trunk) -> Vec<Change> {
    let policy = &trunk.presentation.headers;
    let lines = came.message.raw_headers().filter(|(name, _)| !is_ours(name));
    lines
        .filter(|(name, _)| went.message.headers_named(name).next().is_none())
        .map(|(name, value)| {
            let decides = policy.pass.iter().rev().find(|pattern| pattern.fits(name));
            let removed = policy.edits.iter().position(|edit| {
                matches!(edit, Edit::Remove { .. }) && edit.name().as_bytes().eq_ignore_ascii_case(name)
            });
            let rule = match (decides, removed) {
                (Some(pattern), _) if !pattern.takes_in() => format!("headers.pass {pattern}"),
                (Some(_), Some(place)) => format!("headers.edits[{place}] remove"),
                (Some(_), None) => "headers".to_owned(),
                (None, _) => "headers.pass (not in it)".to_owned(),
            };
            let rule = format!("trunks.{}.{rule}", trunk.name);
            Change { header: text(name), came: Some(text(&unfold(value))), went: None, rule }
        })
        .collect()
}

fn first(request: &Request, name: &str) -> Option<String> {
    request.message.headers_named(name.as_bytes()).next().map(|value| text(&value))
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}
