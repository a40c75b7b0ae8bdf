//! SBCs that each do some things wrong. Every one is found under the number of the statement it breaks, by the line that
//! breaks it, and nothing else is called wrong.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;

use tokio::sync::Semaphore;
use tokio::task::{LocalSet, spawn_local};
use trunkline::lab::platform::report::{Report, Verdict};
use trunkline::lab::platform::run::prepare;
use trunkline::lab::platform::setting::Platform;
use trunkline::lab::platform::statement::Fault;

use super::ground::{Ground, shipped};
use super::message::Message;
use super::spoiler::{Face, Fate, MADE_HERE, Spoil, Spoiler, Way, behind};

/// How many play at once: each waits most of its time.
static ROOM: Semaphore = Semaphore::const_new(6);

/// One wrong SBC.
struct Wrong<'w> {
    platform: Platform,
    scenarios: &'w [&'w str],
    spoils: Vec<Spoil>,
    /// Statements that break with the others, whatever one does.
    besides: &'w [&'w str],
    face: Face,
}

impl Wrong<'_> {
    fn teams<'w>(scenarios: &'w [&'w str], spoils: Vec<Spoil>) -> Wrong<'w> {
        Wrong { platform: Platform::Teams, scenarios, spoils, besides: &[], face: Face::Own }
    }

    async fn play(&self) -> Report {
        let _place = ROOM.acquire().await.expect("open");
        let ground = Ground::new(self.platform, self.scenarios);
        let authority = prepare(&ground.wish).expect("certificates");
        let block = ground.block(|block| block);
        let _spoiler = Spoiler::start(&ground, &authority, self.spoils.clone(), self.face).await;
        let config = shipped(self.platform.setting().file);
        ground.play_elsewhere(&behind(&ground), &config, &block).await
    }

    /// Each spoil is quoted under its number, and no other number is broken.
    async fn is_told(&self) {
        let report = self.play().await;
        let spoils = self.spoils.iter().filter(|spoil| !spoil.number.is_empty());
        for spoil in spoils.clone() {
            let faults = faults(&report, spoil.number);
            let told = faults.iter().any(|fault| fault.line.contains(spoil.words));
            assert!(told, "{} by {:?}: {faults:?}", spoil.number, spoil.words);
        }
        let wanted: BTreeSet<&str> = spoils.map(|spoil| spoil.number).chain(self.besides.iter().copied()).collect();
        let numbers = report.judged.iter().map(|judged| judged.number);
        // MD-189 is advice for the true SBC as well: it offers no comfort noise that the carrier did not offer.
        let broken: BTreeSet<&str> =
            numbers.filter(|number| *number != "MD-189" && !faults(&report, number).is_empty()).collect();
        assert_eq!(broken, wanted, "{}", report.text());
    }
}

fn faults(report: &Report, number: &str) -> Vec<Fault> {
    match report.verdict(number) {
        Some(Verdict::Failed { faults, .. } | Verdict::Advice { faults, .. }) => faults.clone(),
        Some(Verdict::Passed { .. } | Verdict::NotExercised { .. }) | None => Vec::new(),
    }
}

/// What the SBC says to the platform.
fn says(number: &'static str, words: &'static str, change: fn(&mut Message) -> Fate) -> Spoil {
    Spoil { number, words, way: Way::Platform, change }
}

/// What the SBC makes of what it is told.
fn hears(number: &'static str, words: &'static str, change: fn(&mut Message) -> Fate) -> Spoil {
    Spoil { number, words, way: Way::Sbc, change }
}

/// What the SBC says to the carrier.
fn tells_carrier(number: &'static str, words: &'static str, change: fn(&mut Message) -> Fate) -> Spoil {
    Spoil { number, words, way: Way::Carrier, change }
}

/// Changes messages that fit.
macro_rules! when {
    ($fits:expr, $change:expr) => {
        |message: &mut Message| {
            let fits: fn(&Message) -> bool = $fits;
            let change: fn(&mut Message) = $change;
            if fits(message) {
                change(message);
            }
            Fate::Sent
        }
    };
}

/// Loses messages that fit.
macro_rules! never {
    ($fits:expr) => {
        |message: &mut Message| {
            let fits: fn(&Message) -> bool = $fits;
            if fits(message) { Fate::Lost } else { Fate::Sent }
        }
    };
}

