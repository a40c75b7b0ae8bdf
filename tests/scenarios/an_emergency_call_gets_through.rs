//! PF-49, PF-51, PF-161, PF-163, MD-161: a call for help is known in every form it is dialled in, no limit and no guard
//! stands in its way, whoever refuses it, the next one is asked, and from a carrier it goes to no platform.

use std::sync::Arc;
use std::time::Duration;

use trunkline::call::{CallEvent, Cause};
use trunkline::engine::io::{Command, Event};
use trunkline::route::emergency::{EmergencyForm, EmergencyRouteSettings, PriorityHeader};
use trunkline::route::number::{E164, country};
use trunkline::route::presentation::Presentation;
use trunkline::route::settings::RoutingSettings;

use crate::world::Name::{CarrierA, CarrierB, Platform};
use crate::world::World;
use crate::world::text::{invite, request, route, sdp, with_header};

/// Every trunk in Germany, 933 besides, help by carrier B first; routes for ordinary numbers only.
fn at_home(settings: &mut RoutingSettings) {
    for trunk in &mut settings.trunks {
        changed(trunk, |presentation| presentation.numbers.country = country("DE"));
    }
    settings.emergency.numbers = vec!["933".to_owned()];
    let to = vec!["carrier-b".to_owned(), "carrier-a".to_owned()];
    settings.emergency.routes = vec![EmergencyRouteSettings { from: Some("platform".into()), numbers: Vec::new(), to }];
}

fn changed(trunk: &mut trunkline::route::settings::TrunkSettings, change: impl FnOnce(&mut Presentation)) {
    let mut presentation = Presentation::clone(&trunk.behaviour.presentation);
    change(&mut presentation);
    trunk.behaviour.presentation = Arc::new(presentation);
}

fn world(change: impl FnOnce(&mut RoutingSettings)) -> World {
    World::configured(|settings| {
        at_home(settings);
        change(settings);
    })
}

fn taken(world: &World) -> usize {
    world.events.iter().filter(|event| matches!(event, Event::Call(CallEvent::Emergency { .. }))).count()
}

#[test]
fn every_form_of_a_code_is_known_and_written_short() {
    let forms = ["112", "110", "933", "+112", "+933", "+49112", "+49110", "112;phone-context=x"];
    for form in forms {
        let mut world = world(|_| {});
        world.send(Platform, invite(Platform, form, &sdp(Platform, "sendrecv")));
        let offered = world.expect(CarrierB, "INVITE");
        let code: String = form.trim_start_matches("+49").chars().filter(char::is_ascii_digit).take(3).collect();
        assert!(
            offered.start_line().starts_with(&format!("INVITE sip:{code}@198.51.100.8 ")),
            "{form}: {}",
            offered.start_line()
        );
        assert!(offered.header("To").contains(&format!("<sip:{code}@")));
        let mut talk = world.answer(Platform, CarrierB, offered);
        world.send(Platform, talk.caller.ack(""));
        world.caller_hangs_up(&mut talk);
        assert_eq!(taken(&world), 1, "{form}");
        let records = world.finish();
        assert_eq!((records[0].emergency.as_deref(), records[0].route.as_deref()), (Some(&*code), Some("emergency")));
    }
}

#[test]
fn a_service_name_is_a_call_for_help_too() {
    for urn in ["urn:service:sos", "URN:service:SOS.police"] {
        let mut world = world(|_| {});
        world.send(Platform, request(Platform, "INVITE", urn, &sdp(Platform, "sendrecv")));
        let offered = world.expect(CarrierB, "INVITE sip:112@");
        world.send(CarrierB, offered.respond(486, CarrierB, ""));
        world.expect(CarrierB, "ACK");
        let next = world.expect(CarrierA, "INVITE sip:112@");
        world.send(CarrierA, next.respond(486, CarrierA, ""));
        world.expect(CarrierA, "ACK");
        world.refusal(Platform);
        world.finish();
    }
    let mut world = world(|_| {});
    world.send(Platform, request(Platform, "INVITE", "urn:service:sosh", &sdp(Platform, "sendrecv")));
    assert_eq!(world.refusal(Platform).status(), Some(416));
    world.finish();
}

#[test]
fn numbers_that_only_begin_so_are_ordinary() {
    for number in ["1123", "+491121", "+491101234567"] {
        let mut world = world(|_| {});
        world.send(Platform, invite(Platform, number, &sdp(Platform, "sendrecv")));
        assert!(world.refusal(Platform).status().is_some_and(|status| status != 200));
        assert_eq!(taken(&world), 0, "{number}");
        world.finish();
    }
}

/// 403, 404, 486, silence: the next one is asked.
#[test]
fn whoever_refuses_the_next_one_is_asked() {
    for status in [403, 404, 486, 500, 603] {
        let mut world = world(|_| {});
        world.send(Platform, invite(Platform, "112", &sdp(Platform, "sendrecv")));
        let offered = world.expect(CarrierB, "INVITE");
        world.send(CarrierB, offered.respond(status, CarrierB, ""));
        world.expect(CarrierB, "ACK");
        let offered = world.expect(CarrierA, "INVITE sip:112@198.51.100.7");
        let mut talk = world.answer(Platform, CarrierA, offered);
        world.send(Platform, talk.caller.ack(""));
        world.caller_hangs_up(&mut talk);
        world.finish();
    }
}

