//! `trunkline nsg`: the rules an Azure network security group needs, made of the configuration, so that nobody types
//! prefixes (PF-172). [`rules`] decides what must pass, the other files write it down.

use std::io::{self, Write};
use std::path::Path;

use crate::config::{Loaded, load};

mod az;
mod bicep;
mod rules;
mod text;

pub use rules::{Note, Protocol, Rule, RuleSet, Verdict, rule_set};

/// How the rules are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A table to read.
    Text,
    /// Commands of the az command line, for a shell.
    Az,
    /// A Bicep resource.
    Bicep,
}

/// What the rules are written for.
#[derive(Clone, Debug)]
pub struct NsgOptions {
    pub format: Format,
    /// Name of the network security group.
    pub name: String,
    /// Resource group, for az.
    pub resource_group: String,
    /// Who may reach the API's port, when it is not on loopback.
    pub administrators: Vec<ipnet::IpNet>,
}

/// Whether there was a configuration to make rules of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Everything that the configuration names can pass.
    Complete,
    /// A part cannot be expressed as addresses; the notes say which.
    WithGaps,
    Refused,
}

impl Shown {
    /// Exit code of the process (DESIGN 7): 0, 1 with gaps, 78 for a configuration that is refused.
    pub const fn exit_code(self) -> u8 {
        match self {
            Shown::Complete => 0,
            Shown::WithGaps => 1,
            Shown::Refused => 78,
        }
    }
}

/// Writes the rules of a configuration file.
///
/// # Errors
/// `out` cannot be written.
pub fn run(path: &Path, options: &NsgOptions, out: &mut dyn Write) -> io::Result<Shown> {
    match load(path) {
        Ok(Loaded { settings, .. }) => write(&rule_set(&settings, &options.administrators), options, out),
        Err(report) => write!(out, "{report}").map(|()| Shown::Refused),
    }
}

