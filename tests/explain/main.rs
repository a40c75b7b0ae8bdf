//! `trunkline explain`: what is said of a call, and that it is what the engine does.

use std::process::Command;
use std::sync::Arc;

use trunkline::base::WallTime;
use trunkline::config::{Files, parse};
use trunkline::explain::{BadQuestion, Explanation, Question, explain};
use trunkline::route::directory::{
    Account, AccountName, AccountRules, Change, Directory, HeaderContent, NumberEntry, Service, ServiceSet,
};
use trunkline::route::number::{E164, NumberRule, RuleList};
use trunkline::route::snapshot::Snapshot;

const CONFIG: &str = include_str!("sbc.toml");

fn snapshot() -> Arc<Snapshot> {
    snapshot_of(CONFIG)
}

fn snapshot_of(text: &str) -> Arc<Snapshot> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("password"), "secret").unwrap();
    parse("sbc.toml", text, folder.path(), Files::Ignored).unwrap_or_else(|report| panic!("{report}")).snapshot
}

/// Account acme with +4930555501234, which makes and takes calls and has contents for the custom header.
fn directory() -> Arc<Directory> {
    let name = AccountName::parse("acme").unwrap();
    let services = ServiceSet::of([Service::TeamsDirectRouting]);
    let account = Account { services, ..Account::new(name.clone()) };
    let entry = NumberEntry {
        inbound: true,
        outbound: true,
        services,
        custom_header: HeaderContent::parse("acme-42"),
        ..NumberEntry::default()
    };
    let number = E164::parse("+4930555501234").unwrap();
    Arc::new(Directory::default().changed([Change::Account(account), Change::Number(number, name, entry)]))
}

fn question(from: &str, calling: &str, called: &str) -> Question {
    Question { from: from.to_owned(), calling: calling.to_owned(), called: called.to_owned(), headers: Vec::new() }
}

fn ask(question: &Question) -> Result<Explanation, BadQuestion> {
    explain(&snapshot(), &directory(), question, WallTime(1_700_000_000_000))
}

fn explained(from: &str, calling: &str, called: &str) -> Explanation {
    ask(&question(from, calling, called)).unwrap()
}

/// Value and rule of a header of the first INVITE.
fn header<'e>(explanation: &'e Explanation, name: &str) -> (&'e str, &'e str) {
    let found = explanation.invites[0].headers.iter().find(|header| header.name == name);
    let found = found.unwrap_or_else(|| panic!("no {name}:\n{explanation}"));
    (&found.value, &found.rule)
}

#[test]
fn a_call_is_followed_from_its_trunk_to_every_header_of_the_invite() {
    let mut asked = question("north", "030111222", "9030555501234");
    asked.headers = vec![
        ("User-to-User".to_owned(), "00abc;encoding=hex".to_owned()),
        ("X-Secret".to_owned(), "s".to_owned()),
        ("Diversion".to_owned(), "<sip:030777@h>;reason=unconditional".to_owned()),
    ];
    let explanation = ask(&asked).unwrap();
    assert!(explanation.allowed, "{explanation}");
    let trunk = explanation.trunk.as_ref().unwrap();
    assert_eq!((trunk.name.as_str(), trunk.by.as_str()), ("north", "its source, which is in 127.0.1.1/32"));
    let called = &explanation.readings[0];
    assert_eq!((called.header.as_str(), called.number.as_deref()), ("Request-URI", Some("+4930555501234")));
    assert!(called.rule.starts_with("numbers.incoming_rules[0]") && called.rule.ends_with("national (DE)"));
    assert!(explanation.readings.iter().any(|reading| reading.header == "Diversion"));
    let account = explanation.account.as_ref().unwrap();
    assert_eq!((account.name.as_deref(), account.by.as_str()), (Some("acme"), "the called number is its"));
    let verdicts: Vec<(&str, &str)> =
        explanation.routes.iter().map(|route| (route.name.as_str(), route.verdict.as_str())).collect();
    assert_eq!(verdicts, [("paris", "missed"), ("berlin", "taken"), ("rest", "notReached")]);
    assert_eq!(explanation.routes[0].why, "called +4930555501234 does not start with +331");
    assert_eq!(explanation.routes[1].to, ["platforms"]);
    assert_eq!(explanation.candidates, ["teams at 127.0.1.2:5060", "teams at 127.0.1.3:5060"]);
    assert_eq!(explanation.invites.len(), 2, "each place it would be tried at");
    assert_eq!(explanation.invites[0].request_uri, "sip:+4930555501234@127.0.1.2;user=phone");
    assert_eq!(
        header(&explanation, "User-to-User"),
        ("00abc;encoding=hex", "headers.pass \"User-to-User\": as the other side sent it")
    );
    assert_eq!(header(&explanation, "X-Trunk").1, "headers.edits[0]: X-Trunk is added: ${from_trunk}");
    assert!(header(&explanation, "P-Asserted-Identity").1.starts_with("identity.send, of the caller"));
    assert!(header(&explanation, "Diversion").1.starts_with("diversion.send = diversion"));
    assert!(explanation.invites[0].headers.iter().all(|header| header.name != "X-Secret"), "{explanation}");
}

