//! Calls with context, as contact centres on Azure Communication Services send and want them.

use super::{Needs, Scenario};
use crate::lab::platform::manner::Line;
use crate::lab::platform::stage::Stage;
use crate::scenario;

/// See the module.
pub static SCENARIOS: &[Scenario] =
    &[scenario!("context", "User-to-User and five context headers of the carrier's side", Needs::Carrier, context)];

/// MD-217: every kind of character that is allowed.
const CONTEXT: [(&str, &str); 6] = [
    ("User-to-User", "custid=4711;lang=en"),
    ("X-MS-Custom-callId", "A1B2C3"),
    ("X-MS-Custom-language", "en-US"),
    ("X-MS-Custom-a.b!c%d*e_f+g~h", "1=2;3.4!5%6*7_8+9~0-"),
    ("X-MS-Custom-lower-UPPER", "MiXeD"),
    ("X-MS-Custom-five", "5"),
];

async fn context(stage: &Stage) -> Result<(), String> {
    let more: Vec<Line> = CONTEXT.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    let mut pair = stage.ring_platform(more).await?;
    let invite = pair.platform.invite_text().ok_or("no INVITE")?;
    for (name, value) in CONTEXT {
        let field = invite.field(name);
        let whole = field.is_some_and(|field| field.value == value);
        stage.holds("MD-217", whole, || format!("{}, sent: {name}: {value}", invite.line(name)));
        if let Some(field) = field.filter(|_| name.starts_with('X')) {
            stage.holds("MD-224", field.name == name, || field.line.clone());
        }
    }
    pair.platform.answer(None, Vec::new()).await?;
    pair.carrier.wait_answer().await?;
    pair.talk().await?;
    pair.end().await
}
