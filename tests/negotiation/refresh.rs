//! Refreshes answered with what was said before, and versions that count changes only (MD-134, MD-176).

use crate::stage::{
    CARRIER_ANSWER, CARRIER_OFFER, TEAMS_ANSWER, TEAMS_OFFER, bridged, carrier, offer_text, platform, text, version,
};

#[test]
fn the_same_description_again_is_a_refresh_and_repeated_octet_for_octet() {
    let (a, _) = bridged();
    let offer = a.read_offer(TEAMS_OFFER.as_bytes()).unwrap();
    assert!(a.is_refresh(&offer));
    assert_eq!(a.repeat(), a.clone().repeat());
    assert_eq!(version(&text(&a.repeat().unwrap())), 1);
}

#[test]
fn a_raised_origin_version_and_other_unknown_lines_change_nothing() {
    let (a, _) = bridged();
    let again = TEAMS_OFFER.replace("184467 0", "184467 7").replace("b=CT:50000", "b=CT:99980").replace('\n', "\r\n");
    assert!(a.is_refresh(&a.read_offer(again.as_bytes()).unwrap()));
}

#[test]
fn a_change_of_anything_we_act_on_is_no_refresh() {
    let (a, _) = bridged();
    for (old, new) in [
        ("a=sendrecv", "a=inactive"),
        ("52.112.60.10", "52.112.60.11"),
        ("51030", "51032"),
        ("a=rtcp:51031", "a=rtcp:51039"),
        ("inline:x0IW", "inline:y0IW"),
        ("crypto:1", "crypto:2"),
        ("104 9 103 8", "9 103 8"),
        ("a=fmtp:18 annexb=no", "a=fmtp:18 annexb=yes"),
        ("a=ptime:20", "a=ptime:30"),
    ] {
        let changed = TEAMS_OFFER.replace(old, new);
        assert_ne!(changed, TEAMS_OFFER);
        assert!(!a.is_refresh(&a.read_offer(changed.as_bytes()).unwrap()), "{old} -> {new}");
    }
}

#[test]
fn a_further_media_line_is_no_refresh() {
    let (a, _) = bridged();
    let more = format!("{TEAMS_OFFER}m=video 7000 RTP/SAVP 120\n");
    assert!(!a.is_refresh(&a.read_offer(more.as_bytes()).unwrap()));
}

#[test]
fn a_peer_that_answered_us_refreshes_with_the_words_of_its_answer() {
    let (a, mut b) = (carrier(), platform());
    let offer = a.read_offer(CARRIER_OFFER.as_bytes()).unwrap();
    let ours = offer_text(&mut b, &offer.plan);
    b.read_answer(TEAMS_ANSWER.as_bytes()).unwrap();
    let again = b.read_offer(TEAMS_ANSWER.as_bytes()).unwrap();
    assert!(b.is_refresh(&again));
    assert_eq!(text(&b.repeat().unwrap()), ours);
}

#[test]
fn our_old_offer_is_not_repeated_to_an_offer_it_does_not_answer() {
    let (a, mut b) = (carrier(), platform());
    let offer = a.read_offer(CARRIER_OFFER.as_bytes()).unwrap();
    b.write_offer(&offer.plan).unwrap();
    let answer = TEAMS_ANSWER.replace("a=sendrecv", "a=recvonly");
    b.read_answer(answer.as_bytes()).unwrap();
    // We said sendrecv; as an answer to recvonly that would be wrong.
    assert!(!b.is_refresh(&b.read_offer(answer.as_bytes()).unwrap()));
}

#[test]
fn an_offer_of_ours_that_says_the_same_has_the_same_octets() {
    let (_, mut b) = bridged();
    let plan = b.remote_plan().unwrap().clone();
    let first = offer_text(&mut b, &plan);
    b.read_answer(CARRIER_ANSWER.as_bytes()).unwrap();
    assert_eq!(offer_text(&mut b, &plan), first);
}

#[test]
fn the_version_rises_by_one_for_each_change_and_the_session_number_stays() {
    let (mut a, mut b) = bridged();
    let mut seen = vec![text(&a.repeat().unwrap())];
    for direction in ["inactive", "sendrecv", "sendonly"] {
        let offer = a.read_offer(TEAMS_OFFER.replace("a=sendrecv", &format!("a={direction}")).as_bytes()).unwrap();
        b.write_offer(&offer.plan).unwrap();
        let accepted = b.read_answer(CARRIER_ANSWER.as_bytes()).unwrap();
        seen.push(text(&a.write_answer(&offer, &accepted).unwrap()));
    }
    assert_eq!(seen.iter().map(|text| version(text)).collect::<Vec<_>>(), [1, 2, 3, 4]);
    let session = |text: &String| text.lines().nth(1).unwrap().split(' ').nth(1).unwrap().to_owned();
    assert!(seen.windows(2).all(|pair| session(&pair[0]) == session(&pair[1])));
}

#[test]
fn a_refused_offer_of_ours_leaves_the_agreement_and_its_text() {
    let (_, mut b) = bridged();
    let agreed = b.repeat().unwrap();
    let mut plan = b.remote_plan().unwrap().clone();
    plan.ptime_ms = Some(30);
    let refused = offer_text(&mut b, &plan);
    assert_eq!(text(&b.repeat().unwrap()), refused, "while it waits, the offer is what is repeated");
    b.withdraw_offer();
    assert_eq!(b.repeat().unwrap(), agreed);
    plan.ptime_ms = Some(40);
    assert_eq!(version(&offer_text(&mut b, &plan)), version(&refused) + 1, "a version is never used for two texts");
}

#[test]
fn nothing_is_a_refresh_while_an_offer_of_ours_waits() {
    let (mut a, _) = bridged();
    let offer = a.read_offer(TEAMS_OFFER.as_bytes()).unwrap();
    let plan = a.remote_plan().unwrap().clone();
    a.write_offer(&plan).unwrap();
    assert!(!a.is_refresh(&offer));
}