/// PF-124, PF-213: each pair with who says it.
#[test]
fn a_context_is_shown_pair_by_pair_with_its_rule() {
    let own = "headers = { pass = [\"User-to-User\"],";
    let trunk = "context = { values = { ani = \"${calling}\", lang = \"en\", id = \"${contents}\" } }\n";
    let text = CONFIG.replacen(own, &format!("{trunk}{own}"), 1);
    let text =
        text.replacen("to = [\"platforms\"]\nnumbers", "to = [\"platforms\"]\ncontext = { lang = \"de\" }\nnumbers", 1);
    let mut asked = question("north", "030111222", "9030555501234");
    asked.headers = vec![("User-to-User".to_owned(), "orderid=7;lang=fr".to_owned())];
    let explanation = explain(&snapshot_of(&text), &directory(), &asked, WallTime(1_700_000_000_000)).unwrap();
    let (value, rule) = header(&explanation, "User-to-User");
    assert!(value.ends_with(";encoding=hex"), "{value}");
    assert_eq!(
        rule,
        "context of the trunk: ani=+4930111222 (context.values), lang=de (context of the route), id=acme-42 \
         (context.values), orderid=7 (came in)"
    );
    let policy = explanation.to_string();
    assert!(policy.contains("Then User-to-User of an INVITE is built in hex: ani=${calling};lang=en;id=${contents}"));
    asked.headers = vec![("User-to-User".to_owned(), "6C616E673D6672;encoding=hex".to_owned())];
    let passed = ask(&asked).unwrap();
    assert_eq!(
        header(&passed, "User-to-User").1,
        "headers.pass \"User-to-User\": as the other side sent it; it says lang=fr"
    );
}

#[test]
fn the_caller_is_told_what_crosses_back() {
    let explanation = explained("north", "030111222", "9030555501234");
    let trunk = explanation.trunk.as_ref().unwrap();
    let text = explanation.to_string();
    let (_, answers) = text.split_once("What north is shown of the answers:\n").unwrap();
    for sentence in &trunk.policy {
        assert!(answers.contains(sentence.as_str()), "{sentence}");
    }
    assert!(answers.contains("in INVITE, 18x, 2xx, refusals, BYE and requests inside the call"), "{answers}");
    assert!(answers.contains("Nothing of the other side's Via"), "{answers}");
}

#[test]
fn every_header_has_a_rule() {
    for explanation in
        [explained("north", "030111222", "9030555501234"), explained("teams", "+4930555501234", "+4940111222")]
    {
        for invite in &explanation.invites {
            assert!(invite.headers.len() > 10);
            for header in &invite.headers {
                assert!(
                    !header.rule.is_empty() && header.rule != "written by Trunkline",
                    "{}: {}",
                    header.name,
                    header.value
                );
            }
        }
    }
}