fn write(set: &RuleSet, options: &NsgOptions, out: &mut dyn Write) -> io::Result<Shown> {
    let text = match options.format {
        Format::Text => text::written(set),
        Format::Az => az::written(set, options),
        Format::Bicep => bicep::written(set, options),
    };
    out.write_all(text.as_bytes())?;
    let gaps = set.notes.iter().any(|note| matches!(note, Note::Gap(_)));
    Ok(if gaps { Shown::WithGaps } else { Shown::Complete })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEPLOYMENT: &str = r#"
[networks.public]
bind = "192.0.2.4"
advertise = "203.0.113.10"
rtp_ports = "10000-18999"
[networks.inside]
bind = "10.1.0.4"
rtp_ports = "20000-20999"
[listeners.main]
network = "public"
transport = "udp"
port = 5060
[listeners.inside]
network = "inside"
transport = "tcp"
port = 5070
[trunks.north]
profile = "carrier-ip"
listener = "main"
targets = ["198.51.100.7:5060"]
sources = ["198.51.100.0/29", "::ffff:198.51.100.8/125"]
media = { sources = ["198.51.100.64/26"] }
[trunks.named]
profile = "carrier-ip"
listener = "inside"
targets = ["sip.carrier.example"]
[[routes]]
from = "north"
to = ["named"]
[metrics]
bind = "10.1.0.4:9464"
"#;

    fn printed(configuration: &str, format: Format) -> (Shown, String) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("trunkline.toml");
        std::fs::write(&file, configuration).unwrap();
        let options = NsgOptions {
            format,
            name: "sbc".to_owned(),
            resource_group: "it's".to_owned(),
            administrators: vec!["192.0.2.128/28".parse().unwrap()],
        };
        let mut out = Vec::new();
        let shown = run(&file, &options, &mut out).unwrap();
        (shown, String::from_utf8(out).unwrap())
    }

    fn rows(text: &str) -> Vec<Vec<&str>> {
        let table = text.lines().take_while(|line| !line.is_empty());
        table.map(|line| line.split("  ").filter(|cell| !cell.is_empty()).map(str::trim).collect()).collect()
    }

    /// The same with a network for each family, and a trunk on both of whose sides both families are named.
    fn of_two_families() -> String {
        let six = "[networks.six]\nbind = \"2001:db8:5::4\"\nrtp_ports = \"30000-30999\"\n\
                   [listeners.six]\nnetwork = \"six\"\ntransport = \"udp\"\nport = 5060\n\
                   [trunks.both]\nprofile = \"carrier-ip\"\nlistener = \"six\"\ntargets = [\"2001:db8::7\"]\n\
                   sources = [\"2001:db8::/64\", \"198.51.100.32/28\"]\n\
                   media = { sources = [\"2001:db8::/64\", \"198.51.100.32/28\"] }\n[[routes]]\n";
        DEPLOYMENT
            .replace("\"::ffff:198.51.100.8/125\"]", "\"::ffff:198.51.100.8/125\", \"2001:db8:9::/64\"]")
            .replacen("[[routes]]\n", six, 1)
            .replace("to = [\"named\"]", "to = [\"named\", \"both\"]")
    }

    #[test]
    fn a_rule_stands_for_ranges_of_the_family_that_its_socket_takes() {
        let configuration = of_two_families();
        for format in [Format::Text, Format::Az, Format::Bicep] {
            let (_, text) = printed(&configuration, format);
            let rules: String = match format {
                Format::Text => text.lines().take_while(|line| !line.is_empty()).collect(),
                Format::Az => text.lines().filter(|line| line.starts_with("az network nsg rule")).collect(),
                Format::Bicep => text.lines().filter(|line| !line.starts_with("//")).collect(),
            };
            assert!(rules.contains("198.51.100.0/28") && rules.contains("2001:db8::/64"), "{text}");
            for never in ["::ffff:", "2001:db8:9::", "198.51.100.32/28", "sip-main-v6", "'sip-six'"] {
                assert!(!rules.contains(never), "{never} in {format:?}: {text}");
            }
        }
    }

    #[test]
    fn a_range_from_which_nothing_can_arrive_is_named_with_its_key() {
        let (_, text) = printed(&of_two_families(), Format::Text);
        let notes: Vec<&str> = text.lines().filter(|line| line.contains("no packet of it arrives")).collect();
        assert_eq!(notes.len(), 3, "{text}");
        assert!(notes[0].starts_with("note: trunks.north.sources has 2001:db8:9::/64, and listener `main`"), "{text}");
        assert!(notes[1].starts_with("note: trunks.both.sources has 198.51.100.32/28, and listener `six`"), "{text}");
        assert!(
            notes[2].starts_with("note: trunks.both.media.sources has 198.51.100.32/28, and network `six`"),
            "{text}"
        );
        let alone = of_two_families().replace("\"198.51.100.0/29\", \"::ffff:198.51.100.8/125\", ", "");
        let (shown, text) = printed(&alone, Format::Text);
        assert_eq!(shown, Shown::WithGaps);
        assert!(text.contains("MISSING: trunks.north.sources has 2001:db8:9::/64"), "{text}");
    }

    #[test]
    fn names_that_azure_takes_for_one_are_told_apart() {
        let twins = DEPLOYMENT
            .replace("listeners.inside]", "listeners.Main-]")
            .replace("\"inside\"\ntargets = [\"sip.carrier.example\"]", "\"Main-\"\ntargets = [\"10.9.0.1\"]");
        let (_, text) = printed(&twins, Format::Text);
        let names: Vec<&str> = rows(&text)[1..].iter().map(|row| row[1]).collect();
        assert_eq!(names[..2], ["sip-main", "sip-Main-2"], "{text}");
    }

    #[test]
    fn more_rules_than_a_group_takes_are_a_finding() {
        let trunk = |number: usize| {
            format!(
                "[listeners.l{number}]\nnetwork = \"public\"\ntransport = \"udp\"\nport = {}\n\
                 [trunks.t{number}]\nprofile = \"carrier-ip\"\nlistener = \"l{number}\"\ntargets = [\"198.51.100.9\"]\n",
                20_000 + number
            )
        };
        let many: String = (0..1000).map(trunk).collect();
        let (shown, text) = printed(&DEPLOYMENT.replace("[[routes]]\n", &format!("{many}[[routes]]\n")), Format::Text);
        assert_eq!(shown, Shown::WithGaps);
        assert!(text.contains("and Azure takes 1000 in one group"), "{text}");
    }

    #[test]
    fn a_listener_is_open_to_the_sources_of_its_trunks_joined() {
        let (_, text) = printed(DEPLOYMENT, Format::Text);
        let rows = rows(&text);
        let row = |name: &str| {
            rows.iter().find(|row| row[1] == name).unwrap_or_else(|| panic!("{name}\n{text}"))[2..].to_vec()
        };
        assert_eq!(row("sip-main"), ["Allow", "Udp", "5060", "192.0.2.4", "198.51.100.0/28 (SIP over UDP of north)"]);
        assert_eq!(
            row("rtp-public"),
            ["Allow", "Udp", "10000-18999", "192.0.2.4", "198.51.100.64/26 (media of north)"]
        );
        assert_eq!(row("metrics")[..4], ["Allow", "Tcp", "9464", "10.1.0.4"]);
        let priorities: Vec<u16> = rows[1..].iter().map(|row| row[0].parse().unwrap()).collect();
        assert!(priorities.is_sorted_by(|a, b| a < b), "{priorities:?}");
        assert_eq!(rows.last().unwrap()[..3], ["4096", "deny-the-rest", "Deny"]);
    }

    #[test]
    fn a_trunk_that_no_rule_lets_in_is_a_finding_that_names_the_key() {
        let (shown, text) = printed(DEPLOYMENT, Format::Text);
        assert_eq!(shown.exit_code(), 1);
        assert!(text.contains("MISSING: trunk `named`") && text.contains("write trunks.named.sources"), "{text}");
        assert!(!text.contains("sip-inside"), "a rule without sources would let in everybody: {text}");
        let complete = DEPLOYMENT.replace("sip.carrier.example", "10.9.0.1");
        assert_eq!(printed(&complete, Format::Text).0, Shown::Complete);
    }

    #[test]
    fn ports_that_a_container_instance_keeps_are_told() {
        let (_, text) = printed(DEPLOYMENT, Format::Text);
        assert!(text.contains("networks.inside.rtp_ports overlaps ports 20000-30000"), "{text}");
        assert!(!text.contains("networks.public.rtp_ports"), "{text}");
    }

    #[test]
    fn the_az_commands_quote_every_word() {
        let (_, text) = printed(DEPLOYMENT, Format::Az);
        assert!(text.contains(r"--resource-group 'it'\''s' --nsg-name 'sbc' --name 'sip-main' --priority"), "{text}");
        assert!(text.contains("--source-address-prefixes '198.51.100.0/28' --source-port-ranges '*'"), "{text}");
        let commands = text.lines().filter(|line| line.starts_with("az network nsg rule create")).count();
        assert_eq!(commands, rows(&printed(DEPLOYMENT, Format::Text).1).len() - 1);
    }

    #[test]
    fn the_bicep_resource_has_each_rule_once() {
        let (_, text) = printed(DEPLOYMENT, Format::Bicep);
        for name in ["'sip-main'", "'rtp-public'", "'rtp-inside-any'", "'metrics'", "'deny-the-rest'"] {
            assert_eq!(text.matches(&format!("name: {name}\n")).count(), 1, "{name}: {text}");
        }
        assert_eq!(text.matches('{').count(), text.matches('}').count());
    }

    #[test]
    fn a_configuration_that_is_refused_gives_no_rules() {
        let (shown, text) = printed("[networks]\nx = 1\n", Format::Az);
        assert_eq!(shown.exit_code(), 78);
        assert!(!text.contains("az network"), "{text}");
    }
}
