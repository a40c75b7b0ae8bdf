//! What an operator gateway does that no platform does: it says whose call it is, and gets no emergency calls.

use super::{Needs, Scenario};
use crate::lab::platform::leg::{Invitation, Leg};
use crate::lab::platform::manner::guid;
use crate::lab::platform::stage::Stage;
use crate::scenario;

/// See the module.
pub static SCENARIOS: &[Scenario] = &[
    scenario!("gateway-tenant", "X-MS-TenantID of the gateway", Needs::Carrier, tenant),
    scenario!("gateway-emergency", "112 from the operator's side", Needs::Carrier, emergency),
];

async fn tenant(stage: &Stage) -> Result<(), String> {
    let tenant = guid();
    let mut pair = stage.ring_carrier(vec![("X-MS-TenantID", tenant.clone())]).await?;
    let invite = pair.carrier.invite_text().ok_or("no INVITE")?;
    stage.holds("PF-21", invite.value("X-MS-TenantID") == tenant, || invite.line("X-MS-TenantID"));
    pair.carrier.answer(None, Vec::new()).await?;
    pair.platform.wait_answer().await?;
    pair.talk().await?;
    pair.end().await
}

async fn emergency(stage: &Stage) -> Result<(), String> {
    let mut carrier = Leg::dial(stage.carrier()?, Invitation::new("112", &stage.wish.carrier)).await?;
    let answer = carrier.wait_final("INVITE").await?;
    stage.holds("PF-51", answer.text.status() == Some(403), || answer.text.start.clone());
    Ok(())
}