#[test]
fn a_platforms_call_is_screened_and_judged() {
    let own = explained("teams", "+4930555501234", "+4940111222");
    assert!(own.allowed, "{own}");
    assert_eq!(own.account.as_ref().unwrap().by, "the caller's number is its");
    assert_eq!(
        own.guard,
        ["the called number is domestic of DE: allowed, a trunk names that country (numbers.country)"]
    );
    let foreign = explained("teams", "+4930555509999", "+4940111222");
    let refusal = foreign.refusal.as_ref().unwrap();
    assert_eq!((refusal.status, refusal.cause.as_str()), (403, "screening_failed"), "{foreign}");
    assert!(refusal.key.as_ref().unwrap().contains("callerScreening"));
    let abroad = explained("teams", "+4930555501234", "+88213000000");
    let refusal = abroad.refusal.as_ref().unwrap();
    assert_eq!((refusal.status, refusal.q850), (403, Some(21)), "{abroad}");
    assert!(refusal.text.contains("fraud.allow_"), "{}", refusal.text);
}

/// MD-67: a rule is named by whose it is, with its place among that one's.
#[test]
fn an_accounts_number_rule_is_named_by_its_key() {
    let rule = NumberRule::new(None, "^\\+4930555501", "1").unwrap();
    let outgoing = RuleList::new(vec![rule]).of_account(&"acme".into());
    let rules = Some(Arc::new(AccountRules { incoming: RuleList::default(), outgoing }));
    let name = AccountName::parse("acme").unwrap();
    let services = ServiceSet::of([Service::TeamsDirectRouting]);
    let account = Account { services, rules, ..Account::new(name) };
    let directory = Arc::new(directory().changed([Change::Account(account)]));
    let asked = question("north", "+4940111222", "+4930555501234");
    let explained = explain(&snapshot(), &directory, &asked, WallTime(1_700_000_000_000)).unwrap();
    let invite = &explained.invites[0];
    assert!(invite.request_uri.starts_with("sip:1234@"), "{explained}");
    let rule = "accounts.acme.outgoing_rules[0] (^\\+4930555501 becomes 1)";
    assert!(invite.request_uri_rule.contains(rule), "{}", invite.request_uri_rule);
}

