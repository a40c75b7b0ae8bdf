//! REFER (RFC 3515): what one asks for, and the words of its implicit subscription. Obeyed: RFC 3515 2.1 to 2.4, RFC 3892
//! (Referred-By octet for octet), RFC 4488 (Refer-Sub), RFC 5589 (Replaces in Refer-To), RFC 3261 19.1.5 (of the header
//! fields inside a URI only those that are harmless are used).

use bytes::Bytes;

use crate::base::bounds::Bound;
use crate::base::limits::{MAX_FORWARDS, REFER_HEADERS};
use crate::sip::header::max_breadth;
use crate::sip::header::replaces::Replaces;
use crate::sip::{Method, Name, NameAddr, Request, Status, Uri};

/// Content-Type of a report (RFC 3515 2.4.5).
pub const SIPFRAG: &str = "message/sipfrag;version=2.0";

/// Header fields that may come inside Refer-To, or on the REFER itself, and stand in the INVITE it asks for.
const CARRIED: [Name; 2] = [Name::UserToUser, Name::Subject];

/// Whether the sender wants to hear how it goes (RFC 4488).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReferSub {
    /// NOTIFYs go out.
    Reported,
    /// `Refer-Sub: false`.
    Unreported,
}

/// What a REFER asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refer {
    /// The URI of Refer-To without its header part; parameters octet for octet.
    pub target: Uri,
    /// The dialog that the INVITE shall replace.
    pub replaces: Option<Replaces>,
    /// The same as written in the header part, unescaped once: what is sent on.
    pub replaces_text: Option<Bytes>,
    /// Referred-By, octet for octet.
    pub referred_by: Option<Bytes>,
    /// Other fields for the INVITE.
    pub carried: Vec<(Name, Bytes)>,
    pub sub: ReferSub,
    /// Number of the REFER: the `id` of its subscription.
    pub cseq: u32,
    /// What the INVITE carries: the REFER's Max-Forwards less one, at most 70.
    pub max_forwards: u8,
}

/// Why a REFER is refused. The answer is [`BadRefer::status`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadRefer {
    /// No Refer-To, several, or one that cannot be read (RFC 3515 2.4.1: exactly one).
    ReferTo,
    /// A Replaces inside it that cannot be read.
    Replaces,
    /// It asks for another method than INVITE.
    Method,
    /// Neither sip, sips nor tel.
    Scheme,
    /// The budget of hops is spent.
    Hops,
    /// Several Max-Breadth, or one that is no number.
    BadBreadth,
    /// It may be spread over no branch (RFC 5393 5.3.3).
    Breadth,
}

impl BadRefer {
    /// What its sender is told.
    pub const fn status(self) -> Status {
        match self {
            BadRefer::ReferTo | BadRefer::Replaces | BadRefer::BadBreadth => Status::BAD_REQUEST,
            BadRefer::Method => Status::DECLINE,
            BadRefer::Scheme => Status::UNSUPPORTED_URI_SCHEME,
            BadRefer::Hops => Status::TOO_MANY_HOPS,
            BadRefer::Breadth => Status::MAX_BREADTH_EXCEEDED,
        }
    }
}

impl Refer {
    /// Reads a REFER.
    ///
    /// # Errors
    /// What it must be refused for.
    pub fn read(request: &Request) -> Result<Refer, BadRefer> {
        let target = refer_to(request)?;
        let mut uri = target.uri.clone();
        let (mut headers, mut asked) = (None, None);
        match &mut uri {
            Uri::Sip(sip) => {
                headers = sip.take_headers();
                asked = sip.param("method").flatten().map(<[u8]>::to_vec);
                sip.remove_param("method");
            }
            Uri::Tel(_) => {}
            Uri::Other { .. } => return Err(BadRefer::Scheme),
        }
        if asked.is_some_and(|method| !method.eq_ignore_ascii_case(b"INVITE")) {
            return Err(BadRefer::Method);
        }
        if request.max_forwards.is_some_and(|hops| hops <= 1) {
            return Err(BadRefer::Hops);
        }
        let breadth = max_breadth(&request.message).map_err(|_| BadRefer::BadBreadth)?;
        if breadth == Some(0) {
            return Err(BadRefer::Breadth);
        }
        let replaces = target.uri.as_sip().and_then(Replaces::in_uri).transpose().map_err(|_| BadRefer::Replaces)?;
        Ok(Refer {
            replaces_text: replaces.as_ref().map(|replaces| Bytes::from(replaces.to_string())),
            replaces,
            referred_by: request.message.header(Name::ReferredBy).map(|value| Bytes::from(value.into_owned())),
            carried: carried(request, headers.as_ref(), breadth),
            sub: refer_sub(request),
            cseq: request.cseq.number,
            max_forwards: request.max_forwards.map_or(MAX_FORWARDS, |hops| hops.saturating_sub(1).min(MAX_FORWARDS)),
            target: Uri::parse(&uri.to_bytes()).map_err(|_| BadRefer::ReferTo)?,
        })
    }
}

