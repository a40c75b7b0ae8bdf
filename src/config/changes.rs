//! What differs between the configuration in force and one that was read just now, and what each difference takes to come
//! into force (DESIGN 7): the keys, never their values.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use toml::{Table, Value};

use super::document::joined;

/// What a configuration was read from: its merged tables, and what the files that it names held.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Source {
    table: Table,
    /// By the key that names the file; 32 octets of SHA-256, so that no secret is kept.
    files: BTreeMap<String, [u8; 32]>,
}

/// What a change takes to come into force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Takes {
    /// In force for new calls and connections at once; those that are there keep what they began with.
    Live,
    /// Sockets are opened, or closed when no running call needs them any more.
    Rebind,
    /// A new start of the process. Until then the old value stays.
    Restart,
}

impl Takes {
    /// For people.
    pub const fn label(self) -> &'static str {
        match self {
            Takes::Live => "live",
            Takes::Rebind => "rebind",
            Takes::Restart => "restart",
        }
    }
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// `trunks.teams.max_calls`; a table or a list that came or went stands for all that is in it.
    pub key: String,
    pub takes: Takes,
    path: Vec<Step>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.key)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Key(String),
    Element(usize),
}

impl Source {
    /// Of the text of a file, and of one that lies over it. What is no TOML reads as empty: it was refused already.
    pub(super) fn of(first: &str, second: Option<&str>, files: BTreeMap<String, [u8; 32]>) -> Source {
        let mut table: Table = toml::from_str(first).unwrap_or_default();
        if let Some(above) = second.and_then(|text| toml::from_str(text).ok()) {
            lay_over(&mut table, above);
        }
        Source { table, files }
    }

    /// As one text.
    pub(super) fn text(&self) -> String {
        toml::to_string(&self.table).unwrap_or_default()
    }

    /// What has to change for `self` to become `next`.
    pub fn changes(&self, next: &Source) -> Vec<Change> {
        let mut found = BTreeSet::new();
        tables(&mut Vec::new(), &self.table, &next.table, &mut found);
        let is_new = |key: &&String| self.files.get(*key) != next.files.get(*key);
        let named = self.files.keys().chain(next.files.keys()).filter(is_new);
        // A file's contents: whatever the name of the file is, reading it again is all it takes.
        let contents = named.map(|key| Change { key: key.clone(), takes: Takes::Live, path: Vec::new() });
        let mut changes: Vec<Change> = found.into_iter().map(change).collect();
        let contents: BTreeSet<Change> =
            contents.filter(|file| !changes.iter().any(|change| covers(&change.key, &file.key))).collect();
        changes.extend(contents);
        changes.sort();
        changes
    }

    /// `self`, but with what stands in `before` where `kept` says so.
    pub(super) fn keeping(&self, before: &Source, kept: &[&Change]) -> Source {
        let mut table = self.table.clone();
        for change in kept {
            put_back(&mut table, &before.table, &change.path);
        }
        Source { table, files: self.files.clone() }
    }
}

