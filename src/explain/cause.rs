//! Refusals: which key of the configuration, or which part of what is provisioned, decides.

/// Where to look, by the label of a refusal or of a call's cause. `None`: nothing that is configured.
pub fn key(label: &str) -> Option<&'static str> {
    Some(match label {
        "no_route" => "routes",
        "emergency_misdirected" => "emergency.routes: from a carrier only to carriers (PF-51)",
        "unroutable_number" | "bad_number" => "trunks.NAME.numbers",
        "overload" => "limits.max_calls, trunks.NAME.max_calls, trunks.NAME.max_calls_per_s",
        "too_many_calls" => "trunks.NAME.max_calls of the trunk it goes to",
        "trunk_out_of_service" => "an operator's order: `trunkline ctl trunk NAME enable` takes it back",
        "extension_required" => "trunks.NAME.provisional.reliable, trunks.NAME.session_timer.mode",
        "interval_too_small" => "trunks.NAME.session_timer.min_se_s",
        "no_credentials" | "wrong_credentials" | "stale_nonce" => "trunks.NAME.auth",
        "no_ports" => "networks.NAME.rtp_ports",
        "media_refused" => "trunks.NAME.media",
        "number_unknown" => {
            "the number is in no account; routes.numbers = \"provisioned\" or the trunks' roles ask for one"
        }
        "number_suspended" => "the number's state, validFrom and validTo",
        "account_suspended" => "the account's state",
        "inbound_disabled" => "the number's inboundEnabled",
        "outbound_disabled" => "the number's outboundEnabled",
        "service_disabled" => "services of the number and of its account, and trunks.NAME.service",
        "screening_failed" => "the account's callerScreening, and the numbers it has",
        "host_unknown" => "the account's fqdn or subdomain, and trunks.NAME.base_domain",
        "account_limit_reached" => "the account's limits",
        _ => return None,
    })
}
