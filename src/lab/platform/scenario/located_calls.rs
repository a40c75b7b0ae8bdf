//! Calls with a place or a history: emergency calls whose number stands for a place, locations that must not reach the
//! platform, calls that somebody sent on, and the headers of local media.

use super::{Needs, Scenario};
use crate::lab::platform::leg::{Invitation, Leg, Offer};
use crate::lab::platform::manner::Line;
use crate::lab::platform::stage::{Pair, Stage, arrival};
use crate::lab::platform::station::Welcome;
use crate::lab::platform::text::{Text, user_of};
use crate::scenario;

/// The number that stands for the place of the call.
const ELIN: &str = "+4930555500";

/// See the module.
pub static SCENARIOS: &[Scenario] = &[
    scenario!("elin", "112 from a place with a number, and the call back", Needs::Carrier, elin),
    scenario!("located-carrier", "a location from the carrier's side", Needs::Carrier, located_carrier),
    scenario!("diverted-carrier", "a call of the carrier that was sent on", Needs::Carrier, diverted_carrier),
];

/// For trunks with media bypass.
pub static LOCAL_MEDIA: &[Scenario] =
    &[scenario!("local-media", "headers of local media optimization", Needs::Carrier, local_media)];

/// MD-164: a location whose ELIN the SBC may show instead of the caller's number.
fn with_elin(sdp: &str) -> (String, String) {
    let location = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" \
         xmlns:ca=\"urn:ietf:params:xml:ns:pidf:geopriv10:civicAddr\" entity=\"sip:user1@example.net\">\
         <ca:civicAddress><ca:country>DE</ca:country><ca:NAM>{ELIN}</ca:NAM><ca:ELIN>{ELIN}</ca:ELIN>\
         </ca:civicAddress></presence>\r\n"
    );
    located(sdp, &location)
}

fn with_place(sdp: &str) -> (String, String) {
    located(sdp, "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"sip:somebody@example.net\"/>\r\n")
}

fn located(sdp: &str, location: &str) -> (String, String) {
    let body = format!(
        "--place\r\nContent-Type: application/pidf+xml\r\nContent-ID: <place@lab.example>\r\n\r\n{location}\r\n--place\r\n\
         Content-Type: application/sdp\r\n\r\n{sdp}\r\n--place--\r\n"
    );
    ("multipart/mixed;boundary=place".to_owned(), body)
}

fn geolocation() -> Vec<Line> {
    vec![("Geolocation", "<cid:place@lab.example>".to_owned())]
}

async fn elin(stage: &Stage) -> Result<(), String> {
    let fits = |text: &Text| matches!(user_of(text.uri()), "112" | "+49112");
    let mut expected = stage.carrier()?.expect(Welcome::Trying, fits);
    let wish = Invitation {
        more: geolocation(),
        offer: Offer::Wrapped(with_elin),
        ..Invitation::new("112", &stage.wish.platform)
    };
    let mut platform = Leg::dial(&stage.platform, wish).await?;
    let mut carrier = arrival(&mut expected, &mut platform).await?;
    let invite = carrier.invite_text().ok_or("no INVITE")?;
    stage.fact("MD-162", whole_or_nothing(&invite));
    carrier.answer(None, Vec::new()).await?;
    platform.wait_answer().await?;
    let shown = user_of(&invite.address("From")).to_owned();
    let outcome = if shown == ELIN { call_back(stage).await } else { Ok(()) };
    let mut pair = Pair { platform, carrier };
    pair.talk().await?;
    pair.end().await?;
    if shown != ELIN {
        return Err(stage.lacks(&format!("the SBC shows {shown} and not the ELIN of the place: it has no such rule")));
    }
    stage.fact("MD-164", outcome);
    Ok(())
}