/// True when a change of `key` says that `below` may have changed too.
fn covers(key: &str, below: &str) -> bool {
    below.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// What is known of a file's contents later.
pub(super) fn fingerprint(octets: &[u8]) -> [u8; 32] {
    digest(&SHA256, octets).as_ref().try_into().unwrap_or_default()
}

fn lay_over(below: &mut Table, above: Table) {
    for (key, value) in above {
        match (below.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => lay_over(below, above),
            (Some(known), value) => *known = value,
            (None, value) => drop(below.insert(key, value)),
        }
    }
}

fn tables(path: &mut Vec<Step>, old: &Table, new: &Table, found: &mut BTreeSet<Vec<Step>>) {
    let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for key in keys {
        path.push(Step::Key(key.clone()));
        values(path, old.get(key), new.get(key), found);
        path.pop();
    }
}

fn values(path: &mut Vec<Step>, old: Option<&Value>, new: Option<&Value>, found: &mut BTreeSet<Vec<Step>>) {
    match (old, new) {
        (Some(Value::Table(old)), Some(Value::Table(new))) => tables(path, old, new, found),
        // `[log]`, or `[trunks]`, that came or went: what is in it did.
        (Some(Value::Table(only)), None) if path.len() == 1 => tables(path, only, &Table::new(), found),
        (None, Some(Value::Table(only))) if path.len() == 1 => tables(path, &Table::new(), only, found),
        (Some(Value::Array(old)), Some(Value::Array(new)))
            if old.len() == new.len() && old.iter().chain(new).all(Value::is_table) =>
        {
            for (place, (old, new)) in old.iter().zip(new).enumerate() {
                path.push(Step::Element(place));
                values(path, Some(old), Some(new), found);
                path.pop();
            }
        }
        (old, new) if old == new => {}
        _ => drop(found.insert(path.clone())),
    }
}

fn put_back(new: &mut Table, old: &Table, path: &[Step]) {
    let [Step::Key(key), rest @ ..] = path else { return };
    match (new.get_mut(key), old.get(key), rest) {
        (Some(Value::Table(new)), Some(Value::Table(old)), [_, ..]) => put_back(new, old, rest),
        // The whole table came with the new file: what is in it goes, but not the table of others.
        (Some(Value::Table(new)), None, [_, ..]) => put_back(new, &Table::new(), rest),
        (None, Some(Value::Table(old)), [_, ..]) => {
            let mut table = Table::new();
            put_back(&mut table, old, rest);
            new.insert(key.clone(), Value::Table(table));
        }
        (_, Some(old), _) => drop(new.insert(key.clone(), old.clone())),
        (_, None, _) => drop(new.remove(key)),
    }
}

fn change(path: Vec<Step>) -> Change {
    let mut key = String::new();
    let mut names = Vec::new();
    for step in &path {
        match step {
            Step::Key(name) => {
                key = joined(&key, name);
                names.push(name.as_str());
            }
            Step::Element(place) => key.push_str(&format!("[{place}]")),
        }
    }
    Change { key, takes: takes(&names), path }
}

/// Keys whose change more than new calls notice. A key that is not here takes a restart: that is never wrong.
fn takes(names: &[&str]) -> Takes {
    match names {
        ["trunks" | "groups" | "routes" | "accounts" | "numbers" | "emergency" | "fraud" | "certificates", ..]
        | ["trust" | "dns", ..]
        | ["node", "drain_s"]
        | ["log", "level"]
        | ["networks", _, "advertise" | "allow_media"]
        | ["listeners", _, "certificates" | "client_certificate" | "keep_alive_s"]
        | [
            "limits",
            "max_calls" | "max_calls_per_s" | "memory_mb" | "max_transactions" | "passed_headers" | "ready_ports",
        ] => Takes::Live,
        ["listeners", ..] => Takes::Rebind,
        _ => Takes::Restart,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = r#"
[node]
name = "a"
drain_s = 60
[networks.one]
bind = "127.0.0.1"
[listeners.udp]
network = "one"
port = 5060
[trunks.x]
listener = "udp"
targets = ["192.0.2.1"]
[[routes]]
from = "x"
to = ["x"]
[log]
level = "info"
"#;

    fn source(text: &str) -> Source {
        Source::of(text, None, BTreeMap::new())
    }

    fn changed(from: &str, to: &str) -> Vec<(String, Takes)> {
        let next = OLD.replace(from, to);
        assert_ne!(next, OLD);
        source(OLD).changes(&source(&next)).into_iter().map(|change| (change.key, change.takes)).collect()
    }

    #[test]
    fn each_key_is_named_with_what_it_takes() {
        let one = |from, to, key: &str, takes| assert_eq!(changed(from, to), [(key.to_owned(), takes)]);
        one("drain_s = 60", "drain_s = 61", "node.drain_s", Takes::Live);
        one("name = \"a\"", "name = \"b\"", "node.name", Takes::Restart);
        one("port = 5060", "port = 5070", "listeners.udp.port", Takes::Rebind);
        one("192.0.2.1", "192.0.2.2", "trunks.x.targets", Takes::Live);
        one("to = [\"x\"]", "to = [\"y\"]", "routes[0].to", Takes::Live);
        one("bind = \"127.0.0.1\"", "bind = \"127.0.0.2\"", "networks.one.bind", Takes::Restart);
        one("[trunks.x]", "[trunks.y]\nlistener = \"udp\"\n[trunks.x]", "trunks.y", Takes::Live);
        one("[log]\nlevel = \"info\"\n", "", "log.level", Takes::Live);
        one("level", "format = \"text\"\nlevel", "log.format", Takes::Restart);
        one("[log]", "[api]\nbind = \"127.0.0.1:1\"\n[log]", "api.bind", Takes::Restart);
        one("[log]", "[trust.z]\nroots = \"x\"\n[log]", "trust.z", Takes::Live);
    }

    #[test]
    fn the_commented_file_says_what_each_key_takes() {
        let lines = include_str!("../../config/trunkline.toml").lines();
        let live: Vec<&str> =
            lines.filter_map(|line| line.strip_prefix("# live: ")).flat_map(|line| line.split(", ")).collect();
        assert!(live.len() > 15, "{live:?}");
        for key in live {
            let names: Vec<&str> = key.split('.').collect();
            assert_eq!(takes(&names), Takes::Live, "{key}");
        }
        assert_eq!(takes(&["listeners", "x", "port"]), Takes::Rebind);
        for key in
            [&["node", "name"][..], &["media", "dscp"], &["cdr", "path"], &["limits", "inbox_new"], &["api", "bind"]]
        {
            assert_eq!(takes(key), Takes::Restart, "{key:?}");
        }
    }

    #[test]
    fn the_same_text_otherwise_written_changes_nothing() {
        let without = OLD.replace("[log]\nlevel = \"info\"\n", "");
        let other = format!("log.level = 'info' # what is logged\n{without}");
        assert!(source(OLD).changes(&source(&other)).is_empty());
    }

    #[test]
    fn what_takes_a_restart_is_put_back_and_the_rest_stays() {
        let next = OLD
            .replace("name = \"a\"", "name = \"b\"")
            .replace("drain_s = 60", "drain_s = 61")
            .replace("[networks.one]\n", "[networks.two]\nbind = \"127.0.0.2\"\n[networks.one]\n")
            .replace("[log]", "[cdr]\npath = \"x\"\n[log]");
        let (old, next) = (source(OLD), source(&next));
        let changes = old.changes(&next);
        let kept: Vec<&Change> = changes.iter().filter(|change| change.takes == Takes::Restart).collect();
        assert_eq!(
            kept.iter().map(|change| change.key.as_str()).collect::<Vec<_>>(),
            ["cdr.path", "networks.two", "node.name"]
        );
        let blend = next.keeping(&old, &kept);
        let left: Vec<String> = old.changes(&blend).into_iter().map(|change| change.key).collect();
        assert_eq!(left, ["node.drain_s"]);
    }

    #[test]
    fn a_file_whose_contents_are_others_is_a_change_of_the_key_that_names_it() {
        let with = |octets: &[u8]| Source {
            files: [("trunks.x.sources_file".to_owned(), fingerprint(octets))].into(),
            ..source(OLD)
        };
        let changes = with(b"one").changes(&with(b"two"));
        assert_eq!(changes.iter().map(|change| change.key.as_str()).collect::<Vec<_>>(), ["trunks.x.sources_file"]);
        assert!(with(b"one").changes(&with(b"one")).is_empty());
    }
}
