//! Microsoft: Teams Direct Routing and Azure Communication Services (sheet: microsoft-direct-routing).

use std::net::SocketAddr;

use super::Setting;
use crate::lab::platform::manner::{Dress, Gate, Manner, Spelling, Strange};
use crate::lab::platform::posture::Authentication;
use crate::lab::platform::{beyond, checks, scenario};
use crate::lab::session::Path;

/// The names of every Microsoft platform of the worldwide cloud (MD-2).
pub(super) const NAMES: &[&str] =
    &["sip.pstnhub.microsoft.com", "sip2.pstnhub.microsoft.com", "sip3.pstnhub.microsoft.com"];

/// What every Microsoft platform is: Teams adds its statements and scenarios, the others are like Teams and add theirs.
pub(super) const MICROSOFT: Setting = Setting {
    name: "teams",
    title: "Microsoft Teams Direct Routing (statements MD of the requirement sheet)",
    names: NAMES,
    trunk: "teams",
    file: "config/teams.toml",
    keys: "",
    far: "carrier",
    carrier_keys: "",
    subscriber: None,
    authentication: Authentication::Mutual,
    path: Path::Described,
    manner,
    like: None,
    without: &[],
    statements: &[],
    opens: &[],
    scenarios: &[],
    plays: &[],
    beyond: beyond::MICROSOFT,
    sheet: "MD",
};

/// Microsoft Teams.
pub(super) static TEAMS: Setting = Setting {
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
        scenario::located_calls::SCENARIOS,
    ],
    ..MICROSOFT
};

/// Microsoft Teams with media bypass.
pub(super) static TEAMS_BYPASS: Setting = Setting {
    name: "teams-bypass",
    title: "Microsoft Teams Direct Routing with media bypass (statements MD of the requirement sheet)",
    keys: "profile = \"microsoft-teams-bypass\"\n",
    path: Path::Checked,
    manner: bypass_manner,
    like: Some(&TEAMS),
    // ICE is forbidden there and demanded here.
    without: &["MD-203"],
    statements: &[checks::bypass::STATEMENTS],
    scenarios: &[scenario::bypass::SCENARIOS, scenario::located_calls::LOCAL_MEDIA],
    ..MICROSOFT
};

/// Azure Communication Services.
pub(super) static ACS: Setting = Setting {
    name: "acs",
    title: "Azure Communication Services direct routing (statements MD of the requirement sheet)",
    trunk: "acs",
    file: "config/acs.toml",
    like: Some(&TEAMS),
    statements: &[checks::acs::STATEMENTS],
    scenarios: &[scenario::acs_calls::SCENARIOS],
    ..MICROSOFT
};

/// MD-71, MD-81, MD-84, MD-97, section 19 of the sheet.
fn manner(address: SocketAddr) -> Manner {
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
