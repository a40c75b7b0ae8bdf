//! Which bodies a trunk takes.

use super::*;

refused! {
    a_type_without_subtype: SOUTH => "targets = [\"10.2.0.2\"]\nbodies = { pass = [\"pidf\"] } #!",
        "trunks.south.bodies.pass[0]", "is no media type";
    any_type_at_all: SOUTH => "targets = [\"10.2.0.2\"]\nbodies = { pass = [\"*/*\"] } #!",
        "trunks.south.bodies.pass[0]", "is no media type";
    the_description_itself: SOUTH => "targets = [\"10.2.0.2\"]\nbodies = { pass = [\"application/SDP\"] } #!",
        "trunks.south.bodies.pass[0]", "is written by Trunkline itself";
}

#[test]
fn a_trunk_takes_the_types_it_names() {
    let file = changed(SOUTH, "targets = [\"10.2.0.2\"]\nbodies = { pass = [\"application/PIDF+xml\", \"text/*\"] }");
    let own = accepted(&file).snapshot.trunk_named("south").unwrap().presentation.bodies.clone();
    assert_eq!(own.pass, [Box::from("application/pidf+xml"), Box::from("text/*")]);
}
