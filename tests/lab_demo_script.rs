//! The demo's script, played by its two ends without an SBC between them: what it demands of a call can be met, and
//! what it cannot find there it names.
#![cfg(feature = "lab")]

use std::time::Duration;

use trunkline::lab::agent::{Agent, AgentSettings, Transport};
use trunkline::lab::demo::outcome::SAME_CALL_ID;
use trunkline::lab::demo::script::{self, FROM_CARRIER, FROM_PLATFORM, LongCall};
use trunkline::lab::demo::stage::{CARRIER_AGENT, PLATFORM_AGENT, Progress, Stage};
use trunkline::lab::demo::table::{self, Paint};
use trunkline::lab::ladder::Ladder;
use trunkline::lab::link::Peer;
use trunkline::lab::session::{MediaSettings, Path, Security};
use trunkline::lab::signal::Codec;

async fn agent(name: &'static str, host: &str, ladder: &Ladder) -> Agent {
    let media = MediaSettings {
        address: host.parse().expect("an address"),
        security: Security::Plain,
        codecs: vec![Codec::Pcma],
        event_type: 96,
        path: Path::Described,
    };
    let address = format!("{host}:0").parse().expect("an address");
    let settings = AgentSettings {
        name,
        address,
        transport: Transport::Udp,
        host: host.to_owned(),
        media,
        ladder: ladder.clone(),
        hidden: Vec::new(),
    };
    Agent::bind(settings).await.expect("bound")
}

async fn direct_stage() -> Stage {
    let ladder = Ladder::default();
    let platform = agent(PLATFORM_AGENT, "127.0.1.1", &ladder).await;
    let carrier = agent(CARRIER_AGENT, "127.0.1.2", &ladder).await;
    platform.point_at(Peer { address: carrier.address(), name: "127.0.1.2".to_owned() });
    carrier.point_at(Peer { address: platform.address(), name: "127.0.1.1".to_owned() });
    Stage { platform, carrier, ladder, talk: Duration::from_secs(1), progress: Progress::Silent }
}

async fn only_the_call_id_is_missing_its_sbc(plan: LongCall) {
    let outcome = script::long_call(&direct_stage().await, plan).await;
    assert_eq!(outcome.findings, [SAME_CALL_ID], "{}", table::call(&outcome, Paint::Plain));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_call_from_the_platform_can_be_played() {
    only_the_call_id_is_missing_its_sbc(FROM_PLATFORM).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_call_from_the_carrier_can_be_played() {
    only_the_call_id_is_missing_its_sbc(FROM_CARRIER).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_refused_and_the_cancelled_call_can_be_played() {
    let stage = direct_stage().await;
    for outcome in [script::refused_call(&stage).await, script::cancelled_call(&stage).await] {
        assert_eq!(outcome.findings, [SAME_CALL_ID], "{}", table::call(&outcome, Paint::Plain));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_never_arrives_is_named() {
    let stage = direct_stage().await;
    let silent = std::net::UdpSocket::bind("127.0.1.2:0").expect("a socket that never answers");
    let lonely = agent(PLATFORM_AGENT, "127.0.1.1", &stage.ladder).await;
    lonely.point_at(Peer { address: silent.local_addr().expect("bound"), name: "127.0.1.2".to_owned() });
    let outcome = script::refused_call(&Stage { platform: lonely, ..stage }).await;
    assert_eq!(outcome.findings, ["call c: the INVITE never reached the carrier; waited 8 s"]);
    assert!(table::call(&outcome, Paint::Plain).contains("FAIL"));
}