/// Answers requests that fit in the SBC's place.
macro_rules! refuses {
    ($fits:expr, $status:literal) => {
        |message: &mut Message| {
            let fits: fn(&Message) -> bool = $fits;
            if fits(message) { Fate::Returned(answer(message, $status)) } else { Fate::Sent }
        }
    };
}

fn answer(asked: &Message, status: &str) -> Message {
    let copied = ["Via", "From", "To", "Call-ID", "CSeq"];
    let mut lines: Vec<String> = copied.iter().map(|name| format!("{name}: {}", asked.value(name))).collect();
    if !asked.value("To").contains(";tag=") {
        lines[2].push_str(";tag=wrong");
    }
    lines.push("X-MS-SBC: a/b/c".to_owned());
    lines.push("Server: wrong".to_owned());
    lines.push("Reason: Q.850;cause=21".to_owned());
    Message { start: format!("SIP/2.0 {status}"), lines, body: String::new() }
}

/// A request inside the dialog of another one.
fn another(request: &Message, method: &str) -> Message {
    let mut made = request.clone();
    let (old, rest) = made.start.split_once(' ').expect("a request");
    let branch = format!("{MADE_HERE}{method}{}", request.branch());
    let cseq = format!("90 {method}");
    let via = request.value("Via").replace(request.branch(), &branch);
    assert_ne!(old, method);
    made.start = format!("{method} {rest}");
    made.set("Via", &via);
    made.set("CSeq", &cseq);
    made.remove("Content-Type");
    made.body.clear();
    made
}

/// One of the functions below, at work.
type Case = Pin<Box<dyn Future<Output = ()>>>;

/// The cases of this file run side by side. Every one that fails is named.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_wrong_sbc_is_told_by_number_and_line() {
    let mut cases: Vec<(&str, Case)> = Vec::new();
    macro_rules! add {
        ($($case:ident),* $(,)?) => { $(cases.push((stringify!($case), Box::pin($case())));)* };
    }
    add!(
        wrong_names_and_missing_fields,
        wrong_session_descriptions,
        a_key_that_changes_with_a_refresh,
        invites_that_the_platform_refuses,
        a_transfer_done_wrong,
        a_transfer_that_rewrites_its_target,
        a_transfer_that_names_the_wrong_party,
        a_replaces_that_is_sent_back,
        a_refer_that_is_not_taken,
        an_outcome_that_is_never_told,
        a_replaces_that_is_not_understood,
        requests_and_answers_at_the_wrong_time,
        what_should_stay_on_its_own_side,
        an_update_to_the_platform,
        one_name_that_is_never_tried,
        an_interval_that_stays_too_short,
        a_call_that_is_resumed_in_silence,
        silence_where_an_answer_was_due,
        a_chain_without_its_intermediate,
        a_certificate_of_another_with_an_elliptic_key,
        no_certificate_as_client,
        a_registration_done_wrong,
        a_termination_identifier_that_is_another,
        a_trunk_group_without_its_context,
        a_proxy_of_the_region_that_is_turned_away,
        a_suite_that_is_refused_as_an_error,
        a_trunk_of_twilio_that_is_half_secure,
        a_core_that_a_gateway_cannot_trust,
        a_core_that_never_tries_the_other_region,
    );
    // On the thread of the test, so that what a case prints is kept for it.
    let local = LocalSet::new();
    let played: Vec<_> = cases.into_iter().map(|(name, case)| (name, local.spawn_local(case))).collect();
    let mut failed = Vec::new();
    local
        .run_until(async {
            for (name, playing) in played {
                failed.extend(playing.await.err().map(|error| format!("{name}: {error}")));
            }
        })
        .await;
    assert!(failed.is_empty(), "{failed:#?}");
}

