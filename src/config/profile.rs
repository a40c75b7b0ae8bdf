//! The embedded profiles, read with the readers of an operator's file.

use std::sync::{Arc, OnceLock};

use super::behaviour::behaviour;
use super::document::Document;
use super::grammar;
use super::network::TRANSPORTS;
use super::read::{Field, Table};
use super::report::Report;
use super::target;
use crate::route::profile::{
    Behaviour, CertificateRules, Counterpart, Need, Profile, Standing, Thumbprint, TrustedRoot, Wildcards,
    profile_names, profile_text,
};
use crate::route::trunk::{ContactHost, PeerShows, TargetSpec};

/// Reads an embedded profile.
///
/// # Errors
/// What is wrong with its text (a test reads every one), or that there is none of this name.
pub fn profile(name: &str) -> Result<Profile, Report> {
    let found = profile_names().find(|known| *known == name).zip(profile_text(name));
    let Some((name, text)) = found else {
        return Err(Report::unreadable(name, 0, format!("no such profile; write one of {}", profile_list())));
    };
    let (doc, entries) = Document::parse(&format!("profiles/{name}.toml"), text);
    let profile = read_profile(name, Table::root(&doc, &entries));
    match doc.is_accepted() {
        true => Ok(profile),
        false => Err(doc.into_report()),
    }
}

fn read_profile(name: &'static str, table: Table<'_>) -> Profile {
    const NEEDS: [(&str, Need); 4] = [
        ("fqdn", Need::Fqdn),
        ("rsa-identity", Need::RsaIdentity),
        ("registration", Need::Registration),
        ("request_uri_host", Need::RequestUriHost),
    ];
    let transports = table.need("transports", "[\"tls\"]").and_then(|field| field.list()).unwrap_or_default();
    let needs = table.field("needs", "[\"fqdn\"]").and_then(|field| field.list()).unwrap_or_default();
    let port = table.whole("port", "5061", 1..=u16::MAX);
    let experimental = table.flag("experimental", "false") == Some(true);
    let profile = Profile {
        name,
        version: table.need("version", "1").and_then(|field| field.whole(1..=u16::MAX)).unwrap_or(1),
        standing: if experimental { Standing::Experimental } else { Standing::Supported },
        description: table.need("description", "\"...\"").and_then(|field| field.text()).unwrap_or_default().to_owned(),
        transports: transports.iter().filter_map(|field| field.choice(&TRANSPORTS)).collect(),
        needs: needs.iter().filter_map(|field| field.choice(&NEEDS)).collect(),
        counterpart: counterpart(&table),
        roots: roots(&table),
        our_certificate: our_certificate(&table),
        behaviour: Behaviour { port, ..behaviour(&table, &Behaviour::default(), &no_music) },
    };
    table.close();
    profile
}

/// The keys that say who the peer is where that is known of its kind.
fn counterpart(table: &Table<'_>) -> Counterpart {
    let ranges = |key| table.field(key, "[\"198.51.100.0/28\"]").and_then(|field| field.all(grammar::range));
    let names = table.field("peer_names", "[\"sip.example.com\"]").and_then(|field| field.all(grammar::peer_name));
    Counterpart {
        targets: targets(table).unwrap_or_default(),
        sources: ranges("sources"),
        peer_names: names.unwrap_or_default(),
        shows: peer_shows(table).unwrap_or_default(),
        contact_host: contact_host(table).unwrap_or_default(),
    }
}

/// `targets`, in the order of their priority; `None` when the key is not written.
pub(super) fn targets(table: &Table<'_>) -> Option<Vec<TargetSpec>> {
    let field = table.field("targets", "[\"198.51.100.7:5060\"]")?;
    field.refuse_empty("no target is left to send calls to");
    let mut targets: Vec<TargetSpec> = field.list().unwrap_or_default().iter().filter_map(target::target).collect();
    targets.sort_by_key(|target| target.priority);
    Some(targets)
}

/// `client_certificate` of a trunk or a profile (PF-190).
pub(super) fn peer_shows(table: &Table<'_>) -> Option<PeerShows> {
    const POSTURES: [(&str, PeerShows); 2] =
        [("as-listener", PeerShows::AsListener), ("require", PeerShows::Certificate)];
    table.field("client_certificate", "\"require\"").and_then(|field| field.choice(&POSTURES))
}

/// `follow_contact` of a trunk or a profile (MD-81).
pub(super) fn contact_host(table: &Table<'_>) -> Option<ContactHost> {
    let follows = table.flag("follow_contact", "true")?;
    Some(if follows { ContactHost::Followed } else { ContactHost::Ignored })
}

