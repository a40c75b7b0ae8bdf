//! OPTIONS and handshakes: what happens before the first call.

use std::time::Duration;

use super::{Needs, Scenario};
use crate::lab::platform::leg::{Invitation, Leg, STEP};
use crate::lab::platform::manner::{Line, hex, written};
use crate::lab::platform::posture::Versions;
use crate::lab::platform::stage::Stage;
use crate::lab::platform::text::host_of;
use crate::lab::platform::transcript::{Evidence, Side};
use crate::lab::platform::wire::From;
use crate::lab::streams::Origin;
use crate::scenario;

/// MD-44: one a minute, and some jitter.
const OPTIONS_LIMIT: Duration = Duration::from_secs(75);
/// How often the transcript is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// See the module.
pub static SCENARIOS: &[Scenario] = &[
    scenario!("options", "the SBC asks, then the platform asks", Needs::PlatformOnly, options),
    scenario!("tls", "TLS 1.2, both chains, without SNI", Needs::PlatformOnly, handshakes),
    scenario!("unknown-name", "a call to a name that is no trunk's", Needs::PlatformOnly, unknown_name),
];

async fn options(stage: &Stage) -> Result<(), String> {
    let names: Vec<&String> = stage.names.iter().take(stage.addresses).collect();
    let asked = |name: &str| {
        let evidence: Evidence = stage.transcript.evidence("");
        evidence.to_platform().any(|seen| {
            // Where the identifier of the trunk stands in the Request-URI, one name is all there is.
            seen.text.asks("OPTIONS") && (stage.names.len() == 1 || host_of(seen.text.uri()) == name)
        })
    };
    let began = stage.transcript.elapsed();
    let in_time = || stage.transcript.elapsed().saturating_sub(began) < OPTIONS_LIMIT;
    // MD-42: not before one of its names was asked; any will do.
    while !stage.names.iter().any(|name| asked(name)) && in_time() {
        tokio::time::sleep(LOOK).await;
    }
    let answered = ask(stage, &host_name(stage), Versions::Both).await;
    for name in names {
        while !asked(name) && in_time() {
            tokio::time::sleep(LOOK).await;
        }
        stage.holds("MD-44", asked(name), || format!("no OPTIONS to {name} in {} s", OPTIONS_LIMIT.as_secs()));
    }
    answered.map(drop)
}

fn host_name(stage: &Stage) -> String {
    stage.platform.shared().sbc_name.clone()
}

/// OPTIONS of ours on a connection of its own; gives the status.
async fn ask(stage: &Stage, name: &str, versions: Versions) -> Result<u16, String> {
    let (id, source) = stage.platform.dial(name, From::AnyAddress, versions).await?;
    let shared = stage.platform.shared();
    let branch = format!("z9hG4bK{}", hex::<8>());
    let place = shared.sbc_place();
    let manner = &shared.manner;
    let lines: Vec<Line> = vec![
        ("From", format!("<sip:{}>;tag={}", manner.host, hex::<8>())),
        ("To", format!("<sip:{place};transport=tls>")),
        ("CSeq", "1 OPTIONS".to_owned()),
        ("Call-ID", hex::<16>()),
        ("Max-Forwards", "70".to_owned()),
        ("Via", shared.via(&branch, Some(source))),
        ("Contact", format!("<sip:{}>", manner.host)),
        ("User-Agent", manner.product.clone()),
        ("Allow", manner.allow.to_owned()),
    ];
    let octets = written(manner, &format!("OPTIONS sip:{place};transport=tls SIP/2.0"), &lines, None);
    shared.send(Origin::Connection(id), octets.into()).await?;
    let answer = || {
        let evidence = stage.transcript.evidence("");
        let answer =
            evidence.from_sbc(Side::Platform).find(|seen| !seen.text.is_request() && seen.text.branch() == branch);
        answer.and_then(|seen| seen.text.status())
    };
    let began = stage.transcript.elapsed();
    while stage.transcript.elapsed().saturating_sub(began) < STEP {
        if let Some(status) = answer() {
            return Ok(status);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Err("OPTIONS of the platform were not answered".to_owned())
}

async fn handshakes(stage: &Stage) -> Result<(), String> {
    let name = host_name(stage);
    let good = |asked: Result<u16, String>| match asked {
        Ok(200) => Ok(()),
        Ok(status) => Err(format!("OPTIONS answered with {status}")),
        Err(words) => Err(words),
    };
    stage.fact("MD-19", good(ask(stage, &name, Versions::Twelve).await));
    // Connections take the identities in turn: RSA, then P-384, each with serverAuth alone.
    for _ in 0..2 {
        let outcome = good(ask(stage, &name, Versions::Both).await);
        stage.fact("MD-29", outcome.clone());
        stage.fact("MD-33", outcome);
    }
    // An address in place of a name: rustls sends no server_name then.
    stage.fact("MD-35", good(ask(stage, "192.0.2.1", Versions::Both).await));
    Ok(())
}

async fn unknown_name(stage: &Stage) -> Result<(), String> {
    let uri = format!("sip:{}@not-a-trunk.example.org:5061;user=phone;transport=tls", stage.wish.carrier);
    let wish = Invitation { uri: Some(uri), ..Invitation::new(&stage.wish.carrier, &stage.wish.platform) };
    let mut leg = Leg::dial(&stage.platform, wish).await?;
    let answer = leg.wait_final("INVITE").await?;
    let status = answer.text.status().unwrap_or(0);
    stage.holds("MD-62", matches!(status, 403 | 404), || answer.text.start.clone());
    if status < 300 {
        leg.drop_call().await;
    }
    Ok(())
}
