//! More messages of the corpora's kinds, made here: each limit one below, at and one above it, each mandatory field
//! missing, twice and bent, each form of a description. What must come of each is the RFCs' and the plan's.

use trunkline::base::limits;

use crate::judge::Then::{self, Answer, AnswerAndClose, Call, Close, Nothing, Wait};
use crate::judge::{Case, Court};

/// One message: a start line, fields by name, a body.
pub struct Made {
    start: String,
    fields: Vec<String>,
    body: Vec<u8>,
}

impl Made {
    fn new(method: &str, transport: &str, serial: usize) -> Made {
        let fields = [
            format!("Via: SIP/2.0/{transport} caller.example;rport;branch=z9hG4bKv{serial}"),
            String::from("Max-Forwards: 70"),
            format!("From: <sip:+4989@caller.example>;tag=v{serial}"),
            String::from("To: <sip:+4930123@sbc.example>"),
            format!("Call-ID: v{serial}@caller.example"),
            format!("CSeq: 1 {method}"),
            String::from("Contact: <sip:a@caller.example>"),
        ];
        Made { start: format!("{method} sip:+4930123@sbc.example SIP/2.0"), fields: fields.to_vec(), body: Vec::new() }
    }

    pub fn without(mut self, name: &str) -> Made {
        self.fields.retain(|field| field.split(':').next() != Some(name));
        self
    }

    /// Replaces the field of that name in its place.
    pub fn with(mut self, name: &str, line: &str) -> Made {
        let at = self.fields.iter().position(|field| field.split(':').next() == Some(name)).unwrap();
        self.fields[at] = line.to_owned();
        self
    }

    pub fn and(mut self, line: impl Into<String>) -> Made {
        self.fields.push(line.into());
        self
    }

    pub fn start(mut self, line: &str) -> Made {
        self.start = line.to_owned();
        self
    }

    pub fn body(mut self, kind: &str, body: impl Into<Vec<u8>>) -> Made {
        self.body = body.into();
        self.and(format!("Content-Type: {kind}"))
    }

    /// With its true Content-Length.
    fn octets(self) -> Vec<u8> {
        let length = format!("Content-Length: {}", self.body.len());
        self.and(length).raw()
    }

    fn raw(self) -> Vec<u8> {
        let mut head = format!("{}\r\n", self.start);
        self.fields.iter().for_each(|field| head += &format!("{field}\r\n"));
        [head.as_bytes(), b"\r\n", &self.body].concat()
    }
}

/// Collects cases; each message gets its own number.
pub struct Cases {
    transport: &'static str,
    pub cases: Vec<Case>,
}

impl Cases {
    pub fn new(transport: &'static str) -> Cases {
        Cases { transport, cases: Vec::new() }
    }

    fn octets(&mut self, name: &str, datagram: Then, stream: Then, octets: Vec<u8>) {
        self.cases.push(Case { name: name.to_owned(), octets, datagram, stream });
    }

    fn made(&self, method: &str) -> Made {
        Made::new(method, self.transport, self.cases.len())
    }

    pub fn options(&mut self, name: &str, then: Then, change: impl FnOnce(Made) -> Made) {
        let octets = change(self.made("OPTIONS")).octets();
        self.octets(name, then, then, octets);
    }

    /// OPTIONS that bring their own Content-Length.
    fn framed(&mut self, name: &str, datagram: Then, stream: Then, line: &str, body: &str) {
        let mut made = self.made("OPTIONS").and(line);
        made.body = body.as_bytes().to_vec();
        self.octets(name, datagram, stream, made.raw());
    }

    pub fn invite(&mut self, name: &str, then: Then, change: impl FnOnce(Made) -> Made) {
        let octets = change(self.made("INVITE")).octets();
        self.octets(name, then, then, octets);
    }

    pub fn other(&mut self, method: &str, name: &str, then: Then, change: impl FnOnce(Made) -> Made) {
        let octets = change(self.made(method)).octets();
        self.octets(name, then, then, octets);
    }
}

const OK: Then = Answer(&[200]);
const BAD: Then = Answer(&[400]);
const BROKEN: Then = AnswerAndClose(&[400]);
const TOO_LARGE: Then = AnswerAndClose(&[513]);

