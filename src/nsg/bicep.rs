//! The rules as a Bicep resource.

use std::fmt::Write as _;

use super::NsgOptions;
use super::rules::{Rule, RuleSet};
use super::text::{ports, verdict};

/// A template with one parameter, the place; `az deployment group create --template-file` takes it.
pub fn written(set: &RuleSet, options: &NsgOptions) -> String {
    let mut text = String::new();
    for note in &set.notes {
        let _ = writeln!(text, "// {}", note.text());
    }
    let _ = write!(
        text,
        "param location string = resourceGroup().location\n\n\
         resource sbc 'Microsoft.Network/networkSecurityGroups@2024-05-01' = {{\n  name: {}\n  location: location\n  \
         properties: {{\n    securityRules: [\n",
        quoted(&options.name)
    );
    for rule in &set.rules {
        text.push_str(&object(rule));
    }
    text.push_str("    ]\n  }\n}\n");
    text
}

fn object(rule: &Rule) -> String {
    let sources = match rule.sources.as_slice() {
        [one] => format!("sourceAddressPrefix: {}", quoted(one)),
        many => {
            let list: Vec<String> = many.iter().map(|source| format!("            {}\n", quoted(source))).collect();
            format!("sourceAddressPrefixes: [\n{}          ]", list.concat())
        }
    };
    format!(
        "      {{\n        name: {}\n        properties: {{\n          description: {}\n          priority: {}\n          \
         direction: 'Inbound'\n          access: '{}'\n          protocol: '{}'\n          {sources}\n          \
         sourcePortRange: '*'\n          destinationAddressPrefix: {}\n          destinationPortRange: '{}'\n        }}\n      }}\n",
        quoted(&rule.name),
        quoted(&rule.purpose.chars().take(140).collect::<String>()),
        rule.priority,
        verdict(rule.verdict),
        rule.protocol.as_str(),
        quoted(&rule.destination),
        ports(rule.ports),
    )
}

/// A Bicep string: quotes and `${` are what could end or extend it.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\\', r"\\").replace('\'', r"\'").replace("${", r"\${"))
}
