//! What is provisioned decides the running daemon's next call: numbers of the file, and a change in the store.

use std::net::UdpSocket;

use trunkline::base::WallTime;
use trunkline::route::directory::{AccountName, HeaderContent, Service};
use trunkline::route::number::E164;
use trunkline::store::audit::Actor;
use trunkline::store::records::{AccountRecord, NumberRecord, Services};
use trunkline::store::rows::Store;
use trunkline::store::sqlite::SqliteStore;
use trunkline::store::writing::{Condition, writing};

use crate::ground::{Ground, Rules};
use crate::peer::Peer;
use crate::text::{Message, sdp};

/// The number that every INVITE of these tests names.
const CALLED: &str = "+493012345678";

/// The callee is a platform that only provisioned numbers reach.
fn ground(provisioning: &str) -> Ground {
    let role = "[trunks.callee-udp]\n".to_owned();
    let route = "from = \"caller-udp\"\nto".to_owned();
    let changes = vec![
        (role.clone(), format!("{role}role = \"platform\"\nfqdn = \"sbc.lab.test\"\n")),
        (route, "from = \"caller-udp\"\nnumbers = \"provisioned\"\nto".to_owned()),
        ("[metrics]\n".to_owned(), format!("{provisioning}\n[metrics]\n")),
    ];
    Ground::new(Rules { changes, timers: "timers = { t1_ms = 50 }", ..Rules::default() })
}

/// The caller's INVITE is offered to the callee; the INVITE as it comes there, and the 180 as the caller hears it.
fn rings(caller: &mut Peer, callee: &mut Peer, media: &UdpSocket) -> (Message, Message) {
    caller.ask("INVITE", &sdp(media.local_addr().unwrap()));
    let offered = callee.expect("INVITE ");
    callee.send(offered.respond("180 Ringing", callee.own, ""));
    (offered, caller.expect("SIP/2.0 180"))
}

/// The final answer to an INVITE of the caller.
fn answer(caller: &mut Peer, media: &UdpSocket) -> Message {
    caller.ask("INVITE", &sdp(media.local_addr().unwrap()));
    caller.expect("SIP/2.0 4")
}

fn provision(ground: &Ground) {
    let mut store: Box<dyn Store> = Box::new(SqliteStore::open(&ground.state().join("store.sqlite")).unwrap());
    let acme = AccountName::parse("acme").unwrap();
    let mut account = AccountRecord::new(acme.clone());
    account.services = Services::of([Service::Zoom]);
    account.subdomain = Some("acme".to_owned());
    let mut number = NumberRecord::new(E164::parse(CALLED).unwrap(), acme);
    number.services = Services::of([Service::Zoom]);
    number.inbound_enabled = true;
    number.custom_header = HeaderContent::parse("acme-0042");
    writing(&mut *store, &Actor::default(), WallTime(1_800_000_000_000), |writing| {
        writing.put_account(&account, &Condition::None)?;
        writing.put_number(&number, &Condition::None)
    })
    .unwrap();
}

#[test]
fn a_number_that_the_store_learns_is_reached_by_the_next_call() {
    let ground = ground("[provisioning]\nsource = \"store\"\ncustom_header = \"X-Operator-Content\"");
    let _running = ground.start();
    let media = UdpSocket::bind((ground.caller(), 0)).unwrap();
    let (mut caller, mut callee) = (ground.udp(ground.caller()), ground.udp(ground.callee()));
    let unknown = answer(&mut caller, &media);
    assert!(unknown.start_line().starts_with("SIP/2.0 404"), "{}", unknown.0);
    assert!(unknown.header("Reason").contains("cause=1;"), "{}", unknown.0);
    provision(&ground);
    let rings = std::thread::spawn(move || {
        let offered = callee.expect("INVITE ");
        callee.send(offered.respond("180 Ringing", callee.own, ""));
        offered
    });
    // The daemon hears of another process's write when it looks next.
    let ringing = loop {
        caller.ask("INVITE", &sdp(media.local_addr().unwrap()));
        caller.expect("SIP/2.0 100");
        let heard = caller.next().expect("a datagram peer hears on");
        if heard.start_line().starts_with("SIP/2.0 180") {
            break heard;
        }
        assert!(heard.start_line().starts_with("SIP/2.0 404"), "{}", heard.0);
    };
    let offered = rings.join().unwrap();
    assert!(offered.header("Contact").contains("acme.sbc.lab.test:"), "{}", offered.0);
    assert!(offered.header("From").contains("@acme.sbc.lab.test>"), "{}", offered.0);
    assert_eq!(ringing.header("X-Operator-Content"), "acme-0042");
}

#[test]
fn numbers_of_the_file_are_reached_from_the_start() {
    let ground = ground(
        "[accounts.acme]\nfqdn = \"acme.sbc.lab.test\"\n[numbers.\"+493012345678\"]\naccount = \"acme\"\n\
         services = [\"zoom\"]\ninbound = true\ncustom_header = \"acme-0042\"\n\
         [provisioning]\ncustom_header = \"X-Operator-Content\"",
    );
    let _running = ground.start();
    let media = UdpSocket::bind((ground.caller(), 0)).unwrap();
    let (mut caller, mut callee) = (ground.udp(ground.caller()), ground.udp(ground.callee()));
    let (offered, ringing) = rings(&mut caller, &mut callee, &media);
    assert!(offered.header("Contact").contains("acme.sbc.lab.test:"), "{}", offered.0);
    assert_eq!(ringing.header("X-Operator-Content"), "acme-0042");
}
