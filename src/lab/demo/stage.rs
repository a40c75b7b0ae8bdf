//! The two agents of a demo and how they report on the way.

use std::time::Duration;

use super::ground::{CARRIER, Ground, PLATFORM};
use crate::lab::agent::{Agent, AgentSettings, Transport};
use crate::lab::certificates::{PLATFORM_NAME, SBC_NAME};
use crate::lab::ladder::Ladder;
use crate::lab::link::Peer;
use crate::lab::session::{MediaSettings, Path, Security};
use crate::lab::signal::Codec;
use crate::lab::tls::TlsSettings;

/// What the lab's ends are called in ladders and findings.
pub const PLATFORM_AGENT: &str = "platform";
/// See [`PLATFORM_AGENT`].
pub const CARRIER_AGENT: &str = "carrier";

/// Where lines for people go while the demo runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Standard output, each line with the time since the start.
    Print,
    Silent,
}

/// The ends, and how long they talk.
pub struct Stage {
    pub platform: Agent,
    pub carrier: Agent,
    pub ladder: Ladder,
    /// Two-way audio per long call.
    pub talk: Duration,
    pub progress: Progress,
}

impl Stage {
    /// Binds both ends and points them at the SBC.
    ///
    /// # Errors
    /// An address is taken or a certificate does not fit.
    pub async fn set(ground: &Ground, talk: Duration, progress: Progress) -> Result<Stage, String> {
        let ladder = Ladder::default();
        let platform = Agent::bind(platform(ground, &ladder)?).await?;
        let carrier = Agent::bind(carrier(ground, &ladder)).await?;
        platform.point_at(Peer { address: ground.ports.sbc_tls(), name: SBC_NAME.to_owned() });
        carrier.point_at(Peer { address: ground.ports.sbc_udp(), name: ground.ports.sbc_udp().ip().to_string() });
        Ok(Stage { platform, carrier, ladder, talk, progress })
    }

    /// A line for people.
    pub fn say(&self, line: &str) {
        match self.progress {
            Progress::Print => println!("{:7.2} s  {line}", self.ladder.elapsed().as_secs_f64()),
            Progress::Silent => {}
        }
    }
}

fn platform(ground: &Ground, ladder: &Ladder) -> Result<AgentSettings, String> {
    let tls = TlsSettings::new(&ground.certificates.authority, &ground.certificates.platform)?;
    Ok(AgentSettings {
        name: PLATFORM_AGENT,
        address: ground.ports.platform(),
        transport: Transport::Tls(tls),
        host: PLATFORM_NAME.to_owned(),
        media: MediaSettings {
            address: PLATFORM,
            security: Security::Sdes,
            codecs: vec![Codec::Pcmu, Codec::Pcma],
            event_type: 101,
            path: Path::Described,
        },
        ladder: ladder.clone(),
        hidden: vec![CARRIER.to_string()],
    })
}

fn carrier(ground: &Ground, ladder: &Ladder) -> AgentSettings {
    AgentSettings {
        name: CARRIER_AGENT,
        address: ground.ports.carrier(),
        transport: Transport::Udp,
        host: CARRIER.to_string(),
        media: MediaSettings {
            address: CARRIER,
            security: Security::Plain,
            codecs: vec![Codec::Pcma, Codec::Pcmu],
            // Another number than the platform's, as carriers have.
            event_type: 96,
            path: Path::Described,
        },
        ladder: ladder.clone(),
        hidden: vec![PLATFORM.to_string(), PLATFORM_NAME.to_owned()],
    }
}
