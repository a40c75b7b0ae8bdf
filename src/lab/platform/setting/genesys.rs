//! Genesys Cloud BYOC Cloud (sheet: platforms, section 3).

use std::net::SocketAddr;

use super::Setting;
use crate::lab::platform::manner::{Dress, Gate, Manner, Spelling, Strange};
use crate::lab::platform::posture::Authentication;
use crate::lab::platform::{beyond, checks, scenario};
use crate::lab::session::Path;

/// See the module.
pub(super) static GENESYS: Setting = Setting {
    name: "genesys",
    title: "Genesys Cloud BYOC Cloud (statements PF of the requirement sheet, section 3)",
    names: &["lb01.byoc.example.com"],
    trunk: "genesys",
    file: "config/genesys.toml",
    keys: "media = { sources = [{sources}] }\n",
    carrier_keys: "",
    subscriber: None,
    authentication: Authentication::ServerAlone,
    path: Path::Described,
    manner,
    like: None,
    without: &[],
    statements: &[checks::genesys::STATEMENTS],
    opens: &[],
    scenarios: &[
        scenario::first_contact::SCENARIOS,
        scenario::genesys_calls::SCENARIOS,
        scenario::carrier_calls::SCENARIOS,
        scenario::platform_calls::SCENARIOS,
        scenario::changes::SCENARIOS,
        scenario::refusals::SCENARIOS,
    ],
    plays: &[
        "options",
        "tls",
        "genesys-shape",
        "genesys-number",
        "genesys-context",
        "genesys-refer",
        "genesys-refer-fails",
        "inbound",
        "outbound",
        "dtmf",
        "refresh",
        "hold-platform",
        "hold-carrier",
        "busy-carrier",
        "busy-platform",
    ],
    beyond: beyond::GENESYS,
    sheet: "PF",
};

/// PF-71, PF-73, PF-74, PF-78.
fn manner(address: SocketAddr) -> Manner {
    Manner {
        spelling: Spelling::Usual,
        product: "GENESYS-CLOUD-LAB".to_owned(),
        allow: "INVITE, ACK, CANCEL, BYE, OPTIONS, REFER, NOTIFY",
        supported: Some("timer"),
        host: "acme.byoc.example.com".to_owned(),
        address,
        calls: "sip:{user}@{sbc};transport=tls",
        from: "<sip:{user}@{host}>",
        contact: "<sip:{user}@{address};transport=tls;x-edge={hex};Order=kept;esc=%41b>",
        record_route: Some("<sip:{address};transport=tls;lr>"),
        calls_with: &[],
        dress: Dress::Plain,
        strange: Strange::Refused,
        untagged_options: false,
        gate: Gate::Open,
    }
}
