//! How one trunk writes and reads who calls whom: numbers, identity, diversions and headers together.

use std::sync::Arc;

use bytes::Bytes;

use super::caller::{CallerReading, CallerShowing};
use super::diverting::HistoryStyle;
use super::emergency::EmergencyWriting;
use super::number::{E164, Field, NumberPlan, Party, Reads};
use super::policy::{HeaderPolicy, NamePattern};
use crate::sip::header::ContentType;
use crate::sip::{SipUri, Uri};

/// Where the number a call is routed by stands (PF-137).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RouteKey {
    #[default]
    RequestUri,
    To,
    /// P-Called-Party-ID (RFC 7315 5.2).
    PCalledPartyId,
    /// A header of this name, a name-addr or a plain number.
    Header(Box<str>),
}

impl RouteKey {
    /// The header it stands in.
    pub fn word(&self) -> &'static str {
        match self {
            RouteKey::RequestUri => "Request-URI",
            RouteKey::To => "To",
            RouteKey::PCalledPartyId => "P-Called-Party-ID",
            RouteKey::Header(_) => "route key header",
        }
    }
}

/// What a called party is answered that no number of this trunk can be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unroutable {
    /// 404.
    #[default]
    NotFound,
    /// 484, for a trunk that dials digit by digit.
    AddressIncomplete,
    /// Routed as it is written.
    Pass,
}

/// Which headers tell a peer who sent a call on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DivertingHeaders {
    Drop,
    Diversion,
    HistoryInfo,
    Both,
    /// The header it came in.
    #[default]
    AsReceived,
}

/// `diversion = { .. }`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DivertingSettings {
    pub send: DivertingHeaders,
    pub style: HistoryStyle,
    /// A call nobody sent on says so of the number that was called at first (PF-5).
    pub always: bool,
}

/// `bodies = { .. }`: what may stand beside the session description of an INVITE to this peer (MD-78, MD-162). Towards
/// a peer with an empty list there is the description alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BodyPolicy {
    /// Media types in lower case, `type/subtype` or `type/*`.
    pub pass: Vec<Box<str>>,
}

impl BodyPolicy {
    /// Whether a part of this type passes.
    pub fn passes(&self, kind: &ContentType) -> bool {
        self.pass.iter().any(|own| match own.strip_suffix("/*") {
            Some(any) => kind.kind.eq_ignore_ascii_case(any.as_bytes()),
            None => kind.is(own),
        })
    }
}

/// `numbers`, `identity`, `diversion` and `headers` of a trunk.
#[derive(Clone, Debug, PartialEq)]
pub struct Presentation {
    pub numbers: NumberPlan,
    pub route_key: RouteKey,
    pub unroutable: Unroutable,
    pub reading: CallerReading,
    pub showing: CallerShowing,
    pub diverting: DivertingSettings,
    pub headers: HeaderPolicy,
    pub bodies: BodyPolicy,
    pub emergency: EmergencyWriting,
}

/// What passes unless a trunk says otherwise: the context of a call (PF-12), but nothing a platform writes for itself
/// (MD-83).
const PASSED: [&str; 4] = ["User-to-User", "Identity", "X-*", "!X-MS-*"];

impl Default for Presentation {
    /// Numbers cross as they are written, callers as they are shown.
    fn default() -> Self {
        let pass = PASSED.iter().filter_map(|text| NamePattern::parse(text).ok()).collect();
        Presentation {
            numbers: NumberPlan { reads: Reads::AsWritten, ..NumberPlan::default() },
            route_key: RouteKey::default(),
            unroutable: Unroutable::default(),
            reading: CallerReading::default(),
            showing: CallerShowing::default(),
            diverting: DivertingSettings::default(),
            headers: HeaderPolicy { pass, ..HeaderPolicy::default() },
            bodies: BodyPolicy::default(),
            emergency: EmergencyWriting::default(),
        }
    }
}

impl Presentation {
    /// `PROFILE/FINGERPRINT`: the same rules have the same fingerprint in every process of one version.
    pub fn id(&self, profile: &str) -> Arc<str> {
        // FNV-1a, 32 bits: short enough to be read out, and no secret.
        let fold = |hash: u32, octet: u8| (hash ^ u32::from(octet)).wrapping_mul(0x0100_0193);
        let fingerprint = format!("{self:?}").bytes().fold(0x811c_9dc5, fold);
        format!("{profile}/{fingerprint:08x}").into()
    }

    /// The party of a user part as calls keep it: E.164, or whatever else it is.
    pub fn party(user: Option<&Bytes>) -> Party {
        let text = user.and_then(|user| std::str::from_utf8(user).ok()).unwrap_or_default();
        let (number, params) = text.split_once(';').unwrap_or((text, ""));
        match E164::parse(number) {
            Ok(number) if params.is_empty() => Party::of(number),
            Ok(number) if params.starts_with("ext=") => {
                Party::Number { number, extension: params.strip_prefix("ext=").map(Box::from) }
            }
            Ok(_) | Err(_) => Party::Name(text.into()),
        }
    }

    /// The URI of such a user part for this trunk's peer, at this host.
    pub fn uri(&self, field: Field, user: Option<&Bytes>, at: &SipUri) -> Uri {
        self.numbers.uri(field, &Presentation::party(user), at)
    }
}