fn framing(cases: &mut Cases) {
    for (name, line) in [
        ("cl-minus-zero", "Content-Length: -0"),
        ("cl-empty", "Content-Length:"),
        ("cl-exponent", "Content-Length: 1e0"),
        ("cl-comma-same", "Content-Length: 0, 0"),
        ("cl-twice-compact", "l: 0\r\nContent-Length: 0"),
        ("cl-inner-space", "Content-Length: 0 0"),
        ("cl-decimal", "Content-Length: 0.0"),
        ("cl-arabic-digit", "Content-Length: \u{660}"),
        ("cl-semicolon", "Content-Length: 0;a=b"),
    ] {
        cases.framed(name, BROKEN, BROKEN, line, "");
    }
    for (name, line) in [
        ("cl-trailing-space", "Content-Length: 0 \t"),
        ("cl-zeros", "Content-Length: 0000000000000000000000"),
        ("cl-folded", "Content-Length:\r\n 0"),
        ("cl-compact-upper", "L: 0"),
        ("cl-mixed-case-space", "cOnTeNt-LeNgTh \t:0"),
    ] {
        cases.framed(name, OK, OK, line, "");
    }
    cases.framed("cl-one-more", BAD, Wait, "Content-Length: 4", "abc");
    cases.framed(
        "cl-2-to-64",
        AnswerAndClose(&[400, 413]),
        AnswerAndClose(&[400, 413]),
        "Content-Length: 18446744073709551616",
        "",
    );
    cases.framed("cl-above-limit", AnswerAndClose(&[413]), AnswerAndClose(&[413]), "Content-Length: 65536", "");
    let sized = |made: Made, octets: usize| {
        let length = |body: usize| format!("Content-Length: {body}");
        let head = made.and(length(60_000)).raw().len();
        octets - head
    };
    for (name, octets, then) in [
        ("message-65535", limits::MESSAGE_OCTETS - 1, OK),
        ("message-65536", limits::MESSAGE_OCTETS, OK),
        ("message-65537", limits::MESSAGE_OCTETS + 1, AnswerAndClose(&[413])),
    ] {
        let body = sized(cases.made("OPTIONS"), octets);
        cases.framed(name, then, then, &format!("Content-Length: {body}"), &"b".repeat(body));
    }
    cases.octets("clienthello", Nothing, Close, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03rest\r\n\r\n".to_vec());
    cases.octets("http-post", Nothing, Close, b"POST /api HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n".to_vec());
    cases.octets("rtsp", Nothing, Close, b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n".to_vec());
    cases.octets("noise", Nothing, Close, vec![0xff; 400]);
}

fn lines(cases: &mut Cases) {
    let subject = |octets: usize| format!("Subject: {}", "s".repeat(octets - "Subject: ".len()));
    cases.options("line-8191", OK, |made| made.and(subject(limits::LINE_OCTETS - 1)));
    cases.options("line-8192", OK, |made| made.and(subject(limits::LINE_OCTETS)));
    cases.options("line-8193", TOO_LARGE, |made| made.and(subject(limits::LINE_OCTETS + 1)));
    let name = |octets: usize| format!("{}: x", "N".repeat(octets));
    cases.options("header-name-128", OK, |made| made.and(name(limits::HEADER_NAME_OCTETS)));
    cases.options("header-name-129", BROKEN, |made| made.and(name(limits::HEADER_NAME_OCTETS + 1)));
    let padded = |made: Made, count: usize| {
        // One more is Content-Length.
        let missing = count - made.fields.len() - 1;
        (0..missing).fold(made, |made, number| made.and(format!("X-{number}: y")))
    };
    cases.options("headers-255", OK, |made| padded(made, limits::HEADER_COUNT - 1));
    cases.options("headers-256", OK, |made| padded(made, limits::HEADER_COUNT));
    cases.options("headers-257", TOO_LARGE, |made| padded(made, limits::HEADER_COUNT + 1));
    let folds = |count: usize| format!("Subject: a{}", "\r\n b".repeat(count));
    cases.options("folds-64", OK, |made| made.and(folds(limits::FOLDS)));
    cases.options("folds-65", TOO_LARGE, |made| made.and(folds(limits::FOLDS + 1)));
    let vias = |made: Made, count: usize| {
        (1..count).fold(made, |made, number| made.and(format!("Via: SIP/2.0/UDP h{number};branch=z9hG4bK{number}")))
    };
    cases.options("vias-70", OK, |made| vias(made, limits::VIA_COUNT));
    cases.options("vias-71", TOO_LARGE, |made| vias(made, limits::VIA_COUNT + 1));
    let block = |made: Made, octets: usize| {
        let mut made = made;
        for number in 0.. {
            let left = octets
                - made.fields.iter().map(|field| field.len() + 2).sum::<usize>()
                - (made.start.len() + 2)
                - "Content-Length: 0\r\n\r\n".len();
            let line = format!("X-{number:02}: ");
            if left <= 8000 {
                return made.and(format!("{line}{}", "y".repeat(left - line.len() - 2)));
            }
            made = made.and(format!("{line}{}", "y".repeat(7000)));
        }
        made
    };
    cases.options("block-32768", OK, |made| block(made, limits::HEADER_BLOCK_OCTETS));
    cases.options("block-32769", TOO_LARGE, |made| block(made, limits::HEADER_BLOCK_OCTETS + 1));
}

fn odd_lines(cases: &mut Cases) {
    for (name, line) in [
        ("line-without-colon", "NoColonHere"),
        ("line-empty-name", ": x"),
        ("line-space-in-name", "Sub ject: x"),
        ("line-name-with-quote", "\"Subject\": x"),
        ("line-name-utf8", "Sübject: x"),
        ("bare-cr", "Subject: a\rb"),
        ("bare-lf-in-value", "Subject: a\nb: c"),
        ("bare-lf-at-end", "Subject: a\nX: y"),
        ("nul-bare", "Subject: a\0b"),
        ("nul-in-quotes", "Subject: \"a\0b\""),
        ("lf-cr", "Subject: a\n\rX: y"),
        ("bare-lf-fold", "Subject: a\n b"),
    ] {
        cases.options(name, BROKEN, |made| made.and(line));
    }
    for (name, line) in [
        ("utf8-value", "Subject: Grüße \u{2028} \u{202e}"),
        ("empty-value", "Subject:"),
        ("tab-fold", "Subject: a\r\n\tb"),
        ("fold-empty", "Subject:\r\n x"),
        ("colon-in-value", "Subject: a:b:c"),
        ("del-in-value", "Subject: a\u{7f}b"),
        ("huge-expires", "Expires: 99999999999999999999"),
        ("bad-date", "Date: yesterday"),
        ("unknown-header", "X-Odd!%*: ;;,,\"=<>"),
    ] {
        cases.options(name, OK, |made| made.and(line));
    }
    let mut latin = cases.made("OPTIONS").and("Subject: J?rgen").octets();
    let at = latin.windows(3).position(|window| window == b"J?r").unwrap() + 1;
    latin[at] = 0xfc;
    cases.octets("latin-1-value", OK, OK, latin);
    let first_folded = String::from_utf8(cases.made("OPTIONS").octets()).unwrap().replacen("\r\nVia", "\r\n Via", 1);
    // Its Via is lost with the fold, so nobody can be answered.
    cases.octets("first-line-folded", Nothing, Close, first_folded.into_bytes());
}

fn start_lines(cases: &mut Cases) {
    for (name, start, then) in [
        ("version-lower-case", "OPTIONS sip:a@h sip/2.0", OK),
        ("version-3", "OPTIONS sip:a@h SIP/3.0", Answer(&[505])),
        ("version-2.00", "OPTIONS sip:a@h SIP/2.00", Answer(&[505])),
        ("version-2.1", "OPTIONS sip:a@h SIP/2.1", Answer(&[505])),
        ("version-2", "OPTIONS sip:a@h SIP/2", BAD),
        ("tab-between", "OPTIONS\tsip:a@h SIP/2.0", BAD),
        ("no-uri", "OPTIONS SIP/2.0", BAD),
        ("method-utf8", "OPTIÖNS sip:a@h SIP/2.0", BAD),
        ("uri-nothing", "OPTIONS sip: SIP/2.0", BAD),
        ("uri-no-host", "OPTIONS sip:a@ SIP/2.0", BAD),
        ("uri-port-65536", "OPTIONS sip:a@h:65536 SIP/2.0", BAD),
        ("uri-port-negative", "OPTIONS sip:a@h:-1 SIP/2.0", BAD),
        ("uri-port-empty", "OPTIONS sip:a@h: SIP/2.0", BAD),
        ("uri-bracket-open", "OPTIONS sip:a@[2001:db8::1 SIP/2.0", BAD),
        ("uri-zone", "OPTIONS sip:a@[fe80::1%25eth0] SIP/2.0", BAD),
        ("uri-two-at", "OPTIONS sip:a@b@h SIP/2.0", BAD),
        ("uri-headers", "OPTIONS sip:a@h?Route=x SIP/2.0", BAD),
        // Not an escape, and no harm: the octets stay as they are.
        ("uri-bad-escape", "OPTIONS sip:a%zz@h SIP/2.0", Answer(&[200, 400, 404])),
        ("uri-no-scheme", "OPTIONS a@h SIP/2.0", BAD),
        ("uri-upper-case", "OPTIONS SIP:+4930@H.EXAMPLE;USER=PHONE SIP/2.0", OK),
        ("uri-sips", "OPTIONS sips:+4930@h SIP/2.0", OK),
        ("uri-ipv6", "OPTIONS sip:+4930@[2001:db8::1]:5060 SIP/2.0", OK),
        ("uri-no-user", "OPTIONS sip:sbc.example SIP/2.0", OK),
        ("uri-tel", "OPTIONS tel:+49-30-123;phone-context=x SIP/2.0", OK),
        ("uri-mailto", "OPTIONS mailto:a@h SIP/2.0", Answer(&[416])),
        ("uri-sos", "OPTIONS urn:service:sos SIP/2.0", Answer(&[200, 416])),
        ("uri-quote", "OPTIONS sip:1'or'1'='1@h SIP/2.0", Answer(&[404])),
        ("uri-escaped-nul", "OPTIONS sip:a%00b@h SIP/2.0", Answer(&[404])),
        ("uri-escaped-lf", "OPTIONS sip:a%0Ab@h SIP/2.0", Answer(&[404])),
    ] {
        cases.options(name, then, |made| made.start(start));
    }
    cases.options("method-lower-case", Answer(&[501]), |made| {
        made.start("options sip:a@h SIP/2.0").with("CSeq", "CSeq: 1 options")
    });
    let long = |octets: usize| format!("OPTIONS sip:a@h;x={} SIP/2.0", "a".repeat(octets - "sip:a@h;x=".len()));
    cases.options("uri-4095", OK, |made| made.start(&long(limits::URI_OCTETS - 1)));
    cases.options("uri-4096", OK, |made| made.start(&long(limits::URI_OCTETS)));
    cases.options("uri-4097", Answer(&[414]), |made| made.start(&long(limits::URI_OCTETS + 1)));
    let user = |octets: usize| format!("OPTIONS sip:{}@h SIP/2.0", "a".repeat(octets));
    cases.options("user-256", OK, |made| made.start(&user(limits::USER_OCTETS)));
    cases.options("user-257", Answer(&[484]), |made| made.start(&user(limits::USER_OCTETS + 1)));
}

fn fields(cases: &mut Cases) {
    for name in ["From", "To", "Call-ID", "CSeq"] {
        cases.options(&format!("no-{name}"), BAD, |made| made.without(name));
        cases.options(&format!("twice-{name}"), BAD, |made| {
            let field = made.fields.iter().find(|field| field.starts_with(name)).unwrap().clone();
            made.and(field)
        });
        cases.options(&format!("empty-{name}"), BAD, |made| made.with(name, &format!("{name}:")));
    }
    cases.options("no-Via", Nothing, |made| made.without("Via"));
    cases.options("twice-Max-Forwards", BAD, |made| made.and("Max-Forwards: 70"));
    cases.options("twice-To-compact", BAD, |made| made.and("t: <sip:x@y>"));
    cases.options("no-Max-Forwards", OK, |made| made.without("Max-Forwards"));
    for (text, then) in [
        ("0", OK),
        ("255", OK),
        ("0070", OK),
        ("256", BAD),
        ("-1", BAD),
        ("+70", BAD),
        ("", BAD),
        ("7 0", BAD),
        ("70;x", BAD),
        ("99999999999999999999", BAD),
    ] {
        cases.options(&format!("max-forwards-{text}"), then, |made| {
            made.with("Max-Forwards", &format!("Max-Forwards: {text}"))
        });
    }
    for (text, then) in [
        ("2147483647 OPTIONS", OK),
        ("2147483648 OPTIONS", BAD),
        ("4294967296 OPTIONS", BAD),
        ("-1 OPTIONS", BAD),
        ("0 OPTIONS", OK),
        ("0001 \t OPTIONS", OK),
        ("1OPTIONS", BAD),
        ("1 options", BAD),
        ("1 INVITE", BAD),
        ("1", BAD),
        ("OPTIONS", BAD),
        ("1 OPTIONS x", BAD),
        ("1.0 OPTIONS", BAD),
        ("0x1 OPTIONS", BAD),
    ] {
        cases.options(&format!("cseq {text}"), then, |made| made.with("CSeq", &format!("CSeq: {text}")));
    }
}

fn addresses(cases: &mut Cases) {
    for (name, from, then) in [
        ("from-open-quote", "From: \"a <sip:a@h>;tag=1", BAD),
        ("from-no-bracket-end", "From: <sip:a@h;tag=1", BAD),
        ("from-two", "From: <sip:a@h>;tag=1, <sip:b@h>;tag=2", BAD),
        ("from-two-tags", "From: <sip:a@h>;tag=1;tag=2", BAD),
        ("from-empty-uri", "From: <>;tag=1", BAD),
        ("from-escaped-quote", "From: \"a \\\" b\" <sip:a@h>;tag=1", OK),
        ("from-bracket-in-quotes", "From: \"<sip:x@y>\" <sip:a@h>;tag=1", OK),
        ("from-bare", "From: sip:a@h;tag=1", OK),
        ("from-compact", "f: <sip:a@h>;tag=1", OK),
        ("from-tel", "From: <tel:+4989>;tag=1", OK),
        ("from-odd-scheme", "From: <isbn:1>;tag=1", OK),
        ("from-utf8", "From: \"Jürgen 日本\" <sip:a@h>;tag=1", OK),
    ] {
        cases.options(name, then, |made| made.with("From", from));
    }
    for (name, call_id) in [("call-id-space", "a b"), ("call-id-tab", "a\tb")] {
        cases.options(name, BAD, |made| made.with("Call-ID", &format!("Call-ID: {call_id}")));
    }
    cases.options("call-id-long", OK, |made| made.with("Call-ID", &format!("i: {}", "c".repeat(4000))));
}

fn vias(cases: &mut Cases) {
    let via = |cases: &mut Cases, name: &str, rest: &str, then: Then| {
        let line = format!("Via: SIP/2.0/{} {}", cases.transport, rest.replace('N', &cases.cases.len().to_string()));
        cases.options(name, then, |made| made.with("Via", &line));
    };
    via(cases, "via-cookie-only", "h;rport;branch=z9hG4bK", BAD);
    via(cases, "via-branch-empty", "h;rport;branch=", BAD);
    via(cases, "via-branch-twice", "h;rport;branch=z9hG4bKnN;branch=z9hG4bKmN", BAD);
    via(cases, "via-stray-separators", "h;;,;,,;rport", BAD);
    via(cases, "via-open-quote", "h;rport;branch=z9hG4bKqN;x=\"a", BAD);
    via(cases, "via-ipv6", "[2001:db8::1]:5060;rport;branch=z9hG4bKiN", OK);
    via(cases, "via-spaces", "h : 5060 ; rport ; branch = z9hG4bKsN", OK);
    via(cases, "via-maddr", "h;maddr=192.0.2.255;ttl=255;rport;branch=z9hG4bKaN", OK);
    via(cases, "via-forged-received", "h;received=192.0.2.9;rport=9;branch=z9hG4bKfN", OK);
    cases.options("via-unknown-transport", OK, |made| {
        let line = made.fields[0].replace("SIP/2.0/", "SIP/2.0/X-");
        made.with("Via", &line)
    });
}

fn methods(cases: &mut Cases) {
    cases.other("ACK", "ack-stray", Nothing, |made| made);
    cases.other("ACK", "ack-broken", Nothing, |made| made.without("To"));
    cases.other("CANCEL", "cancel-stray", Answer(&[481]), |made| made);
    cases.other("BYE", "bye-without-tag", Answer(&[481]), |made| made);
    cases.other("BYE", "bye-mf-0", Answer(&[481, 483]), |made| made.with("Max-Forwards", "Max-Forwards: 0"));
    for method in ["BYE", "INVITE", "UPDATE", "INFO", "PRACK", "REFER", "NOTIFY", "OPTIONS", "FOO"] {
        cases.other(method, &format!("{method} of no dialog"), Answer(&[481]), |made| {
            made.with("To", "To: <sip:x@y>;tag=nowhere").and("RAck: 1 1 INVITE").and("Refer-To: <sip:z@h>")
        });
    }
    for method in ["REGISTER", "SUBSCRIBE", "PUBLISH", "MESSAGE"] {
        cases.other(method, &format!("{method} outside"), Answer(&[403, 405]), |made| made.and("Event: presence"));
    }
    for method in ["FOO", "invite", "X", "SIP"] {
        cases.other(method, &format!("method {method}"), Answer(&[501]), |made| made);
    }
    cases.options("require-foo", Answer(&[420]), |made| made.and("Require: foo, bar"));
    cases.options("require-folded", Answer(&[420]), |made| made.and("Require:\r\n foo"));
    cases.options("proxy-require", Answer(&[420]), |made| made.and("Proxy-Require: privacy-x"));
    for (name, start) in [
        ("status-099", "SIP/2.0 099 X"),
        ("status-700", "SIP/2.0 700 X"),
        ("status-20", "SIP/2.0 20 X"),
        ("status-2000", "SIP/2.0 2000 X"),
        ("status-none", "SIP/2.0"),
        ("status-negative", "SIP/2.0 -20 X"),
        ("status-200", "SIP/2.0 200 OK"),
        ("status-bare", "SIP/2.0 200"),
    ] {
        cases.options(name, Nothing, |made| made.start(start));
    }
}

fn invites(cases: &mut Cases) {
    const SDP: &str = "application/sdp";
    let good = || offer("").into_bytes();
    cases.invite("good", Call, |made| made.body(SDP, good()));
    cases.invite("late-offer", Call, |made| made);
    cases.invite("type-case", Call, |made| made.body("Application/SDP ; charset=utf-8", good()));
    cases.invite("type-compact", Call, |made| {
        let mut made = made.and("c: application/sdp");
        made.body = good();
        made
    });
    cases.invite("type-missing", Answer(&[400, 415]), |made| {
        let mut made = made;
        made.body = good();
        made
    });
    cases.invite("type-text", Answer(&[415]), |made| made.body("text/plain", "x"));
    cases.invite("type-broken", Answer(&[400, 415]), |made| made.body("application", good()));
    cases.invite("encoded", Answer(&[415]), |made| made.body(SDP, good()).and("Content-Encoding: gzip"));
    cases.invite("encoded-identity", Call, |made| made.body(SDP, good()).and("Content-Encoding: identity"));
    cases.invite("empty-with-type", BAD, |made| made.body(SDP, ""));
    cases.invite("accept-text", Answer(&[406]), |made| made.body(SDP, good()).and("Accept: text/plain"));
    cases.invite("accept-any", Call, |made| made.body(SDP, good()).and("Accept: */*;q=0.1"));
    cases.invite("mf-0", Answer(&[483]), |made| made.body(SDP, good()).with("Max-Forwards", "Max-Forwards: 0"));
    cases.invite("mf-1", Call, |made| made.body(SDP, good()).with("Max-Forwards", "Max-Forwards: 1"));
    cases.invite("require-foo", Answer(&[420]), |made| made.body(SDP, good()).and("Require: foo"));
    cases.invite("no-contact", BAD, |made| made.without("Contact").body(SDP, good()));
    cases.invite("contact-star", BAD, |made| made.with("Contact", "Contact: *").body(SDP, good()));
    cases.invite("contact-broken", BAD, |made| made.with("Contact", "Contact: <sip:a@h").body(SDP, good()));
    cases.invite("folded-everything", Call, |made| {
        let mut made = made.body(SDP, good());
        made.fields.iter_mut().for_each(|field| *field = field.replacen(": ", ":\r\n ", 1));
        made
    });
    for (name, kind, body) in [
        ("multipart-no-boundary", "multipart/mixed", "--a\r\n\r\nx\r\n--a--\r\n"),
        ("multipart-empty-boundary", "multipart/mixed;boundary=\"\"", "--\r\n\r\nx\r\n----\r\n"),
        ("multipart-never-closed", "multipart/mixed;boundary=a", "--a\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n"),
        ("multipart-not-there", "multipart/mixed;boundary=zzz", "--a\r\n\r\nx\r\n--a--\r\n"),
        (
            "multipart-long-boundary",
            "multipart/mixed;boundary=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "x",
        ),
    ] {
        cases.invite(name, Answer(&[400, 415]), |made| made.body(kind, body));
    }
}

const KEY: &str = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

/// A good offer; `change` is `what=>by`.
fn offer(change: &str) -> String {
    let good = format!(
        "v=0\r\no=- 1 1 IN IP4 198.51.100.10\r\ns=-\r\nc=IN IP4 198.51.100.10\r\nt=0 0\r\nm=audio 40000 RTP/SAVP 8 101\r\n\
         a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
    );
    match change.split_once("=>") {
        Some((what, by)) => {
            assert!(good.contains(what), "{what}");
            good.replacen(what, by, 1)
        }
        None => good,
    }
}

const NO: Then = Answer(&[488]);

/// Name, what is replaced in the good offer, by what, and what must come of it on a trunk with mandatory SRTP.
const DESCRIPTIONS: &[(&str, &str, Then)] = &[
    ("port-negative", "audio 40000=>audio -1", NO),
    ("port-plus", "audio 40000=>audio +40000", NO),
    ("port-empty", "audio 40000=>audio ", NO),
    ("port-65535", "audio 40000=>audio 65535", Call),
    ("port-65536", "audio 40000=>audio 65536", NO),
    ("port-2-to-32", "audio 40000=>audio 4294967296", NO),
    ("port-count-1", "audio 40000=>audio 40000/1", Call),
    ("port-count-2", "audio 40000=>audio 40000/2", NO),
    ("port-count-0", "audio 40000=>audio 40000/0", NO),
    ("port-text", "audio 40000=>audio x", NO),
    ("c-none", "c=IN IP4 198.51.100.10\r\n=>", NO),
    ("c-held", "c=IN IP4 198.51.100.10=>c=IN IP4 0.0.0.0", Call),
    ("c-zero-short", "c=IN IP4 198.51.100.10=>c=IN IP4 0", NO),
    ("c-number", "c=IN IP4 198.51.100.10=>c=IN IP4 3325256714", NO),
    ("c-hex", "c=IN IP4 198.51.100.10=>c=IN IP4 0xc6.51.100.10", NO),
    ("c-leading-zero", "c=IN IP4 198.51.100.10=>c=IN IP4 198.51.100.010", NO),
    ("c-ttl", "c=IN IP4 198.51.100.10=>c=IN IP4 198.51.100.10/127", NO),
    ("c-ttl-count", "c=IN IP4 198.51.100.10=>c=IN IP4 224.2.1.1/127/3", NO),
    ("c-multicast-bare", "c=IN IP4 198.51.100.10=>c=IN IP4 239.1.1.1", NO),
    ("c-256", "c=IN IP4 198.51.100.10=>c=IN IP4 198.51.100.256", NO),
    ("c-metadata-service", "c=IN IP4 198.51.100.10=>c=IN IP4 169.254.169.254", NO),
    ("c-benchmark-range", "c=IN IP4 198.51.100.10=>c=IN IP4 198.18.0.1", NO),
    ("c-class-e", "c=IN IP4 198.51.100.10=>c=IN IP4 240.0.0.1", NO),
    ("c-ipv6-other-family", "c=IN IP4 198.51.100.10=>c=IN IP6 2001:db8::1", NO),
    ("c-ipv6-zone", "c=IN IP4 198.51.100.10=>c=IN IP6 fe80::1%eth0", NO),
    ("c-ipv6-bracket", "c=IN IP4 198.51.100.10=>c=IN IP6 [2001:db8::1]", NO),
    ("c-mapped", "c=IN IP4 198.51.100.10=>c=IN IP6 ::ffff:198.51.100.10", NO),
    ("c-nat64", "c=IN IP4 198.51.100.10=>c=IN IP6 64:ff9b::a00:5", NO),
    ("c-ip4-in-ip6", "c=IN IP4 198.51.100.10=>c=IN IP6 198.51.100.10", NO),
    ("c-net-type", "c=IN IP4 198.51.100.10=>c=TN RFC2543 +4930", NO),
    ("c-name", "c=IN IP4 198.51.100.10=>c=IN IP4 media.example", NO),
    ("c-trailing-word", "c=IN IP4 198.51.100.10=>c=IN IP4 198.51.100.10 x", NO),
    ("c-twice", "c=IN IP4 198.51.100.10=>c=IN IP4 198.51.100.10\r\nc=IN IP4 198.51.100.11", NO),
    ("c-of-media-private", "a=rtpmap:8=>c=IN IP4 10.0.0.5\r\na=rtpmap:8", NO),
    (
        "c-of-session-private",
        "c=IN IP4 198.51.100.10\r\nt=0 0\r\nm=audio 40000 RTP/SAVP 8 101=>c=IN IP4 10.0.0.5\r\nt=0 0\r\nm=audio 40000 RTP/SAVP 8 101\r\nc=IN IP4 198.51.100.10",
        Call,
    ),
    ("o-address-private", "o=- 1 1 IN IP4 198.51.100.10=>o=- 1 1 IN IP4 10.0.0.5", Call),
    ("o-negative-version", "o=- 1 1 IN=>o=- 1 -1 IN", Call),
    ("o-short", "o=- 1 1 IN IP4 198.51.100.10=>o=- 1 1", NO),
    ("v-1", "v=0=>v=1", Answer(&[400, 488])),
    ("v-missing", "v=0\r\n=>", Answer(&[400, 488])),
    ("s-empty", "s=-=>s=", Call),
    ("s-utf8", "s=-=>s=Grüße", Call),
    ("m-none", "m=audio 40000 RTP/SAVP 8 101=>a=x", NO),
    ("m-video-only", "m=audio=>m=video", NO),
    ("m-no-format", "RTP/SAVP 8 101=>RTP/SAVP", NO),
    ("m-format-128", "RTP/SAVP 8 101=>RTP/SAVP 128", NO),
    ("m-format-negative", "RTP/SAVP 8 101=>RTP/SAVP -8", NO),
    // With keys of SDES it is what some platforms call SAVP.
    ("m-dtls-name", "RTP/SAVP=>UDP/TLS/RTP/SAVP", Call),
    ("m-protocol-lower", "RTP/SAVP=>rtp/savp", NO),
    ("m-t38", "audio 40000 RTP/SAVP 8 101=>image 40000 udptl t38", NO),
    ("rtcp-port-0", "a=rtpmap:8=>a=rtcp:0\r\na=rtpmap:8", Call),
    ("rtcp-private", "a=rtpmap:8=>a=rtcp:53 IN IP4 10.0.0.1\r\na=rtpmap:8", NO),
    ("rtcp-name", "a=rtpmap:8=>a=rtcp:53 IN IP4 localhost\r\na=rtpmap:8", NO),
    ("crypto-tag-10-digits", "crypto:1 =>crypto:1234567890 ", NO),
    ("crypto-tag-negative", "crypto:1 =>crypto:-1 ", NO),
    ("crypto-suite-lower", "AES_CM_128_HMAC_SHA1_80=>aes_cm_128_hmac_sha1_80", NO),
    ("crypto-suite-unknown", "AES_CM_128_HMAC_SHA1_80=>AES_CM_512_HMAC_SHA3_80", NO),
    ("crypto-no-inline", "inline:=>uri:", NO),
    ("crypto-key-31", "inline:=>inline:AA", NO),
    ("crypto-key-url-alphabet", "inline:WVN=>inline:-_N", NO),
    ("crypto-two-keys", "nVubGVz=>nVubGVz;inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz", NO),
    ("crypto-lifetime-2^49", "nVubGVz=>nVubGVz|2^49", NO),
    ("crypto-lifetime-0", "nVubGVz=>nVubGVz|0", NO),
    ("crypto-mki-5", "nVubGVz=>nVubGVz|2^31|1:5", NO),
    ("crypto-mki", "nVubGVz=>nVubGVz|2^31|1:1", Call),
    ("crypto-unauthenticated", "nVubGVz=>nVubGVz UNAUTHENTICATED_SRTP", NO),
    ("crypto-unencrypted-srtcp", "nVubGVz=>nVubGVz UNENCRYPTED_SRTCP", NO),
    ("crypto-window-hint", "nVubGVz=>nVubGVz WSH=64", Call),
    ("crypto-second-good", "a=crypto:1=>a=crypto:1 NULL_HMAC_SHA1_80 inline:AAAA\r\na=crypto:2", Call),
    ("crypto-broken-then-good", "a=crypto:1=>a=crypto:x\r\na=crypto:2", Call),
    ("attribute-unknown", "a=rtpmap:8=>a=x-never-heard:of it=;,\r\na=rtpmap:8", Call),
    ("attribute-empty", "a=rtpmap:8=>a=\r\na=rtpmap:8", Call),
    ("kind-unknown", "t=0 0=>t=0 0\r\nq=odd", Call),
    ("kind-number", "t=0 0=>t=0 0\r\n1=odd", NO),
    ("no-equals", "t=0 0=>t=0 0\r\nnonsense", NO),
    ("lf-only-in-one", "s=-\r\n=>s=-\n", Call),
    ("cr-only", "s=-\r\n=>s=-\r", NO),
    ("nul-in-attribute", "a=rtpmap:8=>a=x:\0\r\na=rtpmap:8", NO),
    ("ptime-text", "a=rtpmap:8=>a=ptime:x\r\na=rtpmap:8", Call),
    ("ptime-negative", "a=rtpmap:8=>a=ptime:-20\r\na=rtpmap:8", Call),
    ("clock-zero", "PCMA/8000=>PCMA/0", Call),
    ("inactive", "a=rtpmap:8=>a=inactive\r\na=rtpmap:8", Call),
    ("bandwidth-huge", "t=0 0=>b=AS:99999999999999\r\nt=0 0", Call),
];

fn descriptions(cases: &mut Cases) {
    for (name, change, then) in DESCRIPTIONS {
        cases.invite(name, *then, |made| made.body("application/sdp", offer(change)));
    }
    let lines = |count: usize, line: &str| line.repeat(count);
    let media = "m=video 0 RTP/AVP 31\r\n";
    cases.invite("media-16", Call, |made| {
        made.body("application/sdp", offer("") + &lines(limits::SDP_MEDIA - 1, media))
    });
    cases.invite("media-17", NO, |made| made.body("application/sdp", offer("") + &lines(limits::SDP_MEDIA, media)));
    let attribute = "a=x\r\n";
    let held = 3;
    cases.invite("attributes-512", Call, |made| {
        made.body("application/sdp", offer("") + &lines(limits::SDP_ATTRIBUTES - held, attribute))
    });
    cases.invite("attributes-513", NO, |made| {
        made.body("application/sdp", offer("") + &lines(limits::SDP_ATTRIBUTES - held + 1, attribute))
    });
    let padded = |octets: usize| {
        let mut text = offer("");
        while text.len() + 1006 < octets {
            text += &format!("a=x:{}\r\n", "y".repeat(996));
        }
        let left = octets - text.len() - "a=x:\r\n".len();
        text + &format!("a=x:{}\r\n", "y".repeat(left))
    };
    cases.invite("sdp-32768", Call, |made| made.body("application/sdp", padded(limits::SDP_OCTETS)));
    cases.invite("sdp-32769", NO, |made| made.body("application/sdp", padded(limits::SDP_OCTETS + 1)));
}

fn judged(transport: &'static str) {
    let mut court = Court::new(transport, "srtp");
    let mut cases = Cases::new(transport);
    for add in [framing, lines, odd_lines, start_lines, fields, addresses, vias, methods, invites, descriptions] {
        add(&mut cases);
    }
    court.judge(&cases.cases);
    court.close();
}

#[test]
fn variants_are_answered_by_the_rules_over_udp() {
    judged("UDP");
}

#[test]
fn variants_are_answered_by_the_rules_over_tcp() {
    judged("TCP");
}

#[test]
fn variants_are_answered_by_the_rules_over_tls() {
    judged("TLS");
}
