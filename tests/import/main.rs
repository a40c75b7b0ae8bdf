//! CSV import: every class of problem with its row, column, code and text (provisioning sheet 5.3), and what is accepted.

mod odd_files;

use trunkline::route::number::{E164, country};
use trunkline::store::import::{
    Checked, Code, Existing, FILE_OCTETS, Layout, Mode, Nothing, NumberType, Options, Owner, Problem, Severity,
    Strictness, check, report_csv, template_csv,
};

const HEAD: &str = "msdyn_phonenumber,msdyn_phoneinboundenabled,msdyn_phoneoutboundenabled\n";
const NATIVE: &str = "phoneNumber,account,carrier,country,numberType,services,customHeader,inboundEnabled\n";

fn options() -> Options {
    Options { account: Some("acme".to_owned()), ..Options::default() }
}

fn lenient() -> Options {
    Options { strictness: Strictness::Lenient, ..options() }
}

fn dynamics(rows: &str) -> Checked {
    check(format!("{HEAD}{rows}").as_bytes(), &options(), &Nothing)
}

fn file(text: &str) -> Checked {
    check(text.as_bytes(), &options(), &Nothing)
}

/// Row, column, code, severity and text of the only problem.
#[track_caller]
fn only(checked: &Checked) -> (Option<usize>, Option<&'static str>, Code, Severity, String) {
    let [Problem { row, column, code, severity, message }] = checked.problems.as_slice() else {
        panic!("one problem expected: {:#?}", checked.problems)
    };
    (*row, *column, *code, *severity, message.clone())
}

#[track_caller]
fn refused(checked: &Checked, code: Code, text: &str) {
    let (row, _, found, severity, message) = only(checked);
    assert_eq!((row, found, severity, message.as_str()), (None, code, Severity::Error, text));
    assert!(checked.rows.is_empty() && checked.is_refused());
}

/// The only problem of a row whose neighbour is sound: it names row and column, and the neighbour stays.
#[track_caller]
fn bad_row(row: &str, column: Option<&str>, code: Code, text: &str) {
    let checked = dynamics(&format!("\"4930555501200\",True,True\n{row}\n"));
    let (at, named, found, severity, message) = only(&checked);
    assert_eq!((at, named, found, severity), (Some(3), column, code, Severity::Error), "{message}");
    assert_eq!(message, text);
    assert_eq!(checked.rows.len(), 1, "the sound row stays");
}

const NUMBER: Option<&str> = Some("msdyn_phonenumber");

// ---- accepted

#[test]
fn the_vendors_own_sample_is_imported_with_its_flags() {
    let checked = dynamics("\"4930555501234\",True,True\n\"4930555501235\",True,False\n4930555012,False,True\n");
    assert_eq!(checked.problems, []);
    let rows: Vec<_> =
        checked.rows.iter().map(|row| (row.number.as_str(), row.flags.inbound, row.flags.outbound)).collect();
    assert_eq!(rows, [("+4930555501234", true, true), ("+4930555501235", true, false), ("+4930555012", false, true)]);
    assert!(checked.rows.iter().all(|row| row.account == "acme"));
}

#[test]
fn columns_may_stand_in_any_order_and_any_case_with_a_byte_order_mark_and_crlf() {
    let text = "\u{feff}MSDYN_PhoneOutboundEnabled, msdyn_phonenumber ,msdyn_phoneinboundenabled\r\n\r\nTRUE,\"+4930555501234\",false\r\n";
    let checked = file(text);
    assert_eq!(checked.problems, []);
    assert_eq!((checked.rows[0].flags.inbound, checked.rows[0].flags.outbound, checked.rows[0].row), (false, true, 3));
}

#[test]
fn the_single_column_layout_takes_plain_numbers_and_the_imports_settings() {
    let options = Options { inbound: true, carrier: Some("north".to_owned()), ..options() };
    let checked = check(b"Numbers\n+4930555501234\n4930555501235\n", &options, &Nothing);
    assert_eq!((checked.layout, checked.problems.as_slice()), (Some(Layout::Numbers), [].as_slice()));
    assert!(checked.rows.iter().all(|row| row.flags.inbound && row.carrier.as_deref() == Some("north")));
}

