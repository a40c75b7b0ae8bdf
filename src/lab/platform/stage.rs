//! The two stations of a run and the calls between them that most scenarios begin with.

use std::time::Duration;

use super::audio::both_hear;
use super::leg::{Invitation, Leg, STEP};
use super::manner::Line;
use super::station::{Expectation, Station};
use super::text::Text;
use super::transcript::Transcript;

/// A run's ends.
pub struct Stage {
    pub platform: Station,
    /// `None`: the other side of the SBC is not played, and calls from here go where the SBC sends them.
    pub carrier: Option<Station>,
    pub transcript: Transcript,
    pub wish: Numbers,
    /// Names the platform is dialled by, in the order of preference (MD-2).
    pub names: Vec<String>,
    /// Addresses the platform listens on: one per name where there are enough.
    pub addresses: usize,
    /// Addresses it calls from.
    pub sources: usize,
    pub patience: Patience,
}

/// Numbers of the two sides, as E.164 with plus.
#[derive(Clone, Debug)]
pub struct Numbers {
    pub platform: String,
    pub carrier: String,
}

/// How long a run may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// Waits of up to a minute and a half.
    Usual,
    /// Also session timers and what else takes minutes.
    Long,
}

/// Both ends of a call that was answered.
pub struct Pair {
    pub platform: Leg,
    pub carrier: Leg,
}

impl Stage {
    /// The carrier.
    ///
    /// # Errors
    /// None is played in this run.
    pub fn carrier(&self) -> Result<&Station, String> {
        self.carrier.as_ref().ok_or_else(|| "no carrier is played in this run".to_owned())
    }

    /// Writes down what a script found out.
    pub fn fact(&self, number: &'static str, outcome: Result<(), String>) {
        self.transcript.fact(number, outcome);
    }

    /// What the SBC does not do and need not do: the words that end a script without blame.
    #[must_use]
    pub fn lacks(&self, what: &str) -> String {
        self.transcript.lacks(what);
        what.to_owned()
    }

    /// Writes down that it holds, or else the words.
    pub fn holds(&self, number: &'static str, holds: bool, words: impl FnOnce() -> String) {
        self.fact(number, if holds { Ok(()) } else { Err(words()) });
    }

    /// A call of the carrier that has reached the platform: the carrier's leg and the platform's, not yet answered.
    ///
    /// # Errors
    /// It did not arrive.
    pub async fn ring_platform(&self, more: Vec<Line>) -> Result<Pair, String> {
        let (called, caller) = (self.wish.platform.clone(), self.wish.carrier.clone());
        self.ring_platform_with(Invitation { more, ..Invitation::new(&called, &caller) }).await
    }

    /// The same with any invitation.
    ///
    /// # Errors
    /// It did not arrive.
    pub async fn ring_platform_with(&self, wish: Invitation<'_>) -> Result<Pair, String> {
        let mut expected = self.platform.expect_number(&self.wish.platform);
        let mut carrier = Leg::dial(self.carrier()?, wish).await?;
        let platform = arrival(&mut expected, &mut carrier).await?;
        Ok(Pair { platform, carrier })
    }

    /// A call of the carrier that the platform answered.
    ///
    /// # Errors
    /// It was not set up.
    pub async fn inbound(&self) -> Result<Pair, String> {
        let mut pair = self.ring_platform(Vec::new()).await?;
        pair.platform.respond(180, None, Vec::new()).await?;
        pair.platform.answer(None, Vec::new()).await?;
        pair.carrier.wait_answer().await?;
        Ok(pair)
    }

    /// A call of the platform that has reached the carrier.
    ///
    /// # Errors
    /// It did not arrive.
    pub async fn ring_carrier(&self, more: Vec<Line>) -> Result<Pair, String> {
        let (called, caller) = (self.wish.carrier.clone(), self.wish.platform.clone());
        self.ring_carrier_with(Invitation { more, ..Invitation::new(&called, &caller) }).await
    }

    /// The same with any invitation.
    ///
    /// # Errors
    /// It did not arrive.
    pub async fn ring_carrier_with(&self, wish: Invitation<'_>) -> Result<Pair, String> {
        let mut expected = self.carrier()?.expect_number(wish.user);
        let mut platform = Leg::dial(&self.platform, wish).await?;
        let carrier = arrival(&mut expected, &mut platform).await?;
        Ok(Pair { platform, carrier })
    }

    /// A call of the platform that the carrier answered.
    ///
    /// # Errors
    /// It was not set up.
    pub async fn outbound(&self) -> Result<Pair, String> {
        let mut pair = self.ring_carrier(Vec::new()).await?;
        pair.carrier.respond(180, None, Vec::new()).await?;
        pair.carrier.answer(None, Vec::new()).await?;
        pair.platform.wait_answer().await?;
        Ok(pair)
    }
}

/// The call's arrival at the other side, or how the SBC refused it.
///
/// # Errors
/// The refusal, or that nothing came.
pub(super) async fn arrival(expected: &mut Expectation, caller: &mut Leg) -> Result<Leg, String> {
    tokio::select! {
        biased;
        arrived = expected.next(STEP) => arrived,
        refused = caller.wait_final("INVITE") => match refused {
            Ok(answer) => Err(format!("the SBC answered {}", answer.text.start)),
            Err(words) => Err(words),
        },
    }
}

impl Pair {
    /// Both hear each other.
    ///
    /// # Errors
    /// Who does not.
    pub async fn talk(&self) -> Result<(), String> {
        both_hear(("the platform", &self.platform), ("the carrier", &self.carrier)).await
    }

    /// The platform hangs up.
    ///
    /// # Errors
    /// No answer, or the carrier hears nothing of it.
    pub async fn end(&mut self) -> Result<(), String> {
        self.platform.bye(normal_clearing()).await?;
        self.carrier.wait_request("BYE").await.map(drop)
    }
}

/// MD-136: what Microsoft's BYE says.
#[must_use]
pub fn normal_clearing() -> Vec<Line> {
    vec![("Reason", format!("Q.850;cause=16;text=\"{};CallEndReasonLocalUserInitiated\"", super::manner::guid()))]
}

/// True for a response with this status to a request of this method.
#[must_use]
pub fn is_status(text: &Text, status: u16, method: &str) -> bool {
    text.status() == Some(status) && text.method() == method
}

/// A short pause, for what should not come.
pub async fn pause(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}
