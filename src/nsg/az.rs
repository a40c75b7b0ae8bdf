//! The rules as commands of the az command line.

use std::fmt::Write as _;

use super::NsgOptions;
use super::rules::{Rule, RuleSet};
use super::text::{ports, verdict};

/// A script for a POSIX shell. Running it twice changes nothing: az replaces a rule of the same name.
pub fn written(set: &RuleSet, options: &NsgOptions) -> String {
    let mut text = "#!/bin/sh\nset -e\n".to_owned();
    for note in &set.notes {
        let _ = writeln!(text, "# {}", note.text());
    }
    let (group, nsg) = (quoted(&options.resource_group), quoted(&options.name));
    let _ = writeln!(text, "az network nsg create --resource-group {group} --name {nsg}");
    for rule in &set.rules {
        let _ = writeln!(text, "{}", command(rule, &group, &nsg));
    }
    text
}

fn command(rule: &Rule, group: &str, nsg: &str) -> String {
    let sources: Vec<String> = rule.sources.iter().map(|source| quoted(source)).collect();
    format!(
        "az network nsg rule create --resource-group {group} --nsg-name {nsg} --name {} --priority {} \
         --direction Inbound --access {} --protocol {} --source-address-prefixes {} --source-port-ranges '*' \
         --destination-address-prefixes {} --destination-port-ranges {} --description {}",
        quoted(&rule.name),
        rule.priority,
        verdict(rule.verdict),
        quoted(rule.protocol.as_str()),
        sources.join(" "),
        quoted(&rule.destination),
        quoted(&ports(rule.ports)),
        quoted(&rule.purpose.chars().take(140).collect::<String>()),
    )
}

/// One word for a shell: names of trunks come from a file, whatever it says.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}
