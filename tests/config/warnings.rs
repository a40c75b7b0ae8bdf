//! What works, and somebody should look at.

use trunkline::media::plan::{OnRekey, SrtpSuite};
use trunkline::route::media::KeyGeneration;

use super::*;

warned! {
    srtp_over_udp_is_readable: SOUTH => "targets = [\"10.2.0.2\"]\nmedia = { security = \"srtp\" } #!",
        "trunks.south.media.security", "SRTP keys travel readable over udp";
    a_counter_reset_where_a_new_ssrc_does_it: "[limits]" => "[trunks.teams.media.srtp]\nreset_on_rekey = true #!\n[limits]",
        "trunks.teams.media.srtp.reset_on_rekey", "it acts with ssrc_on_rekey = \"keep\"";
    an_api_without_a_store: "[limits]" => "[api]\nbind = \"127.0.0.1:8443\" #!\n[limits]",
        "api.bind", "the API is not served: it needs a store; write provisioning.source = \"store\"";
    a_trunk_that_lets_everybody_in: SOUTH => "targets = [\"10.2.0.2\"]\nsources = [\"0.0.0.0/0\"] #!",
        "trunks.south.sources", "anybody may send as this trunk";
    a_route_back_to_its_trunk: "to = [\"teams\"]" => "to = [\"teams\", \"north\"] #!",
        "routes[0].to", "calls from \"north\" may go back to it";
    a_codec_nobody_knows: SOUTH => "targets = [\"10.2.0.2\"]\nmedia = { codecs = [\"PCAM\"] } #!",
        "trunks.south.media.codecs", "no codec is known as \"PCAM\"; did you mean \"PCMA\"?";
    a_trunk_that_lets_nobody_in: SOUTH => "targets = [\"carrier.example\"]\nsources = [] #!",
        "trunks.south.sources", "nobody is let in from this trunk";
    a_route_behind_one_that_takes_all: "[[routes]]\nfrom = \"teams\"\nto = [\"pstn\"]" => "[[routes]]\nfrom = \"teams\"\nto = [\"pstn\"]\n[[routes]] #!\nfrom = \"teams\"\nto = [\"north\"]",
        "routes[2]", "never reached: routes[1] takes every call from \"teams\"";
    an_expression_without_anchor: "from = \"pstn\"" => "from = \"pstn\"\ncalled = { regex = \"4930\" } #!",
        "routes[0].called.regex", "start it with ^ to mean its beginning";
    a_limit_inside_a_smaller_one: "[limits]" => "[limits]\nmax_connections = 100\nmax_connections_per_source = 101 #!",
        "limits.max_connections_per_source", "is never reached, max_connections = 100 comes first; write 100 at most, or raise max_connections";
    a_deadline_inside_a_shorter_one: "[limits]" => "[limits]\nhandshake_s = 5\nhello_s = 6 #!",
        "limits.hello_s", "is never reached, handshake_s = 5 comes first";
    a_deadline_above_the_default_of_the_one_around_it: "[limits]" => "[limits]\nhello_s = 60 #!",
        "limits.hello_s", "is never reached, handshake_s = ";
    calls_for_help_that_no_carrier_gets: "[limits]" => "[emergency]\nnumbers = [\"112\"]\n[[emergency.routes]]\nto = [\"teams\"] #!\n[limits]",
        "emergency.routes[0].to", "leads to no carrier: a call for help must reach one that delivers it; write its trunk";
    peer_names_where_no_certificate_is_asked_for: "certificates = [\"main\"]\n" => "certificates = [\"main\"]\nclient_certificate = \"never\"\n[trunks.x]\nprofile = \"generic-tls\"\nlistener = \"platform\"\ntargets = [\"203.0.113.9\"]\npeer_names = [\"a.example\"] #!\n",
        "trunks.x.peer_names", "asks for no certificate";
}

#[test]
fn the_good_file_has_no_warning() {
    assert_eq!(accepted(GOOD).warnings(), []);
}

/// One that equals the other is reached; a default that an operator's lower limit cuts off is nobody's mistake.
#[test]
fn limits_that_fit_into_each_other_are_not_warned_about() {
    for written in ["max_connections = 100\nmax_connections_per_source = 100", "max_connections = 1", "handshake_s = 1"]
    {
        assert_eq!(accepted(&changed("[limits]", &format!("[limits]\n{written}"))).warnings(), [], "{written}");
    }
}

/// A group counts by its members; a code of the house may be that of a desk.
#[test]
fn calls_for_help_that_reach_somebody_are_not_warned_about() {
    let to_a_desk =
        "[emergency]\nnumbers = [\"777\"]\n[[emergency.routes]]\nnumbers = [\"777\"]\nto = [\"teams\"]\n[limits]";
    for route in ["[emergency]\nnumbers = [\"112\"]\n[[emergency.routes]]\nto = [\"pstn\"]\n[limits]", to_a_desk] {
        assert_eq!(accepted(&changed("[limits]", route)).warnings(), [], "{route}");
    }
}

/// Of a destination that is refused nothing more is said.
#[test]
fn a_call_for_help_to_a_trunk_that_is_not_there_is_one_finding() {
    let report = read(&changed(
        "[limits]",
        "[emergency]\nnumbers = [\"112\"]\n[[emergency.routes]]\nto = [\"taems\"]\n[limits]",
    ))
    .unwrap_err();
    assert_eq!(report.errors.len(), 1, "{report}");
    assert_eq!(report.warnings.len(), 0, "{report}");
}

#[test]
fn suites_and_key_policy_of_a_trunk_are_acted_on_without_a_word() {
    let media = "[trunks.teams.media]\nsuites = [\"AEAD_AES_256_GCM\", \"AES_CM_128_HMAC_SHA1_80\"]\n[trunks.teams.media.srtp]\ngenerate_keys = \"always\"\nssrc_on_rekey = \"keep\"\nreset_on_rekey = true\n[limits]";
    let loaded = accepted(&changed("[limits]", media));
    assert_eq!(loaded.warnings(), []);
    let media = &loaded.snapshot.trunk_named("teams").unwrap().media;
    assert_eq!(media.suites, [SrtpSuite::AeadAes256Gcm, SrtpSuite::AesCm128HmacSha1_80]);
    assert_eq!(media.srtp.generate, KeyGeneration::Always);
    assert_eq!(media.srtp.on_rekey(), OnRekey::KeepFromZero);
}

#[test]
fn what_is_written_as_default_is_not_warned_about() {
    let srtp = "[trunks.teams.media.srtp]\ngenerate_keys = \"only-if-required\"\nreset_on_rekey = false\nssrc_on_rekey = \"new\"\n[limits]";
    assert_eq!(accepted(&changed("[limits]", srtp)).warnings(), []);
}