async fn wrong_names_and_missing_fields() {
    let spoils = vec![
        says(
            "MD-43",
            "Contact: <sip:other.example.com",
            when!(|m| m.asks("OPTIONS"), |m| m.edit("Contact", "sbc1.example.com", "other.example.com")),
        ),
        says("MD-49", "(no Max-Forwards)", when!(|m| m.asks("OPTIONS"), |m| m.remove("Max-Forwards"))),
        says("MD-52", "(no Allow)", when!(|m| m.answers(200, "OPTIONS"), |m| m.remove("Allow"))),
        says(
            "MD-56",
            "Contact: <sip:",
            when!(|m| m.answers(200, "INVITE"), |m| m.edit("Contact", ";transport=tls", "")),
        ),
        says("MD-64", "before: ", when!(|m| m.answers(200, "INVITE"), |_| ())),
        says(
            "MD-63",
            "From: <sip:",
            when!(Message::begins_call, |m| m.edit("From", "sbc1.example.com", "other.example.org")),
        ),
        says("MD-69", "To: <sips:", when!(Message::begins_call, |m| m.edit("To", "<sip:", "<sips:"))),
        says("MD-70", "SIP/2.1", when!(|m| m.asks("OPTIONS"), |m| m.restart("SIP/2.0", "SIP/2.1"))),
        says("MD-73", "Allow: ", when!(|m| m.answers(200, "INVITE"), |m| m.edit("Allow", "NOTIFY", "MESSAGE"))),
        says("MD-79", "(no X-MS-SBC)", when!(|m| m.asks("BYE"), |m| m.remove("X-MS-SBC"))),
        says(
            "MD-80",
            "Via: SIP/2.0/TLS 192.0.2.9",
            when!(Message::begins_call, |m| m.edit("Via", "TLS sbc1.example.com", "TLS 192.0.2.9")),
        ),
        says("MD-85", "INVITE sip:", when!(Message::begins_call, |m| m.restart(";user=phone", ""))),
        says("MD-86", "From: ", when!(Message::begins_call, |m| m.edit("From", "<sip:+", "<sip:"))),
        says("MD-88", "To: ", when!(Message::begins_call, |m| m.edit("To", "+49", "+48"))),
        says("MD-89", "(no Supported)", when!(Message::begins_call, |m| m.remove("Supported"))),
        says("MD-104", "SIP/2.0 302", when!(|m| m.answers(486, "INVITE"), |m| m.restart("486 Busy Here", "302 Moved"))),
        says(
            "MD-117",
            "SIP/2.0 503",
            when!(|m| m.answers(404, "INVITE"), |m| m.restart("404 Not Found", "503 Nothing")),
        ),
        says("MD-105", "(no Reason)", when!(|m| m.asks("BYE"), |m| m.remove("Reason"))),
        says(
            "MD-81",
            "BYE sip:",
            when!(|m| m.asks("BYE"), |m| m.start = format!("{} SIP/2.0", m.start.split(';').next().expect("a part"))),
        ),
        says(
            "MD-132",
            "Session-Expires: ",
            when!(|m| m.answers(200, "INVITE"), |m| {
                let bare = m.value("Session-Expires").split(';').next().expect("a part").to_owned();
                if !bare.is_empty() {
                    m.set("Session-Expires", &bare);
                }
            }),
        ),
        says("MD-136", "SIP/2.0 481", when!(|m| m.answers(200, "BYE"), |m| m.restart("200 OK", "481 What"))),
        says("MD-115", "To: ", when!(|m| m.answers(183, "INVITE"), |m| m.edit("To", ";tag=", ";tag=another"))),
    ];
    Wrong::teams(&["options", "inbound", "outbound", "busy-carrier"], spoils).is_told().await;
}

