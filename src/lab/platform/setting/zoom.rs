//! Zoom Phone BYOC-Premises (sheet: platforms, section 4).

use std::net::SocketAddr;

use super::Setting;
use crate::lab::platform::manner::{Dress, Gate, Manner, Spelling, Strange};
use crate::lab::platform::posture::Authentication;
use crate::lab::platform::{beyond, checks, scenario};
use crate::lab::session::Path;

/// See the module.
pub(super) static ZOOM: Setting = Setting {
    name: "zoom",
    title: "Zoom Phone BYOC-Premises (statements PF of the requirement sheet, section 4)",
    names: &["sip1.zoom.example.com"],
    trunk: "zoom",
    file: "config/zoom.toml",
    keys: "media = { sources = [{sources}] }\n",
    far: "carrier",
    carrier_keys: "",
    subscriber: None,
    authentication: Authentication::Mutual,
    path: Path::Described,
    manner,
    like: None,
    without: &[],
    statements: &[checks::zoom::STATEMENTS],
    opens: &[],
    scenarios: &[
        scenario::first_contact::SCENARIOS,
        scenario::zoom_calls::SCENARIOS,
        scenario::carrier_calls::SCENARIOS,
        scenario::platform_calls::SCENARIOS,
        scenario::changes::SCENARIOS,
    ],
    plays: &[
        "options",
        "tls",
        "zoom-emergency",
        "zoom-bodies",
        "zoom-suites",
        "zoom-progress",
        "inbound",
        "reliable-carrier",
        "outbound",
        "dtmf",
        "refresh",
        "hold-platform",
        "hold-carrier",
    ],
    beyond: beyond::ZOOM,
    sheet: "PF",
};

/// PF-85 to PF-88.
fn manner(address: SocketAddr) -> Manner {
    Manner {
        spelling: Spelling::Usual,
        product: "ZoomLab".to_owned(),
        allow: "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, NOTIFY, UPDATE",
        supported: Some("timer,replaces"),
        host: address.ip().to_string(),
        address,
        calls: "sip:{user}@{sbc_address}",
        from: "\"A User\" <sip:{user}@{sbc_address}>",
        contact: "<sip:{user}@{address};transport=tls>",
        record_route: None,
        calls_with: &[
            ("P-Asserted-Identity", "\"A User\" <sip:{user}@{address}>"),
            ("Privacy", "none"),
            ("X-Trace-ID", "7200000000000000001"),
            ("Session-Expires", "1800"),
            ("Min-SE", "90"),
        ],
        dress: Dress::Zoom,
        strange: Strange::Refused,
        untagged_options: false,
        gate: Gate::Open,
    }
}
