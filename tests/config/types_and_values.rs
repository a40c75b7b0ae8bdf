//! Values of the wrong type or out of range.

use super::*;

refused! {
    a_number_for_a_string_is_refused: "name = \"t\"" => "name = 5 #!",
        "node.name", "expected a string, found a whole number; write name = \"sbc1\"";
    a_string_for_a_number_is_refused: "max_calls = 100" => "max_calls = \"100\" #!",
        "limits.max_calls", "expected a whole number, found a string; write max_calls = 2000";
    a_string_for_a_list_is_refused: "targets = [\"sip.example.com\"]" => "targets = \"sip.example.com\" #!",
        "trunks.teams.targets", "expected a list, found a string; write targets = [";
    a_value_for_a_table_is_refused: "[limits]\nmax_calls = 100" => "[trunks.south.media]\nsrtp = 4 #!",
        "trunks.south.media.srtp", "expected a table, found a whole number";
    a_single_route_table_needs_two_brackets: "[limits]" => "[emergency]\nnumbers = [110] #!\n[limits]",
        "emergency.numbers[0]", "expected a string, found a whole number";
    a_fraction_is_no_count: "max_calls = 100" => "max_calls = 1.5 #!",
        "limits.max_calls", "expected a whole number, found a fraction";
    a_count_out_of_bounds_names_them: "max_calls = 100" => "max_calls = 0 #!",
        "limits.max_calls", "0 is not between 1 and 1000000";
    a_number_beyond_all_bounds_is_refused: "max_calls = 100" => "max_calls = 99999999999999999999 #!",
        "limits.max_calls", "is not between 1 and 1000000";
    an_empty_string_is_refused: "name = \"t\"" => "name = \"\" #!", "node.name", "is empty; write name = \"sbc1\"";
    a_control_character_is_refused: "name = \"t\"" => "name = \"a\\u001bb\" #!", "node.name", "control character";
    a_port_out_of_range_is_refused: "transport = \"udp\"" => "transport = \"udp\"\nport = 65536 #!",
        "listeners.carrier.port", "65536 is not between 1 and 65535; write port = 5061";
    an_address_that_is_none_is_refused: "bind = \"192.0.2.1\"" => "bind = \"192.0.2.256\" #!",
        "networks.public.bind", "\"192.0.2.256\" is no IP address; write bind = \"0.0.0.0\"";
    an_address_nobody_can_reach_is_not_advertised: "bind = \"192.0.2.1\"" => "bind = \"192.0.2.1\"\nadvertise = \"0.0.0.0\" #!",
        "networks.public.advertise", "is nobody's address";
    two_families_on_one_network_are_refused: "bind = \"192.0.2.1\"" => "bind = \"192.0.2.1\"\nadvertise = \"2001:db8::1\" #!",
        "networks.public.advertise", "both be IPv4 or both IPv6";
    an_odd_first_rtp_port_is_refused: "\"10000-18999\"" => "\"10001-18999\" #!",
        "networks.public.rtp_ports", "starts at an odd port; RTP uses even ones; write rtp_ports = \"10000-18999\"";
    a_reversed_port_range_is_turned_round: "\"10000-18999\"" => "\"18999-10000\" #!",
        "networks.public.rtp_ports", "is reversed; did you mean \"10000-18999\"?";
    a_range_with_stray_bits_names_the_range_meant: "sources = [\"198.51.100.0/28\"]" => "sources = [\"198.51.100.1/28\"] #!",
        "trunks.teams.sources[0]", "did you mean 198.51.100.0/28?";
    a_keep_alive_of_a_trunk_is_not_too_often: "sources = [\"198.51.100.0/28\"]" => "sources = [\"198.51.100.0/28\"]\nkeep_alive_s = 5 #!",
        "trunks.teams.keep_alive_s", "is too often; write 15 or more, or 0 for none";
    contacts_are_ranges_like_sources: "sources = [\"198.51.100.0/28\"]" => "sources = [\"198.51.100.0/28\"]\ncontacts = [\"198.51.100.65/28\"] #!",
        "trunks.teams.contacts[0]", "did you mean 198.51.100.64/28?";
    an_unknown_word_suggests_the_nearest: "transport = \"tls\"" => "transport = \"tsl\" #!",
        "listeners.platform.transport", "unknown value; did you mean \"tls\"?";
    an_unknown_word_lists_the_known: "[limits]" => "[log]\nlevel = \"loud\" #!\n[limits]",
        "log.level", "\"loud\" is none of error, warn, info, debug, trace; write level = \"info\"";
a_trace_that_leaves_calls_no_room: "[limits]" => "[trace]\noctets = 60000000 #!\n[limits]\nmemory_mb = 64",
    "trace.octets", "no call would be admitted under limits.memory_mb = 64";
    an_fqdn_needs_a_dot: "\"sbc1.example.com\"" => "\"sbc1\" #!", "trunks.teams.fqdn", "is no full domain name";
    an_fqdn_is_no_address: "\"sbc1.example.com\"" => "\"192.0.2.1\" #!", "trunks.teams.fqdn", "write fqdn = \"sbc1.example.com\"";
    an_unknown_suite_names_the_known: "[limits]" => "[trunks.teams.media]\nsuites = [\"F8_128_HMAC_SHA1_80\"] #!\n[limits]",
        "trunks.teams.media.suites[0]", "AEAD_AES_128_GCM, AEAD_AES_256_GCM are";
    a_suite_named_twice_is_refused: "[limits]" => "[trunks.teams.media]\nsuites = [\"AEAD_AES_128_GCM\", \"AEAD_AES_128_GCM\"] #!\n[limits]",
        "trunks.teams.media.suites", "names a suite twice";
    a_key_policy_of_another_word_is_refused: "[limits]" => "[trunks.teams.media.srtp]\ngenerate_keys = \"never\" #!\n[limits]",
        "trunks.teams.media.srtp.generate_keys", "always";
    a_kind_of_ice_that_is_not_served_is_refused: "[limits]" => "[trunks.teams.media]\nice = \"full\" #!\n[limits]",
        "trunks.teams.media.ice", "\"full\" is none of off, lite";
    a_silence_nobody_notices_ends_no_call: "[limits]" => "[trunks.teams.media]\nsilence_s = 0\non_silence = \"hang-up\" #!\n[limits]",
        "trunks.teams.media.on_silence", "write silence_s = 30";
    an_action_on_silence_of_another_word_is_refused: "[limits]" => "[trunks.teams.media]\non_silence = \"beep\" #!\n[limits]",
        "trunks.teams.media.on_silence", "\"beep\" is none of report, hang-up";
    a_reliability_of_another_word_is_refused: "[limits]" => "[trunks.teams.provisional]\nreliable = \"always\" #!\n[limits]",
        "trunks.teams.provisional.reliable", "\"always\" is none of off, accept, supported, required";
    a_view_of_forks_of_another_word_is_refused: "[limits]" => "[trunks.teams.provisional]\nforks = \"all\" #!\n[limits]",
        "trunks.teams.provisional.forks", "\"all\" is none of single, first, ringing";
    a_response_that_never_passes_is_refused: "[limits]" => "[trunks.teams.provisional]\npass = [180, 184] #!\n[limits]",
        "trunks.teams.provisional.pass[1]", "184 is none of 180, 181, 182, 183, 199";
    a_trust_in_early_media_of_another_word: "[limits]" => "[trunks.teams.provisional]\np_early_media = \"pass\" #!\n[limits]",
        "trunks.teams.provisional.p_early_media", "\"pass\" is none of off, trust";
    a_bridge_after_a_minute_is_refused: "[limits]" => "[trunks.teams.provisional]\nprogress_s = 90 #!\n[limits]",
        "trunks.teams.provisional.progress_s", "60";
    a_host_entry_without_address_is_refused: "[limits]" => "[dns.hosts]\n\"a.example\" = [] #!\n[limits]",
        "dns.hosts.\"a.example\"", "has no address; write \"a.example\" = [\"192.0.2.1\"]";
    a_broken_expression_says_why: "from = \"pstn\"" => "from = \"pstn\"\ncalled = { regex = \"^(\" } #!",
        "routes[0].called.regex", "is no regular expression: unclosed group";
    a_pattern_of_two_kinds_is_refused: "from = \"pstn\"" => "from = \"pstn\"\ncalled = { prefix = \"1\", regex = \"^1\" } #!",
        "routes[0].called", "has both prefix and regex; keep one of the two";
    an_empty_pattern_is_refused: "from = \"pstn\"" => "from = \"pstn\"\ncalled = {} #!",
        "routes[0].called", "names no pattern; write called = { prefix = \"+4930\" }";
    credentials_need_all_three: "[limits]" => "[trunks.south.auth] #!\nuser = \"u\"\npassword_file = \"p\"\n[limits]",
        "trunks.south.auth", "missing key \"realm\"; write realm = \"carrier.example\"";
    md5_is_a_matter_of_what_we_demand: "[limits]" => "[trunks.south.auth]\nuser = \"u\"\nrealm = \"r\"\npassword_file = \"p\"\nallow_md5 = true #!\n[limits]",
        "trunks.south.auth.allow_md5", "has a meaning with require = true only";
    an_address_of_record_has_a_user: "[limits]" => "[trunks.south.registration]\naor = \"sip:carrier.example\" #!\n[limits]",
        "trunks.south.registration.aor", "is no SIP address with a user and without parameters; write aor = \"sip:user@carrier.example\"";
    an_address_of_record_has_no_parameters: "[limits]" => "[trunks.south.registration]\naor = \"sip:a@carrier.example;transport=tls\" #!\n[limits]",
        "trunks.south.registration.aor", "is no SIP address with a user and without parameters";
    a_password_in_the_file_is_refused_and_not_shown: "[limits]" => "[trunks.south.auth]\nuser = \"u\"\nrealm = \"r\"\npassword = \"hunter2\" #!\n[limits]",
        "trunks.south.auth.password", "secrets do not stand in this file; write password_file";
    t2_is_not_below_t1: "[limits]" => "[trunks.south.timers]\nt1_ms = 1000\nt2_ms = 500 #!\n[limits]",
        "trunks.south.timers.t2_ms", "T2 (500 ms) is below T1 (1000 ms); write t2_ms = 1000 or more";
}

#[test]
fn a_single_bracket_for_routes_is_answered_with_two() {
    let routes = GOOD.find("[[routes]]").unwrap();
    let text = format!("{}[routes] #!\nfrom = \"teams\"\n", &GOOD[..routes]);
    assert_error(&text, "routes", "write [[routes]] with two brackets");
}

/// What the system would refuse when the daemon listens there, and nobody could ask it anything.
#[test]
fn a_control_socket_has_a_path_that_the_system_takes() {
    let long = "d".repeat(95);
    let named = |key: &str, value: &str| changed("name = \"t\"", &format!("name = \"t\"\n{key} = \"{value}\" #!"));
    assert_error(&named("state_dir", &format!("/{long}")), "node.state_dir", "write node.control");
    assert_error(
        &named("control", &format!("/{long}/a-socket-with-a-long-name")),
        "node.control",
        "more than 107 octets",
    );
    accepted(&named("control", &format!("/{long}/ctl")));
}
