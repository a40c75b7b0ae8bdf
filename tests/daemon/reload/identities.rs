//! Certificates, keys and trust stores of another configuration.

use std::fs;

use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use trunkline::lab::certificates;

use super::{ctl, media, rewrite, shown};
use crate::ground::{Ground, Rules, tls_settings};
use crate::peer::Peer;
use crate::text::sdp;

const API: u16 = 15_065;

#[test]
fn another_certificate_and_another_trust_store_count_for_new_connections_and_the_old_call_goes_on() {
    let ground = Ground::new(Rules { timers: "timers = { t1_ms = 50 }", ..Rules::default() });
    let _running = ground.start();
    let (mut caller, mut callee) = (ground.tls(), ground.udp(ground.callee()));
    let media = media(&ground);
    let key = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR\r\n";
    caller.ask("INVITE", &(sdp(media[0]).replace("RTP/AVP", "RTP/SAVP") + key));
    let offered = callee.expect("INVITE ");
    callee.send(offered.respond("200 OK", callee.own, &sdp(media[1])));
    let accepted = caller.expect("SIP/2.0 200");
    callee.expect("ACK ");
    let mut dialog = caller.dialog(&accepted);
    caller.send(dialog.ack());
    let folder = ground.config().with_file_name("other");
    fs::create_dir(&folder).unwrap();
    let other = certificates::make(&folder).unwrap();
    rewrite(
        &ground,
        &[
            (
                "chain = \"sbc.chain.pem\"\nkey = \"sbc.key.pem\"",
                "chain = \"other/sbc.chain.pem\"\nkey = \"other/sbc.key.pem\"",
            ),
            ("roots = \"ca.pem\"", "roots = \"other/ca.pem\""),
        ],
    );
    let said = shown(&ctl(&ground, &["reload"]));
    for key in ["certificates.main.chain", "certificates.main.key", "trust.lab.roots"] {
        assert!(said.contains(&format!("live     {key}\n")), "{said}");
    }
    // Whoever trusts the other authority and shows its certificate is served; the old ones are not.
    ground.tls_with(&other).probe();
    let mut old = ground.tls();
    let sent = old.try_send(old.question().as_bytes());
    assert!(sent.is_err() || old.next().is_none());
    caller.send(dialog.request("BYE"));
    caller.expect("SIP/2.0 200");
    callee.expect("BYE ");
}

/// The API shows what SIP shows: a certificate that nobody renews there ends one day.
#[test]
fn the_api_shows_a_renewed_certificate_too() {
    let ground = Ground::new(Rules::default());
    let (daemon, metrics) = (ground.daemon(), "[metrics]\n");
    let api = format!(
        "[provisioning]\nsource = \"store\"\n[api]\nbind = \"{daemon}:{API}\"\ncertificate = \"main\"\n{metrics}"
    );
    rewrite(&ground, &[(metrics, &api)]);
    let _running = ground.start();
    let folder = ground.config().with_file_name("other");
    fs::create_dir(&folder).unwrap();
    let other = certificates::make(&folder).unwrap();
    let asked = |peer: &mut Peer| peer.try_send(b"GET /api/v1/openapi.json HTTP/1.1\r\nHost: a\r\n\r\n");
    let at = |api: &Ground, certificates| Peer::secured(api.caller(), (daemon, API).into(), tls_settings(certificates));
    asked(&mut at(&ground, &ground.certificates)).unwrap();
    assert!(asked(&mut at(&ground, &other)).is_err());
    for file in ["sbc.key.pem", "sbc.chain.pem"] {
        fs::copy(folder.join(file), ground.config().with_file_name(file)).unwrap();
    }
    ground.until(|ground| asked(&mut at(ground, &other)).map_err(|error| error.to_string()));
    assert!(asked(&mut at(&ground, &ground.certificates)).is_err());
}

#[test]
fn a_key_of_another_certificate_is_refused_and_the_old_one_is_still_shown() {
    let ground = Ground::new(Rules::default());
    let _running = ground.start();
    rewrite(&ground, &[("key = \"sbc.key.pem\"", "key = \"platform.key.pem\"")]);
    let refused = ctl(&ground, &["reload"]);
    assert_eq!(refused.status.code(), Some(1));
    let text = String::from_utf8_lossy(&refused.stderr);
    assert!(text.contains("platform.key.pem") && text.contains("is not the key"), "{text}");
    ground.tls().probe();
}

/// R-H: a certificate tool that brings back an old pair must not take the node from its peers.
#[test]
fn a_pair_that_has_ended_is_refused_however_it_comes_and_the_old_one_is_still_shown() {
    let ground = Ground::new(Rules::default());
    let _running = ground.start_with_log("info");
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let mut ended = CertificateParams::new(vec![certificates::SBC_NAME.to_owned()]).unwrap();
    ended.not_before = rcgen::date_time_ymd(2020, 1, 1);
    ended.not_after = rcgen::date_time_ymd(2021, 1, 1);
    fs::write(ground.config().with_file_name("sbc.key.pem"), key.serialize_pem()).unwrap();
    fs::write(ground.config().with_file_name("sbc.chain.pem"), ended.self_signed(&key).unwrap().pem()).unwrap();
    ground.until(|ground| {
        let log = fs::read_to_string(ground.log()).unwrap();
        let told = log.lines().any(|line| line.contains("the old one stays") && line.contains("has ended"));
        if told { Ok(()) } else { Err(log) }
    });
    ground.tls().probe();
    let refused = ctl(&ground, &["reload"]);
    assert_eq!(refused.status.code(), Some(1));
    let text = String::from_utf8_lossy(&refused.stderr);
    assert!(text.contains("certificates.main.chain") && text.contains("has ended"), "{text}");
    ground.tls().probe();
}
