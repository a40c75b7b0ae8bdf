//! The offer/answer side of one call (RFC 3264): what this end writes, and what it makes of the other end's.

use std::net::IpAddr;
use std::sync::Arc;

use super::endpoint::Endpoint;
use super::ice::{Agent, Credentials, Ice, Progress};
use super::sdp::{Crypto, Description, Direction};
use super::signal::Codec;
use super::srtp::{MasterKey, Suite};
use super::stream::{Remote, Signals};

/// How a leg protects its media.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// RTP/AVP only; keys are refused.
    Plain,
    /// RTP/SAVP with SDES only; plain media is refused.
    Sdes,
}

/// What an agent offers.
#[derive(Clone, Debug)]
pub struct MediaSettings {
    pub address: IpAddr,
    pub security: Security,
    /// In order of preference.
    pub codecs: Vec<Codec>,
    /// The payload type it offers for telephone events.
    pub event_type: u8,
    pub path: Path,
}

/// How media finds its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// To the addresses described.
    Described,
    /// To what ICE has proved; the address described is a decoy until then (media bypass).
    Checked,
}

/// How far an answer goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerKind {
    /// In a 183: listen.
    Early,
    /// In a 200: listen and speak.
    Final,
}

/// What becomes of the roll-over counter with a new key of ours (MD-173).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rollover {
    /// It begins again at 0.
    Reset,
    /// It goes on.
    Kept,
}

/// One end's view of a call's media.
pub struct Session {
    endpoint: Arc<Endpoint>,
    settings: MediaSettings,
    own_key: MasterKey,
    crypto_tag: u32,
    version: u32,
    direction: Direction,
    /// The offer that waits for our answer.
    offered: Option<Description>,
    answer: Option<String>,
    /// The last description of the other end had ICE: an answer without any is of a party that cannot (MD-202).
    far_checks: bool,
}

impl Session {
    /// Binds the media ports.
    ///
    /// # Errors
    /// None is free.
    pub async fn new(settings: MediaSettings, signals: Signals) -> Result<Session, String> {
        let endpoint = Arc::new(Endpoint::bind(settings.address, signals).await?);
        if settings.path == Path::Checked {
            endpoint.stream().set_ice(Agent::new(Credentials::new()));
        }
        Ok(Session {
            endpoint,
            settings,
            own_key: MasterKey::random(Suite::Counter80),
            crypto_tag: 1,
            version: 0,
            direction: Direction::SendReceive,
            offered: None,
            answer: None,
            far_checks: true,
        })
    }

    /// As a party that knows no ICE (MD-202).
    pub fn leave_ice(&mut self) {
        self.endpoint.stream().leave_ice();
    }

    /// New ICE credentials from the next offer on (MD-201).
    pub fn restart_ice(&mut self) {
        self.endpoint.stream().ice().into_iter().for_each(Agent::restart);
    }

