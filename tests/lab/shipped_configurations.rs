//! The daemon as shipped: `config/NAME.toml`, with nothing but the lab's own block over it.

use std::fs;

use trunkline::lab::platform::report::{Report, Verdict};
use trunkline::lab::platform::run::run;
use trunkline::lab::platform::setting::Platform;

use super::ground::{Ground, shipped};

/// The shipped file and the block as it is printed: every exercised statement holds.
async fn passes(platform: Platform, only: &[&str]) -> Report {
    let ground = Ground::new(platform, only);
    let block = ground.block(|block| block);
    let report = ground.play(&shipped(platform.setting().file), &block).await;
    assert!(report.passed(), "{}", report.text());
    report
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trunk_with_media_bypass_keeps_every_statement_of_ice() {
    let scenarios = [
        "inbound",
        "outbound",
        "hold-platform",
        "transfer-blind",
        "bypass-inbound",
        "bypass-outbound",
        "bypass-forks",
        "bypass-restart",
        "bypass-without",
        "bypass-forged",
        "local-media",
    ];
    let report = passes(Platform::TeamsBypass, &scenarios).await;
    let numbers = ["MD-195", "MD-196", "MD-197", "MD-198", "MD-199", "MD-200", "MD-201", "MD-202", "MD-206"];
    assert_held(&report, &numbers);
}

/// The bypass lab notices a trunk without ICE.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bypass_trunk_that_offers_no_ice_is_told() {
    let ground = Ground::new(Platform::TeamsBypass, &["inbound", "MD-195"]);
    let block = ground.block(|block| block.replace("profile = \"microsoft-teams-bypass\"\n", ""));
    let report = ground.play(&shipped("config/teams.toml"), &block).await;
    assert!(report.failed().contains(&"MD-195"), "{}", report.text());
}

#[tokio::test]
async fn a_misspelt_statement_or_scenario_is_no_run_that_passes() {
    for word in ["MD-9999", "inbond"] {
        let ground = Ground::new(Platform::Teams, &["inbound", word]);
        let words = run(&ground.wish, &mut |_| ()).await.expect_err("refused");
        assert!(
            words.contains(&format!("--only {word}: lab teams has no such")) && words.contains("outbound"),
            "{words}"
        );
    }
}

/// A carrier that is shown ELINs, as `emergency.caller = "elin"` says.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_number_of_a_place_is_shown_and_called_back() {
    let ground = Ground::new(Platform::Teams, &["elin"]);
    let elin = "[trunks.carrier]\nemergency = { caller = \"elin\" }\nbodies = { pass = [\"application/pidf+xml\"] }\n";
    let block = ground.block(|block| block.replace("[trunks.carrier]\n", elin));
    let report = ground.play(&shipped("config/teams.toml"), &block).await;
    assert_held(&report, &["MD-162", "MD-164"]);
    assert!(report.passed(), "{}", report.text());
}

/// Each of these was seen to hold; one that nothing has shown does not count.
fn assert_held(report: &Report, numbers: &[&str]) {
    for number in numbers {
        let verdict = report.verdict(number);
        assert!(matches!(verdict, Some(Verdict::Passed { .. })), "{number}: {verdict:?}\n{}", report.text());
    }
}