#[test]
fn a_column_of_the_native_layout_wins_over_the_imports_setting() {
    let text = format!("{NATIVE}+442071838750,zoo,south,gb,local,teamsDirectRouting|zoom,zoo-1,True\n");
    let checked = file(&text);
    assert_eq!(checked.problems, []);
    let row = &checked.rows[0];
    assert_eq!(
        (row.account.as_str(), row.carrier.as_deref(), row.country.as_deref()),
        ("zoo", Some("south"), Some("GB"))
    );
    assert_eq!((row.services.len(), row.custom_header.as_deref()), (2, Some("zoo-1")));
}

#[test]
fn every_template_is_accepted_by_its_own_check() {
    for layout in [Layout::Dynamics, Layout::Numbers, Layout::Native] {
        for iso in ["DE", "US", "DK", "IT", "GB"] {
            let text = template_csv(layout, country(iso));
            let checked = file(&text);
            assert_eq!(
                (checked.errors(), checked.rows.len()),
                (0, 1),
                "{layout:?} {iso}: {:?}\n{text}",
                checked.problems
            );
        }
    }
}

// ---- the file

#[test]
fn file_empty() {
    for text in ["", " \n\n", HEAD, "\u{feff}"] {
        refused(&file(text), Code::FileEmpty, "The file contains no phone numbers.");
    }
}

#[test]
fn file_too_large() {
    let text = "1".repeat(FILE_OCTETS + 1);
    refused(&file(&text), Code::FileTooLarge, "The file is 2097153 octets; at most 2097152 is accepted.");
}

#[test]
fn file_encoding() {
    let checked = check(b"Numbers\n+4930\xff\n", &options(), &Nothing);
    refused(&checked, Code::FileEncoding, "The file is not UTF-8 text (first bad byte at offset 13).");
    refused(&file("Numbers\n+49\0"), Code::FileEncoding, "The file is not UTF-8 text (first bad byte at offset 11).");
}

#[test]
fn file_delimiter() {
    let semicolons = HEAD.replace(',', ";");
    refused(&file(&format!("{semicolons}1;2;3\n")), Code::FileDelimiter, "Columns are separated by ;; use commas.");
    let tabs = HEAD.replace(',', "\t");
    refused(&file(&format!("{tabs}1\t2\t3\n")), Code::FileDelimiter, "Columns are separated by tabs; use commas.");
}

#[test]
fn header_missing() {
    let (row, _, code, _, message) = only(&file("\"4930555501234\",True,True\n"));
    assert_eq!((row, code), (None, Code::HeaderMissing));
    assert!(message.contains("msdyn_phonenumber") && message.contains("Numbers"), "{message}");
}

#[test]
fn column_missing() {
    let text = "msdyn_phonenumber,msdyn_phoneinboundenabled\n1,True\n";
    refused(&file(text), Code::ColumnMissing, "Column msdyn_phoneoutboundenabled is missing.");
}

#[test]
fn column_unknown_is_an_error_and_lenient_a_warning() {
    let text = format!("{},colour\n\"4930555501234\",True,True,red\n", HEAD.trim_end());
    refused(&file(&text), Code::ColumnUnknown, "Column colour is not known.");
    let checked = check(text.as_bytes(), &lenient(), &Nothing);
    let (row, _, code, severity, _) = only(&checked);
    assert_eq!((row, code, severity, checked.rows.len()), (None, Code::ColumnUnknown, Severity::Warning, 1));
}

#[test]
fn column_duplicate() {
    let text = format!("{},MSDYN_phonenumber\n1,True,True,1\n", HEAD.trim_end());
    refused(&file(&text), Code::ColumnDuplicate, "Column MSDYN_phonenumber appears twice.");
}

#[test]
fn too_many_rows() {
    let text = format!("Numbers\n{}", "4930555501234\n".repeat(10_001));
    refused(&file(&text), Code::TooManyRows, "10001 rows found; at most 10000 are accepted.");
}

#[test]
fn many_rows_is_a_warning() {
    let rows: String = (0..101).map(|at| format!("4930555{at:06}\n")).collect();
    let checked = file(&format!("Numbers\n{rows}"));
    let (row, _, code, severity, message) = only(&checked);
    assert_eq!((row, code, severity, checked.rows.len()), (None, Code::ManyRows, Severity::Warning, 101));
    assert_eq!(message, "101 rows; 100 per upload are recommended.");
}

// ---- a row

