//! The house plan as tests: who may name whom, what the core must not touch, and how large things may grow.
//! Each failure says what to do. `cargo test --test architecture -- --nocapture` also prints the figures.

#[path = "architecture/source.rs"]
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use source::{Reference, Source, rust_files};

/// The last module of the core, as ordered in `src/lib.rs`. What stands after it may wait.
const LAST_OF_THE_CORE: &str = "explain";

/// Modules whose neighbours are fewer than the order alone would allow. An entry may name a part of a module.
const NARROW: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("sip", &["base"]),
    ("sdp", &["base"]),
    ("rtp", &["base"]),
    ("transaction", &["base", "sip"]),
    ("dialog", &["base", "sip", "sdp"]),
    ("registration", &["base", "sip", "transaction"]),
    // The net obeys the plain values of `sip::flow`; it never learns what a call is.
    ("net", &["base", "sip"]),
    // The relay carries out `media` plans; SIP is nothing to it.
    ("relay", &["base", "rtp", "media"]),
    // What is provisioned becomes a directory; calls are nothing to the store.
    ("store", &["base", "route"]),
    // The lab is an independent witness: it shares no SIP and no SRTP with what it checks.
    ("lab", &["base", "net::tls"]),
];

/// Crates that have one role: which modules, or parts of modules, may name them. `bin` is `src/main.rs`.
const ROLES: &[(&str, &[&str])] = &[
    ("tokio", &["net", "metrics", "api::server", "config", "lab", "daemon", "doctor", "cli", "bin"]),
    ("tokio_rustls", &["net", "api::server", "config::certificates", "lab", "daemon", "doctor", "cli"]),
    ("rustls_pemfile", &["net"]),
    ("hickory_resolver", &["net"]),
    ("axum", &["net::http", "metrics", "api::server"]),
    ("prometheus_client", &["metrics"]),
    ("clap", &["cli", "bin"]),
    ("sd_notify", &["daemon"]),
    ("toml", &["config"]),
    // Second reader of what was accepted, and the voice of the lab. Never the reader that decides.
    ("rsip", &["sip::cross_check", "lab"]),
    ("webrtc_srtp", &["lab"]),
    ("rcgen", &["lab"]),
    ("aws_lc_sys", &["rtp"]),
    ("rusqlite", &["store::sqlite", "cdr::database"]),
    // The allocator is the program's choice, not the library's.
    ("mimalloc", &["bin"]),
    // MD5 is for digest alone: ours, and that of the registrar which judges it.
    ("md5", &["sip::auth", "lab::platform::registrar"]),
];

/// What would make the core wait, or make it see the world by itself.
const NOT_IN_THE_CORE: &[&str] = &[
    "tokio",
    "socket2",
    "rustix",
    "UdpSocket",
    "TcpStream",
    "TcpListener",
    "std::time::Instant",
    "SystemTime",
    "Instant::now",
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "std::io",
    "thread::sleep",
    "println",
    "eprintln",
];

/// Files that may hold `unsafe`, each with a `// SAFETY:` line per block.
const UNSAFE_FILES: &[&str] = &["src/rtp/srtp/primitives.rs"];

/// What marks unfinished work.
const UNFINISHED: &[&str] = &["todo", "unimplemented", "dbg"];

/// Names that say nothing about what a file holds.
const EMPTY_NAMES: &[&str] =
    &["util", "utils", "manager", "helper", "helpers", "context", "handler", "controller", "common", "misc"];

/// Lines of a source file: above the first (without its tests) it is reported, above the second (with them) it fails.
const FILE_LINES_REPORTED: usize = 600;
const FILE_LINES: usize = 1000;
/// Lines from `fn` to the closing brace.
const FUNCTION_LINES: usize = 70;
/// The median over all functions of the product.
const MEDIAN_FUNCTION_LINES: usize = 12;
/// Functions that are longer for a reason: `("src/file.rs", "name", "reason")`. Empty, and meant to stay so.
const LONG_FUNCTIONS: &[(&str, &str, &str)] = &[];