fn exercised(report: &Report) -> usize {
    report.judged.iter().filter(|judged| !matches!(judged.verdict, Verdict::NotExercised { .. })).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_shipped_teams_configuration_keeps_every_statement_of_calls_and_changes() {
    let scenarios = [
        "options",
        "tls",
        "unknown-name",
        "inbound",
        "identity-carrier",
        "anonymous-carrier",
        "multipart-carrier",
        "reliable-carrier",
        "late-offer",
        "methods-carrier",
        "outbound",
        "early-carrier",
        "cancel-platform",
        "privacy-platform",
        "extension",
        "emergency",
        "large",
        "crypto",
        "extra-lines",
        "plain-rtp",
        "dtmf",
        "refresh",
        "hold-platform",
        "hold-carrier",
        "storm",
        "busy-carrier",
        "redirect-carrier",
        "located-carrier",
        "diverted-carrier",
    ];
    let report = passes(Platform::Teams, &scenarios).await;
    assert!(exercised(&report) >= 80, "{}", report.summary());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_shipped_teams_configuration_keeps_every_statement_of_transfers_keys_and_refusals() {
    let scenarios = [
        "slow-carrier",
        "rekey",
        "transfer-blind",
        "transfer-early",
        "transfer-fails",
        "transfer-consultative",
        "transfer-number",
        "transfer-unknown",
        "replaces",
        "busy-platform",
        "failover",
        "short-timer",
        "session-timer",
        "elin",
    ];
    let report = passes(Platform::Teams, &scenarios).await;
    let numbers = [
        "MD-76", "MD-102", "MD-119", "MD-133", "MD-135", "MD-145", "MD-147", "MD-148", "MD-149", "MD-153", "MD-173",
        "MD-175",
    ];
    assert_held(&report, &numbers);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_should_hear_each_other_after_a_transfer_does_in_all_24_cases() {
    let scenarios = ["matrix-blind-refer", "matrix-blind-itself", "matrix-consulted-refer", "matrix-consulted-itself"];
    let report = passes(Platform::Teams, &scenarios).await;
    let looked = |number: &str| match report.verdict(number) {
        Some(Verdict::Passed { looked }) => *looked,
        other => panic!("{number}: {other:?}"),
    };
    // 12 by the platform itself; by REFER 4 that succeed to users, 4 to numbers, 4 that fail.
    assert_eq!([looked("MD-154"), looked("MD-140"), looked("MD-153"), looked("MD-148")], [12, 4, 4, 4]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_shipped_acs_configuration_keeps_what_azure_asks_for_besides() {
    let scenarios = ["options", "context", "inbound", "outbound", "transfer-blind", "busy-platform"];
    let report = passes(Platform::Acs, &scenarios).await;
    assert_held(&report, &["MD-213", "MD-215", "MD-216", "MD-217", "MD-219", "MD-224"]);
}

/// Nothing of the sheet's section is left out of these runs.
async fn passes_whole(platform: Platform) {
    let report = passes(platform, &[]).await;
    assert_eq!(exercised(&report), report.judged.len(), "{}", report.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_shipped_genesys_configuration_keeps_every_statement() {
    passes_whole(Platform::Genesys).await;
}

/// PF-69: three forms besides the shipped one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn genesys_is_told_of_its_trunk_in_each_of_four_ways() {
    for platform in [Platform::GenesysTgrp, Platform::GenesysDnis, Platform::GenesysField] {
        let report = passes(platform, &["inbound", "outbound", "genesys-refer"]).await;
        assert_held(&report, &["PF-69", "PF-73", "PF-74", "PF-80"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_shipped_twilio_configuration_keeps_every_statement() {
    passes_whole(Platform::Twilio).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_shipped_configuration_of_an_operator_gateway_keeps_every_statement() {
    passes_whole(Platform::Gateway).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_shipped_zoom_configuration_keeps_every_statement() {
    passes_whole(Platform::Zoom).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_carrier_gets_what_it_may_expect() {
    passes_whole(Platform::Carrier).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_carrier_with_a_registrar_is_registered_at_and_called() {
    passes_whole(Platform::CarrierRegister).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_carrier_takes_one_registration_for_a_block_of_numbers() {
    passes_whole(Platform::CarrierGin).await;
}

/// The statement failed, and the report quotes a line that says what is wrong.
fn assert_quoted(report: &Report, number: &str, words: &str) {
    match report.verdict(number) {
        Some(Verdict::Failed { faults, .. }) => {
            assert!(faults.iter().any(|fault| fault.line.contains(words)), "{number}: {faults:?}");
        }
        other => panic!("{number}: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_sbc_that_is_set_up_wrong_is_told_by_number_and_line() {
    let ground = Ground::new(Platform::Teams, &["inbound", "hold-carrier"]);
    let text = fs::read_to_string(shipped("config/teams.toml")).expect("readable");
    let wrong = "fqdn = \"sbc1.example.com\"\nheaders = { hide_allow = [\"NOTIFY\"] }\nmedia = { hold = \"pass\", srtp_lifetime = false, suites = [\"AES_CM_128_HMAC_SHA1_80\", \"AES_CM_128_HMAC_SHA1_32\"] }";
    let config = ground.directory.path().join("wrong.toml");
    fs::write(&config, text.replace("fqdn = \"sbc1.example.com\"", wrong)).expect("written");
    let block = ground.block(|block| block);
    let report = ground.play(&config, &block).await;
    assert_quoted(&report, "MD-73", "Allow: ");
    assert_quoted(&report, "MD-127", "a=sendonly");
    assert_quoted(&report, "MD-168", "AES_CM_128_HMAC_SHA1_32");
    assert_quoted(&report, "MD-169", "a=crypto:1 ");
    assert!(!report.passed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_in_contact_is_refused_and_quoted() {
    let ground = Ground::new(Platform::Teams, &["inbound", "options"]);
    let text = fs::read_to_string(shipped("config/teams.toml")).expect("readable");
    let nameless = text.replace("profile = \"microsoft-teams\"", "profile = \"generic-tls\"\ntargets = [\"sip.pstnhub.microsoft.com\"]\npeer_names = [\"sip.pstnhub.microsoft.com\"]");
    let kept: String =
        nameless.lines().filter(|line| !line.starts_with("fqdn = ")).map(|line| format!("{line}\n")).collect();
    let config = ground.directory.path().join("nameless.toml");
    fs::write(&config, kept).expect("written");
    let block = ground.block(|block| {
        block.lines().filter(|line| !line.starts_with("fqdn = ")).map(|line| format!("{line}\n")).collect()
    });
    let mut ground = ground;
    // One name is asked: the other two would only be waited for.
    ground.wish.bind.truncate(1);
    let report = ground.play(&config, &block).await;
    assert_quoted(&report, "MD-50", &ground.wish.sbc.ip().to_string());
    assert_quoted(&report, "MD-43", &ground.wish.sbc.ip().to_string());
}
