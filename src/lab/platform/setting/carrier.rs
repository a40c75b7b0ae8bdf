//! A PSTN carrier known by its address (sheet: platforms, section 10), and what an SBC owes it.

use std::net::SocketAddr;

use super::{Setting, microsoft};
use crate::lab::platform::manner::{Dress, Gate, Manner, Spelling, Strange};
use crate::lab::platform::registrar::{Algorithm, Subscriber};
use crate::lab::platform::{beyond, checks, scenario};

/// What every carrier is: judged by the sheet's section 10.
const CARRIER_LIKE: Setting = Setting { beyond: beyond::CARRIER, sheet: "PF", ..microsoft::MICROSOFT };

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
    ..CARRIER_LIKE
};

/// Who registers at the lab's carriers.
const SUBSCRIBER: Subscriber = Subscriber {
    aor: "sip:+4940765430@carrier.example",
    user: "+4940765430",
    realm: "carrier.example",
    password: "no secret of anybody",
    algorithm: Algorithm::Md5,
};

/// PF-129, PF-130.
pub(super) static CARRIER_REGISTER: Setting = Setting {
    name: "carrier-register",
    title: "a PSTN carrier at which the SBC registers (statements PF of the requirement sheet, section 10)",
    carrier_keys: "profile = \"carrier-register\"\nregistration = { aor = \"{aor}\", expires_s = 600 }\n",
    subscriber: Some(SUBSCRIBER),
    like: Some(&CARRIER),
    statements: &[checks::registration::STATEMENTS],
    opens: scenario::register_calls::SCENARIOS,
    ..CARRIER_LIKE
};

/// PF-131.
pub(super) static CARRIER_GIN: Setting = Setting {
    name: "carrier-gin",
    title: "a PSTN carrier with one registration for a block of numbers (statements PF of the requirement sheet, section 10)",
    carrier_keys: "profile = \"carrier-gin\"\nregistration = { aor = \"{aor}\", expires_s = 600, gin = true }\n",
    subscriber: Some(Subscriber { algorithm: Algorithm::Sha256, ..SUBSCRIBER }),
    like: Some(&CARRIER),
    statements: &[checks::registration::STATEMENTS, checks::registration::BULK],
    opens: scenario::register_calls::SCENARIOS,
    ..CARRIER_LIKE
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
