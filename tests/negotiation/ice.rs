//! ICE-lite in offers and answers (MD-195..203).

use trunkline::base::Instant;
use trunkline::base::entropy::SeededEntropy;
use trunkline::base::ids::EndpointId;
use trunkline::call::negotiate::LegMedia;
use trunkline::media::streams::Streams;
use trunkline::media::verdict::{MediaPort, Slot, Verdict};
use trunkline::route::media::{Ice, MediaSettings, Security};
use trunkline::rtp::buffer::PacketBuffer;
use trunkline::rtp::stun::Message;

use crate::check::{Check, check};
use crate::stage::{
    CARRIER_ANSWER, CARRIER_OFFER, TEAMS_OFFER, carrier, leg_of, line, lines, offer_text, platform, settings, text,
};

/// The answer of a Teams client to our offer (shape of MD sheet 19.7).
const CLIENT_ANSWER: &str = "v=0
o=- 556677 0 IN IP4 127.0.0.1
s=session
c=IN IP4 52.115.20.30
t=0 0
m=audio 52884 RTP/SAVP 8 101
a=ice-ufrag:8Kdz
a=ice-pwd:Vt3mQ9xR1bLs7wYnE5hJc2pA
a=candidate:1 1 UDP 2130706431 192.0.2.55 50008 typ host
a=candidate:2 1 UDP 1694498815 198.51.100.77 61022 typ srflx raddr 192.0.2.55 rport 50008
a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:a4u+be00sVGfjTy5ldzYeUByLYpdXAHzfTwnH1CP|2^31
a=rtcp:52884
a=rtcp-mux
a=rtpmap:101 telephone-event/8000
a=sendrecv
";

fn bypass() -> LegMedia {
    leg_of(MediaSettings { ice: Ice::Lite, ..settings(Security::Srtp, &[]) }, [203, 0, 113, 10], 30000, 1)
}

fn with_ice(offer: &str, ufrag: &str, password: &str) -> String {
    offer.replace("a=mid:1\n", &format!("a=ice-ufrag:{ufrag}\na=ice-pwd:{password}\na=rtcp-mux\n"))
}

fn first_offer() -> String {
    with_ice(TEAMS_OFFER, "8Kdz", "Vt3mQ9xR1bLs7wYnE5hJc2pA")
}

/// Answers an offer of the platform as the carrier would let us.
fn answer(leg: &mut LegMedia, offer: &str) -> String {
    let mut other = carrier();
    let offer = leg.read_offer(offer.as_bytes()).unwrap();
    other.write_offer(&offer.plan).unwrap();
    let accepted = other.read_answer(CARRIER_ANSWER.as_bytes()).unwrap();
    text(&leg.write_answer(&offer, &accepted).unwrap())
}

/// Name, password and candidates of a description.
fn ice_of(text: &str) -> [Vec<String>; 3] {
    ["a=ice-ufrag:", "a=ice-pwd:", "a=candidate:"].map(|start| lines(text, start))
}

/// A call of the carrier to the platform, our offer written.
fn offered() -> (LegMedia, LegMedia, String) {
    let (a, mut b) = (carrier(), bypass());
    let offer = a.read_offer(CARRIER_OFFER.as_bytes()).unwrap();
    let ours = offer_text(&mut b, &offer.plan);
    (a, b, ours)
}

#[test]
fn our_offer_is_lite_with_one_candidate_and_one_port_for_both() {
    let (_, _, ours) = offered();
    assert!(ours.lines().position(|line| line == "a=ice-lite") < ours.lines().position(|line| line.starts_with("m=")));
    assert_eq!(lines(&ours, "a=rtcp-mux").len(), 1);
    assert_eq!(lines(&ours, "a=candidate:"), ["1 1 UDP 2130706431 203.0.113.10 30000 typ host"]);
    assert!(line(&ours, "a=ice-ufrag:").len() >= 4 && line(&ours, "a=ice-pwd:").len() >= 22);
}

#[test]
fn without_rtcp_mux_there_is_a_second_candidate_for_its_port() {
    let ours = answer(&mut bypass(), &first_offer().replace("a=rtcp-mux\n", ""));
    let expected = ["1 1 UDP 2130706431 203.0.113.10 30000 typ host", "1 2 UDP 2130706430 203.0.113.10 30001 typ host"];
    assert_eq!(lines(&ours, "a=candidate:"), expected);
}

