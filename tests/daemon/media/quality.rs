//! What a listener of each leg would say is measured, and told in the metrics once the call is over (issue 4 item 5).

use std::time::Instant;

use super::party::Party;
use super::talk::{PACKET, Talk, counter, ground};
use super::voice::Voice;

/// A sender report's middle NTP octets, and the SSRC it is about.
fn read_report(packet: &[u8]) -> ([u8; 4], [u8; 4]) {
    assert_eq!(packet[1], 200, "a sender report");
    (packet[4..8].try_into().unwrap(), packet[10..14].try_into().unwrap())
}

/// A receiver report of one block: `lost` of ours are missing, and ours came `delay` 65536ths of a second ago.
fn report(about: [u8; 4], lost: u8, last: [u8; 4], delay: u32) -> Vec<u8> {
    let mut packet = vec![0x81, 201, 0, 7, 0, 0, 0, 9];
    packet.extend(about);
    packet.extend([0, 0, 0, lost, 0, 0, 0, 0, 0, 0, 0, 0]);
    packet.extend(last);
    packet.extend(delay.to_be_bytes());
    packet
}

#[test]
fn loss_jitter_round_trip_silence_and_score_are_in_the_metrics() {
    let plain = "{ security = \"rtp\" }";
    let ground = ground(plain, plain);
    let _running = ground.start();
    let (caller, callee) = (Party::caller(&ground, Voice::plain(1)), Party::callee(&ground, Voice::plain(2)));
    let began = Instant::now();
    let mut talk = Talk::begin(caller, callee, || {});
    talk.warm_up();
    // What a busy machine held up at the beginning wears off (RFC 3550 6.4.1: by a sixteenth with each packet).
    talk.speak(64);
    // However slow the machine was so far: the callee falls silent for longer than the caller can have been.
    let (setting_up, silent) = (began.elapsed(), Instant::now());
    let mut lost = 0;
    // A fifth of what the caller says is lost; the callee says nothing at all from now on.
    let mut says = |talk: &mut Talk| {
        talk.parties[0].voice.skip(1);
        lost += 1;
        talk.one_way(0, 4);
        (lost, talk.parties[1].report_within(PACKET))
    };
    while says(&mut talk).0 < 100 || silent.elapsed() <= setting_up {}
    talk.parties[1].forget_reports();
    let sender_report = loop {
        if let (_, Some(report)) = says(&mut talk) {
            break report;
        }
    };
    let (ssrc, ntp) = read_report(&sender_report);
    talk.parties[1].send_report(&report(ssrc, 5, ntp, 0));
    let taken = || counter(&ground, "sbc_media_packets_total", "direction=\"received\",kind=\"rtcp\"");
    ground.until(|_| if taken() > 0 { Ok(()) } else { Err("the report never came".to_owned()) });
    talk.end(&ground);
    let figure =
        |name: &str, side: &str| counter(&ground, &format!("sbc_{name}_total"), &format!("trunk=\"{side}-udp\""));
    assert_eq!(figure("leg_packets_lost", "caller"), lost);
    assert_eq!(figure("leg_packets_lost", "callee"), 0);
    assert!(figure("leg_packets_received", "caller") >= 4 * lost);
    assert!(figure("leg_jitter_microseconds", "caller") > 0);
    assert_eq!(figure("leg_round_trips", "callee"), 1);
    assert_eq!(figure("leg_packets_missed", "callee"), 5);
    assert!(figure("leg_silence_milliseconds", "callee") > figure("leg_silence_milliseconds", "caller"));
    let grade = |side: &str, grade: &str| {
        let page = ground.get("/metrics");
        page.lines().any(|line| {
            line.starts_with("sbc_leg_grades_total{")
                && line.contains(side)
                && line.contains(grade)
                && line.ends_with(" 1")
        })
    };
    assert!(grade("caller", "poor") && grade("callee", "good"), "{}", ground.get("/metrics"));
}
