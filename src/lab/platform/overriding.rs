//! The block that makes the shipped configuration of a platform meet its lab: names resolved to the lab's addresses, the
//! lab's roots and certificate, loopback instead of public addresses. Everything else stays as shipped: that is the test.

use std::fmt::Write as _;
use std::path::Path;

use super::authority::Authority;
use super::registrar::Subscriber;
use super::run::{Wish, password_file};

/// For `trunkline run --config FILE --override THIS`.
#[must_use]
pub fn block(wish: &Wish, authority: &Authority) -> String {
    let setting = wish.platform.setting();
    let far = setting.far;
    let mut out = format!(
        "# For trunkline lab {}: names, trust, certificate and addresses of the lab over those of {}.\n\
         # trunkline run --config {} --override THIS\n\
         # It fits every file in which these have the same names: network public, listeners platform and {far},\n\
         # certificate main, trust store default, trunks {} and {far}.\n\n",
        setting.name, setting.file, setting.file, setting.trunk
    );
    out.push_str(&machine(wish));
    out.push_str(&trust(wish, authority));
    out.push_str(&platform(wish));
    if let Some((carrier, sbc)) = wish.carrier {
        let _ = writeln!(out, "[listeners.{far}]\nport = {}\n", sbc.port());
        let _ = writeln!(out, "[trunks.{far}]\ntargets = [\"{carrier}\"]\nsources = [\"{}\"]", carrier.ip());
        if let Some(Subscriber { aor, user, realm, .. }) = setting.subscriber {
            out.push_str(&setting.carrier_keys.replace("{aor}", aor));
            let file = quoted(&password_file(wish));
            let _ = writeln!(out, "auth = {{ user = \"{user}\", realm = \"{realm}\", password_file = {file} }}");
        }
    }
    out
}

/// A path as a TOML string that holds wherever the daemon is started.
fn quoted(path: &Path) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    format!("{:?}", path.display().to_string())
}

/// Loopback addresses and the lab's names instead of public ones.
fn machine(wish: &Wish) -> String {
    let (bind, state) = (wish.sbc.ip(), quoted(&wish.directory.join("state")));
    let hosts: Vec<String> = wish
        .platform
        .setting()
        .names
        .iter()
        .zip(wish.bind.iter().cycle())
        .map(|(name, address)| format!("{name:?} = [\"{}\"]", address.ip()))
        .collect();
    format!(
        "[node]\nstate_dir = {state}\ndrain_s = 1\n\n\
         [networks.public]\nbind = \"{bind}\"\nadvertise = \"{bind}\"\nallow_media = [\"{}\"]\n\n\
         [dns]\nhosts = {{ {} }}\n\n",
        ranges(wish),
        hosts.join(", ")
    )
}

/// Whose certificate it shows and whom it believes.
fn trust(wish: &Wish, authority: &Authority) -> String {
    let own = match &wish.sbc_roots {
        Some(roots) => {
            format!("# The certificate stays that of the file: the lab believes it by {}.\n", roots.display())
        }
        None => {
            let (chain, key) = (quoted(&authority.sbc.chain), quoted(&authority.sbc.key));
            format!("[certificates.main]\nchain = {chain}\nkey = {key}\n")
        }
    };
    format!(
        "{own}\n# The lab's roots alone: a warning that the platform's own roots are lacking is right here, and only here.\n\
         [trust.default]\nroots = {}\n\n",
        quoted(&authority.roots)
    )
}

fn platform(wish: &Wish) -> String {
    let setting = wish.platform.setting();
    let sources: Vec<String> = wish.bind.iter().map(|address| format!("\"{}\"", address.ip())).collect();
    let sources = sources.join(", ");
    format!(
        "[listeners.platform]\nport = {}\n\n[trunks.{}]\nfqdn = {:?}\nsources = [{sources}]\n{}\n",
        wish.sbc.port(),
        setting.trunk,
        wish.name,
        setting.keys.replace("{sources}", &sources)
    )
}

/// The lab's media may come from here.
fn ranges(wish: &Wish) -> String {
    let mut ranges: Vec<String> = wish
        .bind
        .iter()
        .map(|address| address.ip())
        .chain(wish.carrier.map(|(own, _)| own.ip()))
        .map(|ip| match ip.is_loopback() {
            true => "127.0.0.0/8".to_owned(),
            false => ip.to_string(),
        })
        .collect();
    ranges.sort();
    ranges.dedup();
    ranges.join("\", \"")
}