#[test]
fn the_peer_s_name_becomes_the_plan_s_with_the_name_we_wrote() {
    let (mut a, mut b, ours) = offered();
    let accepted = b.read_answer(CLIENT_ANSWER.as_bytes()).unwrap();
    let offer = a.read_offer(CARRIER_OFFER.as_bytes()).unwrap();
    a.write_answer(&offer, &accepted).unwrap();
    let plan = b.endpoint_plan(&a).unwrap().ice.unwrap();
    assert_eq!(plan.remote_ufrag.as_deref(), Some("8Kdz"));
    assert_eq!(
        (&*plan.local.ufrag, plan.local.password.expose().as_str()),
        (line(&ours, "a=ice-ufrag:").as_str(), line(&ours, "a=ice-pwd:").as_str())
    );
    assert!(!format!("{plan:?}").contains(plan.local.password.expose().as_str()));
    assert_eq!(a.endpoint_plan(&b).unwrap().ice, None);
}

#[test]
fn before_the_answer_there_is_a_plan_for_checks_alone() {
    let (_, b, ours) = offered();
    let plan = b.early_plan().unwrap();
    assert_eq!((plan.remote, plan.flowing.send, plan.flowing.receive), (None, false, false));
    let ice = plan.ice.unwrap();
    assert_eq!((*ice.local.ufrag == *line(&ours, "a=ice-ufrag:"), ice.remote_ufrag), (true, None));
    assert_eq!(carrier().early_plan(), None);
}

/// What a far end sends that has read our description: a check that nominates.
fn check_for(description: &str, theirs: &str) -> Vec<u8> {
    let username = format!("{}:{theirs}", line(description, "a=ice-ufrag:"));
    let what = Check { username: &username, priority: 1_845_501_695, nominates: true };
    check(what, &line(description, "a=ice-pwd:"))
}

#[test]
fn the_endpoint_answers_checks_made_from_our_offer_before_and_after_the_answer() {
    let (mut a, mut b, ours) = offered();
    let mut bench = (Streams::default(), SeededEntropy::new(7), PacketBuffer::default());
    let (id, slot, client) = (EndpointId(1), Slot(0), "198.51.100.77:61022".parse().unwrap());
    let (streams, entropy, buffer) = (&mut bench.0, &mut bench.1, &mut bench.2);
    assert!(streams.open(Instant::ZERO, slot, id, &b.early_plan().unwrap(), entropy));
    let mut answered = |streams: &mut Streams, theirs| {
        buffer.load(&check_for(&ours, theirs));
        let verdict = streams.receive(Instant::ZERO, slot, MediaPort::Rtp, client, buffer, &mut Vec::new());
        assert_eq!(verdict, Verdict::Reply { port: MediaPort::Rtp, to: client });
        let answer = Message::read(buffer.packet()).unwrap();
        assert!(answer.is_authentic(line(&ours, "a=ice-pwd:").as_bytes()));
        assert_eq!(answer.mapped_address(), Some(client));
    };
    ["8Kdz", "another"].into_iter().for_each(|fork| answered(streams, fork));
    let accepted = b.read_answer(CLIENT_ANSWER.as_bytes()).unwrap();
    let offer = a.read_offer(CARRIER_OFFER.as_bytes()).unwrap();
    a.write_answer(&offer, &accepted).unwrap();
    assert!(streams.configure(Instant::ZERO, id, &b.endpoint_plan(&a).unwrap(), entropy));
    answered(streams, "8Kdz");
}

#[test]
fn two_answers_of_one_call_find_the_same_name_password_and_candidate() {
    let mut leg = bypass();
    let in_183 = answer(&mut leg, &first_offer());
    let in_200 = answer(&mut leg, &first_offer());
    assert_eq!(ice_of(&in_183), ice_of(&in_200));
}

