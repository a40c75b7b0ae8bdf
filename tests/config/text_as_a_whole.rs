//! The text as a whole: what is no TOML, many mistakes at once, hostile files.

use trunkline::config::Level;

use super::*;

refused! {
    a_line_that_is_no_toml: "name = \"t\"" => "name = = \"t\" #!", "", "not TOML: ";
    a_string_without_quotes: "name = \"t\"" => "name = sbc1 #!", "", "not TOML: text must stand in quotes";
    a_key_written_twice: "name = \"t\"" => "name = \"t\"\nname = \"u\" #!", "", "is defined twice; keep one of the two";
    a_table_written_twice: "[limits]" => "[node] #!\ndrain_s = 5\n[limits]", "", "\"node\" is defined twice";
    a_nul_is_no_toml: "name = \"t\"" => "name = \"t\0\" #!", "", "not TOML: ";
}

#[test]
fn seven_mistakes_are_seven_errors_in_the_order_of_their_lines() {
    let text = GOOD
        .replace("name = \"t\"", "name = 5")
        .replace("\"10000-18999\"", "\"10001-18999\"")
        .replace("network = \"carrier\"", "network = \"carier\"")
        .replace("\"sbc1.example.com\"", "sbc1")
        .replace("listener = \"platform\"", "listner = \"platform\"")
        .replace("max_calls = 100", "max_calls = -1");
    let report = read(&text).unwrap_err();
    let lines: Vec<_> = report.errors.iter().map(|error| (error.line, error.path.as_str())).collect();
    let wanted = [
        (2, "node.name"),
        (5, "networks.public.rtp_ports"),
        (20, "listeners.carrier.network"),
        (22, "trunks.teams"),
        (24, "trunks.teams.listner"),
        (25, ""),
        (45, "limits.max_calls"),
    ];
    assert_eq!(lines, wanted, "{report}");
    assert_eq!(report.to_string().lines().count(), 7);
}

#[test]
fn the_same_mistake_on_two_lines_is_two_errors() {
    let report =
        read(&changed("name = \"t\"", "name = t\nstate_dir = s\ndrain_s = 1\ndrain_s = 2\nname = u")).unwrap_err();
    assert_eq!(report.errors.iter().map(|error| error.line).collect::<Vec<_>>(), [2, 3, 5, 6], "{report}");
}

#[test]
fn a_list_left_open_is_one_error() {
    let text = changed("targets = [\"sip.example.com\"]", "targets = [\"sip.example.com\" #!");
    let report = read(&text).unwrap_err();
    let open: Vec<_> = report.errors.iter().filter(|error| error.text.contains("not TOML")).collect();
    assert_eq!(open.len(), 1, "{report}");
    assert!(open[0].text.contains("the closing bracket of a list is missing"), "{report}");
    assert_eq!(open[0].line, marked_line(&text), "{report}");
    assert_eq!(report.warnings, []);
}

#[test]
fn an_error_reads_file_line_path_and_advice() {
    let text = changed("name = \"t\"", "name = \"t\"\ndrain = 5");
    let report = read(&text).unwrap_err();
    assert_eq!(report.to_string(), "trunkline.toml:3: node.drain: unknown key; did you mean \"drain_s\"?\n");
}

#[test]
fn a_secret_is_never_shown() {
    let text = changed("[limits]", "[trunks.south.auth]\npassword = \"hunter2\"\npasword_file = \"x\"\n[limits]");
    assert!(!read(&text).unwrap_err().to_string().contains("hunter2"));
}

#[test]
fn control_characters_of_a_key_do_not_reach_the_terminal() {
    let report = read(&changed("name = \"t\"", "\"a\\u001b[31m\" = 1")).unwrap_err();
    assert!(!report.to_string().contains('\x1b'), "{report:?}");
}

#[test]
fn deep_nesting_is_refused_without_harm() {
    for deep in [format!("a = {}", "[".repeat(100_000)), format!("{}x = 1", "a.".repeat(100_000))] {
        let report = read(&deep).unwrap_err();
        assert!(report.errors.iter().any(|error| error.text.contains("nested too deeply")), "{report}");
    }
}

#[test]
fn a_file_cut_or_bent_at_any_place_is_judged_without_panic() {
    for at in 0..GOOD.len() {
        let (head, tail) = GOOD.split_at(at);
        let bent = [format!("{head}{}", &tail[1..]), format!("{head}\"{tail}"), format!("{head}\n[{tail}")];
        for text in bent.iter().map(String::as_str).chain([head]) {
            let refused = read(text).err();
            assert!(refused.is_none_or(|report| !report.errors.is_empty()), "{text}");
        }
    }
}

#[test]
fn too_many_tables_of_a_kind_are_refused() {
    let flood: String =
        (0..5001).map(|number| format!("[groups.g{number}]\nmembers = [{{ trunk = \"north\" }}]\n")).collect();
    let report = read(&changed("[[routes]]", &format!("{flood}[[routes]]"))).unwrap_err();
    assert!(report.to_string().contains("groups: has more than 5000 tables"), "{report}");
}

#[test]
fn a_flood_of_mistakes_is_shown_in_part_and_counted() {
    let flood: String = (0..5000).map(|number| format!("k{number} = 1\n")).collect();
    let report = read(&flood).unwrap_err();
    assert_eq!((report.errors.len(), report.errors_not_shown), (500, 4500));
    assert!(report.to_string().ends_with("... and 4500 more errors\n"));
    assert!(report.errors.iter().all(|error| error.level == Level::Error));
}
