//! The block that makes the shipped configuration of a platform meet its lab: names resolved to the lab's addresses, the
//! lab's roots and certificate, loopback instead of public addresses. Everything else stays as shipped: that is the test.

use std::fmt::Write as _;

use super::authority::Authority;
use super::registrar::Subscriber;
use super::run::{Wish, password_file};

/// For `trunkline run --config FILE --override THIS`.
#[must_use]
pub fn block(wish: &Wish, authority: &Authority) -> String {
    let setting = wish.platform.setting();
    let bind = wish.sbc.ip();
    let quoted = |path: &std::path::Path| {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        format!("{:?}", path.display().to_string())
    };
    let mut out = format!(
        "# For trunkline lab {}: names, trust, certificate and addresses of the lab over those of {}.\n\
         # trunkline run --config {} --override THIS\n\n",
        setting.name, setting.file, setting.file
    );
    let state = wish.directory.join("state");
    let _ = writeln!(out, "[node]\nstate_dir = {}\ndrain_s = 1\n", quoted(&state));
    let _ = writeln!(
        out,
        "[networks.public]\nbind = \"{bind}\"\nadvertise = \"{bind}\"\nallow_media = [\"{}\"]\n",
        ranges(wish)
    );
    let hosts: Vec<String> = setting
        .names
        .iter()
        .zip(wish.bind.iter().cycle())
        .map(|(name, address)| format!("{name:?} = [\"{}\"]", address.ip()))
        .collect();
    let _ = writeln!(out, "[dns]\nhosts = {{ {} }}\n", hosts.join(", "));
    let _ = writeln!(
        out,
        "[certificates.main]\nchain = {}\nkey = {}\n",
        quoted(&authority.sbc.chain),
        quoted(&authority.sbc.key)
    );
    let _ = writeln!(
        out,
        "# The lab's roots alone: a warning that the platform's own roots are lacking is right here, and only here.\n\
         [trust.default]\nroots = {}\n",
        quoted(&authority.roots)
    );
    let _ = writeln!(out, "[listeners.platform]\nport = {}\n", wish.sbc.port());
    let sources: Vec<String> = wish.bind.iter().map(|address| format!("\"{}\"", address.ip())).collect();
    let keys = setting.keys.replace("{sources}", &sources.join(", "));
    let _ = writeln!(
        out,
        "[trunks.{}]\nfqdn = {:?}\nsources = [{}]\n{}",
        setting.trunk,
        wish.name,
        sources.join(", "),
        keys
    );
    if let Some((carrier, sbc)) = wish.carrier {
        let _ = writeln!(out, "[listeners.carrier]\nport = {}\n", sbc.port());
        let _ = writeln!(out, "[trunks.carrier]\ntargets = [\"{carrier}\"]\nsources = [\"{}\"]", carrier.ip());
        if let Some(Subscriber { aor, user, realm, .. }) = setting.subscriber {
            out.push_str(&setting.carrier_keys.replace("{aor}", aor));
            let file = quoted(&password_file(wish));
            let _ = writeln!(out, "auth = {{ user = \"{user}\", realm = \"{realm}\", password_file = {file} }}");
        }
    }
    out
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
