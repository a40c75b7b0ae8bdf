//! The platforms as data: names, manners, what is played against an SBC and what is looked at.

mod carrier;
mod gateway;
mod genesys;
mod microsoft;
mod twilio;
mod zoom;

use std::net::SocketAddr;

use super::beyond::{self, Beyond};
use super::manner::Manner;
use super::posture::Authentication;
use super::registrar::Subscriber;
use super::scenario::Scenario;
use super::statement::Statement;
use crate::lab::session::Path;

pub use carrier::manner as carrier_manner;

/// Which platform a lab plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    Teams,
    /// With media bypass: clients with full ICE in the media path.
    TeamsBypass,
    Acs,
    Genesys,
    /// The same, told of the trunk in other ways.
    GenesysTgrp,
    GenesysDnis,
    GenesysField,
    Zoom,
    /// Twilio Elastic SIP Trunking, secure.
    Twilio,
    /// An operator gateway, seen from the operator's core.
    Gateway,
    /// The carrier is what is judged by; on the other side stands a Microsoft platform.
    Carrier,
    /// A carrier at which the SBC registers.
    CarrierRegister,
    /// The same, one registration for a block of numbers.
    CarrierGin,
}

impl Platform {
    /// Each of them.
    pub const ALL: [Platform; 13] = [
        Platform::Teams,
        Platform::TeamsBypass,
        Platform::Acs,
        Platform::Genesys,
        Platform::GenesysTgrp,
        Platform::GenesysDnis,
        Platform::GenesysField,
        Platform::Zoom,
        Platform::Twilio,
        Platform::Gateway,
        Platform::Carrier,
        Platform::CarrierRegister,
        Platform::CarrierGin,
    ];

    /// Its data.
    #[must_use]
    pub const fn setting(self) -> &'static Setting {
        match self {
            Platform::Teams => &microsoft::TEAMS,
            Platform::TeamsBypass => &microsoft::TEAMS_BYPASS,
            Platform::Acs => &microsoft::ACS,
            Platform::Genesys => &genesys::GENESYS,
            Platform::GenesysTgrp => &genesys::GENESYS_TGRP,
            Platform::GenesysDnis => &genesys::GENESYS_DNIS,
            Platform::GenesysField => &genesys::GENESYS_FIELD,
            Platform::Zoom => &zoom::ZOOM,
            Platform::Twilio => &twilio::TWILIO,
            Platform::Gateway => &gateway::GATEWAY,
            Platform::Carrier => &carrier::CARRIER,
            Platform::CarrierRegister => &carrier::CARRIER_REGISTER,
            Platform::CarrierGin => &carrier::CARRIER_GIN,
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
    /// Keys of that trunk which the lab's block sets besides, as TOML lines; `{sources}` are the lab's addresses.
    pub keys: &'static str,
    /// The trunk and the listener on the other side of the SBC in that file.
    pub far: &'static str,
    /// Keys of the carrier's trunk that it sets besides.
    pub carrier_keys: &'static str,
    /// Who registers at the carrier; `None`: it knows the SBC by its address.
    pub subscriber: Option<Subscriber>,
    pub authentication: Authentication,
    /// How its media finds its way.
    pub path: Path,
    pub manner: fn(SocketAddr) -> Manner,
    /// Another platform of which this one is a kind: all it is asked and plays holds here too.
    pub like: Option<&'static Setting>,
    /// Statements and scenarios of that platform which do not hold here.
    pub without: &'static [&'static str],
    pub statements: &'static [&'static [Statement]],
    /// Played before those it has in common with the other platform.
    pub opens: &'static [Scenario],
    pub scenarios: &'static [&'static [Scenario]],
    /// Those of them that this platform plays; empty: all.
    pub plays: &'static [&'static str],
    pub beyond: &'static [Beyond],
    /// The sheet of the numbers in `beyond`.
    pub sheet: &'static str,
}

impl Setting {
    /// All statements.
    #[must_use]
    pub fn all_statements(&self) -> Vec<&'static Statement> {
        let mut all = self.like.map_or_else(Vec::new, Setting::all_statements);
        all.retain(|statement| !self.without.contains(&statement.number));
        all.extend(self.statements.iter().flat_map(|part| part.iter()));
        all
    }

    /// All scenarios, in the order they are played.
    #[must_use]
    pub fn all_scenarios(&self) -> Vec<&'static Scenario> {
        let plays = |scenario: &&Scenario| self.plays.is_empty() || self.plays.contains(&scenario.name);
        let mut all: Vec<&'static Scenario> = self.opens.iter().collect();
        all.extend(self.like.map_or_else(Vec::new, Setting::all_scenarios));
        all.retain(|scenario| !self.without.contains(&scenario.name));
        all.extend(self.scenarios.iter().flat_map(|part| part.iter()).filter(plays));
        all
    }

    /// What is not looked at.
    #[must_use]
    pub fn not_looked_at(&self) -> Vec<(String, &'static str)> {
        let known: Vec<&str> = self.all_statements().iter().map(|statement| statement.number).collect();
        beyond::listed(self.beyond, self.sheet, &known)
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