async fn wrong_session_descriptions() {
    let spoils = vec![
        says("MD-167", "RTP/AVP", when!(|m| m.answers(183, "INVITE"), |m| m.redescribe("RTP/SAVP", "RTP/AVP"))),
        says("MD-168", "AES_CM_128_HMAC_SHA1_32", when!(Message::begins_call, |m| m.map_description(with_second_key))),
        says("MD-170", "|1:1", when!(Message::begins_call, |_| ())),
        says("MD-169", "a=crypto:1 ", when!(Message::begins_call, |m| m.redescribe("|2^31\r\n", "\r\n"))),
        says(
            "MD-171",
            "a=crypto:9 ",
            when!(|m| m.answers(200, "INVITE"), |m| m.redescribe("a=crypto:1 ", "a=crypto:9 ")),
        ),
        says(
            "MD-177",
            "a=label:x",
            when!(Message::begins_call, |m| m
                .redescribe("a=ptime:20", "a=ptime:20\r\na=label:x\r\na=group:BUNDLE 0\r\na=ice-ufrag:abcd")),
        ),
        says("MD-179", "a=group:BUNDLE 0", when!(Message::begins_call, |_| ())),
        says("MD-203", "a=ice-ufrag:abcd", when!(Message::begins_call, |_| ())),
        says("MD-178", "m=video 9", when!(|m| m.answers(200, "INVITE"), |m| m.redescribe("m=video 0", "m=video 9"))),
        says(
            "MD-180",
            "(no a=rtcp line)",
            when!(|m| m.answers(183, "INVITE"), |m| m
                .map_description(|line| (!line.starts_with("a=rtcp")).then(|| line.to_owned()))),
        ),
        says("MD-188", "a=ptime:30", when!(Message::begins_call, |m| m.redescribe("a=ptime:20", "a=ptime:30"))),
        says(
            "MD-190",
            "m=audio ",
            when!(Message::begins_call, |m| m.redescribe("telephone-event/8000", "telephone-event/16000")),
        ),
        says("MD-191", "m=image 0", when!(Message::begins_call, |m| m.body.push_str("m=image 0 udptl t38\r\n"))),
        says("MD-126", "before: ", when!(is_hold, |m| m.redescribe("m=audio 1", "m=audio 3"))),
        says(
            "MD-129",
            "c=IN IP4 0.0.0.0",
            when!(is_hold, |m| m.map_description(|line| Some(if line.starts_with("c=") {
                "c=IN IP4 0.0.0.0".to_owned()
            } else {
                line.to_owned()
            }))),
        ),
        // The last: the others know a hold by it.
        says("MD-127", "a=sendonly", when!(is_hold, |m| m.redescribe("a=inactive", "a=sendonly"))),
        says(
            "MD-130",
            "a=sendrecv",
            when!(|m| m.answers(200, "INVITE") && m.changes_call(), |m| m.redescribe("a=inactive", "a=sendrecv")),
        ),
        says("MD-134", "o=", when!(is_refreshed, |m| m.map_description(with_next_version))),
        says("MD-176", "o=", when!(is_refreshed, |_| ())),
    ];
    Wrong::teams(&["inbound", "outbound", "extra-lines", "refresh", "hold-platform", "hold-carrier"], spoils)
        .is_told()
        .await;
}

/// A re-INVITE of the SBC that holds.
fn is_hold(message: &Message) -> bool {
    message.asks("INVITE") && message.changes_call() && message.body.contains("a=inactive")
}

/// The second answer inside a call.
fn is_refreshed(message: &Message) -> bool {
    message.answers(200, "INVITE") && message.value("CSeq") == "3 INVITE"
}

fn with_second_key(line: &str) -> Option<String> {
    let second = "AES_CM_128_HMAC_SHA1_32 inline:UBHoo1J3GOVPzs6ay8d7FqpePd9yvJhiUkdDpWOP|2^31|1:1";
    Some(if line.starts_with("a=crypto:1 ") { format!("{line}\r\na=crypto:2 {second}") } else { line.to_owned() })
}

fn with_next_version(line: &str) -> Option<String> {
    let Some(rest) = line.strip_prefix("o=") else { return Some(line.to_owned()) };
    let mut words: Vec<String> = rest.split(' ').map(str::to_owned).collect();
    let version: u64 = words[2].parse().expect("a version");
    words[2] = (version + 1).to_string();
    Some(format!("o={}", words.join(" ")))
}

async fn a_key_that_changes_with_a_refresh() {
    let change = when!(is_refreshed, |m| m.map_description(|line| {
        let (head, _) = line.split_once("inline:").unwrap_or((line, ""));
        let other = "inline:UBHoo1J3GOVPzs6ay8d7FqpePd9yvJhiUkdDpWOP|2^31";
        Some(if line.starts_with("a=crypto:") { format!("{head}{other}") } else { line.to_owned() })
    }));
    let wrong = Wrong {
        besides: &["MD-134", "MD-176"],
        ..Wrong::teams(&["refresh"], vec![says("MD-172", "UBHoo1J3", change)])
    };
    wrong.is_told().await;
}

