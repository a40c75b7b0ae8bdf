//! Calls of the platform: to the carrier's numbers, in all the shapes that Microsoft's requests take.

use std::time::Duration;

use super::{Needs, Scenario};
use crate::lab::platform::audio::{hears, until};
use crate::lab::platform::leg::{Invitation, Leg, Offer, STEP};
use crate::lab::platform::manner::Line;
use crate::lab::platform::stage::{Pair, Stage, arrival, is_status};
use crate::lab::platform::station::Welcome;
use crate::lab::platform::text::{Text, user_of};
use crate::scenario;

/// See the module.
pub static SCENARIOS: &[Scenario] = &[
    scenario!("outbound", "a forwarded call of the platform, early media, answer, BYE", Needs::Carrier, outbound),
    scenario!("early-carrier", "the carrier forks: 180, 183, 200 with three tags", Needs::Carrier, forked_carrier),
    scenario!("slow-carrier", "a carrier that is silent after 100", Needs::Carrier, slow_carrier),
    scenario!("cancel-platform", "CANCEL from another connection", Needs::Carrier, cancel),
    scenario!("privacy-platform", "P-Asserted-Identity, Privacy: id", Needs::Carrier, privacy),
    scenario!("extension", ";ext= in the user part", Needs::Carrier, extension),
    scenario!("emergency", "112, plain and with a location", Needs::Carrier, emergency),
    scenario!("large", "a message of 20 kB", Needs::Carrier, large),
    scenario!("crypto", "four keys, MKI, tag 0", Needs::Carrier, crypto),
    scenario!("extra-lines", "an offer with video", Needs::Carrier, extra_lines),
    scenario!("plain-rtp", "an offer without keys", Needs::Carrier, plain_rtp),
    scenario!("dtmf", "digits both ways", Needs::Carrier, dtmf),
];

async fn outbound(stage: &Stage) -> Result<(), String> {
    let host = &stage.platform.manner().host;
    let number = &stage.wish.platform;
    let more: Vec<Line> = vec![
        (
            "History-Info",
            format!(
                "<sip:{number}@{host};user=phone?Reason=SIP%3Bcause%3D302%3Btext%3D%22Moved%20temporarily%22>;index=1,<sip:{}@{host};user=phone>;index=1.1",
                stage.wish.carrier
            ),
        ),
        ("X-MS-Lab-Unknown", "left-alone".to_owned()),
        ("MS-CONVERSATION-ID", crate::lab::platform::manner::guid()),
        ("Session-Expires", "1800".to_owned()),
        ("Min-SE", "300".to_owned()),
    ];
    let rung = stage.ring_carrier(more).await;
    stage.fact("MD-95", rung.as_ref().map(drop).map_err(String::clone));
    let mut pair = rung?;
    let seen = pair.carrier.invite_text().ok_or("no INVITE")?;
    stage.fact("MD-99", Ok(()));
    let leaked = seen.fields.iter().find(|field| field.name.to_ascii_lowercase().contains("lab-unknown"));
    stage.fact("MD-83", leaked.map_or(Ok(()), |field| Err(field.line.clone())));
    let digits = number.trim_start_matches('+');
    let told = ["Diversion", "History-Info"].iter().any(|name| seen.values(name).any(|value| value.contains(digits)));
    stage.holds("MD-100", told, || format!("{}, the call was sent on by {number}", seen.line("Diversion")));
    pair.carrier.progress().await?;
    let early = pair.platform.wait("183 with media", STEP, |text| text.status() == Some(183) && text.has_sdp()).await;
    pair.carrier.answer(None, Vec::new()).await?;
    pair.platform.wait_answer().await?;
    stage.fact("MD-71", Ok(()));
    drop(early);
    pair.talk().await?;
    // The carrier hangs up: the SBC's BYE goes where our Contact and connections lead.
    pair.carrier.bye(Vec::new()).await?;
    pair.platform.wait_request("BYE").await?;
    let mut second = stage.outbound().await?;
    second.talk().await?;
    let ended = second.end().await;
    stage.fact("MD-136", ended);
    Ok(())
}

async fn forked_carrier(stage: &Stage) -> Result<(), String> {
    let mut pair = stage.ring_carrier(Vec::new()).await?;
    pair.carrier.respond(180, Some("fork-a"), Vec::new()).await?;
    pair.carrier.respond(180, Some("fork-b"), Vec::new()).await?;
    pair.carrier.respond(181, Some("fork-b"), Vec::new()).await?;
    pair.carrier.answer(Some("fork-c"), Vec::new()).await?;
    pair.platform.wait_answer().await?;
    pair.talk().await?;
    pair.end().await
}

async fn slow_carrier(stage: &Stage) -> Result<(), String> {
    let pair = stage.ring_carrier(Vec::new()).await?;
    let Pair { mut platform, carrier } = pair;
    let told = platform
        .wait("an answer but 100", Duration::from_secs(10), |text| text.status().is_some_and(|status| status > 100))
        .await;
    stage.fact("MD-102", told.map(drop));
    platform.cancel().await?;
    drop(carrier);
    platform.wait_final("INVITE").await.map(drop)
}