fn refer_to(request: &Request) -> Result<NameAddr, BadRefer> {
    let mut targets = request.message.name_addrs(Name::ReferTo).map_err(|_| BadRefer::ReferTo)?.into_iter();
    match (targets.next(), targets.next()) {
        (Some(target), None) => Ok(target),
        (None | Some(_), _) => Err(BadRefer::ReferTo),
    }
}

fn refer_sub(request: &Request) -> ReferSub {
    let value = request.message.header_named(b"Refer-Sub");
    let said = value.as_deref().and_then(|value| value.split(|&octet| octet == b';').next()).unwrap_or_default();
    if said.trim_ascii().eq_ignore_ascii_case(b"false") { ReferSub::Unreported } else { ReferSub::Reported }
}

/// Fields inside the URI first, then those of the REFER that the URI does not name.
fn carried(request: &Request, headers: Option<&Bytes>, breadth: Option<u8>) -> Vec<(Name, Bytes)> {
    let inside = headers.map(Bytes::as_ref).unwrap_or_default().split(|&octet| octet == b'&');
    let inside = Bound::ReferHeaders.first(REFER_HEADERS, inside);
    let mut fields: Vec<(Name, Bytes)> = inside.filter_map(embedded).collect();
    for name in CARRIED {
        if fields.iter().all(|(known, _)| *known != name)
            && let Some(value) = request.message.header(name)
        {
            fields.push((name, Bytes::from(value.into_owned())));
        }
    }
    fields.retain(|(_, value)| value.iter().all(|octet| !octet.is_ascii_control()));
    // RFC 7332: what follows from it is spread no further.
    fields.extend(breadth.map(|breadth| (Name::MaxBreadth, Bytes::from(breadth.to_string()))));
    fields
}

fn embedded(field: &[u8]) -> Option<(Name, Bytes)> {
    let (name, value) = crate::sip::uri::embedded_header(field);
    let name = Name::parse(name).filter(|name| CARRIED.contains(name))?;
    Some((name, Bytes::from(value.into_owned())))
}

/// Whether a NOTIFY is the last of its subscription (RFC 6665 4.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubscriptionState {
    /// More may follow, for so many seconds.
    Active(u32),
    Over,
}

impl SubscriptionState {
    /// Value of Subscription-State.
    pub fn value(self) -> String {
        match self {
            SubscriptionState::Active(seconds) => format!("active;expires={seconds}"),
            // RFC 3515 2.4.7: nothing is left to subscribe to.
            SubscriptionState::Over => "terminated;reason=noresource".to_owned(),
        }
    }
}

/// Value of Event for the REFER with this number (RFC 3515 2.4.6: the first of a dialog may go without id).
pub fn event(id: Option<u32>) -> String {
    id.map_or_else(|| "refer".to_owned(), |id| format!("refer;id={id}"))
}

/// Body of a report: a status line (RFC 3420 2.1).
pub fn sipfrag(status: Status) -> String {
    format!("SIP/2.0 {} {}\r\n", status.code(), status.phrase())
}