/// MD-162: header and part both, octet for octet, or neither.
fn whole_or_nothing(invite: &Text) -> Result<(), String> {
    let body = String::from_utf8_lossy(&invite.body);
    match (invite.field("Geolocation").is_some(), body.contains("application/pidf+xml")) {
        (true, true) if !body.contains(&format!("<ca:ELIN>{ELIN}</ca:ELIN>")) => {
            Err("the location is not as it was sent".to_owned())
        }
        (true, true) | (false, false) => Ok(()),
        (true, false) => Err(format!("{} without a location", invite.line("Geolocation"))),
        (false, true) => Err("a location without Geolocation".to_owned()),
    }
}

/// The number of the place leads to who called for help from there.
async fn call_back(stage: &Stage) -> Result<(), String> {
    let rung = stage.ring_platform_with(Invitation::new(ELIN, "+4930110")).await;
    let mut pair = rung.map_err(|words| format!("a call back to {ELIN}: {words}"))?;
    pair.platform.answer(None, Vec::new()).await?;
    pair.carrier.wait_answer().await?;
    pair.end().await
}

async fn located_carrier(stage: &Stage) -> Result<(), String> {
    let (called, caller) = (stage.wish.platform.clone(), stage.wish.carrier.clone());
    let wish =
        Invitation { more: geolocation(), offer: Offer::Wrapped(with_place), ..Invitation::new(&called, &caller) };
    let rung = stage.ring_platform_with(wish).await;
    stage.fact("MD-165", rung.as_ref().map(drop).map_err(|words| format!("a call with a location: {words}")));
    let mut pair = rung?;
    let invite = pair.platform.invite_text().ok_or("no INVITE")?;
    let told = String::from_utf8_lossy(&invite.body).contains("pidf");
    stage.holds("MD-165", !told, || invite.line("Content-Type"));
    stage.holds("MD-165", invite.field("Geolocation").is_none(), || invite.line("Geolocation"));
    pair.platform.answer(None, Vec::new()).await?;
    pair.carrier.wait_answer().await?;
    pair.end().await
}

async fn diverted_carrier(stage: &Stage) -> Result<(), String> {
    let diverting = "+4930555000666";
    let host = stage.carrier()?.manner().host.clone();
    let value = format!("<sip:{diverting}@{host}>;reason=unconditional;counter=1");
    let mut pair = stage.ring_platform(vec![("Diversion", value)]).await?;
    let invite = pair.platform.invite_text().ok_or("no INVITE")?;
    let told = invite.values("History-Info").any(|value| value.contains(diverting));
    stage.holds("MD-90", told, || format!("{}, the call was sent on by {diverting}", invite.line("History-Info")));
    pair.platform.answer(None, Vec::new()).await?;
    pair.carrier.wait_answer().await?;
    pair.end().await
}

/// MD-206: an inner and an outer user; the headers are for the SBC and for nobody behind it.
async fn local_media(stage: &Stage) -> Result<(), String> {
    for place in ["internal", "external"] {
        let headers = |place: &str| -> Vec<Line> {
            vec![
                ("X-MS-UserLocation", place.to_owned()),
                ("X-MS-MediaPath", stage.platform.shared().sbc_name.clone()),
                ("X-MS-UserSite", "Berlin".to_owned()),
            ]
        };
        let rung = stage.ring_carrier(headers(place)).await;
        stage.fact("MD-206", rung.as_ref().map(drop).map_err(|words| format!("X-MS-UserLocation: {place}: {words}")));
        let mut pair = rung?;
        let invite = pair.carrier.invite_text().ok_or("no INVITE")?;
        let leaked = invite.fields.iter().find(|field| field.name.to_ascii_lowercase().starts_with("x-ms-"));
        stage.fact("MD-206", leaked.map_or(Ok(()), |field| Err(field.line.clone())));
        pair.carrier.answer(None, Vec::new()).await?;
        pair.platform.wait_answer().await?;
        let talked = pair.talk().await;
        stage.fact("MD-206", talked);
        pair.end().await?;
    }
    Ok(())
}
