//! What is said of a line that is no TOML: the parser's words are for who knows its grammar, these for who wrote the line.

/// Of a line that cannot be read: `message` is the parser's.
pub(super) fn told(message: &str, line: &str) -> String {
    let told = slip(line).or_else(|| by_message(message).map(str::to_owned));
    let told = told.unwrap_or_else(|| format!("{message}; check quotes, brackets and the = on this line"));
    format!("not TOML: {told}")
}

/// Slips of editors and of other formats that can be seen in the line itself.
fn slip(line: &str) -> Option<String> {
    const QUOTES: [char; 7] = ['“', '”', '„', '‘', '’', '«', '»'];
    const SPACES: [char; 4] = ['\u{a0}', '\u{2007}', '\u{202f}', '\u{200b}'];
    let first = |letters: &[char]| line.chars().find(|letter| letters.contains(letter));
    if let Some(control) = line.chars().find(|letter| letter.is_control() && !['\t', '\r'].contains(letter)) {
        return Some(format!("the line holds the control character 0x{:02x}; delete it", u32::from(control)));
    }
    if let Some(quote) = first(&QUOTES) {
        return Some(format!("{quote} is a typographic quote; write \" in its place"));
    }
    if let Some(space) = first(&SPACES) {
        return Some(format!(
            "the line holds U+{:04X}, which only looks like a space; write a space",
            u32::from(space)
        ));
    }
    let text = line.trim_start();
    if text.starts_with("//") || text.starts_with(';') || text.starts_with("/*") {
        return Some("a comment begins with #; write # in its place".to_owned());
    }
    if ["<<<<<<<", "=======", ">>>>>>>"].iter().any(|mark| text.starts_with(mark)) {
        return Some("this marks two versions that were not merged; keep one of them and delete the marks".to_owned());
    }
    if text.split('#').next().is_some_and(|before| before.trim_end().ends_with('=')) {
        return Some(PAIR.to_owned());
    }
    is_yaml(text).then(|| "a colon gives a key no value; write KEY = VALUE".to_owned())
}

/// `key: value`, as other formats have it.
fn is_yaml(text: &str) -> bool {
    let bare = |key: &str| {
        !key.is_empty() && key.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-_.\" ".contains(&octet))
    };
    text.split_once(':').is_some_and(|(key, _)| bare(key))
}

const QUOTED: &str = "text must stand in quotes, and a number has no unit; write KEY = \"TEXT\", or the number alone";
const NO_NUMBER: &str = "that is no number; write what has more than digits in quotes: KEY = \"TEXT\"";
const ESCAPE: &str =
    "a backslash in a text begins an escape; write \\\\ for each backslash, or the text in single quotes";
const ENDS: &str = "the line goes on where it should end; write one key and value a line";
const BRACES: &str = "a table between braces has keys and values, and is closed; write { a = 1, b = 2 }";
const PAIR: &str = "a key needs = and a value; write KEY = VALUE";
const LIST: &str = "a comma or the closing bracket of a list is missing; write [1, 2]";

