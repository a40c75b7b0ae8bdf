//! The operator's own statuses for what the directory refuses.

use trunkline::route::directory::{Denial, Direction};

use super::*;

refused! {
    a_status_for_success: "[limits]" => "[provisioning]\ncodes = { number_unknown = 200 } #!\n[limits]",
        "provisioning.codes.number_unknown", "is no status a refused caller is told; there are 403, 404";
    a_cause_that_is_none: "[limits]" => "[provisioning]\ncodes = { number_unkown = 404 } #!\n[limits]",
        "provisioning.codes.number_unkown", "did you mean \"number_unknown\"?";
    a_way_that_is_none: "[limits]" => "[provisioning]\ncodes = { number_unknown = { inbound = 404 } } #!\n[limits]",
        "provisioning.codes.number_unknown.inbound", "unknown key";
    a_status_as_text: "[limits]" => "[provisioning]\ncodes = { number_unknown = \"404\" } #!\n[limits]",
        "provisioning.codes.number_unknown", "expected a whole number";
}

#[test]
fn refusals_have_the_operators_statuses() {
    let text = "[provisioning.codes]\ninbound_disabled = { from_carrier = 404 }\nhost_unknown = 403\n[limits]";
    let snapshot = accepted(&changed("[limits]", text)).snapshot;
    let told = |why: Denial, direction| snapshot.codes.told(why.towards(direction), direction).status;
    assert_eq!(told(Denial::InboundDisabled, Direction::CarrierToPlatform), 404);
    assert_eq!(told(Denial::HostUnknown, Direction::PlatformToCarrier), 403);
    assert_eq!(told(Denial::NumberUnknown, Direction::PlatformToCarrier), 403);
}
