//! Files as spreadsheets, other systems and attackers make them: each is imported as it is meant, or says what is wrong.

use trunkline::store::import::{Checked, Nothing, check};

use super::{HEAD, NATIVE, lenient, options};

/// `numbers | row:code: text`, all in order.
fn told(checked: &Checked) -> String {
    let numbers: Vec<&str> = checked.rows.iter().map(|row| row.number.as_str()).collect();
    let problem = |problem: &trunkline::store::import::Problem| match problem.row {
        Some(row) => format!("{row} {:?}: {}", problem.code, problem.message),
        None => format!("{:?}: {}", problem.code, problem.message),
    };
    let problems: Vec<String> = checked.problems.iter().map(problem).collect();
    format!("{} | {}", numbers.join(" "), problems.join(" & "))
}

#[track_caller]
fn table(rows: &[(&[u8], &str)]) {
    let one = |(file, expected): &(&[u8], &str)| {
        let found = told(&check(file, &options(), &Nothing));
        (found != *expected)
            .then(|| format!("{}\n  {expected}\n  {found}", String::from_utf8_lossy(file).escape_debug()))
    };
    let differ: Vec<String> = rows.iter().filter_map(one).collect();
    assert!(differ.is_empty(), "file, expected, found:\n{}", differ.join("\n"));
}

fn utf16(text: &str, little: bool) -> Vec<u8> {
    let octets = |unit: u16| if little { unit.to_le_bytes() } else { unit.to_be_bytes() };
    format!("\u{feff}{text}").encode_utf16().flat_map(octets).collect()
}

#[test]
fn line_ends_and_marks_of_other_systems_are_taken() {
    table(&[
        (b"Numbers\r4930555501234\r4930555501235\r", "+4930555501234 +4930555501235 | "),
        (b"Numbers\r\n4930555501234\r\n\r\n4930555501235", "+4930555501234 +4930555501235 | "),
        (b"\xef\xbb\xbfNumbers\n4930555501234\n", "+4930555501234 | "),
        (b"\xef\xbb\xbf\"Numbers\"\r\n\"+4930555501234\"\r\n", "+4930555501234 | "),
        (b" NUMBERS \n\t4930555501234 \n", "+4930555501234 | "),
        (b"Numbers\n\xc2\xa04930555501234\xc2\xa0\n", "+4930555501234 | "),
        (b"Numbers\n4930555501234\n,\n", "+4930555501234 | 3 CellCount: 2 values where 1 are expected."),
        (b"Numbers\r4930555501234\r\"4930\r", "+4930555501234 | 3 QuoteUnbalanced: A double quote is not closed."),
    ]);
}

#[test]
fn other_encodings_are_named() {
    let text = "Numbers\n4930555501234\n";
    let (little, big) = (utf16(text, true), utf16(text, false));
    let (bare, latin) = (little[2..].to_vec(), b"Numbers,M\xfcller\n1,2\n".to_vec());
    table(&[
        (
            &little,
            " | FileEncoding: The file is not UTF-8 text (first bad byte at offset 0); it is UTF-16: save it as CSV UTF-8.",
        ),
        (
            &big,
            " | FileEncoding: The file is not UTF-8 text (first bad byte at offset 0); it is UTF-16: save it as CSV UTF-8.",
        ),
        (&bare, " | FileEncoding: The file is not UTF-8 text (first bad byte at offset 1)."),
        (&latin, " | FileEncoding: The file is not UTF-8 text (first bad byte at offset 9)."),
        (b"PK\x03\x04\x14\x00\x06\x00", " | FileEncoding: The file is a workbook or archive; save it as CSV UTF-8."),
    ]);
}