async fn cancel(stage: &Stage) -> Result<(), String> {
    let mut pair = stage.ring_carrier(Vec::new()).await?;
    pair.carrier.respond(180, None, Vec::new()).await?;
    pair.platform.wait("180", STEP, |text| is_status(text, 180, "INVITE")).await?;
    pair.platform.cancel().await?;
    let answered = pair.platform.wait_final("CANCEL").await;
    let ended = pair.platform.wait("487", STEP, |text| is_status(text, 487, "INVITE")).await;
    stage.fact(
        "MD-106",
        answered.and_then(|answer| match answer.text.status() {
            Some(200) => Ok(()),
            Some(_) | None => Err(answer.text.start.clone()),
        }),
    );
    stage.fact("MD-106", ended.map(drop));
    pair.carrier.wait_request("CANCEL").await.map(drop)
}

async fn privacy(stage: &Stage) -> Result<(), String> {
    let number = stage.wish.platform.clone();
    let host = stage.platform.manner().host.clone();
    let more: Vec<Line> =
        vec![("P-Asserted-Identity", format!("<tel:{number}>,<sip:user1@example.net>")), ("Privacy", "id".to_owned())];
    let from = Some(format!("<sip:anonymous@{host}>"));
    let wish = Invitation { more, from, ..Invitation::new(&stage.wish.carrier, &number) };
    let mut pair = stage.ring_carrier_with(wish).await?;
    let seen = pair.carrier.invite_text().ok_or("no INVITE")?;
    let digits = number.trim_start_matches('+');
    // MD-98: towards the carrier by trust. From never shows who hides; what asserts the number says Privacy too.
    stage.holds("MD-98", !seen.value("From").contains(digits), || seen.line("From"));
    let asserted = seen.values("P-Asserted-Identity").any(|value| value.contains(digits));
    stage.holds("MD-98", !asserted || seen.field("Privacy").is_some(), || seen.line("P-Asserted-Identity"));
    pair.carrier.answer(None, Vec::new()).await?;
    pair.platform.wait_answer().await?;
    pair.end().await
}

async fn extension(stage: &Stage) -> Result<(), String> {
    let shared = stage.platform.shared();
    let uri = format!("sip:{};ext=1234@{};user=phone;transport=tls", stage.wish.carrier, shared.sbc_place());
    let wish = Invitation { uri: Some(uri), ..Invitation::new(&stage.wish.carrier, &stage.wish.platform) };
    let outcome = async {
        let mut pair = stage.ring_carrier_with(wish).await?;
        pair.carrier.answer(None, Vec::new()).await?;
        pair.platform.wait_answer().await?;
        pair.end().await
    };
    let outcome = outcome.await;
    stage.fact("MD-96", outcome);
    Ok(())
}

async fn emergency(stage: &Stage) -> Result<(), String> {
    let plain = emergency_call(stage, Offer::Usual).await;
    stage.fact("MD-161", plain.clone());
    plain?;
    let located = emergency_call(stage, Offer::Wrapped(with_location)).await;
    stage.fact("MD-162", located);
    Ok(())
}

async fn emergency_call(stage: &Stage, offer: Offer) -> Result<(), String> {
    let mut expected =
        stage.carrier()?.expect(Welcome::Trying, |text: &Text| matches!(user_of(text.uri()), "112" | "+49112"));
    let more = match &offer {
        Offer::Wrapped(_) => vec![("Geolocation", "<cid:loc-1@example.net>".to_owned())],
        Offer::Usual | Offer::Unchecked | Offer::Alone(_) | Offer::None | Offer::Changed(_) => Vec::new(),
    };
    let wish = Invitation { more, offer, ..Invitation::new("112", &stage.wish.platform) };
    let mut platform = Leg::dial(&stage.platform, wish).await?;
    let mut carrier = arrival(&mut expected, &mut platform).await?;
    carrier.answer(None, Vec::new()).await?;
    platform.wait_answer().await?;
    let mut pair = Pair { platform, carrier };
    pair.talk().await?;
    pair.end().await
}

/// 19.8 of the sheet.
fn with_location(sdp: &str) -> (String, String) {
    let location = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"sip:user1@example.net\"/>\r\n";
    let body = format!(
        "--bnd-7c1e\r\nContent-Type: application/sdp\r\n\r\n{sdp}\r\n--bnd-7c1e\r\nContent-Type: application/pidf+xml\r\nContent-ID: <loc-1@example.net>\r\n\r\n{location}\r\n--bnd-7c1e--\r\n"
    );
    ("multipart/mixed;boundary=\"bnd-7c1e\"".to_owned(), body)
}