    /// The sockets and the stream.
    #[must_use]
    pub fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }

    /// An offer of this direction. A holder that stops sending does so at once (RFC 3264 8.4).
    pub fn offer(&mut self, direction: Direction) -> String {
        self.direction = direction;
        if !direction.sends() {
            self.endpoint.stream().set_sending(false);
        }
        let codecs = self.settings.codecs.clone();
        self.describe(codecs, Some(self.settings.event_type), self.crypto_tag)
    }

    /// Goes on where another session of the same dialog stood: its description is the next version.
    pub fn follow(&mut self, before: &Session) {
        self.version = before.version;
        self.crypto_tag = before.crypto_tag;
    }

    /// Speaks another suite from the next offer on.
    pub fn speak(&mut self, suite: Suite) {
        self.own_key = MasterKey::random(suite);
    }

    /// Takes a new key of ours, in use from the next offer or answer on. The SSRC and the sequence stay.
    pub fn rekey(&mut self, rollover: Rollover) {
        self.own_key = MasterKey::random(self.own_key.suite());
        self.endpoint.stream().keep_rollover(rollover == Rollover::Kept);
    }

    fn describe(&mut self, codecs: Vec<Codec>, event_type: Option<u8>, crypto_tag: u32) -> String {
        self.version += 1;
        let crypto = match self.settings.security {
            Security::Plain => None,
            Security::Sdes => Some(Crypto { tag: crypto_tag, key: self.own_key }),
        };
        let ice = self.ice();
        let (rtp, rtcp) = match &ice {
            None => (self.endpoint.rtp(), self.endpoint.rtcp()),
            // The place described is the last candidate: a decoy until a pair is nominated, then that pair's.
            Some(ice) => {
                let described = ice.candidates.last().copied().unwrap_or_else(|| self.endpoint.rtp());
                (described, described)
            }
        };
        Description { rtp, rtcp, crypto, codecs, event_type, direction: self.direction, ice }.write(self.version)
    }

    /// Our part of ICE. A nominated pair stands alone, beside the far end's candidate (MD-198).
    fn ice(&self) -> Option<Ice> {
        let (rtp, decoy) = (self.endpoint.rtp(), self.endpoint.rtcp());
        let mut stream = self.endpoint.stream();
        let agent = stream.ice().filter(|_| self.far_checks)?;
        let remote = agent.far().filter(|_| agent.progress() == Progress::Nominated);
        let candidates = if remote.is_some() { vec![rtp] } else { vec![rtp, decoy] };
        Some(Ice { credentials: agent.own().clone(), lite: false, multiplexed: true, candidates, remote })
    }

    /// Takes the answer to our offer.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn take_answer(&mut self, body: &[u8], kind: AnswerKind) -> Result<(), String> {
        let answer = Description::read(body).map_err(|error| format!("SDP answer: {error}"))?;
        self.far_checks = answer.ice.is_some();
        let remote = self.remote(&answer)?;
        let mut stream = self.endpoint.stream();
        stream.connect(remote)?;
        match kind {
            AnswerKind::Early => {}
            AnswerKind::Final => stream.set_sending(self.direction.sends() && answer.direction.receives()),
        }
        Ok(())
    }

    /// Takes an offer; `answer` answers it. Gives the offer's direction.
    ///
    /// # Errors
    /// What is wrong with it: the answer is 488.
    pub fn take_offer(&mut self, body: &[u8]) -> Result<Direction, String> {
        let offer = Description::read(body).map_err(|error| format!("SDP offer: {error}"))?;
        self.remote(&offer)?;
        let direction = offer.direction;
        self.far_checks = offer.ice.is_some();
        self.offered = Some(offer);
        self.answer = None;
        Ok(direction)
    }

    /// The answer to the last offer, applied when first written. The same text for a 183 and its 200.
    ///
    /// # Errors
    /// There is no offer to answer.
    pub fn answer(&mut self) -> Result<String, String> {
        if let Some(answer) = &self.answer {
            return Ok(answer.clone());
        }
        let offer = self.offered.take().ok_or("nothing was offered")?;
        let remote = self.remote(&offer)?;
        self.direction = offer.direction.answered();
        self.crypto_tag = offer.crypto.map_or(1, |crypto| crypto.tag);
        let text = self.describe(vec![remote.codec], remote.event_type, self.crypto_tag);
        let mut stream = self.endpoint.stream();
        stream.connect(remote)?;
        stream.set_sending(self.direction.sends());
        drop(stream);
        self.answer = Some(text.clone());
        Ok(text)
    }

    /// What the other end's description means for our sending.
    fn remote(&self, description: &Description) -> Result<Remote, String> {
        let keys = match (self.settings.security, description.crypto) {
            (Security::Plain, None) => None,
            (Security::Sdes, Some(crypto)) if crypto.key.suite() == self.own_key.suite() => {
                Some((self.own_key, crypto.key))
            }
            (Security::Sdes, Some(crypto)) => {
                return Err(format!("{} for {}", crypto.key.suite().name(), self.own_key.suite().name()));
            }
            (Security::Plain, Some(_)) => return Err("SRTP towards a plain leg".to_owned()),
            (Security::Sdes, None) => return Err("plain RTP towards a leg that demands SRTP".to_owned()),
        };
        let codec = description.codecs.iter().find(|codec| self.settings.codecs.contains(codec)).copied();
        Ok(Remote {
            rtp: description.rtp,
            rtcp: description.rtcp,
            codec: codec.ok_or("no common codec")?,
            event_type: description.event_type,
            keys,
            ice: description.ice.clone(),
        })
    }
}
