//! `presence`, `failover` and `options` of a trunk or a profile: who we are to a peer, and whether it is there.

use super::read::Table;
use crate::route::failover::{After503, FailoverSettings};
use crate::route::liveness::{Alive, LivenessRules};
use crate::route::presence::{ContactForm, PresenceSettings, UriForm};
use crate::route::trunk::{ProbeSettings, TheirOptions, WhileDraining};
use crate::sip::Status;

/// Reads the table; what is not written stays as in `base`.
pub(super) fn presence(parent: &Table<'_>, base: PresenceSettings) -> PresenceSettings {
    const FORMS: [(&str, ContactForm); 2] = [("host", ContactForm::Host), ("number", ContactForm::Number)];
    const URIS: [(&str, UriForm); 2] = [("short", UriForm::Short), ("full", UriForm::Full)];
    let table = parent.table("presence", "{ contact = \"number\" }");
    let contact = table.field("contact", "\"number\"").and_then(|field| field.choice(&FORMS));
    let uri = table.field("request_uri", "\"full\"").and_then(|field| field.choice(&URIS));
    let settings = PresenceSettings {
        contact: contact.unwrap_or(base.contact),
        user_agent: table.flag("user_agent", "true").unwrap_or(base.user_agent),
        request_uri: uri.unwrap_or(base.request_uri),
        x_ms_sbc: table.flag("x_ms_sbc", "true").unwrap_or(base.x_ms_sbc),
    };
    table.close();
    settings
}

/// Reads the table; what is not written stays as in `base`.
pub(super) fn failover(parent: &Table<'_>, base: &FailoverSettings) -> FailoverSettings {
    const STEPS: [(&str, After503); 2] = [("address", After503::Address), ("target", After503::Target)];
    let table = parent.table("failover", "{ codes = [408, 503, 504] }");
    let after_503 = table.field("after_503", "\"address\"").and_then(|field| field.choice(&STEPS));
    let settings = FailoverSettings {
        codes: codes(&table, "codes", "[408, 503, 504]").unwrap_or_else(|| base.codes.clone()),
        after_503: after_503.unwrap_or(base.after_503),
    };
    table.close();
    settings
}

/// A list of final responses that refuse.
pub(super) fn codes(table: &Table<'_>, key: &'static str, example: &str) -> Option<Vec<Status>> {
    let fields = table.field(key, example)?.list()?;
    let status = |code: u16| Status::new(code);
    Some(fields.iter().filter_map(|field| field.whole(400..=699_u16).and_then(status)).collect())
}

/// Reads the table; what is not written stays as in `base`.
pub(super) fn options(parent: &Table<'_>, base: &ProbeSettings) -> ProbeSettings {
    const ALIVE: [(&str, Alive); 2] = [("any", Alive::Any), ("success", Alive::Success)];
    const DRAINING: [(&str, WhileDraining); 2] = [("refuse", WhileDraining::Refuse), ("answer", WhileDraining::Answer)];
    let table = parent.table("options", "{ interval_s = 60 }");
    let alive = table.field("alive", "\"any\"").and_then(|field| field.choice(&ALIVE));
    let draining = table.field("draining", "\"refuse\"").and_then(|field| field.choice(&DRAINING));
    let liveness = LivenessRules {
        alive: alive.unwrap_or(base.liveness.alive),
        dead: codes(&table, "dead", "[408, 503]").unwrap_or_else(|| base.liveness.dead.clone()),
        down_after: table.whole("down_after", "3", 1..=100).unwrap_or(base.liveness.down_after),
        up_after: table.whole("up_after", "1", 1..=100).unwrap_or(base.liveness.up_after),
        silent_calls: table.whole("silent_calls", "5", 0..=1000).unwrap_or(base.liveness.silent_calls),
    };
    let settings = ProbeSettings {
        interval: table.seconds("interval_s", "60", 0..=3600).unwrap_or(base.interval),
        retry: table.seconds("retry_s", "10", 1..=3600).unwrap_or(base.retry),
        timeout: table.seconds("timeout_s", "5", 1..=32).unwrap_or(base.timeout),
        liveness,
        draining: draining.unwrap_or(base.draining),
        theirs: match table.flag("asks_us", "false") {
            Some(true) => TheirOptions::Expected,
            Some(false) => TheirOptions::Unknown,
            None => base.theirs,
        },
    };
    table.close();
    settings
}
