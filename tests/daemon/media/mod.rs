//! Media through the real daemon, packet by packet: what a far end hears is counted, never timed. The short forms run
//! with all tests; the long ones are ignored there and run by `tests/reliability/run NAME`.

#[path = "../../relay/check.rs"]
mod check;
mod checks;
mod long_call;
mod party;
mod quality;
mod replay;
mod reports;
mod silence;
mod spray;
mod storm;
mod talk;
mod voice;

/// What was proven, with its limit and where the limit is from, as `tests/reliability/run` shows it.
fn figure(name: &str, value: impl std::fmt::Display, limit: &str, anchor: &str) {
    println!("figure: {name}: {value} (limit: {limit}; {anchor})");
}
