//! What a run plays: each scenario is a script over the two stations. It judges nothing but what messages cannot show;
//! that is written down as a fact under its statement's number.

pub mod acs_calls;
pub mod bypass;
pub mod carrier_calls;
pub mod carrier_checks;
pub mod changes;
pub mod first_contact;
pub mod gateway_calls;
pub mod genesys_calls;
pub mod located_calls;
pub mod matrix;
pub mod platform_calls;
pub mod refusals;
pub mod register_calls;
pub mod transfers;
pub mod zoom_calls;

use std::future::Future;
use std::pin::Pin;

use super::stage::{Patience, Stage};
use super::transcript::{Author, Ending};

/// A script at work.
pub type Playing<'s> = Pin<Box<dyn Future<Output = Result<(), String>> + Send + 's>>;

/// What a scenario cannot do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    PlatformOnly,
    Carrier,
    /// The carrier and minutes.
    CarrierAndTime,
    /// The carrier and addresses for two names at least.
    CarrierAndNames,
}

/// One script.
pub struct Scenario {
    pub name: &'static str,
    pub title: &'static str,
    pub needs: Needs,
    pub play: for<'s> fn(&'s Stage) -> Playing<'s>,
}

/// Boxes a script.
#[macro_export]
macro_rules! scenario {
    ($name:literal, $title:literal, $needs:expr, $play:path) => {
        $crate::lab::platform::scenario::Scenario {
            name: $name,
            title: $title,
            needs: $needs,
            play: |stage| Box::pin($play(stage)),
        }
    };
}

/// Plays one scenario and writes down how it ended.
pub async fn play(stage: &Stage, scenario: &Scenario) -> Ending {
    if let Some(why) = hindrance(stage, scenario.needs) {
        stage.transcript.skip(scenario.name, why);
        return Ending::Skipped(why.to_owned());
    }
    stage.transcript.begin(scenario.name);
    let ending = match ((scenario.play)(stage).await, stage.transcript.take_lack()) {
        (_, Some(lack)) => Ending::Skipped(lack),
        (Ok(()), None) => Ending::Played,
        (Err(words), None) => Ending::Broken(words),
    };
    stage.transcript.end(ending.clone());
    ending
}

/// Scenarios in vain after which a run gives up on an SBC that never calls anybody.
const IN_VAIN: usize = 5;

/// Nothing was ever called by this SBC, and several scenarios broke: each further one would wait as long for nothing.
fn calls_nobody(stage: &Stage) -> bool {
    let evidence = stage.transcript.evidence("");
    let broken = evidence.endings.iter().filter(|(_, ending)| matches!(ending, Ending::Broken(_))).count();
    broken >= IN_VAIN && !evidence.messages.iter().any(|seen| seen.author == Author::Sbc && seen.text.asks("INVITE"))
}

fn hindrance(stage: &Stage, needs: Needs) -> Option<&'static str> {
    let no_carrier = || match stage.carrier {
        None => Some("no carrier is played: give --carrier and --sbc-carrier"),
        Some(_) => calls_nobody(stage)
            .then_some("the SBC has called neither side so far: does it route between --carrier and the platform?"),
    };
    match needs {
        Needs::PlatformOnly => None,
        Needs::Carrier => no_carrier(),
        Needs::CarrierAndTime => {
            no_carrier().or((stage.patience == Patience::Usual).then_some("it takes minutes: give --long"))
        }
        Needs::CarrierAndNames => no_carrier()
            .or((stage.addresses < 2).then_some("one address cannot be two names: give --bind twice or more")),
    }
}