#[test]
fn the_re_invite_after_nomination_is_no_restart() {
    let mut leg = bypass();
    let first = answer(&mut leg, &first_offer());
    let final_offer = first_offer()
        .replace("52.112.60.10", "198.51.100.77")
        .replace("198.51.100.77\nb=", "52.115.20.31\nb=")
        .replace("a=rtcp-mux\n", "a=rtcp-mux\na=remote-candidates:1 203.0.113.10 30000\n")
        .replace("198.51.100.77", "52.115.20.31");
    assert_eq!(ice_of(&answer(&mut leg, &final_offer)), ice_of(&first));
    assert_eq!(line(&first, "a=crypto:"), line(&answer(&mut leg, &final_offer), "a=crypto:"));
}

#[test]
fn another_name_or_another_password_is_a_restart_and_ours_are_new_too() {
    for (ufrag, password) in [("other", "Vt3mQ9xR1bLs7wYnE5hJc2pA"), ("8Kdz", "Xt3mQ9xR1bLs7wYnE5hJc2pA")] {
        let mut leg = bypass();
        let first = answer(&mut leg, &first_offer());
        let restarted = answer(&mut leg, &with_ice(TEAMS_OFFER, ufrag, password));
        assert_ne!(line(&restarted, "a=ice-ufrag:"), line(&first, "a=ice-ufrag:"));
        assert_ne!(line(&restarted, "a=ice-pwd:"), line(&first, "a=ice-pwd:"));
        assert_eq!(line(&restarted, "a=candidate:"), line(&first, "a=candidate:"));
        assert_eq!(line(&restarted, "a=crypto:"), line(&first, "a=crypto:"), "our key does not change (MD-172)");
        assert_eq!(lines(&restarted, "a=rtcp-mux").len(), 1, "the mux decision is kept");
    }
}

#[test]
fn a_restart_that_is_refused_changes_nothing() {
    let mut leg = bypass();
    let first = answer(&mut leg, &first_offer());
    leg.read_offer(with_ice(TEAMS_OFFER, "other", "Xt3mQ9xR1bLs7wYnE5hJc2pA").as_bytes()).unwrap();
    assert_eq!(ice_of(&text(&leg.repeat().unwrap())), ice_of(&first));
    assert_eq!(ice_of(&answer(&mut leg, &first_offer())), ice_of(&first));
}

#[test]
fn the_same_offer_with_other_credentials_is_no_refresh() {
    let mut leg = bypass();
    answer(&mut leg, &first_offer());
    assert!(leg.is_refresh(&leg.read_offer(first_offer().as_bytes()).unwrap()));
    let restart = with_ice(TEAMS_OFFER, "other", "Xt3mQ9xR1bLs7wYnE5hJc2pA");
    assert!(!leg.is_refresh(&leg.read_offer(restart.as_bytes()).unwrap()));
}

#[test]
fn a_fork_that_answers_after_another_is_no_restart() {
    let (_, mut b, ours) = offered();
    b.read_answer(CLIENT_ANSWER.as_bytes()).unwrap();
    b.read_answer(CLIENT_ANSWER.replace("8Kdz", "forkB").as_bytes()).unwrap();
    let again = CLIENT_ANSWER.replace("8Kdz", "forkB").replace("a=sendrecv", "a=inactive");
    assert_eq!(ice_of(&answer(&mut b, &again)), ice_of(&ours));
}

#[test]
fn a_peer_without_ice_on_such_a_trunk_is_answered_without_it() {
    for offer in [
        TEAMS_OFFER.to_owned(),
        first_offer().replace("a=ice-pwd", "a=other"),
        first_offer().replace("8Kdz", "8K"),
        first_offer().replace("8Kdz", "8K dz"),
        first_offer().replace("t=0 0\n", "t=0 0\na=ice-lite\n"),
    ] {
        let ours = answer(&mut bypass(), &offer);
        assert_eq!(ice_of(&ours), [const { Vec::<String>::new() }; 3], "{offer}");
        assert!(!ours.contains("ice-lite"));
    }
}

#[test]
fn a_trunk_whose_ice_is_off_passes_over_the_peer_s() {
    let mut leg = platform();
    let ours = answer(&mut leg, &first_offer());
    assert!(!ours.contains("ice") && !ours.contains("candidate"));
    let changed = with_ice(TEAMS_OFFER, "other", "Xt3mQ9xR1bLs7wYnE5hJc2pA");
    assert!(leg.is_refresh(&leg.read_offer(changed.as_bytes()).unwrap()));
}