#[test]
fn quote_unbalanced() {
    bad_row("\"4930555501234,True,True", None, Code::QuoteUnbalanced, "A double quote is not closed.");
}

#[test]
fn cell_count() {
    bad_row("\"4930555501234\",True", None, Code::CellCount, "2 values where 3 are expected.");
    bad_row("\"4930555501234\",True,True,", None, Code::CellCount, "4 values where 3 are expected.");
}

#[test]
fn cell_too_long() {
    let text = format!("\"4930555501234\",{},True", "x".repeat(513));
    bad_row(&text, None, Code::CellTooLong, "A value has more than 512 characters.");
}

#[test]
fn number_empty() {
    bad_row("\" \",True,True", NUMBER, Code::NumberEmpty, "The phone number is empty.");
}

#[test]
fn number_characters() {
    for bad in ["4930 5555", "+49(30)5555", "++4930555", "abc", "+", "49\u{663}0555512"] {
        let checked = dynamics(&format!("\"{bad}\",True,True\n"));
        let (row, column, code, _, message) = only(&checked);
        assert_eq!((row, column, code), (Some(2), NUMBER, Code::NumberCharacters), "{bad}");
        assert!(message.ends_with("may contain digits and one leading plus only."), "{message}");
    }
}

#[test]
fn number_scientific() {
    for bad in ["4.93055E+12", "4930555501234.0", "4,930,555,501,234", "4,93E+12"] {
        let checked = dynamics(&format!("\"{bad}\",True,True\n"));
        let (_, _, code, _, message) = only(&checked);
        assert_eq!(code, Code::NumberScientific, "{bad}");
        assert_eq!(message, format!("{bad} looks altered by a spreadsheet; format the column as text."));
    }
}

#[test]
fn number_too_long() {
    let text = "1234567890123456 has 16 digits; at most 15 are allowed.";
    bad_row("\"1234567890123456\",True,True", NUMBER, Code::NumberTooLong, text);
    assert_eq!(dynamics("\"123456789012345\",True,True\n").problems, []);
}

#[test]
fn number_too_short_unless_it_is_a_short_code() {
    let text = "49305 has 5 digits; give the full international number.";
    bad_row("49305,True,True", NUMBER, Code::NumberTooShort, text);
    let options = Options { number_type: NumberType::ShortCode, ..options() };
    assert_eq!(check(b"Numbers\n49305\n", &options, &Nothing).problems, []);
}

#[test]
fn number_leading_zero() {
    for bad in ["030555501", "0049305555", "+0305555012"] {
        let text = format!("{bad} starts with 0; use the country code, without 00 or trunk prefix.");
        bad_row(&format!("{bad},True,True"), NUMBER, Code::NumberLeadingZero, &text);
    }
}

#[test]
fn number_not_quoted_is_an_error_and_lenient_a_warning() {
    let text = "49305555012 has more than 10 digits and must be in double quotes.";
    bad_row("49305555012,True,True", NUMBER, Code::NumberNotQuoted, text);
    let checked = check(format!("{HEAD}49305555012,True,True\n").as_bytes(), &lenient(), &Nothing);
    let (_, _, code, severity, _) = only(&checked);
    assert_eq!((code, severity, checked.rows.len()), (Code::NumberNotQuoted, Severity::Warning, 1));
    assert_eq!(file("Numbers\n49305555012\n").problems, [], "a rule of the vendor's layout alone");
}

#[test]
fn number_country_mismatch_is_a_warning_where_the_code_is_shared() {
    let of = |iso: &str| Options { country: Some(iso.to_owned()), ..options() };
    let checked = check(b"Numbers\n442071838750\n", &of("DE"), &Nothing);
    let (_, _, code, severity, message) = only(&checked);
    assert_eq!((code, severity, checked.rows.len()), (Code::NumberCountryMismatch, Severity::Error, 0));
    assert_eq!(message, "+442071838750 does not belong to DE.");
    let checked = check(b"Numbers\n442071838750\n", &of("US"), &Nothing);
    let (_, _, code, severity, _) = only(&checked);
    assert_eq!((code, severity, checked.rows.len()), (Code::NumberCountryMismatch, Severity::Warning, 1));
}

