//! Header names (RFC 3261 s.20, 7.3.3 and extensions): known ones as a compact id, compact forms included.

/// Known header names; compact forms map to the same variant. Anything else is looked up with `header_named`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Name {
    Accept,
    AcceptContact,
    Allow,
    AllowEvents,
    Authorization,
    CallId,
    Contact,
    ContentDisposition,
    ContentEncoding,
    ContentLength,
    ContentType,
    CSeq,
    Date,
    Diversion,
    Event,
    Expires,
    From,
    HistoryInfo,
    Identity,
    IdentityInfo,
    MaxBreadth,
    MaxForwards,
    MinExpires,
    MinSe,
    PAssertedIdentity,
    PCalledPartyId,
    PPreferredIdentity,
    Path,
    Privacy,
    ProxyAuthenticate,
    ProxyAuthorization,
    ProxyRequire,
    RAck,
    RSeq,
    Reason,
    RecordRoute,
    ReferTo,
    ReferredBy,
    RejectContact,
    RemotePartyId,
    Replaces,
    RequestDisposition,
    Require,
    RetryAfter,
    Route,
    Server,
    ServiceRoute,
    SessionExpires,
    Subject,
    SubscriptionState,
    Supported,
    Timestamp,
    To,
    Unsupported,
    UserAgent,
    UserToUser,
    Via,
    Warning,
    WwwAuthenticate,
}

impl Name {
    /// Reads a name without regard to case; the one-letter forms are names too.
    pub fn parse(octets: &[u8]) -> Option<Name> {
        if let [letter] = octets {
            return Name::of_letter(letter.to_ascii_lowercase());
        }
        let name = (*BY_HASH.get(usize::from(hash(octets)))?)?;
        let text = name.as_str().as_bytes();
        // Nearly everybody writes them as the standards do.
        (text == octets || text.eq_ignore_ascii_case(octets)).then_some(name)
    }

    const fn of_letter(letter: u8) -> Option<Name> {
        Some(match letter {
            b'a' => Name::AcceptContact,
            b'b' => Name::ReferredBy,
            b'c' => Name::ContentType,
            b'd' => Name::RequestDisposition,
            b'e' => Name::ContentEncoding,
            b'f' => Name::From,
            b'i' => Name::CallId,
            b'j' => Name::RejectContact,
            b'k' => Name::Supported,
            b'l' => Name::ContentLength,
            b'm' => Name::Contact,
            b'n' => Name::IdentityInfo,
            b'o' => Name::Event,
            b'r' => Name::ReferTo,
            b's' => Name::Subject,
            b't' => Name::To,
            b'u' => Name::AllowEvents,
            b'v' => Name::Via,
            b'x' => Name::SessionExpires,
            b'y' => Name::Identity,
            _ => return None,
        })
    }

    /// The long form as the standards write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Name::Accept => "Accept",
            Name::AcceptContact => "Accept-Contact",
            Name::Allow => "Allow",
            Name::AllowEvents => "Allow-Events",
            Name::Authorization => "Authorization",
            Name::CallId => "Call-ID",
            Name::Contact => "Contact",
            Name::ContentDisposition => "Content-Disposition",
            Name::ContentEncoding => "Content-Encoding",
            Name::ContentLength => "Content-Length",
            Name::ContentType => "Content-Type",
            Name::CSeq => "CSeq",
            Name::Date => "Date",
            Name::Diversion => "Diversion",
            Name::Event => "Event",
            Name::Expires => "Expires",
            Name::From => "From",
            Name::HistoryInfo => "History-Info",
            Name::Identity => "Identity",
            Name::IdentityInfo => "Identity-Info",
            Name::MaxBreadth => "Max-Breadth",
            Name::MaxForwards => "Max-Forwards",
            Name::MinExpires => "Min-Expires",
            Name::MinSe => "Min-SE",
            Name::PAssertedIdentity => "P-Asserted-Identity",
            Name::PCalledPartyId => "P-Called-Party-ID",
            Name::PPreferredIdentity => "P-Preferred-Identity",
            Name::Path => "Path",
            Name::Privacy => "Privacy",
            Name::ProxyAuthenticate => "Proxy-Authenticate",
            Name::ProxyAuthorization => "Proxy-Authorization",
            Name::ProxyRequire => "Proxy-Require",
            Name::RAck => "RAck",
            Name::RSeq => "RSeq",
            Name::Reason => "Reason",
            Name::RecordRoute => "Record-Route",
            Name::ReferTo => "Refer-To",
            Name::ReferredBy => "Referred-By",
            Name::RejectContact => "Reject-Contact",
            Name::RemotePartyId => "Remote-Party-ID",
            Name::Replaces => "Replaces",
            Name::RequestDisposition => "Request-Disposition",
            Name::Require => "Require",
            Name::RetryAfter => "Retry-After",
            Name::Route => "Route",
            Name::Server => "Server",
            Name::ServiceRoute => "Service-Route",
            Name::SessionExpires => "Session-Expires",
            Name::Subject => "Subject",
            Name::SubscriptionState => "Subscription-State",
            Name::Supported => "Supported",
            Name::Timestamp => "Timestamp",
            Name::To => "To",
            Name::Unsupported => "Unsupported",
            Name::UserAgent => "User-Agent",
            Name::UserToUser => "User-to-User",
            Name::Via => "Via",
            Name::Warning => "Warning",
            Name::WwwAuthenticate => "WWW-Authenticate",
        }
    }

    /// Every known name.
    #[rustfmt::skip]
    pub const ALL: [Name; 59] = [
        Name::Accept, Name::AcceptContact, Name::Allow, Name::AllowEvents, Name::Authorization, Name::CallId,
        Name::Contact, Name::ContentDisposition, Name::ContentEncoding, Name::ContentLength, Name::ContentType,
        Name::CSeq, Name::Date, Name::Diversion, Name::Event, Name::Expires, Name::From, Name::HistoryInfo,
        Name::Identity, Name::IdentityInfo, Name::MaxBreadth, Name::MaxForwards, Name::MinExpires, Name::MinSe, Name::PAssertedIdentity,
        Name::PCalledPartyId, Name::PPreferredIdentity, Name::Path, Name::Privacy, Name::ProxyAuthenticate,
        Name::ProxyAuthorization, Name::ProxyRequire, Name::RAck, Name::RSeq, Name::Reason, Name::RecordRoute,
        Name::ReferTo, Name::ReferredBy, Name::RejectContact, Name::RemotePartyId, Name::Replaces,
        Name::RequestDisposition, Name::Require, Name::RetryAfter, Name::Route, Name::Server, Name::ServiceRoute,
        Name::SessionExpires, Name::Subject, Name::SubscriptionState, Name::Supported, Name::Timestamp, Name::To,
        Name::Unsupported, Name::UserAgent, Name::UserToUser, Name::Via, Name::Warning, Name::WwwAuthenticate,
    ];
}