/// Breaches that the platform answers with a refusal: each needs a call of its own.
async fn invites_that_the_platform_refuses() {
    let spoils = [
        says(
            "MD-50",
            "Contact: <sip:+494076543210@192.0.2.1",
            when!(Message::begins_call, |m| m.edit("Contact", "sbc1.example.com", "192.0.2.1")),
        ),
        says("MD-74", "Require: 100rel", when!(Message::begins_call, |m| m.set("Require", "100rel"))),
        says("MD-75", "Replaces: a", when!(Message::begins_call, |m| m.set("Replaces", "a;to-tag=b;from-tag=c"))),
        says(
            "MD-77",
            "without a description",
            when!(Message::begins_call, |m| {
                m.body.clear();
                m.remove("Content-Type");
            }),
        ),
        says(
            "MD-78",
            "Content-Type: multipart/mixed",
            when!(Message::begins_call, |m| {
                m.set("Content-Type", "multipart/mixed;boundary=b");
                m.body = format!("--b\r\nContent-Type: application/sdp\r\n\r\n{}\r\n--b--\r\n", m.body);
            }),
        ),
        says(
            "MD-166",
            "(no a=crypto line)",
            when!(Message::begins_call, |m| m
                .map_description(|line| (!line.starts_with("a=crypto")).then(|| line.to_owned()))),
        ),
        says("MD-84", "INVITE sip:004930", when!(Message::begins_call, |m| m.restart("sip:+4930", "sip:004930"))),
    ];
    let played = spoils.map(|spoil| {
        spawn_local(async move {
            let number = spoil.number;
            let report = Wrong::teams(&["inbound"], vec![spoil]).play().await;
            let told = faults(&report, number).iter().any(|fault| fault.line.contains(spoil.words));
            assert!(told, "{number}: {}", report.text());
        })
    });
    for played in played {
        played.await.expect("told");
    }
}

async fn a_transfer_done_wrong() {
    let spoils = vec![
        says(
            "MD-145",
            "Referred-By: ",
            when!(|m| m.begins_call() && !m.value("Referred-By").is_empty(), |m| m.edit(
                "Referred-By",
                "x-tt=",
                "x-tt=A"
            )),
        ),
        says("MD-146", "SIP/2.0 182", when!(|m| m.asks("NOTIFY"), |m| m.redescribe("SIP/2.0 100", "SIP/2.0 182"))),
        says("MD-147", "BYE ", |message| match message.asks("NOTIFY") && message.body.starts_with("SIP/2.0 200") {
            true => Fate::With(vec![another(message, "BYE")]),
            false => Fate::Sent,
        }),
        says("MD-152", "REFER ", |message| match message.asks("NOTIFY") && message.body.starts_with("SIP/2.0 200") {
            true => Fate::With(vec![another(message, "REFER")]),
            false => Fate::Sent,
        }),
        says("MD-72", "REFER ", when!(|_| false, |_| ())),
    ];
    Wrong { besides: &["MD-105"], ..Wrong::teams(&["transfer-blind"], spoils) }.is_told().await;
}

async fn a_transfer_that_rewrites_its_target() {
    let spoils = vec![says(
        "MD-145",
        "wanted: ",
        when!(|m| m.begins_call() && !m.value("Referred-By").is_empty(), |m| m
            .restart("x-m=8:orgid:", "x-m=8%3Aorgid%3A")),
    )];
    Wrong::teams(&["transfer-early"], spoils).is_told().await;
}

async fn a_transfer_that_names_the_wrong_party() {
    let spoils = vec![says(
        "MD-145",
        "From: ",
        when!(|m| m.begins_call() && !m.value("Referred-By").is_empty(), |m| m.edit(
            "From",
            "+494076543210",
            "+493012345678"
        )),
    )];
    Wrong::teams(&["transfer-early"], spoils).is_told().await;
}

async fn a_replaces_that_is_sent_back() {
    let spoils = vec![
        says(
            "MD-143",
            "INVITE ",
            when!(|m| m.begins_call() && !m.value("Referred-By").is_empty(), |m| m
                .set("Replaces", "a;to-tag=b;from-tag=c")),
        ),
        says("MD-75", "Replaces: a", when!(|_| false, |_| ())),
        says("MD-145", "Replaces: a", when!(|_| false, |_| ())),
    ];
    let wrong = Wrong::teams(&["transfer-consultative"], spoils);
    wrong.is_told().await;
}

async fn a_refer_that_is_not_taken() {
    let spoils = vec![
        hears("MD-139", "SIP/2.0 405", refuses!(|m| m.asks("REFER"), "405 Method Not Allowed")),
        hears("MD-151", "SIP/2.0 405", when!(|_| false, |_| ())),
    ];
    Wrong::teams(&["transfer-early"], spoils).is_told().await;
}

