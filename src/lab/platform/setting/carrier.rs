//! A PSTN carrier known by its address (sheet: platforms, section 10), and what an SBC owes it.

use std::net::SocketAddr;

use super::{Setting, microsoft};
use crate::lab::platform::manner::{Dress, Gate, Manner, Spelling, Strange};
use crate::lab::platform::{beyond, checks, scenario};

/// Judged from the carrier's side; the other side is a Microsoft platform and its configuration.
pub(super) static CARRIER: Setting = Setting {
    name: "carrier",
    title: "a PSTN carrier (statements PF of the requirement sheet, section 10)",
    statements: &[checks::carrier::STATEMENTS],
    scenarios: &[
        scenario::first_contact::SCENARIOS,
        scenario::carrier_calls::SCENARIOS,
        scenario::carrier_checks::SCENARIOS,
        scenario::platform_calls::SCENARIOS,
        scenario::changes::SCENARIOS,
        scenario::refusals::SCENARIOS,
    ],
    plays: &[
        "options",
        "carrier-options",
        "inbound",
        "identity-carrier",
        "anonymous-carrier",
        "multipart-carrier",
        "reliable-carrier",
        "late-offer",
        "methods-carrier",
        "signed-caller",
        "fax",
        "challenge",
        "outbound",
        "early-carrier",
        "cancel-platform",
        "privacy-platform",
        "dtmf",
        "hold-carrier",
        "busy-carrier",
        "busy-platform",
        "redirect-carrier",
    ],
    beyond: beyond::CARRIER,
    sheet: "PF",
    ..microsoft::MICROSOFT
};

/// The other side of the SBC.
#[must_use]
pub fn manner(address: SocketAddr) -> Manner {
    Manner {
        spelling: Spelling::Usual,
        product: "trunkline-lab-carrier".to_owned(),
        allow: "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, REFER, NOTIFY",
        supported: None,
        host: address.ip().to_string(),
        address,
        calls: "sip:{user}@{sbc}",
        from: "<sip:{user}@{host}>",
        contact: "<sip:{user}@{address}>",
        record_route: None,
        calls_with: &[],
        dress: Dress::Plain,
        strange: Strange::Taken,
        untagged_options: false,
        gate: Gate::Open,
    }
}
