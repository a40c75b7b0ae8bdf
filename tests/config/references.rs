//! Names that must stand elsewhere in the file.

use super::*;

refused! {
    a_listener_of_an_unknown_network: "network = \"carrier\"" => "network = \"carier\" #!",
        "listeners.carrier.network", "there is no network \"carier\"; did you mean \"carrier\"?";
    a_trunk_on_an_unknown_listener: "listener = \"platform\"" => "listener = \"edge\" #!",
        "trunks.teams.listener", "there is no listener \"edge\"; write one of carrier, platform, or add [listeners.NAME]";
    a_listener_of_an_unknown_certificate: "certificates = [\"main\"]" => "certificates = [\"other\"] #!",
        "listeners.platform.certificates[0]", "there is no certificate \"other\"";
    a_trunk_of_an_unknown_trust_store: "fqdn = " => "trust = \"ms\" #!\nfqdn = ",
        "trunks.teams.trust", "there is no trust store \"ms\"; write one of default";
    a_trunk_of_an_unknown_profile: "profile = \"generic-tls\"" => "profile = \"generic-tsl\" #!",
        "trunks.teams.profile", "did you mean \"generic-tls\"?";
    a_group_with_an_unknown_member: "{ trunk = \"south\" }]" => "{ trunk = \"soth\" }] #!",
        "groups.pstn.members[1].trunk", "there is no trunk \"soth\"; did you mean \"south\"?";
    a_group_is_no_member_of_a_group: "{ trunk = \"south\" }]" => "{ trunk = \"pstn\" }] #!",
        "groups.pstn.members[1].trunk", "there is no trunk \"pstn\"";
    a_route_from_nobody: "from = \"teams\"" => "from = \"team\" #!", "routes[1].from", "did you mean \"teams\"?";
    a_route_to_nobody: "to = [\"pstn\"]" => "to = [\"pstn\", \"moon\"] #!",
        "routes[1].to[1]", "there is no trunk or group \"moon\"";
    an_account_on_an_unknown_trunk: "[limits]" => "[accounts.acme]\nfqdn = \"acme.sbc1.example.com\"\ntrunk = \"x\" #!\n[limits]",
        "accounts.acme.trunk", "there is no trunk \"x\"";
}

#[test]
fn several_trust_stores_without_a_default_must_be_chosen() {
    let text = changed("[trust.default]", "[trust.a]\nroots = \"system\"\n[trust.b]");
    let text = text.replacen("[trunks.teams]", "[trunks.teams] #!", 1);
    assert_error(&text, "trunks.teams.trust", "write trust = \"NAME\", or name one \"default\"");
}