/// `[roots]`: names and SHA-1 thumbprints of roots that a trunk's trust store must hold.
fn roots(table: &Table<'_>) -> Vec<TrustedRoot> {
    const EXAMPLE: &str = "\"DF3C24F9BFD666761B268073FE06D1CC8D4F82A4\"";
    let table = table.table("roots", "{ \"Name of the root\" = \"its thumbprint\" }");
    let root = |(name, field): (String, Field<'_>)| {
        let thumbprint = field.parsed(|text| Thumbprint::parse(text).ok_or_else(|| "is no SHA-1 in hex".to_owned()))?;
        Some(TrustedRoot { name, thumbprint })
    };
    table.pairs(EXAMPLE).into_iter().filter_map(root).collect()
}

/// `[our_certificate]`: authorities and wildcards that such a peer takes.
fn our_certificate(table: &Table<'_>) -> CertificateRules {
    let table = table.table("our_certificate", "{ authorities = [\"DigiCert\"], wildcards = false }");
    let authorities = table.field("authorities", "[\"DigiCert\"]").and_then(|field| field.list()).unwrap_or_default();
    let rules = CertificateRules {
        authorities: authorities.iter().filter_map(|field| field.text()).map(str::to_owned).collect(),
        wildcards: match table.flag("wildcards", "true") {
            Some(false) => Wildcards::Refused,
            Some(true) | None => Wildcards::Accepted,
        },
    };
    table.close();
    rules
}

/// A profile is part of the program: there is no file beside it.
fn no_music(field: &Field<'_>) -> Option<Arc<[i16]>> {
    field.refuse_key("a profile names no file; write hold_music_file at the trunk");
    None
}

/// Names of all profiles, for a message.
pub(super) fn profile_list() -> String {
    profile_names().collect::<Vec<_>>().join(", ")
}

/// The embedded profile a field names. They are constants of the binary, so they are read once.
pub(super) fn profile_of(field: &Field<'_>) -> Option<&'static Profile> {
    let choices: Vec<(&str, &Profile)> = embedded().iter().map(|profile| (profile.name, profile)).collect();
    field.choice(&choices)
}

/// An embedded profile by its name.
pub(super) fn known_profile(name: &str) -> Option<&'static Profile> {
    embedded().iter().find(|profile| profile.name == name)
}

fn embedded() -> &'static [Profile] {
    static PROFILES: OnceLock<Vec<Profile>> = OnceLock::new();
    PROFILES.get_or_init(|| profile_names().filter_map(|name| profile(name).ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use crate::route::media::Security;
    use crate::route::provisional::Reliability;
    use crate::route::trunk::SipTimers;
    use crate::sip::flow::Transport;

    #[test]
    fn every_embedded_profile_is_read() {
        for name in profile_names() {
            if let Err(report) = profile(name) {
                panic!("{report}");
            }
        }
    }

    #[test]
    fn generic_tls_secures_its_media_and_probes_once_a_minute() {
        let profile = profile("generic-tls").unwrap();
        assert_eq!(profile.transports, [Transport::Tls]);
        assert_eq!(profile.behaviour.port, Some(5061));
        assert_eq!(profile.behaviour.media.security, Security::Srtp);
        assert_eq!(profile.behaviour.media.codecs, ["PCMA", "PCMU", "G722"]);
        assert_eq!(profile.behaviour.options.interval, Duration::from_secs(60));
        assert_eq!(profile.behaviour.timers, SipTimers::default());
    }

    #[test]
    fn platforms_are_told_in_time_and_hear_nothing_of_100rel() {
        let [platform, carrier] =
            ["generic-tls", "carrier-ip"].map(|name| profile(name).unwrap().behaviour.provisional);
        assert_eq!((platform.reliable, platform.progress), (Reliability::Off, Duration::from_secs(8)));
        assert_eq!((carrier.reliable, carrier.progress), (Reliability::Accept, Duration::ZERO));
    }

    #[test]
    fn carrier_ip_takes_plain_media_on_any_transport() {
        let profile = profile("carrier-ip").unwrap();
        assert_eq!(profile.transports, [Transport::Udp, Transport::Tcp, Transport::Tls]);
        assert_eq!(profile.behaviour.media.security, Security::Rtp);
        assert_eq!(profile.behaviour.port, None);
    }

    #[test]
    fn an_unknown_profile_is_answered_with_the_known_ones() {
        let report = profile("nobody").unwrap_err();
        assert!(report.to_string().contains("carrier-ip, carrier-register"), "{report}");
    }
}