async fn large(stage: &Stage) -> Result<(), String> {
    let mut more: Vec<Line> = vec![("X-MS-Long", "a".repeat(4_000))];
    more.extend((0..16).map(|_| ("X-MS-More", "b".repeat(1_000))));
    let outcome = async {
        let mut pair = stage.ring_carrier(more).await?;
        pair.carrier.answer(None, Vec::new()).await?;
        pair.platform.wait_answer().await?;
        pair.end().await
    };
    let outcome = outcome.await;
    stage.fact("MD-18", outcome);
    Ok(())
}

async fn crypto(stage: &Stage) -> Result<(), String> {
    let wish =
        Invitation { offer: Offer::Changed(many_keys), ..Invitation::new(&stage.wish.carrier, &stage.wish.platform) };
    let mut pair = stage.ring_carrier_with(wish).await?;
    pair.carrier.answer(None, Vec::new()).await?;
    let answer = pair.platform.wait_answer().await?;
    let line = answer.text.sdp().into_iter().find(|line| line.starts_with("a=crypto:")).unwrap_or_default();
    // Tag 1 has an MKI; 0 is the one without, of the suite every platform speaks.
    let outcome = if line.starts_with("a=crypto:0 AES_CM_128_HMAC_SHA1_80 ") { Ok(()) } else { Err(line) };
    for number in ["MD-168", "MD-170", "MD-171"] {
        stage.fact(number, outcome.clone());
    }
    pair.talk().await?;
    pair.end().await
}

/// MD-168, MD-170, MD-171: other suites, a line with MKI, tags that are not consecutive, and 0.
fn many_keys(sdp: &str) -> String {
    let key =
        sdp.lines().find_map(|line| line.split_once("inline:")).map(|(_, key)| key.to_owned()).unwrap_or_default();
    let other = crate::lab::base64::encode(&crate::lab::endpoint::random::<30>());
    let gcm = crate::lab::base64::encode(&crate::lab::endpoint::random::<44>());
    let lines = format!(
        "a=crypto:7 AEAD_AES_256_GCM inline:{gcm}|2^31\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{other}|2^31|1:1\r\n\
         a=crypto:0 AES_CM_128_HMAC_SHA1_80 inline:{key}\r\na=crypto:5 AES_CM_128_HMAC_SHA1_32 inline:{other}|2^31\r\na=cryptoscale:1 client AES_CM_128_HMAC_SHA1_80 inline:{other}\r\n"
    );
    let kept: String =
        sdp.lines().filter(|line| !line.starts_with("a=crypto:")).map(|line| format!("{line}\r\n")).collect();
    kept + &lines
}

async fn extra_lines(stage: &Stage) -> Result<(), String> {
    let offer =
        Offer::Changed(|sdp| format!("{sdp}m=video 9 RTP/SAVP 122\r\na=rtpmap:122 X-H264UC/90000\r\na=inactive\r\n"));
    let wish = Invitation { offer, ..Invitation::new(&stage.wish.carrier, &stage.wish.platform) };
    let mut pair = stage.ring_carrier_with(wish).await?;
    pair.carrier.answer(None, Vec::new()).await?;
    let answer = pair.platform.wait_answer().await?;
    let video = answer.text.sdp().into_iter().find(|line| line.starts_with("m=video"));
    let refused = video.as_ref().is_some_and(|line| line.starts_with("m=video 0 "));
    stage.holds("MD-178", refused, || video.unwrap_or_else(|| "(no m=video line in the answer)".to_owned()));
    pair.talk().await?;
    pair.end().await
}

async fn plain_rtp(stage: &Stage) -> Result<(), String> {
    let offer = Offer::Changed(|sdp| {
        let kept = sdp.lines().filter(|line| !line.starts_with("a=crypto:")).map(|line| format!("{line}\r\n"));
        kept.collect::<String>().replace("RTP/SAVP", "RTP/AVP")
    });
    let wish = Invitation { offer, ..Invitation::new(&stage.wish.carrier, &stage.wish.platform) };
    let mut leg = Leg::dial(&stage.platform, wish).await?;
    let answer = leg.wait_final("INVITE").await?;
    stage.holds("MD-167", answer.text.status() == Some(488), || answer.text.start.clone());
    Ok(())
}

async fn dtmf(stage: &Stage) -> Result<(), String> {
    let mut pair = stage.outbound().await?;
    pair.talk().await?;
    for (from, to, words) in
        [(&pair.platform, &pair.carrier, "the carrier"), (&pair.carrier, &pair.platform, "the platform")]
    {
        from.endpoint().stream().press(5);
        let arrived = || to.endpoint().report().digits.iter().any(|digit| digit.key == '5' && digit.ends >= 1);
        let came = until(Duration::from_secs(4), arrived).await;
        stage.holds("MD-190", came, || format!("{words} got no digit 5"));
    }
    hears(("the platform", &pair.platform), ("the carrier", &pair.carrier)).await?;
    pair.end().await
}
