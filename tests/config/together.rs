//! What is right alone, and wrong beside something else.

use super::*;

refused! {
    rtp_ports_of_networks_on_one_address_do_not_overlap: "bind = \"10.1.0.4\"\nrtp_ports = \"20000-28999\"" => "bind = \"0.0.0.0\"\nadvertise = \"10.1.0.4\"\nrtp_ports = \"18000-28999\" #!",
        "networks.carrier.rtp_ports", "ports 18000-18999 belong to network \"public\" too";
    two_listeners_on_one_port: "[limits]" => "[listeners.again]\nnetwork = \"carrier\"\ntransport = \"udp\"\nport = 5060 #!\n[limits]",
        "listeners.again.port", "port 5060 is taken by listener \"carrier\"; write another port";
    tcp_and_tls_share_the_ports: "[limits]" => "[listeners.again]\nnetwork = \"public\"\ntransport = \"tcp\"\nport = 5061 #!\n[limits]",
        "listeners.again.port", "port 5061 is taken by listener \"platform\"";
    metrics_on_a_listeners_port: "[limits]" => "[metrics]\nbind = \"0.0.0.0:5061\" #!\n[limits]",
        "metrics.bind", "port 5061 is taken by listener \"platform\"";
    a_listener_inside_the_rtp_ports: "transport = \"udp\"" => "transport = \"udp\"\nport = 20002 #!",
        "listeners.carrier.port", "port 20002 lies in rtp_ports of network \"carrier\"";
    a_profile_that_does_not_speak_the_transport: "profile = \"carrier-ip\"" => "profile = \"generic-tls\" #!",
        "trunks.north.profile", "generic-tls speaks tls, listener \"carrier\" is udp; write a tls listener or another profile";
    a_certificate_on_a_udp_trunk: "targets = [\"10.2.0.1:5060\"]" => "targets = [\"10.2.0.1:5060\"]\ncertificate = \"main\" #!",
        "trunks.north.certificate", "has a meaning over TLS only";
    a_certificate_on_a_udp_listener: "transport = \"udp\"" => "transport = \"udp\"\ncertificates = [\"main\"] #!",
        "listeners.carrier.certificates", "only a listener with transport = \"tls\" has it; leave it out";
    a_target_of_the_other_address_family: SOUTH => "targets = [\"[2001:db8::1]:5060\"] #!",
        "trunks.south.targets", "2001:db8::1 cannot be reached from network \"carrier\"";
    a_keep_alive_of_a_udp_trunk: SOUTH => "targets = [\"10.2.0.2\"]\nkeep_alive_s = 30 #!",
        "trunks.south.keep_alive_s", "has a meaning over TCP and TLS only";
    two_trunks_of_one_source: SOUTH => "targets = [\"10.2.0.2\"]\nsources = [\"10.2.0.1\"] #!",
        "trunks.south.sources", "10.2.0.1/32 sends as \"north\" too: nothing tells the two apart; write different sources, an fqdn for each, or peer_names";
    srv_brings_its_own_port: SOUTH => "targets = [{ host = \"a.example\", srv = true, port = 5060 }] #!\nsources = [\"10.2.0.2\"]",
        "trunks.south.targets[0].port", "leave port out, or write srv = false";
    an_address_has_no_srv: SOUTH => "targets = [{ host = \"10.2.0.2\", srv = true }] #!",
        "trunks.south.targets[0].srv", "write a name as host, or srv = false";
    naptr_brings_its_own_port: SOUTH => "targets = [{ host = \"a.example\", naptr = true, port = 5060 }] #!\nsources = [\"10.2.0.2\"]",
        "trunks.south.targets[0].port", "leave port out, or write naptr = false";
    naptr_leads_to_srv: SOUTH => "targets = [{ host = \"a.example\", naptr = true, srv = false }] #!\nsources = [\"10.2.0.2\"]",
        "trunks.south.targets[0].srv", "leave srv out, or write naptr = false";
    only_a_proven_connection_is_offered: "listener = \"carrier\"" => "listener = \"carrier\"\noffer_reuse = true #!",
        "trunks.north.offer_reuse", "has a meaning over TLS only; leave it out";
    only_datagrams_are_too_small: "listener = \"platform\"" => "listener = \"platform\"\nudp_to_tcp = true #!",
        "trunks.teams.udp_to_tcp", "has a meaning over UDP only; leave it out";
    datagrams_keep_nothing_alive: "transport = \"udp\"" => "transport = \"udp\"\nkeep_alive_s = 30 #!",
        "listeners.carrier.keep_alive_s", "has a meaning over TCP and TLS only; leave it out";
    a_target_that_is_our_own_listener: SOUTH => "targets = [\"10.1.0.4:5060\"] #!\nsources = [\"10.2.0.2\"]",
        "trunks.south.targets", "is our own listener \"carrier\": calls would come back to us";
    media_to_anywhere: "allow_media = [\"10.0.0.0/8\"]" => "allow_media = [\"0.0.0.0/0\"] #!",
        "networks.carrier.allow_media", "0.0.0.0/0 is wider than any private range (/8, IPv6 /7) and would let media be sent to this machine's own addresses";
    media_to_anywhere_in_two_halves: "allow_media = [\"10.0.0.0/8\"]" => "allow_media = [\"0.0.0.0/1\", \"128.0.0.0/1\"] #!",
        "networks.carrier.allow_media", "0.0.0.0/1 is wider than any private range (/8, IPv6 /7)";
    media_to_more_than_the_private_addresses: "allow_media = [\"10.0.0.0/8\"]" => "allow_media = [\"10.0.0.0/8\", \"fc00::/6\"] #!",
        "networks.carrier.allow_media", "fc00::/6 is wider than any private range (/8, IPv6 /7)";
    a_secure_address_of_record_without_tls: SOUTH => "targets = [\"10.2.0.2\"]\nregistration = { aor = \"sips:sbc@carrier.example\" } #!",
        "trunks.south.registration.aor", "sips: means TLS all the way, and listener \"carrier\" is udp; write sip:";
    a_trunk_without_codecs: SOUTH => "targets = [\"10.2.0.2\"]\nmedia = { codecs = [] } #!",
        "trunks.south.media.codecs", "no codec is left to offer";
    a_target_with_a_scheme_is_refused: SOUTH => "targets = [\"sip:10.2.0.2\"] #!\nsources = [\"10.2.0.2\"]",
        "trunks.south.targets[0]", "write targets = [\"198.51.100.7:5060\"]";
}

#[test]
fn media_to_all_private_addresses_is_fine() {
    accepted(&changed(
        "allow_media = [\"10.0.0.0/8\"]",
        "allow_media = [\"10.0.0.0/8\", \"fc00::/7\", \"192.168.0.0/16\"]",
    ));
}

#[test]
fn one_source_is_fine_on_two_listeners() {
    let second = "[listeners.extra]\nnetwork = \"carrier\"\ntransport = \"udp\"\nport = 5070\n[trunks.other]\nprofile = \"carrier-ip\"\nlistener = \"extra\"\ntargets = [\"10.2.0.1:5060\"]\n[limits]";
    accepted(&changed("[limits]", second));
}
