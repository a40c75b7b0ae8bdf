//! What a trunk's peer is: a platform or a carrier.

use trunkline::route::role::PeerRole;

use super::*;

#[test]
fn a_trunk_has_the_role_of_its_profile_unless_it_names_another() {
    let role = |text: &str, trunk: &str| accepted(text).snapshot.trunk_named(trunk).unwrap().role;
    assert_eq!(["teams", "north"].map(|trunk| role(GOOD, trunk)), [PeerRole::Platform, PeerRole::Carrier]);
    let other = changed("fqdn = \"sbc1", "role = \"carrier\"\nfqdn = \"sbc1");
    assert_eq!(role(&other, "teams"), PeerRole::Carrier);
}

refused! {
    a_role_nobody_has: "fqdn = \"sbc1" => "role = \"pbx\" #!\nfqdn = \"sbc1", "trunks.teams.role", "carrier";
}
