//! What only a carrier does: OPTIONS of its own, fax, digest, signed callers.

use super::{Needs, Scenario};
use crate::lab::platform::audio::until;
use crate::lab::platform::leg::STEP;
use crate::lab::platform::manner::{Line, hex, written};
use crate::lab::platform::stage::Stage;
use crate::lab::platform::transcript::Side;
use crate::lab::platform::wire::From;
use crate::scenario;

/// See the module.
pub static SCENARIOS: &[Scenario] = &[
    scenario!("carrier-options", "OPTIONS of the carrier", Needs::Carrier, options),
    scenario!("fax", "T.38 inside a call", Needs::Carrier, fax),
    scenario!("challenge", "401 and 407 of the carrier", Needs::Carrier, challenge),
    scenario!("signed-caller", "a call with Identity", Needs::Carrier, signed),
];

async fn options(stage: &Stage) -> Result<(), String> {
    let shared = stage.carrier()?.shared();
    let (branch, place) = (format!("z9hG4bK{}", hex::<8>()), shared.sbc_place());
    let address = shared.manner.address;
    let lines: Vec<Line> = vec![
        ("Via", shared.via(&branch, None)),
        ("From", format!("<sip:{address}>;tag={}", hex::<8>())),
        ("To", format!("<sip:{place}>")),
        ("Call-ID", hex::<16>()),
        ("CSeq", "1 OPTIONS".to_owned()),
        ("Max-Forwards", "70".to_owned()),
        ("Contact", format!("<sip:{address}>")),
    ];
    shared
        .request(From::AnyAddress, |_| written(&shared.manner, &format!("OPTIONS sip:{place} SIP/2.0"), &lines, None))
        .await?;
    let answer = || {
        let evidence = stage.transcript.evidence("");
        evidence.from_sbc(Side::Carrier).find(|seen| !seen.text.is_request() && seen.text.branch() == branch).cloned()
    };
    until(STEP, || answer().is_some()).await;
    let answer = answer().ok_or("OPTIONS of the carrier were not answered");
    stage.fact("PF-154", answer.as_ref().map(drop).map_err(|words| (*words).to_owned()));
    let answer = answer?;
    stage.holds("PF-154", answer.text.status() == Some(200), || answer.text.start.clone());
    for name in ["Allow", "Accept", "Supported"] {
        stage.holds("PF-154", answer.text.field(name).is_some(), || answer.text.line(name));
    }
    Ok(())
}

async fn fax(stage: &Stage) -> Result<(), String> {
    let mut pair = stage.inbound().await?;
    pair.talk().await?;
    let body = format!(
        "v=0\r\no=lab 4711 9 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=image 4000 udptl t38\r\na=T38FaxVersion:0\r\n",
        ip = stage.carrier()?.manner().address.ip()
    );
    pair.carrier.reinvite_body(body).await?;
    let answer = pair.carrier.wait_final("INVITE").await?;
    let declined = matches!(answer.text.status(), Some(415 | 488 | 606));
    stage.holds("PF-148", declined, || answer.text.start.clone());
    stage.fact("PF-148", pair.talk().await);
    pair.end().await
}

async fn challenge(stage: &Stage) -> Result<(), String> {
    for (status, name) in [(401, "WWW-Authenticate"), (407, "Proxy-Authenticate")] {
        let mut pair = stage.ring_carrier(Vec::new()).await?;
        pair.carrier.respond(status, None, vec![(name, "Digest realm=\"carrier\", nonce=\"1\"".to_owned())]).await?;
        let answer = pair.platform.wait_final("INVITE").await?;
        let kept = !matches!(answer.text.status(), Some(401 | 407));
        stage.holds("PF-151", kept, || format!("{} for {status} of the carrier", answer.text.start));
    }
    Ok(())
}

async fn signed(stage: &Stage) -> Result<(), String> {
    let signature = "eyJhbGciOiJFUzI1NiIsInBwdCI6InNoYWtlbiIsInR5cCI6InBhc3Nwb3J0In0.eyJhIjoxfQ.c2ln;info=<https://cert.example.com/a.pem>;alg=ES256;ppt=\"shaken\"";
    let mut pair = stage.ring_platform(vec![("Identity", signature.to_owned())]).await?;
    let invite = pair.platform.invite_text().ok_or("no INVITE")?;
    stage.holds("PF-157", invite.value("Identity") == signature, || invite.line("Identity"));
    pair.platform.answer(None, Vec::new()).await?;
    pair.carrier.wait_answer().await?;
    pair.end().await
}