#[test]
fn number_type_mismatch_is_a_warning() {
    let of = |number_type| Options { number_type, ..options() };
    for (number, kind, word) in [
        ("4930555501234", NumberType::TollFree, "tollFree"),
        ("49800555501", NumberType::Local, "local"),
        ("4930555501234", NumberType::Mobile, "mobile"),
        ("491711234567", NumberType::Local, "local"),
    ] {
        let checked = check(format!("Numbers\n{number}\n").as_bytes(), &of(kind), &Nothing);
        let (_, _, code, severity, message) = only(&checked);
        assert_eq!((code, severity, checked.rows.len()), (Code::NumberTypeMismatch, Severity::Warning, 1), "{number}");
        assert_eq!(message, format!("+{number} does not look like a {word} number."));
    }
    assert_eq!(check(b"Numbers\n18005550199\n", &of(NumberType::TollFree), &Nothing).problems, []);
    assert_eq!(check(b"Numbers\n491711234567\n", &of(NumberType::Mobile), &Nothing).problems, []);
}

#[test]
fn an_unknown_kind_of_number_is_an_error() {
    let (_, column, code, severity, message) = only(&file(&format!("{NATIVE}+4930555501234,a,b,DE,pink,,,True\n")));
    assert_eq!((column, code, severity), (Some("numberType"), Code::NumberTypeMismatch, Severity::Error));
    assert!(message.contains("tollFree"), "{message}");
}

#[test]
fn boolean_invalid_is_an_error_and_lenient_takes_four_words_more() {
    let text = "msdyn_phoneinboundenabled must be True or False, not Yes.";
    bad_row("4930555501,Yes,True", Some("msdyn_phoneinboundenabled"), Code::BooleanInvalid, text);
    let checked = check(format!("{HEAD}4930555501,Yes,0\n").as_bytes(), &lenient(), &Nothing);
    assert!(
        checked
            .problems
            .iter()
            .all(|problem| (problem.code, problem.severity) == (Code::BooleanInvalid, Severity::Warning))
    );
    assert_eq!(
        (checked.problems.len(), checked.rows[0].flags.inbound, checked.rows[0].flags.outbound),
        (2, true, false)
    );
    let checked = check(format!("{HEAD}4930555501,perhaps,True\n").as_bytes(), &lenient(), &Nothing);
    assert_eq!(only(&checked).3, Severity::Error);
}

#[test]
fn no_direction_is_a_warning() {
    let checked = dynamics("4930555501,,False\n");
    let (row, _, code, severity, message) = only(&checked);
    assert_eq!((row, code, severity, checked.rows.len()), (Some(2), Code::NoDirection, Severity::Warning, 1));
    assert_eq!(message, "Neither receiving nor making calls is enabled for +4930555501.");
}

#[test]
fn header_content_invalid() {
    for bad in ["a b", "\u{e4}", "a;b", &"x".repeat(101)] {
        let (_, column, code, _, message) = only(&file(&format!("{NATIVE}+4930555501234,a,b,DE,local,,{bad},True\n")));
        assert_eq!((column, code), (Some("customHeader"), Code::HeaderContentInvalid), "{bad}");
        assert!(message.contains("1 to 100 characters"));
    }
}

// ---- against what exists

struct World;

impl Existing for World {
    fn owner(&self, number: &E164) -> Option<Owner> {
        let owner = |account: &str, is_in_use| Some(Owner { account: account.to_owned(), is_in_use });
        match number.as_str() {
            "+4930111111" => owner("acme", false),
            "+4930222222" => owner("zoo", false),
            "+4930333333" => owner("acme", true),
            _ => None,
        }
    }

    fn has_account(&self, name: &str) -> bool {
        matches!(name, "acme" | "zoo")
    }

    fn has_carrier(&self, id: &str) -> bool {
        id == "north"
    }

    fn is_service(&self, name: &str) -> bool {
        matches!(name, "teamsDirectRouting" | "zoom")
    }

    fn is_enabled(&self, account: &str, service: &str) -> bool {
        (account, service) == ("acme", "teamsDirectRouting")
    }

    fn room(&self, account: &str) -> Option<usize> {
        (account == "acme").then_some(2)
    }
}

#[track_caller]
fn against_data(row: &str, mode: Mode, code: Code, text: &str) {
    let options = Options { mode, ..options() };
    let checked = check(format!("{NATIVE}{row}\n").as_bytes(), &options, &World);
    let (at, _, found, severity, message) = only(&checked);
    assert_eq!((at, found, severity, message.as_str()), (Some(2), code, Severity::Error, text));
    assert!(checked.rows.is_empty());
}