async fn an_outcome_that_is_never_told() {
    let spoils = vec![says(
        "MD-146",
        "Subscription-State: active",
        never!(|m| m.asks("NOTIFY") && m.body.starts_with("SIP/2.0 486")),
    )];
    Wrong::teams(&["transfer-fails"], spoils).is_told().await;
}

async fn a_replaces_that_is_not_understood() {
    let spoils = vec![hears(
        "MD-76",
        "420",
        refuses!(|m| m.begins_call() && !m.value("Replaces").is_empty(), "420 Bad Extension"),
    )];
    Wrong::teams(&["replaces"], spoils).is_told().await;
}

async fn requests_and_answers_at_the_wrong_time() {
    let spoils = vec![
        // A second call for the user who is busy.
        says("MD-120", "2 INVITEs for a user who is busy", |message| match message.begins_call() {
            true => {
                let mut twin = message.clone();
                let via = message.value("Via").replace(message.branch(), &format!("{MADE_HERE}{}", message.branch()));
                let call_id = format!("twin-{}", message.value("Call-ID"));
                twin.set("Via", &via);
                twin.set("Call-ID", &call_id);
                Fate::With(vec![twin])
            }
            false => Fate::Sent,
        }),
        says("MD-122", "2 INVITEs after 404", when!(|_| false, |_| ())),
        says("MD-106", "SIP/2.0 481", when!(|m| m.answers(200, "CANCEL"), |m| m.restart("200 OK", "481 What"))),
        hears(
            "MD-162",
            "SIP/2.0 415",
            refuses!(
                |m| m.begins_call() && m.value("Content-Type").starts_with("multipart"),
                "415 Unsupported Media Type"
            ),
        ),
        hears(
            "MD-18",
            "SIP/2.0 513",
            refuses!(
                |m| m.begins_call() && m.lines.iter().map(String::len).sum::<usize>() > 10_000,
                "513 Message Too Large"
            ),
        ),
        hears(
            "MD-96",
            "SIP/2.0 484",
            refuses!(|m| m.asks("INVITE") && m.start.contains(";ext="), "484 Address Incomplete"),
        ),
        says(
            "MD-62",
            "SIP/2.0 480",
            when!(|m| m.answers(404, "INVITE") || m.answers(403, "INVITE"), |m| m.start =
                "SIP/2.0 480 Somewhere".to_owned()),
        ),
        says("MD-167", "SIP/2.0 500", when!(|m| m.answers(488, "INVITE"), |m| m.start = "SIP/2.0 500 What".to_owned())),
        says(
            "MD-168",
            "a=crypto:5 ",
            when!(|m| m.answers(200, "INVITE"), |m| m
                .redescribe("a=crypto:0 AES_CM_128_HMAC_SHA1_80", "a=crypto:5 AES_CM_128_HMAC_SHA1_32")),
        ),
        says("MD-170", "a=crypto:5 ", when!(|_| false, |_| ())),
        says("MD-171", "a=crypto:5 ", when!(|_| false, |_| ())),
        tells_carrier(
            "MD-98",
            "From: ",
            when!(Message::begins_call, |m| m.edit("From", "anonymous@", "+493012345678@")),
        ),
    ];
    let scenarios = [
        "busy-platform",
        "cancel-platform",
        "emergency",
        "large",
        "extension",
        "unknown-name",
        "plain-rtp",
        "crypto",
        "privacy-platform",
    ];
    Wrong::teams(&scenarios, spoils).is_told().await;
}

async fn what_should_stay_on_its_own_side() {
    let spoils = vec![
        tells_carrier(
            "MD-83",
            "X-MS-Lab-Unknown",
            when!(Message::begins_call, |m| m.set("X-MS-Lab-Unknown", "left-alone")),
        ),
        says(
            "MD-87",
            "From: ",
            when!(|m| m.begins_call() && m.value("From").contains("anonymous"), |m| m.edit(
                "From",
                "anonymous@",
                "+4930555000222@"
            )),
        ),
        says("MD-86", "asserted: ", when!(Message::begins_call, |m| m.edit("From", "+4930555000111", "+494076543210"))),
        says("MD-155", "REFER at the platform", |message| match message.asks("ACK") {
            true => Fate::With(vec![another(message, "REFER")]),
            false => Fate::Sent,
        }),
        says("MD-72", "REFER ", when!(|_| false, |_| ())),
    ];
    let scenarios = ["outbound", "anonymous-carrier", "identity-carrier", "methods-carrier"];
    // A caller who is shown and has no number in Contact.
    Wrong { besides: &["MD-56"], ..Wrong::teams(&scenarios, spoils) }.is_told().await;
}

