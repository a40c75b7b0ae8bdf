//! The platforms as data: names, manners, what is played against an SBC and what is looked at.

use std::net::SocketAddr;

use super::beyond::{self, Beyond};
use super::checks;
use super::manner::{Dress, Gate, Manner, Spelling, Strange};
use super::posture::ClientRole;
use super::scenario::{self, Scenario};
use super::statement::Statement;

/// Which platform a lab plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    Teams,
    Acs,
}

impl Platform {
    /// Each of them.
    pub const ALL: [Platform; 2] = [Platform::Teams, Platform::Acs];

    /// Its data.
    #[must_use]
    pub const fn setting(self) -> &'static Setting {
        match self {
            Platform::Teams => &TEAMS,
            Platform::Acs => &ACS,
        }
    }
}

/// One platform.
pub struct Setting {
    /// The word of the command line.
    pub name: &'static str,
    pub title: &'static str,
    /// The names it is dialled by, in the order of preference.
    pub names: &'static [&'static str],
    /// The trunk of the shipped configuration file.
    pub trunk: &'static str,
    /// The shipped configuration file.
    pub file: &'static str,
    /// Keys of that trunk which the lab's block sets besides, as TOML lines.
    pub keys: &'static str,
    pub role: ClientRole,
    pub manner: fn(SocketAddr) -> Manner,
    pub statements: &'static [&'static [Statement]],
    pub scenarios: &'static [&'static [Scenario]],
    pub beyond: &'static [Beyond],
    /// The sheet of the numbers in `beyond`.
    pub sheet: &'static str,
}

impl Setting {
    /// All statements.
    #[must_use]
    pub fn all_statements(&self) -> Vec<&'static Statement> {
        self.statements.iter().flat_map(|part| part.iter()).collect()
    }

    /// All scenarios, in the order they are played.
    #[must_use]
    pub fn all_scenarios(&self) -> Vec<&'static Scenario> {
        self.scenarios.iter().flat_map(|part| part.iter()).collect()
    }

    /// What is not looked at.
    #[must_use]
    pub fn not_looked_at(&self) -> Vec<(String, &'static str)> {
        let known: Vec<&str> = self.all_statements().iter().map(|statement| statement.number).collect();
        beyond::listed(self.beyond, self.sheet, &known)
    }
}

static TEAMS: Setting = Setting {
    name: "teams",
    title: "Microsoft Teams Direct Routing (statements MD of the requirement sheet)",
    names: &["sip.pstnhub.microsoft.com", "sip2.pstnhub.microsoft.com", "sip3.pstnhub.microsoft.com"],
    trunk: "teams",
    file: "config/teams.toml",
    keys: "",
    role: ClientRole::ShowsCertificate,
    manner: microsoft,
    statements: MICROSOFT_STATEMENTS,
    scenarios: MICROSOFT_SCENARIOS,
    beyond: beyond::MICROSOFT,
    sheet: "MD",
};

static ACS: Setting = Setting {
    name: "acs",
    title: "Azure Communication Services direct routing (statements MD of the requirement sheet)",
    names: &["sip.pstnhub.microsoft.com", "sip2.pstnhub.microsoft.com", "sip3.pstnhub.microsoft.com"],
    trunk: "acs",
    file: "config/acs.toml",
    keys: "",
    role: ClientRole::ShowsCertificate,
    manner: microsoft,
    statements: ACS_STATEMENTS,
    scenarios: ACS_SCENARIOS,
    beyond: beyond::MICROSOFT,
    sheet: "MD",
};

const ACS_STATEMENTS: &[&[Statement]] = &[
    checks::certificate::STATEMENTS,
    checks::options::STATEMENTS,
    checks::identity::STATEMENTS,
    checks::header::STATEMENTS,
    checks::microsoft::STATEMENTS,
    checks::dialog::STATEMENTS,
    checks::description::STATEMENTS,
    checks::acs::STATEMENTS,
];

const ACS_SCENARIOS: &[&[Scenario]] = &[
    scenario::first_contact::SCENARIOS,
    scenario::carrier_calls::SCENARIOS,
    scenario::acs_calls::SCENARIOS,
    scenario::platform_calls::SCENARIOS,
    scenario::changes::SCENARIOS,
    scenario::transfers::SCENARIOS,
    scenario::matrix::SCENARIOS,
    scenario::refusals::SCENARIOS,
];

const MICROSOFT_STATEMENTS: &[&[Statement]] = &[
    checks::certificate::STATEMENTS,
    checks::options::STATEMENTS,
    checks::identity::STATEMENTS,
    checks::header::STATEMENTS,
    checks::microsoft::STATEMENTS,
    checks::dialog::STATEMENTS,
    checks::description::STATEMENTS,
];

const MICROSOFT_SCENARIOS: &[&[Scenario]] = &[
    scenario::first_contact::SCENARIOS,
    scenario::carrier_calls::SCENARIOS,
    scenario::platform_calls::SCENARIOS,
    scenario::changes::SCENARIOS,
    scenario::transfers::SCENARIOS,
    scenario::matrix::SCENARIOS,
    scenario::refusals::SCENARIOS,
];

/// MD-71, MD-81, MD-84, MD-97, section 19 of the sheet.
fn microsoft(address: SocketAddr) -> Manner {
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
        dress: Dress::Microsoft,
        strange: Strange::Refused,
        untagged_options: true,
        gate: Gate::Microsoft,
    }
}

/// The other side of the SBC.
#[must_use]
pub fn carrier(address: SocketAddr) -> Manner {
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
        dress: Dress::Plain,
        strange: Strange::Taken,
        untagged_options: false,
        gate: Gate::Open,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_statement_of_the_microsoft_sheet_is_looked_at_or_explained() {
        let setting = Platform::Teams.setting();
        let known: Vec<&str> = setting.all_statements().iter().map(|statement| statement.number).collect();
        let explained = |number: u16| setting.beyond.iter().any(|(first, last, _)| (*first..=*last).contains(&number));
        let lost: Vec<u16> = (1..=240)
            .filter(|number| !known.contains(&format!("MD-{number}").as_str()) && !explained(*number))
            .collect();
        assert_eq!(lost, Vec::<u16>::new());
    }

    #[test]
    fn no_statement_is_looked_at_twice_and_each_names_scenarios_that_exist() {
        for platform in Platform::ALL {
            judge(platform.setting());
        }
    }

    fn judge(setting: &Setting) {
        let names: Vec<&str> = setting.all_scenarios().iter().map(|scenario| scenario.name).collect();
        let mut seen = std::collections::BTreeSet::new();
        for statement in setting.all_statements() {
            assert!(seen.insert(statement.number), "{} twice", statement.number);
            for scenario in statement.seen_in {
                assert!(names.contains(scenario), "{} names {scenario}", statement.number);
            }
        }
    }
}