/// Bounds that stand in the file that needs them, and why nothing is lost there: `("src/file.rs", "NAME", "reason")`.
const OWN_BOUNDS: &[(&str, &str, &str)] = &[
    ("src/api/multipart.rs", "PARTS", "the request is refused"),
    ("src/cdr/database.rs", "SHARE", "the rest is brought over next"),
    ("src/cdr/queue.rs", "BATCH", "the rest is written next"),
    ("src/store/jobs.rs", "DETAILS", "the job's own page has them all"),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources_below(folder: &str) -> Vec<Source> {
    let root = root();
    rust_files(&root.join(folder)).iter().map(|file| Source::read(&root, file)).collect()
}

/// The product's sources without files that are test modules (`#[cfg(test)] mod tests;`).
fn product() -> Vec<Source> {
    let sources = sources_below("src");
    let tests: BTreeSet<Vec<String>> = sources.iter().flat_map(Source::test_modules).collect();
    let is_test = |source: &Source| {
        let path = source.module_path();
        (1..=path.len()).any(|length| tests.contains(&path[..length]))
    };
    sources.into_iter().filter(|source| !is_test(source)).collect()
}

/// The modules in the order in which `src/lib.rs` declares them.
fn module_order() -> Vec<String> {
    let lib = Source::read(&root(), &root().join("src/lib.rs"));
    let declared = lib.code.lines().map(str::trim).filter_map(|line| line.strip_prefix("pub mod "));
    declared.filter_map(|rest| rest.strip_suffix(';')).map(str::to_owned).collect()
}

fn core_modules() -> Vec<String> {
    let order = module_order();
    let last = order.iter().position(|module| module == LAST_OF_THE_CORE).expect("src/lib.rs declares it");
    order.into_iter().take(last + 1).collect()
}

/// Which module owns each macro that is exported at the crate's root.
fn macro_owners(sources: &[Source]) -> BTreeMap<String, String> {
    let owned = |source: &Source| {
        let module = source.module().unwrap_or_default();
        source.exported_macros().into_iter().map(move |name| (name, module.clone())).collect::<Vec<_>>()
    };
    sources.iter().flat_map(owned).collect()
}

/// References of one source to other modules, macros led back to the module that declares them.
fn foreign_references(source: &Source, macros: &BTreeMap<String, String>) -> Vec<Reference> {
    let module = source.module();
    let resolved = source.references().into_iter().map(|mut reference| {
        if let Some(owner) = reference.path.first().and_then(|name| macros.get(name)) {
            reference.path = vec![owner.clone()];
        }
        reference
    });
    resolved.filter(|reference| reference.path.first() != module.as_ref()).collect()
}

/// True when `path` is one of `parts` or lies below one.
fn is_within(path: &str, parts: &[&str]) -> bool {
    parts.iter().any(|part| path.strip_prefix(part).is_some_and(|rest| rest.is_empty() || rest.starts_with("::")))
}

fn assert_none(findings: &[String], advice: &str) {
    assert!(findings.is_empty(), "\n{}\n{advice}\n", findings.join("\n"));
}

#[test]
fn a_module_names_only_modules_declared_above_it() {
    let order = module_order();
    let sources = product();
    let macros = macro_owners(&sources);
    let place = |name: &str| order.iter().position(|module| module == name);
    let mut findings = Vec::new();
    for source in &sources {
        let Some(own) = source.module().as_deref().and_then(place) else { continue };
        for reference in foreign_references(source, &macros) {
            let name = reference.path.first().map_or("", String::as_str);
            if place(name).is_none_or(|other| other >= own) {
                findings.push(format!(
                    "{}:{}: names crate::{}",
                    source.path,
                    reference.line,
                    reference.path.join("::")
                ));
            }
        }
    }
    assert_none(
        &findings,
        "src/lib.rs lists the modules in order of dependency. Move what is shared up to a module above both, or hand it in as an argument.",
    );
}

#[test]
fn narrow_modules_keep_to_their_neighbours() {
    let sources = product();
    let macros = macro_owners(&sources);
    let mut findings = Vec::new();
    for source in &sources {
        let module = source.module().unwrap_or_default();
        let Some((_, allowed)) = NARROW.iter().find(|(name, _)| *name == module) else { continue };
        for reference in foreign_references(source, &macros) {
            let path = reference.path.join("::");
            if !is_within(&path, allowed) {
                findings.push(format!("{}:{}: {module} names crate::{path}", source.path, reference.line));
            }
        }
    }
    assert_none(
        &findings,
        "NARROW in tests/architecture.rs says who the neighbours are. Let the caller hand the value in, in terms of the lower module.",
    );
}

#[test]
fn every_narrow_rule_names_modules_that_exist() {
    let order = module_order();
    let named = NARROW.iter().flat_map(|(name, allowed)| std::iter::once(name).chain(allowed.iter()));
    let unknown: Vec<String> = named
        .map(|name| name.split("::").next().unwrap_or(name).to_owned())
        .filter(|name| !order.contains(name))
        .collect();
    assert_none(&unknown, "NARROW speaks of a module that src/lib.rs does not declare: correct the rule.");
}

#[test]
fn the_core_waits_for_nothing_and_sees_no_clock() {
    let core = core_modules();
    let mut findings = Vec::new();
    for source in product().iter().filter(|source| source.module().is_some_and(|module| core.contains(&module))) {
        for needle in NOT_IN_THE_CORE {
            findings.extend(source.lines_with(needle).iter().map(|line| format!("{}:{line}: {needle}", source.path)));
        }
    }
    assert_none(
        &findings,
        "The core decides and never waits: take `now: Now`, entropy and input as arguments and return the effect as data.",
    );
}

#[test]
fn a_crate_is_named_only_in_its_role() {
    let mut findings = Vec::new();
    for source in &product() {
        let module = if source.path == "src/main.rs" { "bin".to_owned() } else { source.module_path().join("::") };
        for (name, allowed) in ROLES.iter().filter(|(_, allowed)| !is_within(&module, allowed)) {
            let lines = source.lines_with(&format!("{name}::"));
            findings.extend(
                lines.iter().map(|line| format!("{}:{line}: {name} (allowed: {})", source.path, allowed.join(", "))),
            );
        }
    }
    assert_none(&findings, "Each crate has one role (README, table of dependencies). Ask the module that owns it.");
}

#[test]
fn unsafe_stands_only_in_reviewed_files_and_says_why_it_is_sound() {
    let mut findings = Vec::new();
    for source in &product() {
        let lines = source.lines_with("unsafe");
        if !UNSAFE_FILES.contains(&source.path.as_str()) {
            findings.extend(
                lines
                    .iter()
                    .map(|line| format!("{}:{line}: unsafe in a file that is not reviewed for it", source.path)),
            );
        } else if source.text.matches("// SAFETY:").count() < source.code.matches("unsafe {").count() {
            findings.push(format!("{}: an unsafe block without a SAFETY line", source.path));
        }
    }
    assert_none(
        &findings,
        "Write it in safe Rust, or move it into a file of UNSAFE_FILES with a SAFETY line and a test.",
    );
}

#[test]
fn nothing_is_left_unfinished() {
    let mut findings = Vec::new();
    for source in ["src", "tests", "benches"].into_iter().flat_map(sources_below) {
        for name in UNFINISHED {
            let lines = source.lines_with(&format!("{name}!"));
            findings.extend(lines.iter().map(|line| format!("{}:{line}: {name}!", source.path)));
        }
        let ignored = source.text.lines().enumerate().filter(|(_, line)| line.trim() == "#[ignore]");
        findings.extend(ignored.map(|(at, _)| format!("{}:{}: ignored without a reason", source.path, at + 1)));
    }
    assert_none(&findings, "Finish it or take it out; an ignored test needs #[ignore = \"reason\"].");
}

#[test]
fn files_are_named_after_what_they_hold() {
    let says_nothing = |source: &&Source| source.module_path().iter().any(|part| EMPTY_NAMES.contains(&part.as_str()));
    let findings: Vec<String> =
        sources_below("src").iter().filter(says_nothing).map(|source| source.path.clone()).collect();
    assert_none(&findings, "Name the file after the thing in it.");
}

#[test]
fn no_function_is_called_get_something() {
    let mut findings = Vec::new();
    for source in &product() {
        let named = source.functions().into_iter().filter(|function| function.name.starts_with("get_"));
        findings.extend(named.map(|function| format!("{}:{}: {}", source.path, function.line, function.name)));
    }
    assert_none(&findings, "Name it after what it gives: `len`, not `get_len`.");
}

/// A bound has its row in docs/limits.md, its reason and its counter: not in a corner of the file that needs it.
#[test]
fn what_bounds_a_table_stands_among_the_limits() {
    let outside = ["lab", "doctor", "cli", "config", "explain", "nsg", "trace"];
    let is_bounded = |source: &&Source| !source.module().is_some_and(|module| outside.contains(&module.as_str()));
    let mut findings = Vec::new();
    for source in product().iter().filter(is_bounded) {
        let is_excused = |name: &str| OWN_BOUNDS.iter().any(|(path, own, _)| *path == source.path && *own == name);
        let bounds = source.constants().into_iter().filter(|constant| source.is_bound(&constant.name));
        let unexcused = bounds.filter(|constant| !is_excused(&constant.name));
        findings.extend(unexcused.map(|constant| format!("{}:{}: {}", source.path, constant.line, constant.name)));
    }
    assert_none(
        &findings,
        "Move it to src/base/limits.rs, count what it costs, and give it a row in docs/limits.md; or tell in OWN_BOUNDS why nothing is lost.",
    );
}

#[test]
fn every_excused_bound_is_there() {
    let sources = product();
    let is_there = |(path, name, _): &&(&str, &str, &str)| {
        sources.iter().any(|source| source.path == *path && source.constants().iter().any(|it| it.name == *name))
    };
    let gone = OWN_BOUNDS.iter().filter(|bound| !is_there(bound)).map(|(path, name, _)| format!("{path}: {name}"));
    assert_none(&gone.collect::<Vec<_>>(), "OWN_BOUNDS excuses what is not there: take it out.");
}

#[test]
fn files_stay_small() {
    let mut findings = Vec::new();
    for source in ["src", "tests", "benches", "fuzz/src"].into_iter().flat_map(sources_below) {
        let lines = source.text.lines().count();
        if lines > FILE_LINES {
            findings.push(format!("{}: {lines} lines", source.path));
        } else if source.lines_without_tests() > FILE_LINES_REPORTED {
            println!("worth splitting: {} has {} lines without its tests", source.path, source.lines_without_tests());
        }
    }
    assert_none(&findings, &format!("A file holds one thing in at most {FILE_LINES} lines: split it along its types."));
}

#[test]
fn functions_stay_short() {
    let (mut lengths, mut longest, mut findings) = (Vec::new(), (0, String::new()), Vec::new());
    for source in &product() {
        for function in source.functions() {
            let place = format!("{}:{} {}", source.path, function.line, function.name);
            let excused = LONG_FUNCTIONS.iter().any(|(file, name, _)| *file == source.path && *name == function.name);
            if function.lines > FUNCTION_LINES && !excused {
                findings.push(format!("{place}: {} lines", function.lines));
            }
            longest = longest.max((function.lines, place));
            lengths.push(function.lines);
        }
    }
    lengths.sort_unstable();
    let median = lengths.get(lengths.len() / 2).copied().unwrap_or(0);
    println!("{} functions, median {median} lines, longest {} ({})", lengths.len(), longest.0, longest.1);
    assert_none(
        &findings,
        &format!("A function does one thing in at most {FUNCTION_LINES} lines: give its steps names."),
    );
    assert!(
        median <= MEDIAN_FUNCTION_LINES,
        "the median function has {median} lines, at most {MEDIAN_FUNCTION_LINES} are wanted"
    );
}

/// The scanner itself: what it must see and what it must not.
mod scanner {
    use super::{Path, Source};

    fn paths(path: &str, text: &str) -> Vec<String> {
        Source::new(path, text.to_owned()).references().into_iter().map(|reference| reference.path.join("::")).collect()
    }

    #[test]
    fn nested_groups_are_spread_out() {
        let text = "use crate::{\n base::ids::{FlowId, TagId},\n sip::Method,\n};\nfn f() -> crate::rtp::Packet { $crate::base::now() }";
        let want = ["base::ids::FlowId", "base::ids::TagId", "sip::Method", "rtp::Packet", "base::now"];
        assert_eq!(paths("src/x/mod.rs", text), want);
    }

    #[test]
    fn climbing_to_the_root_counts_as_crate() {
        assert_eq!(
            paths("src/sip/header/via.rs", "use super::super::super::net::Flow; use super::super::Uri;"),
            ["net::Flow"]
        );
        assert_eq!(paths("src/sip/mod.rs", "use super::base::ids;"), ["base::ids"]);
    }

    #[test]
    fn comments_literals_and_tests_are_not_code() {
        let text = "// crate::a\n/* crate::b /* crate::c */ */ const X: &str = \"crate::d \\\" \"; const Y: &[u8] = br#\"crate::e\"#;\n\
                    fn f<'a>(c: &'a str) -> bool { c == \"'\" || 'x' == '\"' || b'\\'' == 1 }\n\
                    #[cfg(test)]\n#[allow(unused)]\nmod tests { use crate::f; fn g() { {} } }\nfn h() { crate::i(); }";
        assert_eq!(paths("src/x.rs", text), ["i"]);
    }

    #[test]
    fn a_test_only_import_ends_at_its_semicolon() {
        assert_eq!(paths("src/x.rs", "#[cfg(test)]\nuse crate::a;\nuse crate::b;"), ["b"]);
    }

    #[test]
    fn a_module_for_tests_is_known_by_its_path() {
        let source = Source::new("src/a/b.rs", "mod x;\n#[cfg(test)]\nmod y;\n#[cfg(test)]\nmod z { }\n".to_owned());
        assert_eq!(source.test_modules(), [["a", "b", "y"]]);
    }

    #[test]
    fn a_constant_that_a_table_is_measured_by_is_a_bound() {
        let text = "const MOST: usize = 3;\npub const NAME_OCTETS: usize = 9;\nconst AGE: Duration = Duration::ZERO;\n\
                    const fn f() -> bool { a.len() >= MOST && name.len() >= NAME_OCTETS || MOSTLY }\n";
        let source = Source::new("src/x.rs", text.to_owned());
        let bounds = source.constants().into_iter().map(|it| it.name).filter(|name| source.is_bound(name));
        assert_eq!(bounds.collect::<Vec<_>>(), ["MOST"]);
    }

    #[test]
    fn a_function_is_measured_from_its_name_to_its_brace() {
        let text = "trait T { fn declared(&self); }\nfn one() {}\nfn three(a: [u8; 3]) -> Result<(), ()>\nwhere\n{ match 1 { _ => {} } }\n";
        let found: Vec<(String, usize)> =
            Source::new("src/x.rs", text.to_owned()).functions().into_iter().map(|f| (f.name, f.lines)).collect();
        assert_eq!(found, [("one".to_owned(), 1), ("three".to_owned(), 3)]);
    }

    #[test]
    fn words_are_whole() {
        let source = Source::new("src/x.rs", "fn f() { my_tokio::x(); tokio_rustls::y(); tokio::z(); }\n".to_owned());
        assert_eq!(source.lines_with("tokio").len(), 1);
        assert_eq!(source.lines_with("tokio::").len(), 1);
    }

    #[test]
    fn an_exported_macro_is_known_by_name() {
        let source =
            Source::new("src/base/timers.rs", "#[macro_export]\nmacro_rules! timer_kind { () => {} }".to_owned());
        assert_eq!(source.exported_macros(), ["timer_kind"]);
        assert!(Path::new(&source.path).starts_with("src"));
    }
}

/// What the wrapper before rustc (`benches/profile/rustc`) makes of a compilation, as `profile` is asked for.
fn wrapped(profile: &str, arguments: &str) -> String {
    let wrapper = std::process::Command::new(root().join("benches/profile/rustc"))
        .current_dir(root())
        .env("CALLS_PROFILE", profile)
        .arg("echo")
        .args(arguments.split(' '))
        .output()
        .expect("benches/profile/rustc runs");
    assert!(wrapper.status.success(), "{wrapper:?}");
    String::from_utf8(wrapper.stdout).unwrap().trim_end().to_owned()
}

#[test]
fn only_the_optimised_build_of_this_crate_is_laid_out_by_the_profile_of_calls() {
    const OURS: &str =
        "--crate-name trunkline src/lib.rs --crate-type lib -C opt-level=3 -C codegen-units=1 -C metadata=0f3a";
    let used = wrapped("use", OURS);
    assert!(used.contains("-Cprofile-use=") && used.contains("calls.profdata"), "{used}");
    assert!(used.contains("metadata=trunkline-library") && !used.contains("0f3a"), "one name for all places: {used}");
    let daemon = wrapped("use", &OURS.replace("--crate-type lib", "--crate-type bin"));
    assert!(daemon.contains("metadata=trunkline-daemon"), "{daemon}");
    assert!(wrapped("count", OURS).contains("-Cprofile-generate"));
    assert_eq!(wrapped("none", OURS), OURS);
    for other in ["--crate-name tokio", "--crate-name trunkline_lab"] {
        let foreign = OURS.replace("--crate-name trunkline", other);
        assert_eq!(wrapped("use", &foreign), foreign, "what is not ours goes on untouched");
    }
    let plain = OURS.replace("opt-level=3", "opt-level=0");
    assert_eq!(wrapped("use", &plain), plain, "what is not optimised goes on untouched");
}
