//! What reaches a peer besides the dialog's own headers: pass, add, set, remove, copy, map (PF-12, PF-137, MD-83).

use bytes::Bytes;
use trunkline::route::policy::{
    Edit, EditFault, Facts, HeaderName, HeaderPolicy, Line, NamePattern, Origin, Template, TemplateFault,
};
use trunkline::sip::{Message, SipMessage, frame};

fn received(headers: &str) -> Message {
    let text = format!(
        "INVITE sip:+4930999@a SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a@a>;tag=1\r\nTo: <sip:b@b>\r\n\
         Call-ID: secret-call\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\nUser-Agent: Other/1\r\n{headers}Content-Length: 0\r\n\r\n"
    );
    match frame::datagram(&Bytes::from(text), "127.0.0.1:5060".parse().unwrap()) {
        Some(Ok(SipMessage::Request(request))) => request.message,
        other => panic!("{other:?}"),
    }
}

fn name(text: &str) -> HeaderName {
    HeaderName::parse(text).unwrap()
}

fn value(text: &str) -> Template {
    Template::parse(text).unwrap()
}

fn policy(pass: &[&str], edits: Vec<Edit>) -> HeaderPolicy {
    let pass = pass.iter().map(|text| NamePattern::parse(text).unwrap()).collect();
    HeaderPolicy { pass, edits, ..HeaderPolicy::default() }
}

const FACTS: Facts<'static> = Facts {
    calling: "+49301",
    called: "+49309",
    original_called: "+49307",
    from_trunk: "teams",
    to_trunk: "north-tel",
    account: "acme",
    call_id: "c1",
    node: "sbc1",
    route: "berlin",
    contents: "acme-42",
};

fn sent(policy: &HeaderPolicy, headers: &str) -> Vec<String> {
    let lines = policy.outgoing(Vec::new(), Some(&received(headers)), &FACTS);
    let text =
        |line: &Line| format!("{}: {}", String::from_utf8_lossy(&line.name), String::from_utf8_lossy(&line.value));
    lines.iter().map(text).collect()
}

#[test]
fn what_the_list_passes_keeps_its_octets_case_and_order() {
    let headers =
        "User-to-User: 56a390f3;encoding=hex\r\nX-cAsE-Id:  a , b;c=\"d\" \r\nIdentity: one\r\nIdentity: two\r\n";
    assert_eq!(
        sent(&policy(&["User-to-User", "X-*", "identity"], Vec::new()), headers),
        ["User-to-User: 56a390f3;encoding=hex", "X-cAsE-Id: a , b;c=\"d\"", "Identity: one", "Identity: two"]
    );
}

#[test]
fn nothing_passes_that_is_not_listed() {
    assert!(sent(&policy(&[], Vec::new()), "X-A: 1\r\nUser-to-User: 2\r\n").is_empty());
}

#[test]
fn a_later_pattern_takes_names_out_again() {
    let policy = policy(&["X-*", "!X-MS-*", "X-MS-Keep"], Vec::new());
    assert_eq!(sent(&policy, "X-MS-A: 1\r\nX-B: 2\r\nX-MS-Keep: 3\r\n"), ["X-B: 2", "X-MS-Keep: 3"]);
}

#[test]
fn no_pattern_lets_the_other_sides_topology_through() {
    let headers = "Contact: <sip:inside@10.0.0.1>\r\nRecord-Route: <sip:p.inside;lr>\r\nAuthorization: Digest x\r\n\
                   Server: inside\r\nP-Asserted-Identity: <sip:a@inside>\r\nDiversion: <sip:a@inside>\r\n";
    let every_letter: Vec<String> = (b'A'..=b'Z').map(|letter| format!("{}*", char::from(letter))).collect();
    let patterns: Vec<&str> = every_letter.iter().map(String::as_str).collect();
    assert!(sent(&policy(&patterns, Vec::new()), headers).is_empty());
}

#[test]
fn edits_are_applied_in_their_order() {
    let edits = vec![
        Edit::Add { name: name("X-Trunk"), value: value("${from_trunk}->${to_trunk}") },
        Edit::Set { name: name("X-A"), value: value("new") },
        Edit::Remove { name: name("x-b") },
        Edit::copy("Call-Info", name("X-Info")).unwrap(),
        Edit::map(name("X-C"), "^(.)(.)$", "$2$1").unwrap(),
    ];
    let headers = "X-A: 1\r\nX-A: 2\r\nX-B: 3\r\nX-C: xy\r\nCall-Info: <sip:i>\r\n";
    assert_eq!(
        sent(&policy(&["X-*"], edits), headers),
        ["X-C: yx", "X-Trunk: teams->north-tel", "X-A: new", "X-Info: <sip:i>"]
    );
}

#[test]
fn every_line_says_which_rule_made_it() {
    let edits = vec![Edit::Add { name: name("X-N"), value: value("1") }, Edit::map(name("X-P"), "1", "2").unwrap()];
    let core = vec![Line::core("Diversion", Bytes::from_static(b"<sip:d>"))];
    let lines = policy(&["X-*"], edits).outgoing(core, Some(&received("X-P: 1\r\nX-Q: 5\r\n")), &FACTS);
    let origins: Vec<Origin> = lines.iter().map(|line| line.origin).collect();
    assert_eq!(origins, [Origin::Core, Origin::Edit(1), Origin::Passed, Origin::Edit(0)]);
}

#[test]
fn a_value_nothing_is_known_for_writes_no_header() {
    let edits = vec![Edit::Add { name: name("X-Account"), value: value("${account}") }];
    let lines = policy(&[], edits).outgoing(Vec::new(), None, &Facts::default());
    assert!(lines.is_empty());
}

#[test]
fn a_map_that_would_break_the_line_leaves_the_value() {
    let edits = vec![Edit::map(name("X-A"), "b", "\r\nEvil: 1").unwrap()];
    assert_eq!(sent(&policy(&["X-*"], edits), "X-A: abc\r\n"), ["X-A: abc"]);
}

#[test]
fn credentials_are_never_copied() {
    assert_eq!(Edit::copy("authorization", name("X-A")).unwrap_err(), EditFault::Secret);
    let fault = Template::parse("${header:Proxy-Authorization}").unwrap_err();
    assert_eq!(fault, TemplateFault::Secret("Proxy-Authorization".into()));
}

#[test]
fn a_value_takes_what_the_other_side_wrote() {
    let edits =
        vec![Edit::Add { name: name("X-N"), value: value("${route}/${contents}/${header:x-id}/${context:lang}") }];
    assert_eq!(
        sent(&policy(&[], edits), "X-ID: 1\r\nX-ID: 2\r\nUser-to-User: 6C616E673D6465;encoding=hex\r\n"),
        ["X-N: berlin/acme-42/1/de"]
    );
}

/// PF-29: no way round by a variable.
#[test]
fn a_header_that_nobody_may_forge_fills_no_value() {
    let edits = vec![Edit::Add { name: name("X-N"), value: value("${header:x-mark}") }];
    let policy = HeaderPolicy { stripped: Some(name("X-Mark")), ..policy(&[], edits) };
    assert!(sent(&policy, "X-Mark: forged\r\n").is_empty());
}

#[test]
fn a_flood_of_headers_is_cut_at_the_limit() {
    let headers: String = (0..200).map(|at| format!("X-{at}: 1\r\n")).collect();
    assert_eq!(sent(&policy(&["X-*"], Vec::new()), &headers).len(), 64);
}
