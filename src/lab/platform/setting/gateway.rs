//! An operator gateway such as Azure Communications Gateway, seen from the operator's core (sheet: platforms, section 2).

use std::net::SocketAddr;

use super::Setting;
use crate::lab::platform::manner::{Dress, Gate, Manner, Spelling, Strange};
use crate::lab::platform::posture::Authentication;
use crate::lab::platform::{beyond, checks, scenario};
use crate::lab::session::Path;

/// See the module.
pub(super) static GATEWAY: Setting = Setting {
    name: "operator-gateway",
    title: "an operator gateway, seen from the core (statements PF of the requirement sheet, section 2)",
    names: &["1r1.gateway.example.com", "1r2.gateway.example.com"],
    trunk: "gateway",
    file: "config/operator-gateway.toml",
    // No SRV records on one machine.
    keys: "targets = [{ host = \"1r1.gateway.example.com\", priority = 1 }, { host = \"1r2.gateway.example.com\", priority = 2 }]\n",
    far: "carrier",
    carrier_keys: "",
    subscriber: None,
    authentication: Authentication::Mutual,
    path: Path::Described,
    manner,
    like: None,
    without: &[],
    statements: &[checks::gateway::STATEMENTS],
    opens: &[],
    scenarios: &[
        scenario::first_contact::SCENARIOS,
        scenario::gateway_calls::SCENARIOS,
        scenario::carrier_calls::SCENARIOS,
        scenario::platform_calls::SCENARIOS,
        scenario::changes::SCENARIOS,
        scenario::refusals::SCENARIOS,
    ],
    plays: &[
        "options",
        "tls",
        "gateway-tenant",
        "gateway-emergency",
        "inbound",
        "outbound",
        "dtmf",
        "refresh",
        "hold-platform",
        "hold-carrier",
        "busy-platform",
        "failover",
        "busy-carrier",
    ],
    beyond: beyond::GATEWAY,
    sheet: "PF",
};

/// PF-16, PF-19: Contact names the customer below the region; identity and history are the core's own kind.
fn manner(address: SocketAddr) -> Manner {
    Manner {
        spelling: Spelling::Usual,
        product: "OperatorGatewayLab".to_owned(),
        allow: "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, PRACK, NOTIFY",
        supported: Some("timer,100rel"),
        host: "1r1.gateway.example.com".to_owned(),
        address,
        calls: "sip:{user}@{sbc};transport=tls",
        from: "<sip:{user}@{host}>",
        contact: "<sip:gateway@acme.1r1.gateway.example.com:5061;transport=tls>",
        record_route: None,
        calls_with: &[("P-Asserted-Identity", "<sip:{user}@{host}>")],
        dress: Dress::Plain,
        strange: Strange::Refused,
        untagged_options: false,
        gate: Gate::Open,
    }
}
