//! What each request on the control socket does.

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use serde_json::{Map, Value, json};

use super::request::{Question, Request};
use crate::api::{ActiveCalls, HungUp, Kept, Operation, Ordered, ShownTrace, Traces, shown_trunks};
use crate::base::ids::CallId;
use crate::base::limits::ACTIVE_CALLS_SHOWN;
use crate::call::CallRecord;
use crate::call::active::ActiveCall;
use crate::cdr::Records;
use crate::daemon::logging;
use crate::daemon::operating::{Operating, Way};
use crate::daemon::phase::{Phase, PhaseBoard};
use crate::metrics::gauges::GaugeBoard;
use crate::net::guard::{Ban, Gate, Source};
use crate::route::snapshot::Snapshot;
use crate::route::standing;
use crate::store::wall;
use crate::trace::{Standing, Trace, Traced, concerns, pcap, view};

/// Other calls of a number that are named beside the one that is shown.
const OTHERS_SHOWN: usize = 20;

/// Bans that are shown at once, the longest first.
const BANS_SHOWN: usize = 1000;

/// What requests act on.
pub struct Hands {
    pub phase: PhaseBoard,
    pub gauges: Arc<GaugeBoard>,
    pub calls: Arc<dyn ActiveCalls>,
    pub records: Arc<Records>,
    pub trace: Arc<Trace>,
    pub gate: Arc<Gate>,
    /// The configuration calls go by now.
    pub snapshot: Arc<ArcSwap<Snapshot>>,
    pub operating: Arc<Operating>,
}

impl Traces for Hands {
    fn trace(&self, id: CallId) -> Option<ShownTrace> {
        let active = self.calls.one(id)?.map(|active| (Arc::new(active.so_far), Standing::Active));
        let (record, standing) = active.or_else(|| Some((self.trace.recent(id)?, Standing::Over)))?;
        let account = record.account.clone();
        let traced = self.trace.of(record, standing);
        let body = view::json(&traced, &self.snapshot.load());
        Some(ShownTrace { body, capture: pcap::file(&traced.messages), account })
    }
}

/// An answer, or what is wrong, for people.
pub type Answer = Result<Value, String>;

impl Hands {
    /// Answers; may wait for the engine.
    pub fn answer(&self, request: Request) -> Answer {
        match request {
            Request::Status {} => Ok(self.status()),
            Request::Health {} => Ok(self.health()),
            Request::LogLevel { level: None } => Ok(json!({ "level": logging::level() })),
            Request::LogLevel { level: Some(level) } => {
                self.operating.set_log_level_by(Way::ControlSocket, &level)?;
                Ok(json!({ "level": level }))
            }
            Request::Calls {} => self.active_calls(),
            Request::HangUp { call } => match self.calls.hang_up(CallId(call)) {
                Some(HungUp::Told) => {
                    self.operating.note(Way::ControlSocket, "call.terminate", format!("calls/{call}"), Vec::new());
                    Ok(json!({ "call": call }))
                }
                Some(HungUp::Gone) => Err(format!("there is no call {call}, or it is over")),
                None => Err(silent()),
            },
            Request::Bans {} => Ok(self.bans()),
            Request::Unban { address } => self.unban(address),
            Request::Reload {} => self.reload(),
            Request::Trunks {} => {
                let census = self.operating.trunks().ok_or_else(silent)?;
                Ok(json!({ "trunks": shown_trunks(&census) }))
            }
            Request::Trunk { name, order } => self.stand(&name, order.standing()),
            Request::Trace(question) => self.traced(&question),
        }
    }

    fn bans(&self) -> Value {
        let shown = |ban: &Ban| {
            json!({
                "source": ban.source.to_string(),
                "why": ban.why.words(),
                "left_s": ban.left.as_secs(),
                "times": ban.times,
                "over": ban.over.transports(),
            })
        };
        let bans = self.gate.bans();
        json!({ "total": bans.len(), "bans": bans.iter().take(BANS_SHOWN).map(shown).collect::<Vec<_>>() })
    }

    fn unban(&self, address: IpAddr) -> Answer {
        if !self.gate.lift(address) {
            return Err(format!("{} is not banned", Source::of(address)));
        }
        tracing::info!(remote = %Source::of(address), "ban lifted at the control socket");
        Ok(json!({ "source": Source::of(address).to_string() }))
    }

    fn reload(&self) -> Answer {
        let reloaded = self.operating.reload_by(Way::ControlSocket);
        reloaded.map(|reloaded| reloaded.shown()).map_err(|Kept(lines)| {
            format!("the configuration is refused, the one in force stays:\n{}", lines.join("\n"))
        })
    }

