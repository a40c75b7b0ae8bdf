//! Number conversions over countries and forms, as a table: what a field holds, whom it names, what another peer is
//! written. Expectations come from the numbering plans, never from a run of the program.

mod callers;
mod diverting;
mod headers;
mod uris;

use trunkline::route::number::{Field, FieldForms, IncomingForm, NumberPlan, OutgoingForm, Party, country};

const TABLE: &str = include_str!("conversions.tsv");

/// Rows the table has at least: a lost table is no passed test.
const ROWS: usize = 150;

struct Row<'t> {
    plan: NumberPlan,
    received: &'t str,
    party: &'t str,
    written: &'t str,
}

fn incoming(name: &str) -> IncomingForm {
    let forms = [IncomingForm::E164, IncomingForm::E164NoPlus, IncomingForm::National, IncomingForm::International];
    forms.into_iter().find(|form| form.name() == name).expect("a form of the table")
}

fn outgoing(name: &str) -> OutgoingForm {
    let forms = [OutgoingForm::E164, OutgoingForm::E164NoPlus, OutgoingForm::National, OutgoingForm::International];
    forms.into_iter().find(|form| form.name() == name).expect("a form of the table")
}

fn row(line: &str) -> Row<'_> {
    let [code, from, received, party, to, written] = line.split('\t').collect::<Vec<_>>()[..] else {
        panic!("six columns: {line}")
    };
    let plan = NumberPlan {
        country: (code != "-").then(|| country(code).expect("a known country")),
        incoming: FieldForms::all(incoming(from)),
        outgoing: FieldForms::all(outgoing(to)),
        ..NumberPlan::default()
    };
    Row { plan, received, party, written }
}

fn shown(party: &Party) -> String {
    match party {
        Party::Number { number, .. } => number.to_string(),
        Party::Short(text) => format!("short:{text}"),
        Party::Name(text) => format!("name:{text}"),
        Party::Anonymous => "anonymous".to_owned(),
    }
}

/// What differs from the row, if anything.
fn difference(line: &str) -> Option<String> {
    let Row { plan, received, party, written } = row(line);
    let (read, wrote) = match plan.read_text(Field::Called, received) {
        Ok(read) => (shown(&read), plan.write(Field::Called, &read).user),
        Err(_) => ("refused".to_owned(), "-".to_owned()),
    };
    (read != party || wrote != written).then(|| format!("{line}\n    read {read}, wrote {wrote}"))
}

#[test]
fn every_row_of_the_conversion_table_reads_and_writes_as_it_says() {
    let rows: Vec<&str> = TABLE.lines().filter(|line| !line.starts_with('#')).collect();
    let countries = rows.iter().filter_map(|row| row.split('\t').next()).collect::<std::collections::BTreeSet<_>>();
    assert!(rows.len() >= ROWS && countries.len() >= 12, "{} rows, {} countries", rows.len(), countries.len());
    let differences: Vec<String> = rows.iter().filter_map(|line| difference(line)).collect();
    assert!(differences.is_empty(), "{} of {}:\n{}", differences.len(), rows.len(), differences.join("\n"));
}

#[test]
fn what_was_written_for_a_peer_is_read_back_as_the_same_number() {
    for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
        let Row { plan, received, .. } = row(line);
        let Ok(party @ Party::Number { .. }) = plan.read_text(Field::From, received) else { continue };
        let written = plan.write(Field::From, &party).user;
        let form = IncomingForm::National;
        let back = NumberPlan { incoming: FieldForms::all(form), ..plan }.read_text(Field::From, &written);
        if plan_reads_back(line) {
            assert_eq!(back.as_ref().ok().and_then(Party::number), party.number(), "{line}");
        }
    }
}

/// Without a country, or written without a plus, a text says nothing about its form.
fn plan_reads_back(line: &str) -> bool {
    !line.starts_with('-') && !line.contains("\te164-no-plus\t")
}
