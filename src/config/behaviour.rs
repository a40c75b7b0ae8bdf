//! What a profile says about a peer and a trunk may override: the same keys, read by the same functions, over
//! different defaults.

use std::sync::Arc;

use super::grammar;
use super::methods::{methods, session_timer};
use super::presence::{failover, options, presence};
use super::presentation::presentation;
use super::provisional::provisional;
use super::read::{Field, Table};
use super::report::shown;
use super::suggest::{country_meant, nearest};
use crate::media::plan::{RingingTone, SrtpSuite};
use crate::route::directory::Service;
use crate::route::media::{
    Comfort, HoldForm, Ice, KeyGeneration, MediaSettings, OnSilence, Security, SilenceSettings, SoundSettings,
    SrtpKeying, SsrcOnRekey, TrunkDtmf,
};
use crate::route::profile::Behaviour;
use crate::route::role::PeerRole;
use crate::route::transfer::{RedirectPolicy, ReferPolicy, ReferTarget, ReplacesPolicy, TransferSettings};
use crate::route::trunk::SipTimers;

/// Reads the file a field names.
pub(super) type MusicReader<'r> = &'r dyn Fn(&Field<'_>) -> Option<Arc<[i16]>>;

/// Reads the tables that a profile and a trunk both have; what is not written stays as in `base`.
pub(super) fn behaviour(table: &Table<'_>, base: &Behaviour, music: MusicReader<'_>) -> Behaviour {
    Behaviour {
        role: role(table, base.role),
        service: table.field("service", "\"teamsDirectRouting\"").and_then(|field| service(&field)).or(base.service),
        port: base.port,
        media: media(table, &base.media, music),
        options: options(table, &base.options),
        timers: timers(table, base.timers),
        provisional: provisional(table, base.provisional),
        transfer: transfer(table, base.transfer),
        session_timer: session_timer(table, base.session_timer),
        methods: methods(table, base.methods),
        presentation: Arc::new(presentation(table, &base.presentation)),
        presence: presence(table, base.presence),
        failover: failover(table, &base.failover),
    }
}

fn role(table: &Table<'_>, base: PeerRole) -> PeerRole {
    const ROLES: [(&str, PeerRole); 2] = [("carrier", PeerRole::Carrier), ("platform", PeerRole::Platform)];
    table.field("role", "\"carrier\"").and_then(|field| field.choice(&ROLES)).unwrap_or(base)
}

/// A service of the directory.
pub(super) fn service(field: &Field<'_>) -> Option<Service> {
    let choices: Vec<(&str, Service)> = Service::all().map(|service| (service.name(), service)).collect();
    field.choice(&choices)
}

fn media(parent: &Table<'_>, base: &MediaSettings, music: MusicReader<'_>) -> MediaSettings {
    const SECURITIES: [(&str, Security); 3] =
        [("srtp", Security::Srtp), ("rtp", Security::Rtp), ("optional", Security::Optional)];
    const ICE: [(&str, Ice); 2] = [("off", Ice::Off), ("lite", Ice::Lite)];
    let table = parent.table("media", "{ security = \"srtp\" }");
    let security = table.field("security", "\"srtp\"").and_then(|field| field.choice(&SECURITIES));
    let codecs = table.field("codecs", "[\"PCMA\", \"PCMU\"]").and_then(|field| codecs(&field));
    let suites = table.field("suites", "[\"AES_CM_128_HMAC_SHA1_80\"]").and_then(|field| suites(&field));
    let sources = table.field("sources", "[\"198.51.100.0/28\"]").and_then(|field| field.all(grammar::range));
    let settings = MediaSettings {
        security: security.unwrap_or(base.security),
        codecs: codecs.unwrap_or_else(|| base.codecs.clone()),
        suites: suites.unwrap_or_else(|| base.suites.clone()),
        srtp_lifetime: table.flag("srtp_lifetime", "false").unwrap_or(base.srtp_lifetime),
        srtp: keying(&table, base.srtp),
        learn: table.flag("learn", "false").unwrap_or(base.learn),
        sources: sources.unwrap_or_else(|| base.sources.clone()),
        ice: table.field("ice", "\"lite\"").and_then(|field| field.choice(&ICE)).unwrap_or(base.ice),
        silence: silence(&table, base.silence),
        sound: sound(&table, &base.sound, music),
    };
    table.close();
    settings
}

/// What a far end that says nothing does to its call.
fn silence(media: &Table<'_>, base: SilenceSettings) -> SilenceSettings {
    const ACTIONS: [(&str, OnSilence); 2] = [("report", OnSilence::Report), ("hang-up", OnSilence::HangUp)];
    let after = media.seconds("silence_s", "30", 0..=3600).unwrap_or(base.after);
    let then = media.field("on_silence", "\"report\"").and_then(|field| field.choice(&ACTIONS));
    let settings = SilenceSettings { after, then: then.unwrap_or(base.then) };
    if settings.then == OnSilence::HangUp && after.is_zero() {
        let text = "never happens: silence_s = 0 notices no silence; write silence_s = 30";
        media.doc().error(&media.path_of("on_silence"), text);
    }
    settings
}

/// How digits travel, and what the peer may hear from us alone.
fn sound(media: &Table<'_>, base: &SoundSettings, music: MusicReader<'_>) -> SoundSettings {
    const WAYS: [(&str, TrunkDtmf); 3] =
        [("rfc4733", TrunkDtmf::Rfc4733), ("info", TrunkDtmf::Info), ("inband", TrunkDtmf::Inband)];
    const COMFORTS: [(&str, Comfort); 3] =
        [("off", Comfort::Off), ("noise", Comfort::Noise), ("silence", Comfort::Silence)];
    const HOLDS: [(&str, HoldForm); 4] = [
        ("pass", HoldForm::Pass),
        ("inactive", HoldForm::Inactive),
        ("sendonly", HoldForm::SendOnly),
        ("unsaid", HoldForm::Unsaid),
    ];
    let hold = media.field("hold", "\"inactive\"").and_then(|field| field.choice(&HOLDS));
    let dtmf = media.field("dtmf", "\"rfc4733\"").and_then(|field| field.choice(&WAYS));
    let comfort = media.field("comfort", "\"noise\"").and_then(|field| field.choice(&COMFORTS));
    let file = media.field("hold_music_file", "\"hold.wav\"");
    SoundSettings {
        dtmf: dtmf.unwrap_or(base.dtmf),
        ringback: ringback(media, base.ringback),
        comfort: comfort.unwrap_or(base.comfort),
        hold_music: file.map_or_else(|| base.hold_music.clone(), |field| music(&field)),
        hold: hold.unwrap_or(base.hold),
    }
}

fn ringback(media: &Table<'_>, base: Option<RingingTone>) -> Option<RingingTone> {
    let table = media.table("ringback", "{ enabled = true, country = \"DE\" }");
    let known = |text: &str| {
        let codes = || RingingTone::countries().collect::<Vec<_>>().join(", ");
        RingingTone::of_country(text).ok_or_else(|| format!("is none of the countries known: {}", codes()))
    };
    let written = table.field("country", "\"DE\"");
    let country = written.as_ref().and_then(|field| field.parsed(|text| country_meant(text, known))).or(base);
    let enabled = table.flag("enabled", "true").unwrap_or(base.is_some());
    if enabled && country.is_none() && written.is_none() {
        table.doc().error(table.path(), "the ringing tone's country is missing; write country = \"DE\"");
    }
    table.close();
    country.filter(|_| enabled)
}

/// The one word that lets every codec pass.
const EVERY_CODEC: &str = "*";

/// What goes beside speech.
const NO_SPEECH: [&str; 3] = ["telephone-event", "CN", "RED"];

/// Names whose meaning is known (RTP payload formats of telephony). Others pass too, but are more often mistakes.
const CODECS: [&str; 38] = [
    "PCMA",
    "PCMU",
    "G722",
    "G7221",
    "G719",
    "G723",
    "G726-16",
    "G726-24",
    "G726-32",
    "G726-40",
    "AAL2-G726-32",
    "G728",
    "G729",
    "G729D",
    "G729E",
    "G7291",
    "GSM",
    "GSM-EFR",
    "GSM-HR-08",
    "AMR",
    "AMR-WB",
    "AMR-WB+",
    "EVS",
    "EVRC",
    "EVRCB",
    "iLBC",
    "iSAC",
    "opus",
    "SILK",
    "speex",
    "SIREN",
    "L8",
    "L16",
    "L24",
    "CN",
    "RED",
    "telephone-event",
    "MP4A-LATM",
];

/// `media.codecs`: names, or `["*"]` for all that there are.
fn codecs(field: &Field<'_>) -> Option<Vec<String>> {
    field.refuse_empty("no codec is left to offer (\"*\" lets all pass)");
    let names = field.all(grammar::token).filter(|names| !names.is_empty())?;
    let known = |name: &str| CODECS.iter().any(|codec| codec.eq_ignore_ascii_case(name));
    let is_speech = |name: &String| !NO_SPEECH.iter().any(|other| other.eq_ignore_ascii_case(name));
    match names.as_slice() {
        [only] if only == EVERY_CODEC => return Some(Vec::new()),
        all if all.iter().any(|name| name == EVERY_CODEC) => {
            field
                .refuse_key("names \"*\", which lets every codec pass, and others; write [\"*\"], or the others alone");
            return None;
        }
        all if !all.iter().any(is_speech) => {
            field.refuse("names no codec for speech: every call would be refused with 488");
            return None;
        }
        all => all.iter().filter(|name| !known(name)).for_each(|name| field.doubt(&unknown_codec(name))),
    }
    Some(names)
}

fn unknown_codec(name: &str) -> String {
    match nearest(name, CODECS) {
        Some(near) => format!("no codec is known as {}; did you mean \"{near}\"?", shown(name)),
        None => format!("no codec is known as {}; only a peer that offers exactly this name will use it", shown(name)),
    }
}

fn suites(field: &Field<'_>) -> Option<Vec<SrtpSuite>> {
    let suite = |text: &str| SrtpSuite::from_name(text).ok_or_else(suite_list);
    field.refuse_empty("no suite is left to offer");
    let suites = field.all(suite).filter(|suites| !suites.is_empty())?;
    if suites.iter().enumerate().any(|(at, suite)| suites.iter().take(at).any(|before| before == suite)) {
        field.refuse("names a suite twice");
        return None;
    }
    Some(suites)
}

fn suite_list() -> String {
    let names: Vec<&str> = SrtpSuite::ALL.into_iter().map(SrtpSuite::name).collect();
    format!("is no suite of this version; {} are", names.join(", "))
}

/// `media.srtp`: how our own key lives (MD-172..174).
fn keying(media: &Table<'_>, base: SrtpKeying) -> SrtpKeying {
    const GENERATIONS: [(&str, KeyGeneration); 2] =
        [("only-if-required", KeyGeneration::OnlyIfRequired), ("always", KeyGeneration::Always)];
    const SSRCS: [(&str, SsrcOnRekey); 2] = [("new", SsrcOnRekey::New), ("keep", SsrcOnRekey::Keep)];
    let table = media.table("srtp", "{ generate_keys = \"only-if-required\" }");
    let generate = table.field("generate_keys", "\"only-if-required\"");
    let ssrc = table.field("ssrc_on_rekey", "\"new\"");
    let keying = SrtpKeying {
        generate: generate.and_then(|field| field.choice(&GENERATIONS)).unwrap_or(base.generate),
        ssrc: ssrc.and_then(|field| field.choice(&SSRCS)).unwrap_or(base.ssrc),
        reset: table.flag("reset_on_rekey", "false").unwrap_or(base.reset),
    };
    if keying.reset && keying.ssrc == SsrcOnRekey::New {
        let text = "changes nothing: a new SSRC begins at 0 anyway; it acts with ssrc_on_rekey = \"keep\"";
        table.doc().warn(&table.path_of("reset_on_rekey"), text);
    }
    table.close();
    keying
}

fn timers(parent: &Table<'_>, base: SipTimers) -> SipTimers {
    let table = parent.table("timers", "{ t1_ms = 500 }");
    let t1 = table.millis("t1_ms", "500", 50..=10_000);
    // RFC 3261 17.1.1.2: timer B is 64*T1, so another T1 moves the wait for a response too.
    let no_response = t1.map_or(base.no_response, |t1| t1 * 64);
    let timers = SipTimers {
        t1: t1.unwrap_or(base.t1),
        t2: table.millis("t2_ms", "4000", 100..=60_000).unwrap_or(base.t2),
        t4: table.millis("t4_ms", "5000", 100..=60_000).unwrap_or(base.t4),
        no_response: table.seconds("no_response_s", "32", 1..=640).unwrap_or(no_response),
        no_answer: table.seconds("no_answer_s", "180", 5..=3600).unwrap_or(base.no_answer),
        max_duration: table.seconds("max_duration_s", "86400", 10..=604_800).unwrap_or(base.max_duration),
    };
    if timers.t2 < timers.t1 {
        let (key, least) = (if table.has("t2_ms") { "t2_ms" } else { "t1_ms" }, timers.t1.as_millis());
        let text = format!("T2 ({} ms) is below T1 ({least} ms); write t2_ms = {least} or more", timers.t2.as_millis());
        table.doc().error(&table.path_of(key), text);
    }
    table.close();
    timers
}

fn transfer(parent: &Table<'_>, base: TransferSettings) -> TransferSettings {
    const REFERS: [(&str, ReferPolicy); 3] =
        [("execute", ReferPolicy::Execute), ("pass", ReferPolicy::Pass), ("refuse", ReferPolicy::Refuse)];
    const TARGETS: [(&str, ReferTarget); 2] = [("route", ReferTarget::Route), ("peer", ReferTarget::Peer)];
    const REDIRECTS: [(&str, RedirectPolicy); 3] =
        [("follow", RedirectPolicy::Follow), ("relay", RedirectPolicy::Relay), ("refuse", RedirectPolicy::Refuse)];
    let table = parent.table("transfer", "{ refer = \"execute\" }");
    let refer = table.field("refer", "\"execute\"").and_then(|field| field.choice(&REFERS));
    let target = table.field("target", "\"route\"").and_then(|field| field.choice(&TARGETS));
    let redirect = table.field("redirect", "\"follow\"").and_then(|field| field.choice(&REDIRECTS));
    let replaces = |key| {
        let taken = table.flag(key, "true")?;
        Some(if taken { ReplacesPolicy::Take } else { ReplacesPolicy::Refuse })
    };
    let transfer = TransferSettings {
        refer: refer.unwrap_or(base.refer),
        target: target.unwrap_or(base.target),
        replaces: replaces("replaces").unwrap_or(base.replaces),
        send_replaces: replaces("send_replaces").unwrap_or(base.send_replaces),
        redirect: redirect.unwrap_or(base.redirect),
    };
    table.close();
    transfer
}