#[test]
fn what_a_spreadsheet_made_of_a_number_is_never_guessed() {
    let altered = |value: &str| {
        format!(" | 2 NumberScientific: {value} looks altered by a spreadsheet; format the column as text.")
    };
    let letters = |value: &str| format!(" | 2 NumberCharacters: {value} may contain digits and one leading plus only.");
    let rows = [
        ("4.93E+11", altered("4.93E+11")),
        ("4.93056E+11", altered("4.93056E+11")),
        ("4,93E+11", " | 2 CellCount: 2 values where 1 are expected.".to_owned()),
        ("\"4,93E+11\"", altered("4,93E+11")),
        ("493055550123.00", altered("493055550123.00")),
        ("'4930555501234", altered("\\'4930555501234")),
        ("\"4'930'555'501'234\"", altered("4\\'930\\'555\\'501\\'234")),
        ("\"=4930555501234\"", letters("=4930555501234")),
        ("\"=\"\"4930555501234\"\"\"", letters("=\\\"4930555501234\\\"")),
        ("=\"4930555501234\"", " | 2 QuoteUnbalanced: A double quote stands in the middle of a value.".to_owned()),
        ("#NUM!", letters("#NUM!")),
        ("4930 5555 01234", letters("4930 5555 01234")),
        ("+49-30-555501234", letters("+49-30-555501234")),
        ("tel:+4930555501234", letters("tel:+4930555501234")),
        ("++4930555501234", letters("++4930555501234")),
        (
            "004930555501234",
            " | 2 NumberLeadingZero: 004930555501234 starts with 0; use the country code, without 00 or trunk prefix."
                .to_owned(),
        ),
        (
            "+04930555501234",
            " | 2 NumberLeadingZero: +04930555501234 starts with 0; use the country code, without 00 or trunk prefix."
                .to_owned(),
        ),
        ("\u{ff14}\u{ff19}30555501234", letters("\\u{ff14}\\u{ff19}30555501234")),
        ("\u{664}\u{669}30555501234", letters("\\u{664}\\u{669}30555501234")),
        ("\u{200b}4930555501234", letters("\\u{200b}4930555501234")),
        ("\"4930555501234\"x", " | 2 QuoteUnbalanced: A double quote stands in the middle of a value.".to_owned()),
        ("\"\"", " | 2 NumberEmpty: The phone number is empty.".to_owned()),
    ];
    for (value, expected) in rows {
        table(&[(format!("Numbers\n{value}\n").as_bytes(), &expected)]);
    }
}

#[test]
fn formulas_and_scripts_in_other_columns_go_nowhere() {
    let row = |header: &str| format!("{NATIVE}+4930555501234,acme,,DE,local,,{header},True\n");
    let refused = " | 2 HeaderContentInvalid: Custom header text may use letters, digits, underscore and dash, 1 to 100 characters.";
    for header in ["=HYPERLINK(1)", "@SUM(1)", "<script>", "a b", "\"a\"\"b\"", "\u{fc}", "a%0d%0ab"] {
        table(&[(row(header).as_bytes(), refused)]);
    }
    table(&[(row("acme_EMEA-42").as_bytes(), "+4930555501234 | ")]);
}

#[test]
fn semicolons_are_named_also_where_only_one_column_is_read() {
    let semicolons = HEAD.replace(',', ";");
    let expected = " | FileDelimiter: Columns are separated by ;; use commas.";
    table(&[
        (format!("{semicolons}\"4930555501234\";True;True\n").as_bytes(), expected),
        (format!("\u{feff}{semicolons}\r\n").as_bytes(), expected),
        (
            b"sep=;\nNumbers\n4930555501234\n",
            " | HeaderMissing: The heading row is missing; expected msdyn_phonenumber,msdyn_phoneinboundenabled,msdyn_phoneoutboundenabled; Numbers; or phoneNumber.",
        ),
        (
            b"<html><body>Numbers</body></html>",
            " | HeaderMissing: The heading row is missing; expected msdyn_phonenumber,msdyn_phoneinboundenabled,msdyn_phoneoutboundenabled; Numbers; or phoneNumber.",
        ),
    ]);
}

/// The same number in other clothes is the same number, and nothing is applied twice.
#[test]
fn one_number_in_two_forms_is_a_duplicate() {
    table(&[
        (
            b"Numbers\n+4930555501234\n4930555501234\n",
            "+4930555501234 | 3 DuplicateInFile: +4930555501234 repeats row 2.",
        ),
        (
            b"Numbers\n\"+4930555501234\"\n +4930555501234 \n",
            "+4930555501234 | 3 DuplicateInFile: +4930555501234 repeats row 2.",
        ),
    ]);
    let flags = format!("{HEAD}\"4930555501234\",TRUE,false\n\"4930555501235\",yes,1\n");
    let strict = told(&check(flags.as_bytes(), &options(), &Nothing));
    assert_eq!(strict, "+4930555501234 | 3 BooleanInvalid: msdyn_phoneinboundenabled must be True or False, not yes.");
    assert!(told(&check(flags.as_bytes(), &lenient(), &Nothing)).starts_with("+4930555501234 +4930555501235 | "));
}

/// Junk of every kind, two mebibytes of it: an answer, and never more problems than are kept.
#[test]
fn junk_is_answered_and_bounded() {
    let random: Vec<u8> = (0u32..2_000_000).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let ascii: Vec<u8> =
        random.iter().map(|octet| octet & 0x7f).map(|octet| if octet == 0 { b'0' } else { octet }).collect();
    let lines = format!("Numbers\n{}", "\"\r,\n".repeat(500_000));
    let nested = format!("Numbers\n{}", "\"\"".repeat(1_000_000));
    for junk in [
        random.as_slice(),
        &ascii,
        lines.as_bytes(),
        nested.as_bytes(),
        &vec![b'\r'; 2_000_000],
        &vec![b','; 2_000_000],
    ] {
        let checked = check(junk, &options(), &Nothing);
        assert!(checked.rows.is_empty() && !checked.problems.is_empty() && checked.problems.len() <= 20_000);
    }
}
