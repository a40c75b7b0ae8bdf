//! A session description as values. Text is borrowed from the octets it was read from wherever that is possible.

use std::borrow::Cow;
use std::net::IpAddr;

use super::attribute::{AddressFault, literal_address};

/// A whole description (RFC 8866 5). Lines this module does not name are kept, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionDescription<'a> {
    pub origin: Origin<'a>,
    /// `s=`; empty when the line is missing.
    pub name: Cow<'a, [u8]>,
    /// `i=`, `u=`, `e=`, `p=`: they stand before `c=`.
    pub about: Vec<Line<'a>>,
    pub connection: Option<Connection<'a>>,
    /// `b=`, `t=`, `r=`, `z=`, `k=` and kinds nobody has heard of: they stand behind `c=`.
    pub others: Vec<Line<'a>>,
    pub attributes: Vec<Attribute<'a>>,
    pub media: Vec<MediaDescription<'a>>,
}

impl SessionDescription<'_> {
    /// Values of the session's own attributes called `name`, in order; those that are not UTF-8 are passed over.
    pub fn values<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s str> {
        values(&self.attributes, name)
    }

    /// True when the session has a property attribute (`a=name`).
    pub fn has(&self, name: &str) -> bool {
        self.attributes.iter().any(|attribute| attribute.name.as_ref() == name.as_bytes())
    }

    /// The address that counts for `media`: its own `c=`, else the session's (RFC 8866 5.7).
    ///
    /// # Errors
    /// There is none, or it is not one literal unicast address.
    pub fn address_of(&self, media: &MediaDescription<'_>) -> Result<IpAddr, AddressFault> {
        let connection = media.connection.as_ref().or(self.connection.as_ref());
        connection.ok_or(AddressFault::Missing)?.address()
    }
}

/// `o=` (RFC 8866 5.2). Number fields stay text: peers write numbers beyond 64 bits, and nothing is counted with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin<'a> {
    /// May hold spaces: everything before the last five fields.
    pub username: Cow<'a, [u8]>,
    pub session_id: Cow<'a, [u8]>,
    pub version: Cow<'a, [u8]>,
    /// Network type, address type and address. Never used as an address: Microsoft writes a dummy here (MD-176).
    pub address: [Cow<'a, [u8]>; 3],
}

/// `c=` as written; whether its address may be used is asked when it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection<'a>(pub Cow<'a, [u8]>);

impl Connection<'_> {
    /// The one literal address of the line.
    ///
    /// # Errors
    /// A name, a shortened or octal form, a TTL or count, an unknown type.
    pub fn address(&self) -> Result<IpAddr, AddressFault> {
        literal_address(std::str::from_utf8(&self.0).map_err(|_| AddressFault::NotLiteral)?)
    }
}

/// A line kept as it came: `kind=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// The letter before the equals sign.
    pub kind: u8,
    pub value: Cow<'a, [u8]>,
}

/// `a=name` or `a=name:value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    pub name: Cow<'a, [u8]>,
    pub value: Option<Cow<'a, [u8]>>,
}

/// One `m=` line and what follows it (RFC 8866 5.14).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaDescription<'a> {
    /// `audio`, `video`, ... : visible ASCII.
    pub kind: Cow<'a, str>,
    /// 0: refused or switched off (RFC 3264 6).
    pub port: u16,
    /// `RTP/AVP`, `RTP/SAVP`, ... : visible ASCII.
    pub protocol: Cow<'a, str>,
    /// At most [`crate::base::limits::SDP_FORMATS`]; what came beyond them is cut.
    pub formats: Vec<Cow<'a, str>>,
    /// `i=`: stands before `c=`.
    pub about: Vec<Line<'a>>,
    pub connection: Option<Connection<'a>>,
    /// `b=`, `k=` and unknown kinds.
    pub others: Vec<Line<'a>>,
    pub attributes: Vec<Attribute<'a>>,
}

impl MediaDescription<'_> {
    /// Values of the attributes called `name`, in order; those that are not UTF-8 are passed over.
    pub fn values<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s str> {
        values(&self.attributes, name)
    }

    /// True when a property attribute (`a=name`) is there.
    pub fn has(&self, name: &str) -> bool {
        self.attributes.iter().any(|attribute| attribute.name.as_ref() == name.as_bytes())
    }
}

/// Values of the attributes called `name` in a list.
fn values<'s>(attributes: &'s [Attribute<'_>], name: &'s str) -> impl Iterator<Item = &'s str> {
    attributes
        .iter()
        .filter(move |attribute| attribute.name.as_ref() == name.as_bytes())
        .filter_map(|attribute| std::str::from_utf8(attribute.value.as_deref()?).ok())
}
