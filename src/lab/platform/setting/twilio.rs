//! Twilio Elastic SIP Trunking with secure trunking on (sheet: platforms, section 8).

use std::net::SocketAddr;

use super::Setting;
use crate::lab::platform::manner::{Dress, Gate, Manner, Spelling, Strange};
use crate::lab::platform::posture::Authentication;
use crate::lab::platform::{beyond, checks, scenario};
use crate::lab::session::Path;

/// See the module.
pub(super) static TWILIO: Setting = Setting {
    name: "twilio",
    title: "Twilio Elastic SIP Trunking, secure (statements PF of the requirement sheet, section 8)",
    // The name of the edge: that of the trunk leads nowhere in the lab (PF-116).
    names: &["pstn.frankfurt.twilio.com"],
    trunk: "twilio",
    file: "config/twilio.toml",
    keys: "targets = [{ host = \"pstn.frankfurt.twilio.com\" }]\nmedia = { sources = [{sources}] }\n",
    far: "pbx",
    carrier_keys: "",
    subscriber: None,
    authentication: Authentication::ServerAlone,
    path: Path::Described,
    manner,
    like: None,
    without: &[],
    statements: &[checks::twilio::STATEMENTS],
    opens: &[],
    scenarios: &[
        scenario::first_contact::SCENARIOS,
        scenario::carrier_calls::SCENARIOS,
        scenario::platform_calls::SCENARIOS,
        scenario::changes::SCENARIOS,
    ],
    plays: &[
        "options",
        "tls",
        "inbound",
        "identity-carrier",
        "late-offer",
        "outbound",
        "plain-rtp",
        "crypto",
        "dtmf",
        "refresh",
        "hold-platform",
        "hold-carrier",
    ],
    beyond: beyond::TWILIO,
    sheet: "PF",
};

/// PF-115, PF-118, PF-119: behind proxies of its own, in whose name it calls.
fn manner(address: SocketAddr) -> Manner {
    Manner {
        spelling: Spelling::Usual,
        product: "Twilio Lab".to_owned(),
        allow: "INVITE,ACK,CANCEL,OPTIONS,BYE",
        supported: Some("timer"),
        host: "acme.pstn.twilio.com".to_owned(),
        address,
        calls: "sip:{user}@{sbc};transport=tls",
        from: "<sip:{user}@{host}>",
        contact: "<sip:{user}@{address};transport=tls>",
        record_route: Some("<sip:{address};transport=tls;lr>"),
        calls_with: &[("X-Twilio-CallSid", "CA{hex}")],
        dress: Dress::Plain,
        strange: Strange::Refused,
        untagged_options: false,
        gate: Gate::Open,
    }
}