/// Without emergency routes the usual ones lead, whatever they ask for besides the number.
#[test]
fn the_usual_routes_are_the_way_where_there_are_no_others() {
    let mut world = world(|settings| {
        settings.emergency.routes.clear();
        settings.routes.push(route("platform", Some("11"), &["carrier-a"]));
    });
    world.send(Platform, invite(Platform, "+49112", &sdp(Platform, "sendrecv")));
    let offered = world.expect(CarrierA, "INVITE sip:112@");
    world.send(CarrierA, offered.respond(486, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    assert_eq!(world.refusal(Platform).status(), Some(486));
    world.finish();
}

#[test]
fn no_limit_stops_it() {
    use trunkline::route::fraud::{LimitRule, Subject};
    let mut world = world(|settings| {
        settings.trunks.iter_mut().for_each(|trunk| {
            trunk.max_calls = Some(0);
            trunk.max_calls_per_s = Some(1);
        });
        settings.fraud.limits = vec![LimitRule { per: Subject::Node, calls: Some(0), ..LimitRule::default() }];
        settings.fraud.deny_prefixes = vec!["+49112".to_owned()];
    });
    world.send(Platform, invite(Platform, "+4930123456", &sdp(Platform, "sendrecv")));
    assert_eq!(world.refusal(Platform).status(), Some(503), "an ordinary call is stopped");
    for _ in 0..3 {
        world.send(Platform, invite(Platform, "+49112", &sdp(Platform, "sendrecv")));
        let offered = world.expect(CarrierB, "INVITE");
        let mut talk = world.answer(Platform, CarrierB, offered);
        world.send(Platform, talk.caller.ack(""));
        world.caller_hangs_up(&mut talk);
    }
    world.finish();
}

/// R-A9: a tenth of the node's calls is kept for help.
#[test]
fn the_nodes_own_limit_has_a_reserve_for_it() {
    let mut world = world(|settings| settings.limits.max_calls = 1);
    let mut talk = world.talk(Platform, CarrierA);
    world.send(Platform, invite(Platform, "112", &sdp(Platform, "sendrecv")));
    let offered = world.expect(CarrierB, "INVITE");
    let mut help = world.answer(Platform, CarrierB, offered);
    world.send(Platform, help.caller.ack(""));
    world.send(Platform, invite(Platform, "112", &sdp(Platform, "sendrecv")));
    assert_eq!(world.refusal(Platform).status(), Some(503), "the reserve is bounded");
    world.caller_hangs_up(&mut help);
    world.caller_hangs_up(&mut talk);
    world.finish();
}

/// The peer's next node takes it: this one is about to end.
#[test]
fn a_node_that_drains_leaves_it_to_the_next_one() {
    let mut world = world(|_| {});
    world.order(Command::Drain);
    world.send(Platform, invite(Platform, "112", &sdp(Platform, "sendrecv")));
    assert_eq!(world.refusal(Platform).status(), Some(503));
    world.finish();
}

#[test]
fn from_a_carrier_it_never_reaches_a_platform() {
    let mut world = world(|_| {});
    world.send(CarrierA, invite(CarrierA, "+49112", &sdp(CarrierA, "sendrecv")));
    let refusal = world.refusal(CarrierA);
    assert_eq!(refusal.status(), Some(403));
    assert!(refusal.header("Reason").contains("cause=21"));
    assert_eq!((world.heard(Platform).len(), taken(&world)), (0, 1));
    let records = world.finish();
    assert_eq!((records[0].cause, records[0].emergency.as_deref()), (Cause::EmergencyMisdirected, Some("112")));
}

#[test]
fn a_carrier_may_send_it_through_to_another_carrier() {
    let mut world = world(|settings| settings.routes.insert(0, route("carrier-a", None, &["platform", "carrier-b"])));
    world.send(CarrierA, invite(CarrierA, "112", &sdp(CarrierA, "sendrecv")));
    let offered = world.expect(CarrierB, "INVITE sip:112@");
    world.send(CarrierB, offered.respond(486, CarrierB, ""));
    world.expect(CarrierB, "ACK");
    assert_eq!(world.refusal(CarrierA).status(), Some(486));
    world.finish();
}

#[test]
fn each_trunk_is_written_the_form_it_wants() {
    type Row = (EmergencyForm, &'static [(&'static str, &'static str)], &'static str);
    let table: [Row; 4] = [
        (EmergencyForm::Short, &[], "INVITE sip:112@198.51.100.8 "),
        (EmergencyForm::Country, &[], "INVITE sip:+49112@198.51.100.8 "),
        (EmergencyForm::Urn, &[], "INVITE urn:service:sos "),
        (EmergencyForm::Urn, &[("112", "+4930112112")], "INVITE sip:+4930112112@198.51.100.8 "),
    ];
    for (form, dial, line) in table {
        let mut world = world(|settings| {
            let carrier = settings.trunks.iter_mut().find(|trunk| trunk.name == "carrier-b").unwrap();
            changed(carrier, |presentation| {
                presentation.emergency.form = form;
                presentation.emergency.dial =
                    dial.iter().map(|(code, number)| ((*code).to_owned(), E164::parse(number).unwrap())).collect();
                presentation.emergency.priority = PriorityHeader::Emergency;
            });
        });
        let asked = with_header(&invite(Platform, "112", &sdp(Platform, "sendrecv")), "Priority: non-urgent");
        world.send(Platform, asked);
        let offered = world.expect(CarrierB, "INVITE");
        assert!(offered.start_line().starts_with(line), "{}", offered.start_line());
        assert_eq!(offered.headers("Priority"), ["emergency"]);
        let mut talk = world.answer(Platform, CarrierB, offered);
        world.send(Platform, talk.caller.ack(""));
        world.pass(Duration::from_secs(5));
        world.caller_hangs_up(&mut talk);
        world.finish();
    }
}
