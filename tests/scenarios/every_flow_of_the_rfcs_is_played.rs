//! Which scenario plays which flow of RFC 3665, RFC 3666, RFC 5359 and RFC 5407, as far as a back-to-back user agent
//! meets it. A flow whose scenario is gone fails here.

/// The flow, and the file and name of the scenario.
const FLOWS: [(&str, &str, &str); 62] = [
    ("3665 2.1, 2.2 registration, refresh", "a_trunk_registers", "proves_who_it_is_and_comes_again_in_time"),
    (
        "3665 2.4 cancelling a registration",
        "a_trunk_registers",
        "takes_its_binding_back_when_it_is_no_longer_configured",
    ),
    ("3665 3.1 session", "answer_and_the_caller_hangs_up", "a_call_from_the_platform_to_a_carrier"),
    ("3665 3.2 two proxies", "record_route_is_obeyed_on_both_legs", "loose_routes"),
    (
        "3665 3.3 several proxies that ask who it is",
        "a_challenged_invite_goes_again",
        "to_a_proxy_and_then_to_the_peer_behind_it",
    ),
    ("3665 3.4 a proxy that fails", "second_candidate_is_tried", "after_silence_of_the_first"),
    ("3665 3.6 redirection", "a_redirected_call", "is_offered_to_another_user_of_the_same_trunk"),
    ("3665 3.6 description in ACK", "late_offer", "the_platform_offers_nothing"),
    (
        "3665 3.7 re-INVITE with another address",
        "what_concerns_one_party_stays_with_it",
        "a_new_address_and_a_new_port",
    ),
    ("3665 3.8 no answer, cancelled", "cancel_while_ringing", "the_called_party_stops_ringing"),
    ("3665 3.9 busy", "busy_reaches_the_caller_with_its_cause", "busy_is_final"),
    ("3665 3.10 no response", "silent_carrier_is_408", "the_caller_is_told_after_32_seconds"),
    ("3665 3.11 temporarily unavailable", "refusals_are_mapped_with_a_reason", "every_refusal_has_its_line"),
    ("3666 SIP to PSTN with early media", "early_media_reaches_the_caller", "the_200_repeats_it"),
    ("3666 SIP to PSTN, overflow to another gateway", "second_candidate_is_tried", "after_503_of_the_first"),
    (
        "3666 SIP to PSTN, release with a cause",
        "refusals_are_mapped_with_a_reason",
        "the_peers_own_cause_crosses_where_it_fits_its_status",
    ),
    (
        "3666 SIP to PSTN, treatment by early media",
        "early_media_reaches_the_caller",
        "early_media_of_a_failed_candidate_ends",
    ),
    ("3666 SIP to PSTN, no answer in time", "nobody_answers_in_time", "ringing_has_an_end"),
    ("3666 PSTN to SIP", "answer_and_the_called_party_hangs_up", "the_platform_ends_a_call_of_the_carrier"),
    (
        "3666 PSTN to SIP, fast answer",
        "cancel_waits_for_a_provisional",
        "an_answer_without_a_provisional_is_acknowledged_and_ended",
    ),
    ("3666 PSTN to SIP, busy", "refusals_are_mapped_with_a_reason", "every_refusal_has_its_line"),
    ("3666 PSTN to SIP, nothing comes", "silent_carrier_is_408", "the_caller_is_told_after_32_seconds"),
    ("3666 PSTN to SIP, the caller gives up", "cancel_before_ringing", "a_hundred_is_enough_to_cancel"),
    ("3666 PSTN to PSTN", "an_emergency_call_gets_through", "a_carrier_may_send_it_through_to_another_carrier"),
    ("5359 2.1 hold", "hold_and_resume", "held_by_the_caller"),
    ("5359 2.2 consultation hold", "a_consultative_transfer_joins_two_calls", "a_held_party_is_resumed"),
    ("5359 2.3 music on hold", "held_parties_hear_music", "from_hold_to_resume"),
    (
        "5359 2.4 unattended transfer",
        "refer_calls_the_new_party",
        "the_transferor_hears_how_it_goes_and_leaves_by_itself",
    ),
    (
        "5359 2.5 attended transfer",
        "a_consultative_transfer_joins_two_calls",
        "both_legs_of_the_transferor_end_and_the_others_talk",
    ),
    ("5359 2.6 message in a dialog", "requests_cross_between_parties", "body_type_and_answer_cross_octet_for_octet"),
    ("5359 2.7 forwarded at once", "a_redirected_call", "is_offered_to_another_user_of_the_same_trunk"),
    (
        "5359 2.8, 2.9 forwarded when busy or unanswered",
        "numbers_and_headers_of_each_trunk",
        "history_info_becomes_diversion_and_the_reverse",
    ),
    ("5359 2.12 one after the other", "second_candidate_is_tried", "after_silence_of_the_first"),
    (
        "5359 2.13 screened on the way in",
        "a_call_belongs_to_an_account",
        "switches_and_states_refuse_with_their_own_causes",
    ),
    (
        "5359 2.14 screened on the way out",
        "the_fraud_guard_stops_calls",
        "a_new_call_abroad_is_refused_and_the_record_names_the_key",
    ),
    ("5359 2.15 park", "invite_with_replaces_takes_a_place", "an_agent_of_the_platform_takes_the_call"),
    ("5359 2.16 pick-up", "a_ringing_call_is_picked_up", "who_picks_up_talks_and_who_rang_is_let_go"),
    ("5359 2.17, 2.18 SUBSCRIBE, REFER out of a dialog", "methods_that_are_not_taken", "out_of_a_dialog"),
    ("5407 3.1.1 INVITE again", "rfc5407_races_at_the_answer", "s3_1_1_the_invite_comes_again_after_the_200"),
    ("5407 3.1.2 CANCEL", "cancel_after_the_answer_changes_nothing", "the_call_goes_on"),
    ("5407 3.1.3 BYE, early", "bye_on_an_early_dialog", "it_crosses_the_answer"),
    ("5407 3.1.4 re-INVITE", "rfc5407_races_at_the_answer", "s3_1_4_a_reinvite_overtakes_the_ack"),
    (
        "5407 3.1.5 re-INVITE, the answer in ACK",
        "rfc5407_races_at_the_answer",
        "s3_1_4_a_reinvite_overtakes_the_ack_that_brings_the_answer",
    ),
    ("5407 3.1.6 BYE, established", "bye_before_ack", "the_call_ends_and_the_late_ack_is_absorbed"),
    ("5407 3.2.1 BYE and BYE", "bye_crosses_bye", "both_are_answered"),
    ("5407 3.2.2 re-INVITE and BYE", "rfc5407_races_at_the_end", "s3_2_2_a_reinvite_crosses_our_bye"),
    (
        "5407 3.2.3 200 of a re-INVITE and BYE",
        "rfc5407_races_at_the_end",
        "s3_2_3_the_200_of_a_reinvite_crosses_our_bye",
    ),
    ("5407 3.2.4 ACK and BYE", "rfc5407_races_at_the_end", "s3_2_4_the_ack_comes_after_our_bye"),
    ("5407 3.3.1 re-INVITE and re-INVITE", "glare_is_answered_491", "both_are_asked_to_try_again"),
    ("5407 3.3.1 we ask again", "glare_is_answered_491", "we_ask_again_later_where_the_call_id_is_ours"),
    ("5407 3.3.2 UPDATE and re-INVITE", "rfc5407_races_at_the_end", "s3_3_2_an_update_crosses_a_reinvite"),
    ("5407 3.3 REFER and BYE", "rfc5407_races_at_the_end", "s3_3_4_a_refer_crosses_our_bye"),
    ("5407 A BYE in an early dialog", "bye_on_an_early_dialog", "the_ringing_stops"),
    ("5407 B BYE and an open re-INVITE", "an_update_crosses", "a_bye_while_it_crosses_answers_it"),
    ("5407 C CANCEL and 200", "cancel_crosses_200", "the_answer_is_ended"),
    ("5407 C CANCEL before any response", "cancel_waits_for_a_provisional", "the_cancel_follows_the_first_response"),
    ("5407 C CANCEL and a refusal", "cancel_of_nothing_is_481", "a_refused_invite_cannot_be_cancelled"),
    (
        "5407 D early requests of a called party",
        "reliable_responses_are_taken_in_order",
        "an_early_dialog_takes_requests",
    ),
    ("5407 E another fork answers", "forked_callee", "another_fork_answers_than_rang"),
    ("5407 E two forks answer", "forked_callee", "a_second_answer_is_acknowledged_and_ended"),
    ("5407 E twelve forks ring", "forks_as_a_trunk_shows_them", "twelve_tags_are_kept"),
    ("3261 16.7 a fork answers after a refusal", "second_candidate_is_tried", "an_answer_after_the_refusal_is_ended"),
];

#[test]
fn each_has_its_scenario() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    for (flow, file, scenario) in FLOWS {
        let text = std::fs::read_to_string(folder.join(format!("{file}.rs"))).expect(file);
        assert!(text.contains(&format!("#[test]\nfn {scenario}() {{")), "{flow}: {file}::{scenario}");
    }
}
