//! Keys and tables that must be there.

use super::*;

refused! {
    a_missing_key_is_reported_at_its_table: "[trunks.teams]\nprofile = \"generic-tls\"\nlistener = \"platform\"" => "[trunks.teams] #!\nprofile = \"generic-tls\"",
        "trunks.teams", "missing key \"listener\"; write listener = \"carrier\"";
    a_missing_profile_names_the_profiles: "[trunks.north]\nprofile = \"carrier-ip\"" => "[trunks.north] #!",
        "trunks.north", "missing key \"profile\"; write profile = \"azure-acs\" or \"carrier-gin\"";
    missing_targets_are_reported: "[trunks.north]\nprofile = \"carrier-ip\"\nlistener = \"carrier\"\ntargets = [\"10.2.0.1:5060\"]" => "[trunks.north] #!\nprofile = \"carrier-ip\"\nlistener = \"carrier\"\nsources = [\"10.2.0.1\"]",
        "trunks.north", "missing key \"targets\"; write targets = [\"198.51.100.7:5060\"]";
    empty_targets_are_refused: "targets = [\"sip.example.com\"]" => "targets = [] #!",
        "trunks.teams.targets", "no target is left";
    a_tls_listener_needs_a_certificate: "[listeners.platform]\nnetwork = \"public\"\ntransport = \"tls\"\ncertificates = [\"main\"]" => "[listeners.platform] #!\nnetwork = \"public\"\ntransport = \"tls\"",
        "listeners.platform", "missing key \"certificates\"; write certificates = [\"main\"]";
    an_empty_certificate_list_is_refused: "certificates = [\"main\"]" => "certificates = [] #!",
        "listeners.platform.certificates", "a TLS listener needs a certificate";
    a_wildcard_bind_needs_an_advertised_address: "[networks.carrier]\nbind = \"10.1.0.4\"" => "[networks.carrier] #!\nbind = \"0.0.0.0\"",
        "networks.carrier", "missing key \"advertise\"";
    a_group_needs_a_member: "members = [{ trunk = \"north\", weight = 2 }, { trunk = \"south\" }]" => "members = [] #!",
        "groups.pstn.members", "a group needs a member";
    a_route_needs_a_destination: "to = [\"pstn\"]" => "to = [] #!", "routes[1].to", "a route needs a destination";
    a_route_needs_a_start: "[[routes]]\nfrom = \"pstn\"" => "[[routes]] #!", "routes[0]", "missing key \"from\"";
}

/// A profile that is misspelt may know the targets: the one mistake is told once.
#[test]
fn an_unknown_profile_is_one_error() {
    let profile = "[trunks.teams]\nprofile = \"generic-tls\"";
    let text = GOOD.replace(profile, "[trunks.teams]\nprofile = \"microsoft-team\"");
    let text = text.replace("targets = [\"sip.example.com\"]\n", "");
    let report = read(&text).unwrap_err().to_string();
    let errors: Vec<&str> = report.lines().filter(|line| !line.contains(": warning: ")).collect();
    assert_eq!(errors.len(), 1, "{report}");
    assert!(errors[0].ends_with("trunks.teams.profile: unknown value; did you mean \"microsoft-teams\"?"), "{report}");
}

#[test]
fn an_empty_file_is_told_where_to_begin() {
    let report = read("").unwrap_err();
    assert_eq!(report.to_string(), "trunkline.toml: no listener: nothing can arrive; write a table [listeners.NAME]\n");
}
