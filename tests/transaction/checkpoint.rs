//! Every state of every machine can be written and read back.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;
use trunkline::sip::flow::Transport;
use trunkline::transaction::{AcceptedRetransmission, ClientInvite, ClientNonInvite, ServerInvite, ServerNonInvite};

use crate::invented_time::{at, octets, rfc_timers, status, to_the_end};

fn reads_back<M: Serialize + DeserializeOwned + PartialEq + Debug>(machine: &M) {
    let written = serde_json::to_string(machine).unwrap();
    assert_eq!(&serde_json::from_str::<M>(&written).unwrap(), machine);
}

#[test]
fn a_client_invite_reads_back_in_every_state() {
    for codes in [&[][..], &[180], &[200], &[486]] {
        let mut machine = ClientInvite::start(at(7), octets("INVITE"), Transport::Udp, rfc_timers(), &mut Vec::new());
        for code in codes {
            machine.response(at(9), status(*code), || octets("ACK"), &mut Vec::new());
            machine.cancelled(at(10));
        }
        reads_back(&machine);
        to_the_end(&mut machine);
        reads_back(&machine);
    }
}

#[test]
fn a_client_of_another_method_reads_back_in_every_state() {
    for codes in [&[][..], &[100], &[200]] {
        let mut machine = ClientNonInvite::start(at(7), octets("BYE"), Transport::Udp, rfc_timers(), &mut Vec::new());
        for code in codes {
            machine.response(at(9), status(*code), &mut Vec::new());
        }
        reads_back(&machine);
        to_the_end(&mut machine);
        reads_back(&machine);
    }
}

#[test]
fn a_server_invite_reads_back_in_every_state() {
    for codes in [&[][..], &[180], &[200], &[486]] {
        let mut machine = ServerInvite::new(Transport::Udp, rfc_timers());
        for code in codes {
            machine.respond(at(9), status(*code), octets("response"), &mut Vec::new());
        }
        reads_back(&machine);
        machine.ack(at(10), &mut Vec::new());
        reads_back(&machine);
        to_the_end(&mut machine);
        reads_back(&machine);
    }
}

#[test]
fn a_server_of_another_method_reads_back_in_every_state() {
    for codes in [&[][..], &[100], &[100, 200]] {
        let mut machine = ServerNonInvite::new(at(7), Transport::Udp, rfc_timers());
        for code in codes {
            machine.respond(at(4000), status(*code), octets("response"), &mut Vec::new());
        }
        reads_back(&machine);
        to_the_end(&mut machine);
        reads_back(&machine);
    }
}

#[test]
fn a_2xx_that_waits_for_its_ack_reads_back_in_every_state() {
    let mut machine = AcceptedRetransmission::start(at(7), octets("200"), rfc_timers());
    reads_back(&machine);
    let mut acknowledged = machine.clone();
    acknowledged.acknowledged();
    reads_back(&acknowledged);
    to_the_end(&mut machine);
    reads_back(&machine);
}
