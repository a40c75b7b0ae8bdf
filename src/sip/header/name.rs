//! Header names (RFC 3261 s.20, 7.3.3 and extensions): known ones as a compact id, compact forms included.

/// Known header names; compact forms map to the same variant. Anything else is looked up with `header_named`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
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
        let first = octets.first()?.to_ascii_uppercase();
        let mut candidates = BY_LENGTH.get(octets.len())?.iter().filter(|(text, _)| text.first() == Some(&first));
        // Nearly everybody writes them as the standards do.
        let same = candidates.find(|(text, _)| *text == octets || text.eq_ignore_ascii_case(octets));
        same.map(|&(_, name)| name)
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

/// Known names by the length of their long form.
#[rustfmt::skip]
static BY_LENGTH: [&[(&[u8], Name)]; 21] = [
    &[],
    &[],
    &[(b"To", Name::To)],
    &[(b"Via", Name::Via)],
    &[(b"CSeq", Name::CSeq), (b"Date", Name::Date), (b"From", Name::From), (b"Path", Name::Path), (b"RAck", Name::RAck), (b"RSeq", Name::RSeq)],
    &[(b"Allow", Name::Allow), (b"Event", Name::Event), (b"Route", Name::Route)],
    &[(b"Accept", Name::Accept), (b"Min-SE", Name::MinSe), (b"Reason", Name::Reason), (b"Server", Name::Server)],
    &[(b"Call-ID", Name::CallId), (b"Contact", Name::Contact), (b"Expires", Name::Expires), (b"Privacy", Name::Privacy), (b"Require", Name::Require), (b"Subject", Name::Subject), (b"Warning", Name::Warning)],
    &[(b"Identity", Name::Identity), (b"Refer-To", Name::ReferTo), (b"Replaces", Name::Replaces)],
    &[(b"Diversion", Name::Diversion), (b"Supported", Name::Supported), (b"Timestamp", Name::Timestamp)],
    &[(b"User-Agent", Name::UserAgent)],
    &[(b"Max-Breadth", Name::MaxBreadth), (b"Min-Expires", Name::MinExpires), (b"Referred-By", Name::ReferredBy), (b"Retry-After", Name::RetryAfter), (b"Unsupported", Name::Unsupported)],
    &[(b"Allow-Events", Name::AllowEvents), (b"Content-Type", Name::ContentType), (b"History-Info", Name::HistoryInfo), (b"Max-Forwards", Name::MaxForwards), (b"Record-Route", Name::RecordRoute), (b"User-to-User", Name::UserToUser)],
    &[(b"Authorization", Name::Authorization), (b"Identity-Info", Name::IdentityInfo), (b"Proxy-Require", Name::ProxyRequire), (b"Service-Route", Name::ServiceRoute)],
    &[(b"Accept-Contact", Name::AcceptContact), (b"Content-Length", Name::ContentLength), (b"Reject-Contact", Name::RejectContact)],
    &[(b"Remote-Party-ID", Name::RemotePartyId), (b"Session-Expires", Name::SessionExpires)],
    &[(b"Content-Encoding", Name::ContentEncoding), (b"WWW-Authenticate", Name::WwwAuthenticate)],
    &[(b"P-Called-Party-ID", Name::PCalledPartyId)],
    &[(b"Proxy-Authenticate", Name::ProxyAuthenticate), (b"Subscription-State", Name::SubscriptionState)],
    &[(b"Content-Disposition", Name::ContentDisposition), (b"P-Asserted-Identity", Name::PAssertedIdentity), (b"Proxy-Authorization", Name::ProxyAuthorization), (b"Request-Disposition", Name::RequestDisposition)],
    &[(b"P-Preferred-Identity", Name::PPreferredIdentity)],
];

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
    fn other_names_are_not_known() {
        for other in ["", "z", "C%6Fntact", "X-Contact", "Vi", "Via-", "a-name-longer-than-every-known-one"] {
            assert_eq!(Name::parse(other.as_bytes()), None, "{other}");
        }
    }
}
