//! RFC 4904, PF-69 to PF-72: a platform that knows its customer by trunk-group parameters is told them, and what it writes
//! of them itself never reaches the carrier.

use trunkline::route::number::{Field, NumberRule, Reads, RuleList};

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::text::{invite, sdp};

#[test]
fn by_a_rule_of_the_trunk_and_stripped_on_the_way_back() {
    let mut world = World::configured(|settings| {
        let presentation = &mut settings.trunks[2].behaviour.presentation;
        let mut own = (**presentation).clone();
        own.numbers.reads = Reads::ByForm;
        let rule = NumberRule::new(Some(Field::Called), "^(.*)$", "${1};tgrp=acme;trunk-context=byoc.region.example");
        own.numbers.outgoing_rules = RuleList::new(vec![rule.expect("a rule")]);
        *presentation = own.into();
    });
    let (offered, _) = world.dial(CarrierA, Platform);
    let line = "INVITE sip:+4930555;tgrp=acme;trunk-context=byoc.region.example@192.0.2.50 SIP/2.0";
    assert_eq!(offered.start_line(), line);
    assert!(!offered.header("To").contains("tgrp"), "{}", offered.header("To"));
    world.send(Platform, offered.respond(486, Platform, ""));
    world.expect(Platform, "ACK");
    world.expect(CarrierA, "SIP/2.0 486");
    let called = "+49301234567;tgrp=acme;trunk-context=byoc.region.example";
    world.send(Platform, invite(Platform, called, &sdp(Platform, "sendrecv")));
    let plain = world.expect(CarrierA, "INVITE");
    assert!(!plain.as_str().contains("tgrp") && plain.start_line().contains("+49301234567@"), "{}", plain.as_str());
    world.send(CarrierA, plain.respond(486, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    world.finish();
}