async fn an_update_to_the_platform() {
    let spoils = vec![says("MD-72", "UPDATE ", |message| match message.asks("ACK") {
        true => Fate::With(vec![another(message, "UPDATE")]),
        false => Fate::Sent,
    })];
    Wrong::teams(&["inbound"], spoils).is_told().await;
}

async fn one_name_that_is_never_tried() {
    let spoils = vec![says("MD-119", "after 503", never!(|m| m.begins_call() && m.start.contains("@sip2.")))];
    Wrong { besides: &["MD-91"], ..Wrong::teams(&["failover"], spoils) }.is_told().await;
}

async fn an_interval_that_stays_too_short() {
    let spoils = vec![says(
        "MD-133",
        "Session-Expires: 1800",
        when!(|m| m.begins_call() && m.value("Session-Expires").starts_with("3600"), |m| m
            .set("Session-Expires", "1800")),
    )];
    Wrong::teams(&["short-timer"], spoils).is_told().await;
}

async fn a_call_that_is_resumed_in_silence() {
    let spoils = vec![says(
        "MD-131",
        "re-INVITE after resume: a=inactive",
        when!(|m| m.asks("INVITE") && m.changes_call(), |m| m.redescribe("a=sendrecv", "a=inactive")),
    )];
    Wrong::teams(&["hold-carrier"], spoils).is_told().await;
}

async fn silence_where_an_answer_was_due() {
    let spoils = vec![
        says("MD-52", "no answer", never!(|m| m.answers(200, "OPTIONS"))),
        says("MD-93", "ACK after ", |message| match message.asks("ACK") {
            true => Fate::Late(std::time::Duration::from_millis(2_600)),
            false => Fate::Sent,
        }),
        says("MD-102", "waited 10 s in vain", never!(|m| m.answers(180, "INVITE") || m.answers(183, "INVITE"))),
        hears(
            "MD-125",
            "SIP/2.0 500",
            refuses!(|m| m.asks("INVITE") && m.value("CSeq") == "2 INVITE", "500 Server Internal Error"),
        ),
    ];
    Wrong::teams(&["options", "slow-carrier", "storm"], spoils).is_told().await;
}

async fn shows(face: Face, scenarios: &[&str], numbers: &[&str]) {
    let report = Wrong { face, ..Wrong::teams(scenarios, Vec::new()) }.play().await;
    for number in numbers {
        assert!(!faults(&report, number).is_empty(), "{number}: {}", report.text());
    }
}

async fn a_chain_without_its_intermediate() {
    shows(Face::LeafAlone, &["options", "tls"], &["MD-23"]).await;
}

async fn a_certificate_of_another_with_an_elliptic_key() {
    shows(Face::Elliptic, &["options", "tls"], &["MD-20", "MD-21", "MD-24"]).await;
}

async fn no_certificate_as_client() {
    shows(Face::Unshown, &["options", "tls"], &["MD-22", "MD-28"]).await;
}

async fn a_registration_done_wrong() {
    let spoils = vec![
        tells_carrier("PF-131", "(no Require)", when!(|m| m.asks("REGISTER"), |m| m.remove("Require"))),
        tells_carrier("PF-130", "Expires: 600", when!(|m| m.asks("REGISTER"), |m| m.set("Expires", "600"))),
    ];
    Wrong { platform: Platform::CarrierGin, ..Wrong::teams(&["register"], spoils) }.is_told().await;
}

async fn a_termination_identifier_that_is_another() {
    let cases = [
        (
            Platform::Genesys,
            vec![says("PF-69", "other.byoc", when!(Message::begins_call, |m| m.restart("acme.byoc", "other.byoc")))],
        ),
        (
            Platform::GenesysTgrp,
            vec![
                says("PF-69", "tgrp=other", when!(Message::begins_call, |m| m.restart("tgrp=acme", "tgrp=other"))),
                says("PF-72", "tgrp=other", when!(|_| false, |_| ())),
            ],
        ),
        (
            Platform::GenesysDnis,
            vec![says(
                "PF-69",
                "INVITE sip:+4930",
                when!(Message::begins_call, |m| m.restart("sip:acme@", "sip:+493012345678@")),
            )],
        ),
        (
            Platform::GenesysField,
            vec![says(
                "PF-69",
                "(no X-Genesys-Identifier)",
                when!(Message::begins_call, |m| m.remove("X-Genesys-Identifier")),
            )],
        ),
    ];
    let played = cases.map(|(platform, spoils)| {
        spawn_local(async move { Wrong { platform, ..Wrong::teams(&["inbound"], spoils) }.is_told().await })
    });
    for played in played {
        played.await.expect("told");
    }
}