/// Of the parser's complaints what tells one from another, in the order in which they are looked for; and ours.
const COMPLAINTS: [(&str, &str); 36] = [
    ("between array elements", LIST),
    ("key with no value", PAIR),
    ("missing value", PAIR),
    ("missing assignment", PAIR),
    ("invalid key-value pair", PAIR),
    ("extra assignment between", BRACES),
    ("extra assignment", "there is one = too many; write KEY = VALUE"),
    ("extra `=`", "there is one = too many; write KEY = VALUE"),
    ("string values must be quoted", QUOTED),
    ("invalid boolean", "there are two such values; write true or false, in small letters and without quotes"),
    ("escaped value", ESCAPE),
    ("unicode value", ESCAPE),
    ("multi-line", "the text in three quotes is not closed; write three quotes at its end"),
    ("basic string", "the text is not closed on its line; write \" at its end"),
    ("literal string", "the text is not closed on its line; write ' at its end"),
    ("opening quote", "the text has a quote at one end only; write it between two"),
    ("unclosed array table", "the heading of a list of tables is not closed; write [[NAME]]"),
    ("unclosed table", "the heading of a table is not closed, or its name has a space; write [NAME]"),
    ("missing table open", "the heading of a table is not opened; write [NAME]"),
    ("unclosed array", "the list is not closed; write ] at its end"),
    ("inline table", BRACES),
    ("between key-value pairs", BRACES),
    ("extra comma", "there is one comma too many; delete it"),
    ("leading zero", "a number begins with no 0; delete it, or write what is no number in quotes"),
    ("unquoted key", "a key has letters, digits, - and _; write any other between quotes"),
    ("cannot extend", "this key has a value already and cannot be a table besides; keep one of the two"),
    ("unexpected content", ENDS),
    ("unexpected key or value", ENDS),
    ("invalid value", QUOTED),
    ("invalid integer", NO_NUMBER),
    ("invalid float", NO_NUMBER),
    ("invalid date", NO_NUMBER),
    ("invalid time", NO_NUMBER),
    ("between digits", NO_NUMBER),
    ("radix", NO_NUMBER),
    ("sign", NO_NUMBER),
];

fn by_message(message: &str) -> Option<&'static str> {
    let complaint = message.split(", expected").next().unwrap_or(message);
    COMPLAINTS.iter().find(|(theirs, _)| complaint.contains(theirs)).map(|(_, ours)| *ours)
}

#[cfg(test)]
mod tests {
    use toml::de::DeTable;

    use super::*;

    /// What is told of the first fault of a text, whose first line it is on.
    fn of(text: &str) -> String {
        let (_, faults) = DeTable::parse_recoverable(text);
        told(faults.first().expect("a fault").message(), text.lines().next().unwrap())
    }

    #[test]
    fn slips_of_editors_and_of_other_formats_are_named() {
        assert_eq!(of("a = “b”\n"), "not TOML: “ is a typographic quote; write \" in its place");
        assert!(of("a\u{a0}= 1\n").contains("U+00A0, which only looks like a space"));
        assert!(of("\u{7}\n").contains("control character 0x07; delete it"));
        assert!(of("a: 1\n").contains("a colon gives a key no value"));
        assert!(of("// a\n").contains("a comment begins with #"));
        assert!(of("; a\n").contains("a comment begins with #"));
        assert!(of("<<<<<<< HEAD\n").contains("two versions that were not merged"));
    }

    #[test]
    fn no_line_is_told_in_the_words_of_the_parser() {
        let broken = [
            "a = \"b",
            "a = 'b",
            "a \"b\"",
            "a = b",
            "a =",
            "a = = 3",
            "a",
            "[a",
            "a]",
            "[[a]",
            "[a]]",
            "[a b]",
            "[]",
            "[a..b]",
            "a = [1 2]",
            "a = [1,,2]",
            "a = [1",
            "a = {b=1 c=2}",
            "a = {b=1,,c=2}",
            "a = {b=1",
            "a = 012",
            "a = 12ab",
            "a = 1_",
            "a = --1",
            "a = +0x1",
            "a = 0XFF",
            "a = 1.2.3",
            "a = 10s",
            "a = 10.0.0.1",
            "a = True",
            "a = yes",
            "a = 5060-5070",
            "a = 2020-13-45",
            "a = \"C:\\user\"",
            "a = \"C:\\qux\"",
            "a = \"b\" \"c\"",
            "ä = 1",
            " = 1",
            "$a = 1",
            "a = \"\"\"b",
            "{ \"a\": 1 }",
            "]]",
            "a = 1\na.b = 2",
        ];
        for text in broken {
            let said = of(text);
            assert!(!said.contains("expected") && !said.contains("check quotes"), "{text}: {said}");
        }
    }
}
