//! `session_timer` and `methods` of a trunk: what happens in a call after its answer.

use super::read::Table;
use crate::dialog::session_timer::{TimerMode, TimerSettings, WantedRefresher};
use crate::route::methods::{MethodSettings, ReinviteAs, Rule, Sends};

/// RFC 4028: `session_timer = { .. }`.
pub(super) fn session_timer(parent: &Table<'_>, base: TimerSettings) -> TimerSettings {
    const MODES: [(&str, TimerMode); 3] =
        [("off", TimerMode::Off), ("supported", TimerMode::Supported), ("required", TimerMode::Required)];
    const REFRESHERS: [(&str, WantedRefresher); 3] =
        [("either", WantedRefresher::Either), ("us", WantedRefresher::Us), ("peer", WantedRefresher::Peer)];
    let table = parent.table("session_timer", "{ mode = \"supported\" }");
    let mode = table.field("mode", "\"supported\"").and_then(|field| field.choice(&MODES));
    let refresher = table.field("refresher", "\"either\"").and_then(|field| field.choice(&REFRESHERS));
    let settings = TimerSettings {
        mode: mode.unwrap_or(base.mode),
        expires_s: table.whole("expires_s", "1800", 90..=86_400).unwrap_or(base.expires_s),
        min_se_s: table.whole("min_se_s", "90", 90..=86_400).unwrap_or(base.min_se_s),
        refresher: refresher.unwrap_or(base.refresher),
    };
    if settings.expires_s < settings.min_se_s {
        let key = if table.has("expires_s") { "expires_s" } else { "min_se_s" };
        let least = settings.min_se_s;
        let text = format!(
            "expires_s = {} is below min_se_s = {least}: we would refuse what we ask for; write expires_s = {least} or more",
            settings.expires_s
        );
        table.doc().error(&table.path_of(key), text);
    }
    table.close();
    settings
}

/// The table of methods: `methods = { .. }`.
pub(super) fn methods(parent: &Table<'_>, base: MethodSettings) -> MethodSettings {
    const RULES: [(&str, Rule); 3] = [("cross", Rule::Cross), ("answer", Rule::Answer), ("refuse", Rule::Refuse)];
    const REINVITES: [(&str, ReinviteAs); 2] = [("reinvite", ReinviteAs::Reinvite), ("update", ReinviteAs::Update)];
    let table = parent.table("methods", "{ info = \"cross\" }");
    let rule = |key, base: Rule| {
        let written = table.field(key, "\"cross\"").and_then(|field| field.choice(&RULES));
        written.unwrap_or(base)
    };
    let reinvites = table.field("reinvites", "\"reinvite\"").and_then(|field| field.choice(&REINVITES));
    let settings = MethodSettings {
        info: rule("info", base.info),
        message: rule("message", base.message),
        notify: rule("notify", base.notify),
        options: rule("options", base.options),
        subscribe: rule("subscribe", base.subscribe),
        publish: rule("publish", base.publish),
        unknown: rule("unknown", base.unknown),
        sends: sends(&table).unwrap_or(base.sends),
        reinvites: reinvites.unwrap_or(base.reinvites),
    };
    table.close();
    settings
}

fn sends(table: &Table<'_>) -> Option<Sends> {
    let known = |text: &str| {
        let found = Sends::NAMES.into_iter().find(|name| *name == text);
        found.ok_or_else(|| format!("is none of {}", Sends::NAMES.join(", ")))
    };
    let field = table.field("sends", "[\"UPDATE\", \"INFO\"]")?;
    field.all(known).map(|names| Sends::only(&names))
}