async fn a_trunk_group_without_its_context() {
    let spoils = vec![says(
        "PF-72",
        "tgrp=acme@",
        when!(Message::begins_call, |m| m.restart(";trunk-context=byoc.example.com", "")),
    )];
    Wrong { platform: Platform::GenesysTgrp, ..Wrong::teams(&["inbound"], spoils) }.is_told().await;
}

async fn a_proxy_of_the_region_that_is_turned_away() {
    let spoils = vec![
        hears("PF-68", "SIP/2.0 403", refuses!(Message::begins_call, "403 Forbidden")),
        says("PF-82", "no answer", never!(|m| m.answers(200, "OPTIONS"))),
    ];
    Wrong { platform: Platform::Genesys, ..Wrong::teams(&["options", "genesys-proxies"], spoils) }.is_told().await;
}

async fn a_suite_that_is_refused_as_an_error() {
    let spoils = vec![hears(
        "PF-88",
        "AEAD_AES_256_GCM alone: SIP/2.0 500",
        refuses!(|m| m.begins_call() && !m.body.contains("AES_CM_128_HMAC_SHA1_80"), "500 What"),
    )];
    Wrong { platform: Platform::Zoom, ..Wrong::teams(&["zoom-suites"], spoils) }.is_told().await;
}

async fn a_trunk_of_twilio_that_is_half_secure() {
    let spoils = vec![
        says(
            "PF-115",
            "@pstn.frankfurt",
            when!(Message::begins_call, |m| m.restart("@acme.pstn.twilio.com", "@pstn.frankfurt.twilio.com")),
        ),
        says("PF-118", "SIP/2.0 500", when!(|m| m.answers(488, "INVITE"), |m| m.start = "SIP/2.0 500 What".to_owned())),
        says(
            "PF-119",
            "AES_256_CM",
            when!(Message::begins_call, |m| m.redescribe("AES_CM_128_HMAC_SHA1_32", "AES_256_CM_HMAC_SHA1_80")),
        ),
        says("PF-122", "REGISTER ", |message| match message.asks("ACK") {
            true => Fate::With(vec![another(message, "REGISTER")]),
            false => Fate::Sent,
        }),
    ];
    Wrong { platform: Platform::Twilio, ..Wrong::teams(&["inbound", "plain-rtp"], spoils) }.is_told().await;
}

async fn a_core_that_a_gateway_cannot_trust() {
    let spoils = vec![
        says("PF-16", "BYE sip:", when!(|m| m.asks("BYE"), |m| m.restart("sip:gateway@acme.", "sip:gateway@other."))),
        says("PF-19", "(no P-Asserted-Identity)", when!(Message::begins_call, |m| m.remove("P-Asserted-Identity"))),
        tells_carrier("PF-21", "(no X-MS-TenantID)", when!(Message::begins_call, |m| m.remove("X-MS-TenantID"))),
        says("PF-34", "INVITE sip:4930", when!(Message::begins_call, |m| m.restart("sip:+4930", "sip:4930"))),
        says(
            "PF-36",
            "AES_CM_128_HMAC_SHA1_32",
            when!(|m| m.answers(183, "INVITE"), |m| m.redescribe("AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32")),
        ),
        tells_carrier(
            "PF-51",
            "SIP/2.0 480",
            when!(|m| m.answers(403, "INVITE"), |m| m.start = "SIP/2.0 480 Gone".to_owned()),
        ),
    ];
    let scenarios = ["inbound", "outbound", "gateway-tenant", "gateway-emergency"];
    Wrong { platform: Platform::Gateway, ..Wrong::teams(&scenarios, spoils) }.is_told().await;
}

async fn a_core_that_never_tries_the_other_region() {
    let spoils = vec![says("PF-44", "after 503", never!(|m| m.begins_call() && m.start.contains("@1r2.")))];
    Wrong { platform: Platform::Gateway, ..Wrong::teams(&["failover"], spoils) }.is_told().await;
}