/// Which key, which prefix, which country: in text and as data.
#[test]
fn the_fraud_guard_says_what_decides() {
    type Row = (&'static str, bool, &'static str, Option<&'static str>, Option<&'static str>, Option<&'static str>);
    let fraud = "[fraud]\nallow_countries = [\"FR\"]\nallow_prefixes = [\"+4420\"]\ndeny_prefixes = [\"+49137\", \"+4913755\"]\n";
    let snapshot = snapshot_of(&format!("{CONFIG}\n{fraud}"));
    let table: [Row; 6] = [
        ("+4940111222", true, "domestic", Some("DE"), Some("trunks.NAME.numbers.country"), None),
        ("+33140000000", true, "international", Some("FR"), Some("fraud.allow_countries"), None),
        ("+442071838750", true, "international", Some("GB"), Some("fraud.allow_prefixes"), Some("+4420")),
        ("+441619999999", false, "international", Some("GB"), Some("fraud.allow_countries"), None),
        ("+4913755123456", false, "shared-cost", Some("DE"), Some("fraud.deny_prefixes"), Some("+4913755")),
        ("+88213000000", false, "satellite", None, Some("fraud.allow_classes"), None),
    ];
    for (called, allowed, class, country, key, prefix) in table {
        let asked = question("teams", "+4930555501234", called);
        let explanation = explain(&snapshot, &directory(), &asked, WallTime(1_700_000_000_000)).unwrap();
        let verdict = explanation.fraud.as_ref().unwrap_or_else(|| panic!("{explanation}"));
        assert_eq!((verdict.allowed, verdict.class.as_str()), (allowed, class), "{explanation}");
        assert_eq!((verdict.country.as_deref(), verdict.key.as_deref()), (country, key), "{explanation}");
        assert_eq!(verdict.prefix.as_deref(), prefix, "{explanation}");
        assert_eq!(explanation.allowed, allowed);
        let refused = explanation.refusal.as_ref().map(|refusal| refusal.key.as_deref());
        assert_eq!(refused, (!allowed).then_some(key), "a refusal names the key: {explanation}");
        assert!(explanation.to_string().contains(&verdict.text), "{explanation}");
        let told = explanation.refusal.as_ref().is_none_or(|refusal| refusal.text.ends_with(&verdict.text));
        assert!(told && prefix.is_none_or(|prefix| verdict.text.ends_with(&format!("({prefix})"))), "{explanation}");
        assert_eq!(serde_json::json!(explanation)["fraud"]["class"], class);
    }
}

#[test]
fn an_emergency_call_is_explained_with_its_way_and_its_place() {
    let emergency = "[[emergency.routes]]\nto = [\"teams\", \"north\"]\n";
    let snapshot = snapshot_of(&format!("{CONFIG}\n{emergency}"));
    let ask = |from: &str, calling: &str, headers: Vec<(String, String)>| {
        let asked = Question { headers, ..question(from, calling, "112") };
        explain(&snapshot, &directory(), &asked, WallTime(1_700_000_000_000)).unwrap()
    };
    let help = ask("teams", "+4930555501234", Vec::new());
    let shown = help.emergency.as_ref().unwrap_or_else(|| panic!("{help}"));
    assert_eq!((shown.code.as_str(), shown.route.as_deref()), ("112", Some("emergency.routes[0]")), "{help}");
    assert_eq!(shown.trunks, ["teams", "north"]);
    assert!(help.allowed && help.fraud.is_none(), "{help}");
    assert_eq!(help.account.as_ref().and_then(|account| account.name.as_deref()), Some("acme"));
    let text = help.to_string();
    assert!(text.contains("112 is an emergency number: no limit"), "{text}");
    assert!(text.contains("emergency.routes[0] leads"), "{text}");
    assert!(header(&help, "To").1.starts_with("emergency number 112 by emergency.form"), "{text}");

    let misled = ask("north", "030111222", Vec::new());
    let shown = misled.emergency.as_ref().unwrap_or_else(|| panic!("{misled}"));
    assert_eq!(shown.barred, ["teams"], "{misled}");
    assert_eq!(shown.trunks, ["north"]);
    assert!(misled.to_string().contains("never to teams: from a carrier it reaches no platform"), "{misled}");

    let only = snapshot_of(&format!("{CONFIG}\n[[emergency.routes]]\nto = [\"teams\"]\n"));
    let asked = question("north", "030111222", "112");
    let refused = explain(&only, &directory(), &asked, WallTime(1_700_000_000_000)).unwrap();
    let refusal = refused.refusal.as_ref().unwrap();
    assert_eq!((refusal.status, refusal.cause.as_str()), (403, "emergency_misdirected"), "{refused}");
    assert!(refusal.key.as_ref().is_some_and(|key| key.starts_with("emergency.routes")), "{refused}");
}

#[test]
fn an_elin_is_explained() {
    let elin = CONFIG.replacen("[trunks.north]\n", "[trunks.north]\nemergency = { caller = \"elin\" }\n", 1);
    assert_ne!(elin, CONFIG);
    let snapshot = snapshot_of(&format!("{elin}\n[[emergency.routes]]\nto = [\"north\"]\n"));
    let asked = question("teams", "+4930555501234", "112");
    let unknown = explain(&snapshot, &directory(), &asked, WallTime(1_700_000_000_000)).unwrap();
    assert!(unknown.guard.iter().any(|text| text.contains("none is known")), "{unknown}");
    let located = Arc::new(directory().changed([number_with_elin("+4930555500")]));
    let known = explain(&snapshot, &located, &asked, WallTime(1_700_000_000_000)).unwrap();
    assert_eq!(known.emergency.as_ref().unwrap().elins, ["+4930555500"], "{known}");
    let (from, rule) = header(&known, "From");
    assert!(from.contains("555500@"), "{from}");
    assert!(rule.starts_with("emergency.caller = elin: +4930555500 stands for the place"), "{rule}");
}

fn number_with_elin(elin: &str) -> Change {
    let entry = NumberEntry { elin: Some(Box::new(E164::parse(elin).unwrap())), ..NumberEntry::default() };
    Change::Number(E164::parse("+4930555501234").unwrap(), AccountName::parse("acme").unwrap(), entry)
}

#[test]
fn a_refusal_names_its_cause_and_its_key() {
    let nobody = explained("lonely", "030111", "030222");
    let refusal = nobody.refusal.as_ref().unwrap();
    assert_eq!((refusal.status, refusal.cause.as_str(), refusal.key.as_deref()), (404, "no_route", Some("routes")));
    assert!(refusal.text.contains("no route has from = \"lonely\""), "{}", refusal.text);
    let unknown = explained("north", "030111", "030999");
    assert_eq!(unknown.refusal.as_ref().map(|refusal| refusal.cause.as_str()), Some("number_unknown"), "{unknown}");
    let long = explained("north", "030111", &"4".repeat(40));
    assert_eq!(
        long.refusal.as_ref().map(|refusal| (refusal.status, refusal.cause.as_str())),
        Some((484, "too_many_digits"))
    );
    let other = explained("north", "030111", "444444444444");
    let refusal = other.refusal.as_ref().unwrap();
    assert_eq!((refusal.status, refusal.key.as_deref()), (404, Some("trunks.north.numbers")));
    assert!(refusal.text.contains("numbers.incoming = national"), "{}", refusal.text);
}

#[test]
fn who_hides_is_shown_as_hidden() {
    let mut asked = question("north", "030111222", "9030555501234");
    asked.headers = vec![("Privacy".to_owned(), "id".to_owned())];
    let explanation = ask(&asked).unwrap();
    assert!(explanation.caller.as_ref().unwrap().hides);
    let (value, rule) = header(&explanation, "From");
    assert!(value.contains("anonymous.invalid") && rule.starts_with("the caller hides"), "{value} [{rule}]");
    assert!(header(&explanation, "Privacy").1.contains("own wish"));
}

/// A peer that must prove who it is does so: the question is asked as that peer.
#[test]
fn a_trunk_with_a_password_is_asked_as_its_peer() {
    let explanation = explained("proving", "030111222", "9030555501234");
    assert!(explanation.allowed, "{explanation}");
}

#[test]
fn a_trunk_known_by_its_certificate_is_asked_as_its_peer() {
    let explanation = explained("secure", "+4930555501234", "+4940111222");
    let trunk = explanation.trunk.as_ref().unwrap_or_else(|| panic!("{explanation}"));
    assert!(trunk.by.contains("name of its certificate"), "{}", trunk.by);
}

#[test]
fn what_cannot_be_asked_is_refused_with_its_place() {
    let place = |question: Question| ask(&question).unwrap_err().place;
    assert_eq!(place(question("nobody", "1", "2")), "from");
    assert_eq!(place(question("north", "1", "2 3")), "called");
    assert_eq!(place(question("north", "1\r\nX: y", "2")), "calling");
    let mut with_line_end = question("north", "1", "2");
    with_line_end.headers = vec![("X-A".to_owned(), "b\r\nEvil: 1".to_owned())];
    assert_eq!(place(with_line_end), "header 1");
    assert_eq!(place(question("north", "1", "sip:@@@")), "the call");
}

#[test]
fn look_alike_digits_are_no_number() {
    let explanation = explained("north", "030111222", "\u{0660}\u{0663}\u{0660}\u{0661}");
    assert!(!explanation.allowed);
    assert_eq!(explanation.refusal.as_ref().map(|refusal| refusal.status), Some(404), "{explanation}");
}

// ---- the command

fn command(arguments: &[&str]) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("trunkline.toml");
    std::fs::write(&config, include_str!("../../config/minimal.toml")).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_trunkline"))
        .args(["explain", "--config", config.to_str().unwrap()])
        .args(arguments)
        .output()
        .unwrap();
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_command_shows_text_or_json_and_ends_with_its_code() {
    let (code, text, _) = command(&["--from", "north", "--calling", "1001", "--called", "2002", "--header", "X-A: b"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("goes to south") && text.contains("X-A: b\n      [headers.pass \"X-*\""), "{text}");
    let (code, text, _) = command(&["--from", "north", "--called", "2002", "--json"]);
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &value["allowed"]), (Some(0), &serde_json::json!(true)));
    let (code, text, _) = command(&["--from", "north", "--called", "tel:"]);
    assert!(matches!(code, Some(1 | 64)), "{text}");
    let (code, _, error) = command(&["--from", "west", "--called", "1"]);
    assert_eq!(code, Some(64));
    assert!(error.contains("--from names no trunk; there are north, south"), "{error}");
    assert_eq!(command(&["--from", "north", "--called", "1", "--header", "nonsense"]).0, Some(64));
}