#[test]
fn service_unknown_and_not_enabled() {
    against_data(
        "+4930555555,acme,north,DE,local,pager,,True",
        Mode::Upsert,
        Code::ServiceUnknown,
        "pager is not a service.",
    );
    let text = "Account acme is not enabled for zoom.";
    against_data("+4930555555,acme,north,DE,local,zoom,,True", Mode::Upsert, Code::ServiceNotEnabled, text);
}

#[test]
fn duplicate_in_file_names_the_first_row_whatever_the_plus() {
    let checked = file("Numbers\n4930555501\n4930555502\n+4930555501\n");
    let (row, _, code, severity, message) = only(&checked);
    assert_eq!((row, code, severity), (Some(4), Code::DuplicateInFile, Severity::Error));
    assert_eq!((message.as_str(), checked.rows.len()), ("+4930555501 repeats row 2.", 2));
}

#[test]
fn already_exists_only_when_creating() {
    let row = "+4930111111,acme,north,DE,local,,,True";
    against_data(row, Mode::Create, Code::AlreadyExists, "+4930111111 exists already in this account.");
    assert_eq!(check(format!("{NATIVE}{row}\n").as_bytes(), &options(), &World).problems, []);
}

#[test]
fn owned_by_other_account_does_not_name_it() {
    let row = "+4930222222,acme,north,DE,local,,,True";
    against_data(row, Mode::Upsert, Code::OwnedByOtherAccount, "+4930222222 is assigned to another account.");
}

#[test]
fn not_found_and_in_use_when_deleting() {
    let gone = "+4930555555,acme,north,DE,local,,,True";
    against_data(gone, Mode::Delete, Code::NotFound, "+4930555555 does not exist.");
    let busy = "+4930333333,acme,north,DE,local,,,True";
    against_data(busy, Mode::Delete, Code::InUse, "+4930333333 has active calls or routing references.");
}

#[test]
fn account_and_carrier_unknown() {
    against_data(
        "+4930555555,nobody,north,DE,local,,,True",
        Mode::Upsert,
        Code::AccountUnknown,
        "Account nobody does not exist.",
    );
    against_data(
        "+4930555555,acme,east,DE,local,,,True",
        Mode::Upsert,
        Code::CarrierUnknown,
        "Carrier east does not exist.",
    );
    let checked = check(b"Numbers\n4930555501\n", &Options::default(), &World);
    assert_eq!(only(&checked).2, Code::AccountUnknown);
}

#[test]
fn quota_exceeded_refuses_the_file_and_counts_new_numbers_only() {
    let checked = check(b"Numbers\n4930555501\n4930555502\n4930111111\n", &options(), &World);
    assert_eq!(checked.problems, [], "two new ones fit");
    let checked = check(b"Numbers\n4930555501\n4930555502\n4930555503\n", &options(), &World);
    let (row, _, code, _, message) = only(&checked);
    assert_eq!((row, code, checked.is_refused()), (None, Code::QuotaExceeded, true));
    assert_eq!(message, "The import would exceed acme's limit: 3 new numbers, room for 2.");
}

// ---- the report

#[test]
fn the_report_disarms_what_a_spreadsheet_would_run() {
    let checked = dynamics("\"=cmd|calc\",True,True\n\"+\",True,True\n");
    let report = report_csv(&checked.problems);
    let lines: Vec<&str> = report.lines().collect();
    assert_eq!(lines[0], "row,column,code,severity,message");
    assert!(lines[1].starts_with("2,msdyn_phonenumber,NumberCharacters,error,'=cmd"), "{}", lines[1]);
    assert!(lines[2].starts_with("3,msdyn_phonenumber,NumberCharacters,error,'+ may"), "{}", lines[2]);
}

#[test]
fn two_mebibytes_of_junk_are_answered_and_bounded() {
    let quotes = format!("Numbers\n{}", "\"\n".repeat(9_000));
    assert_eq!(file(&quotes).problems.len(), 9_001);
    let commas = format!("Numbers\n{}", ",".repeat(2 * 1024 * 1024 - 20));
    assert_eq!(only(&file(&commas)).2, Code::CellCount);
    let columns = format!("Numbers{}\n1\n", ",x".repeat(40_000));
    assert!(file(&columns).is_refused());
}