/// Another number for each known name, without regard to case: what its length, its first octet and the one in its middle
/// give. Found by trying factors; the table below is not built when two names meet.
const fn hash(name: &[u8]) -> u8 {
    let [first, ..] = name else { return 0 };
    let (_, rest) = name.split_at(name.len() / 2);
    let [middle, ..] = rest else { return 0 };
    (*first | LOWER)
        .wrapping_add((*middle | LOWER).wrapping_mul(38))
        .wrapping_add(low_octet(name.len()).wrapping_mul(9))
}

/// The bit that makes a letter lower case.
const LOWER: u8 = 0x20;

const fn low_octet(length: usize) -> u8 {
    let [low, ..] = length.to_le_bytes();
    low
}

static BY_HASH: [Option<Name>; 256] = by_hash();

#[expect(clippy::indexing_slicing, reason = "the compiler builds the table, and would not build past its end")]
const fn by_hash() -> [Option<Name>; 256] {
    let mut table = [None; 256];
    let mut at = 0;
    while at < Name::ALL.len() {
        let name = Name::ALL[at];
        let place = hash(name.as_str().as_bytes()) as usize;
        assert!(table[place].is_none(), "two names have one hash");
        table[place] = Some(name);
        at += 1;
    }
    table
}

/// A set of known names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Names(u64);

const _: () = assert!(Name::ALL.len() <= 64, "a set has 64 places");

impl Names {
    /// These and no others.
    pub const fn of<const N: usize>(names: [Name; N]) -> Names {
        let mut set = 0;
        let mut rest: &[Name] = &names;
        while let [name, after @ ..] = rest {
            set |= name.bit();
            rest = after;
        }
        Names(set)
    }

    /// Puts a name in; false when it was there.
    pub const fn insert(&mut self, name: Name) -> bool {
        let is_new = !self.contains(name);
        self.0 |= name.bit();
        is_new
    }

    /// Whether the name is one of them.
    pub const fn contains(self, name: Name) -> bool {
        self.0 & name.bit() != 0
    }

    /// Whether a name is in both.
    pub const fn meets(self, other: Names) -> bool {
        self.0 & other.0 != 0
    }
}

// One bit each.
const _: () = assert!(Name::ALL.len() <= 64);

impl Name {
    const fn bit(self) -> u64 {
        1 << self as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_in_any_case() {
        for name in Name::ALL {
            assert_eq!(Name::parse(name.as_str().as_bytes()), Some(name));
            assert_eq!(Name::parse(name.as_str().to_ascii_uppercase().as_bytes()), Some(name));
        }
    }

    #[test]
    fn compact_forms_are_the_same_names() {
        let forms = b"abcdefijklmnorstuvxy";
        let read: Vec<_> = forms.iter().filter_map(|&letter| Name::parse(&[letter])).collect();
        assert_eq!(read.len(), forms.len());
        assert_eq!(Name::parse(b"V"), Some(Name::Via));
        assert_eq!(Name::parse(b"I"), Some(Name::CallId));
    }

    #[test]
    fn a_set_holds_the_names_put_in() {
        let mut set = Names::of([Name::Accept, Name::WwwAuthenticate]);
        assert!(set.contains(Name::Accept) && set.contains(Name::WwwAuthenticate) && !set.contains(Name::Via));
        assert!(set.insert(Name::Via) && !set.insert(Name::Via));
        assert!(set.meets(Names::of([Name::To, Name::Via])) && !set.meets(Names::of([Name::To])));
    }

    #[test]
    fn other_names_are_not_known() {
        for other in ["", "z", "C%6Fntact", "X-Contact", "Vi", "Via-", "a-name-longer-than-every-known-one"] {
            assert_eq!(Name::parse(other.as_bytes()), None, "{other}");
        }
    }
}
