//! Every limit has a counter and says what happens when it is reached (DESIGN rule 8): docs/limits.md against the sources
//! and against the metrics of a running daemon.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::ground::{Ground, Rules};

/// One row of the page.
struct Row {
    value: String,
    counters: Vec<String>,
    told: String,
}

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn quoted(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn rows() -> BTreeMap<String, Row> {
    let page = read("docs/limits.md");
    let mut rows = BTreeMap::new();
    for line in page.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [name, value, _, counters, told] = cells[..] else { panic!("{line}") };
        let row = Row { value: value.replace(',', ""), counters: quoted(counters), told: told.to_owned() };
        assert!(rows.insert(quoted(name).remove(0), row).is_none(), "twice: {line}");
    }
    rows
}

/// `2 * 3 + 4` or a duration in seconds, as digits.
fn value(text: &str) -> String {
    let text = text.trim().trim_start_matches("Duration::from_secs(").trim_end_matches(')').replace('_', "");
    let number = |text: &str| text.trim().parse::<u64>().unwrap();
    text.split('+').map(|sum| sum.split('*').map(number).product::<u64>()).sum::<u64>().to_string()
}

/// Name and default of each limit, as the sources have them.
fn limits() -> BTreeMap<String, String> {
    let source = read("src/base/limits.rs");
    let fixed = source.lines().filter_map(|line| {
        let (head, value) = line.strip_prefix("pub const ")?.split_once(" = ")?;
        Some((head.split(':').next()?.to_owned(), self::value(value.trim_end_matches(';'))))
    });
    let (_, defaults) = source.split_once("        Limits {\n").unwrap();
    let set = defaults.lines().map_while(|line| line.trim().trim_end_matches(',').split_once(": "));
    fixed.chain(set.map(|(name, value)| (name.to_owned(), self::value(value)))).collect()
}

fn sources(folder: &Path, out: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => sources(&path, out),
            false => *out += &fs::read_to_string(&path).unwrap_or_default(),
        }
    }
}

/// The counter is on the page of metrics, with its label where it is written from the start; else the sources have the
/// label, as a text or as the name of a variant.
fn is_there(counter: &str, metrics: &str, code: &str) -> bool {
    let (family, labels) = counter.split_once('{').unwrap_or((counter, ""));
    let declared = format!("# TYPE {} ", family.trim_end_matches("_total"));
    if !metrics.contains(&declared) {
        return false;
    }
    let Some(label) = labels.split('"').nth(1) else { return true };
    let variant: String = label.split('_').map(|word| word[..1].to_uppercase() + &word[1..]).collect();
    metrics.contains(&format!("\n{counter} "))
        || code.contains(&format!("\"{label}\""))
        || code.contains(&format!(" {variant},\n"))
}

#[test]
fn every_limit_has_a_counter_and_says_what_happens_at_it() {
    let (rows, limits) = (rows(), limits());
    assert!(limits.len() > 100, "{}", limits.len());
    assert_eq!(
        rows.keys().collect::<Vec<_>>(),
        limits.keys().collect::<Vec<_>>(),
        "docs/limits.md and src/base/limits.rs"
    );
    let ground = Ground::new(Rules::default());
    let _running = ground.start();
    let metrics = ground.get("/metrics");
    let mut code = String::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut code);
    for (name, row) in &rows {
        assert_eq!(row.value, limits[name], "the value of {name}");
        assert!(row.told.len() > 2, "{name}: what happens?");
        assert!(!row.counters.is_empty(), "{name} has no counter");
        for counter in &row.counters {
            assert!(is_there(counter, &metrics, &code), "{name}: no {counter}");
        }
    }
    assert!(!is_there("sbc_calls_shed_total{reason=\"no_such_thing\"}", &metrics, &code));
    assert!(!is_there("sbc_nothing_total", &metrics, &code));
}

#[test]
fn each_count_of_the_process_belongs_to_a_limit() {
    let rows = rows();
    for bound in trunkline::base::bounds::Bound::ALL {
        let counter = format!("sbc_limit_reached_total{{limit=\"{}\"}}", bound.label());
        assert!(rows.values().any(|row| row.counters.contains(&counter)), "{counter} is in no row");
    }
}
