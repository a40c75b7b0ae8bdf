//! Microsoft: Teams Direct Routing and Azure Communication Services (sheet: microsoft-direct-routing).

use std::net::SocketAddr;

use super::Setting;
use crate::lab::platform::manner::{Dress, Gate, Manner, Spelling, Strange};
use crate::lab::platform::posture::Authentication;
use crate::lab::platform::{beyond, checks, scenario};
use crate::lab::session::Path;

/// Microsoft Teams.
pub(super) static TEAMS: Setting = Setting {
    name: "teams",
    title: "Microsoft Teams Direct Routing (statements MD of the requirement sheet)",
    names: &["sip.pstnhub.microsoft.com", "sip2.pstnhub.microsoft.com", "sip3.pstnhub.microsoft.com"],
    trunk: "teams",
    file: "config/teams.toml",
    keys: "",
    authentication: Authentication::Mutual,
    path: Path::Described,
    manner,
    like: None,
    without: &[],
    statements: &[
        checks::certificate::STATEMENTS,
        checks::options::STATEMENTS,
        checks::identity::STATEMENTS,
        checks::header::STATEMENTS,
        checks::microsoft::STATEMENTS,
        checks::dialog::STATEMENTS,
        checks::description::STATEMENTS,
    ],
    scenarios: &[
        scenario::first_contact::SCENARIOS,
        scenario::carrier_calls::SCENARIOS,
        scenario::platform_calls::SCENARIOS,
        scenario::changes::SCENARIOS,
        scenario::transfers::SCENARIOS,
        scenario::matrix::SCENARIOS,
        scenario::refusals::SCENARIOS,
    ],
    plays: &[],
    beyond: beyond::MICROSOFT,
    sheet: "MD",
};

/// Microsoft Teams with media bypass.
pub(super) static TEAMS_BYPASS: Setting = Setting {
    name: "teams-bypass",
    title: "Microsoft Teams Direct Routing with media bypass (statements MD of the requirement sheet)",
    names: TEAMS.names,
    trunk: "teams",
    file: "config/teams.toml",
    keys: "profile = \"microsoft-teams-bypass\"\n",
    authentication: Authentication::Mutual,
    path: Path::Checked,
    manner: bypass_manner,
    like: Some(&TEAMS),
    // ICE is forbidden there and demanded here.
    without: &["MD-203"],
    statements: &[checks::bypass::STATEMENTS],
    scenarios: &[scenario::bypass::SCENARIOS],
    plays: &[],
    beyond: beyond::MICROSOFT,
    sheet: "MD",
};

/// Azure Communication Services.
pub(super) static ACS: Setting = Setting {
    name: "acs",
    title: "Azure Communication Services direct routing (statements MD of the requirement sheet)",
    names: &["sip.pstnhub.microsoft.com", "sip2.pstnhub.microsoft.com", "sip3.pstnhub.microsoft.com"],
    trunk: "acs",
    file: "config/acs.toml",
    keys: "",
    authentication: Authentication::Mutual,
    path: Path::Described,
    manner,
    like: Some(&TEAMS),
    without: &[],
    statements: &[checks::acs::STATEMENTS],
    scenarios: &[scenario::acs_calls::SCENARIOS],
    plays: &[],
    beyond: beyond::MICROSOFT,
    sheet: "MD",
};

/// MD-71, MD-81, MD-84, MD-97, section 19 of the sheet.
pub(super) fn manner(address: SocketAddr) -> Manner {
    Manner {
        spelling: Spelling::Capitals,
        product: "Microsoft.PSTNHub.SIPProxy v.2026.1.1.1 i.EUWE.5".to_owned(),
        allow: "INVITE,ACK,OPTIONS,CANCEL,BYE,NOTIFY",
        supported: Some("timer,replaces"),
        host: "sip.pstnhub.microsoft.com".to_owned(),
        address,
        calls: "sip:{user}@{sbc};user=phone;transport=tls",
        from: "<sip:{user}@{host};user=phone>",
        contact: "<sip:api-du-a-euwe.pstnhub.microsoft.com:443;x-i={guid};x-c={hex}/s/1/{hex}>",
        record_route: None,
        calls_with: &[],
        dress: Dress::Microsoft,
        strange: Strange::Refused,
        untagged_options: true,
        gate: Gate::Microsoft,
    }
}

/// MD-195: what has no ICE is refused.
fn bypass_manner(address: SocketAddr) -> Manner {
    Manner { gate: Gate::MicrosoftBypass, ..manner(address) }
}