/// True for the NOTIFY of a REFER's subscription.
pub fn is_report(request: &Request) -> bool {
    let event = request.message.header(Name::Event).unwrap_or_default();
    let kind = event.split(|&octet| octet == b';').next().unwrap_or_default().trim_ascii();
    request.method == Method::Notify && kind.eq_ignore_ascii_case(b"refer")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::{SipMessage, frame};

    fn read(lines: &str) -> Result<Refer, BadRefer> {
        let text = format!(
            "REFER sip:us SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>;tag=2\r\n\
             Call-ID: c\r\nCSeq: 93 REFER\r\n{lines}Content-Length: 0\r\n\r\n"
        );
        let source = (std::net::Ipv4Addr::LOCALHOST, 5060).into();
        match frame::datagram(&Bytes::from(text), source) {
            Some(Ok(SipMessage::Request(request))) => Refer::read(&request),
            other => panic!("{other:?}"),
        }
    }

    /// MD-140, MD-141, MD-145: opaque, case-sensitive, escapes kept.
    #[test]
    fn a_platforms_uri_and_its_referrer_are_kept_octet_for_octet() {
        let uri = "sip:sip.pstnhub.microsoft.com:5061;transport=tls;x-m=8:orgid:3AbC;x-tt=aHR0cHM6%3D";
        let by = "<sip:sip.pstnhub.microsoft.com:5061;x-m=8:orgid:1111;x-tt=aHR0cHM6Ly9h%3D>";
        let refer = read(&format!("Refer-To: <{uri}>\r\nReferred-By: {by}\r\nMax-Forwards: 70\r\n")).unwrap();
        assert_eq!(refer.target.to_bytes(), uri);
        assert_eq!(refer.referred_by.as_deref(), Some(by.as_bytes()));
        assert_eq!((refer.cseq, refer.max_forwards, refer.sub), (93, 69, ReferSub::Reported));
    }

    #[test]
    fn of_the_headers_inside_only_harmless_ones_are_used() {
        let inside =
            "Replaces=a%40h%3Bto-tag%3D1%3Bfrom-tag%3D2&User-to-User=56a3%3Bencoding%3Dhex&From=x&Route=y&Via=z";
        let refer = read(&format!("Refer-To: <sip:b@h?{inside}>\r\n")).unwrap();
        assert_eq!(refer.target.to_bytes(), "sip:b@h");
        assert_eq!(refer.carried, [(Name::UserToUser, Bytes::from_static(b"56a3;encoding=hex"))]);
        assert_eq!(refer.replaces_text.as_deref(), Some(b"a@h;to-tag=1;from-tag=2".as_slice()));
        let split = read("Refer-To: <sip:b@h?Subject=a%0D%0AVia:%20x>\r\n").unwrap();
        assert!(split.carried.is_empty(), "no value may become a second field");
    }

    #[test]
    fn what_cannot_be_executed_is_refused_with_its_status() {
        let status = |lines: &str| read(lines).unwrap_err().status().code();
        assert_eq!(status(""), 400);
        assert_eq!(status("Refer-To: <sip:a@h>, <sip:b@h>\r\n"), 400);
        assert_eq!(status("Refer-To: <sip:a@h?Replaces=x>\r\n"), 400);
        assert_eq!(status("Refer-To: <sip:a@h;method=BYE>\r\n"), 603);
        assert_eq!(status("Refer-To: <mailto:a@h>\r\n"), 416);
        assert_eq!(status("Refer-To: <sip:a@h>\r\nMax-Forwards: 1\r\n"), 483);
        assert_eq!(status("Refer-To: <sip:a@h>\r\nMax-Breadth: 0\r\n"), 440);
        assert_eq!(status("Refer-To: <sip:a@h>\r\nMax-Breadth: one\r\n"), 400);
    }

    #[test]
    fn a_refer_may_do_without_reports() {
        assert_eq!(read("Refer-To: <sip:a@h>\r\nRefer-Sub: false\r\n").unwrap().sub, ReferSub::Unreported);
        assert_eq!(read("Refer-To: <sip:a@h>\r\nRefer-Sub: true\r\n").unwrap().sub, ReferSub::Reported);
    }

    #[test]
    fn a_report_is_one_status_line() {
        assert_eq!(sipfrag(Status::BUSY_HERE), "SIP/2.0 486 Busy Here\r\n");
        assert_eq!((event(None).as_str(), event(Some(93)).as_str()), ("refer", "refer;id=93"));
    }
}
