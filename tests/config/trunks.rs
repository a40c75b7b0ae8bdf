//! What becomes of the keys of a trunk.

use super::*;

#[test]
fn a_star_lets_every_codec_pass() {
    let loaded = accepted(&changed(SOUTH, "targets = [\"10.2.0.2\"]\nmedia = { codecs = [\"*\"] }"));
    assert!(loaded.snapshot.trunk_named("south").unwrap().media.codecs.is_empty());
}

/// PF-116: the next hop is the proxy's, host and port of the Request-URI are the first target's.
#[test]
fn behind_a_proxy_the_request_uri_keeps_the_first_targets_port() {
    let proxied = "targets = [\"carrier.example:5070\"]\nproxy = \"10.2.0.9:5060\"\nsources = [\"10.2.0.9\"]";
    let loaded = accepted(&changed(SOUTH, proxied));
    let south = loaded.snapshot.trunk_named("south").unwrap();
    assert_eq!((south.request_uri_host.as_deref(), south.request_uri_port), (Some("carrier.example"), Some(5070)));
    assert_eq!(south.targets[0].address, Some([10, 2, 0, 9].into()));
}