    fn stand(&self, name: &str, standing: standing::Standing) -> Answer {
        match self.operating.stand_by(Way::ControlSocket, name, standing).ok_or_else(silent)? {
            Ordered::Done => Ok(json!({ "trunk": name, "standing": standing.label() })),
            Ordered::NoSuchTrunk => Err(format!("there is no trunk {name}; `trunkline ctl trunks` shows them")),
        }
    }

    /// Trunks that are out of service, by what was ordered.
    fn out_of_service(&self) -> Value {
        let census = self.operating.trunks().unwrap_or_default();
        let out = census.trunks.iter().filter(|(_, load)| load.standing != standing::Standing::Enabled);
        out.map(|(name, load)| (name.to_string(), json!(load.standing.label()))).collect::<Map<_, _>>().into()
    }

    fn health(&self) -> Value {
        let phase = self.phase.current();
        json!({ "ready": phase == Phase::Running, "phase": phase.name() })
    }

    fn status(&self) -> Value {
        let held = self.gauges.read();
        let (waiting, octets) = self.records.waiting();
        let (traced, forgotten) = self.trace.held();
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "node": self.snapshot.load().node_name,
            "phase": self.phase.current().name(),
            "calls": held.calls,
            "dialogs": held.dialogs,
            "transactions": held.transactions,
            "streams": held.streams,
            "ports": { "leased": held.ports_leased, "ready": held.ports_ready },
            "records": { "waiting": waiting, "octets": octets },
            "trace": { "octets": traced, "forgotten": forgotten },
            "configuration": self.operating.revision(),
            "trunks_out_of_service": self.out_of_service(),
            "log_level": logging::level(),
        })
    }

    fn active_calls(&self) -> Answer {
        let calls = self.all_active()?;
        let shown = |call: &ActiveCall| {
            let record = &call.so_far;
            json!({
                "call": record.id.0,
                "state": call.phase.word(),
                "from": record.from,
                "to": record.to,
                "account": record.account,
                "calling": record.calling,
                "called": record.called,
                "started": wall::text(record.started),
                "answered": record.answered.map(wall::text),
            })
        };
        Ok(json!({ "calls": calls.iter().map(shown).collect::<Vec<_>>() }))
    }

    fn all_active(&self) -> Result<Vec<ActiveCall>, String> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let piece = self.calls.list(after, ACTIVE_CALLS_SHOWN).ok_or_else(silent)?;
            let is_last = piece.len() < ACTIVE_CALLS_SHOWN;
            after = piece.last().map(|last| last.so_far.id);
            all.extend(piece);
            if is_last {
                return Ok(all);
            }
        }
    }

    fn traced(&self, question: &Question) -> Answer {
        let (record, standing, others) = self.find(&question.who)?;
        let traced: Traced = self.trace.of(record, standing);
        let mut answer = view::json(&traced, &self.snapshot.load());
        if let Value::Object(fields) = &mut answer {
            fields.insert("ladder".to_owned(), json!(view::text(&traced, &self.snapshot.load())));
            fields.insert("pcap".to_owned(), json!(view::capture(&traced)));
            fields.insert("others".to_owned(), json!(others));
        }
        Ok(answer)
    }

    /// The call of this number, or the last one of this phone number with the numbers of the others.
    fn find(&self, who: &str) -> Result<(Arc<CallRecord>, Standing, Vec<u64>), String> {
        if let Some(id) = who.parse().ok().map(CallId) {
            if let Some(active) = self.calls.one(id).ok_or_else(silent)? {
                return Ok((Arc::new(active.so_far), Standing::Active, Vec::new()));
            }
            if let Some(record) = self.trace.recent(id) {
                return Ok((record, Standing::Over, Vec::new()));
            }
        }
        let active = self.all_active()?.into_iter().rev().filter(|call| concerns(&call.so_far, who));
        let active = active.map(|call| (Arc::new(call.so_far), Standing::Active));
        let over = self.trace.recent_of(who).into_iter().map(|record| (record, Standing::Over));
        let mut found = active.chain(over);
        let (record, standing) = found.next().ok_or_else(|| unknown(who))?;
        Ok((record, standing, found.take(OTHERS_SHOWN).map(|(record, _)| record.id.0).collect()))
    }
}

fn unknown(who: &str) -> String {
    format!(
        "no call {who} goes on or ended lately, and none of that number; `trunkline ctl calls` shows those that go on, and a \
         phone number needs its last five digits at least"
    )
}

fn silent() -> String {
    "the daemon ends; calls are not shown any more".to_owned()
}
