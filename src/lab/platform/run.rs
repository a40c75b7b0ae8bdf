//! One run of a lab: prepares certificates, binds the stations, plays the scenarios, judges.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tokio::net::TcpStream;

use super::authority::{Authority, Change};
use super::posture::Posture;
use super::registrar::Registrar;
use super::report::Report;
use super::scenario::{self, Scenario};
use super::setting::{Platform, Setting, carrier_manner};
use super::stage::{Numbers, Patience, Stage};
use super::station::{Station, StationSettings};
use super::transcript::{Ending, Side, Transcript};
use super::wire::Wire;
use crate::lab::certificates::Identity;
use crate::lab::session::{MediaSettings, Path, Security};
use crate::lab::signal::Codec;

/// For the SBC to listen.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a run is asked for.
#[derive(Clone, Debug)]
pub struct Wish {
    pub platform: Platform,
    /// Where the SBC takes TLS.
    pub sbc: SocketAddr,
    /// The FQDN it is tested under.
    pub name: String,
    /// Addresses of the platform: one per name, one more to call from elsewhere.
    pub bind: Vec<SocketAddr>,
    /// The lab's own files: authority and leaves.
    pub directory: PathBuf,
    /// Instead of the lab's authority: roots to trust, and the platform's identity.
    pub own: Option<(PathBuf, Identity)>,
    /// Roots of the certificate that the SBC already has: it is tested with that one, and the lab makes none for it.
    pub sbc_roots: Option<PathBuf>,
    /// The carrier: where it is, and where the SBC takes its calls.
    pub carrier: Option<(SocketAddr, SocketAddr)>,
    pub numbers: Numbers,
    pub patience: Patience,
    /// Statements (`MD-56`) and scenarios to keep to; empty: all.
    pub only: Vec<String>,
}

/// How a run tells what it does.
pub type Progress<'p> = &'p mut (dyn FnMut(&str) + Send);

/// Makes or finds the lab's certificates for this wish, one for the SBC under test among them.
///
/// # Errors
/// What could not be made.
pub fn prepare(wish: &Wish) -> Result<Authority, String> {
    authority(wish, Change::Made)
}

/// `change`: whether the SBC's certificate may become another.
fn authority(wish: &Wish, change: Change) -> Result<Authority, String> {
    let setting = wish.platform.setting();
    let parent = wish.name.split_once('.').map_or("", |(_, parent)| parent);
    let wildcard = format!("*.{}", wish.name);
    let names = [wish.name.as_str(), wildcard.as_str()];
    // A name without a domain has no wildcard below it.
    let names = if parent.is_empty() { names.get(..1).unwrap_or_default() } else { &names };
    let authority = Authority::prepare(&wish.directory, setting.names, names, change)?;
    if let Some(subscriber) = setting.subscriber {
        let path = password_file(wish);
        std::fs::write(&path, subscriber.password).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(authority)
}

/// Where the SBC reads the password of a carrier with a registrar.
#[must_use]
pub fn password_file(wish: &Wish) -> PathBuf {
    wish.directory.join("carrier.password")
}

/// Plays and judges.
///
/// # Errors
/// An address is taken, or a certificate is no good.
pub async fn run(wish: &Wish, progress: Progress<'_>) -> Result<Report, String> {
    let setting = wish.platform.setting();
    known(setting, &wish.only)?;
    let stage = set(wish, setting).await?;
    wait_for(wish.sbc).await?;
    for scenario in chosen(setting, &wish.only) {
        let ending = scenario::play(&stage, scenario).await;
        let words = match ending {
            Ending::Played => String::new(),
            Ending::Broken(why) => format!(" - stopped: {why}"),
            Ending::Skipped(why) => format!(" - skipped: {why}"),
        };
        let at = stage.transcript.elapsed().as_secs_f64();
        progress(&format!("{at:7.1} s  {:<22} {}{words}", scenario.name, scenario.title));
    }
    let evidence = stage.transcript.evidence(&wish.name);
    let numbers: Vec<String> = wish.only.iter().filter(|word| word.contains('-') && is_number(word)).cloned().collect();
    // Whoever asks for a few statements has no need of the long list of the others.
    let beyond = if wish.only.is_empty() { setting.not_looked_at() } else { Vec::new() };
    let mut report = Report::new(setting.title, &setting.all_statements(), beyond, &evidence, &numbers);
    report.remarks.extend(second_reader(&stage));
    Ok(report)
}

/// An SBC that was started a moment ago gets the time to listen.
async fn wait_for(sbc: SocketAddr) -> Result<(), String> {
    let connected = async {
        while TcpStream::connect(sbc).await.is_err() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, connected).await;
    waited.map_err(|_| format!("nobody listens at {sbc}: is the SBC running, and is --sbc its address?"))
}

fn is_number(word: &str) -> bool {
    word.split_once('-').is_some_and(|(sheet, digits)| {
        sheet.bytes().all(|octet| octet.is_ascii_uppercase())
            && !digits.is_empty()
            && digits.bytes().all(|octet| octet.is_ascii_digit())
    })
}

/// Refuses words of `--only` that are neither a statement nor a scenario of this platform: a run of nothing would be no
/// answer to a typing error.
///
/// # Errors
/// The first such word, and what there is.
pub fn known(setting: &Setting, only: &[String]) -> Result<(), String> {
    let scenarios = setting.all_scenarios();
    let statements = setting.all_statements();
    let has = |word: &&String| {
        scenarios.iter().any(|scenario| scenario.name == word.as_str())
            || statements.iter().any(|statement| statement.number == word.as_str())
    };
    let Some(word) = only.iter().find(|word| !has(word)) else { return Ok(()) };
    let names: Vec<&str> = scenarios.iter().map(|scenario| scenario.name).collect();
    let sheet = statements.first().map_or("", |statement| statement.number);
    Err(format!(
        "--only {word}: lab {} has no such statement and no such scenario; there are statements such as {sheet}, and the \
         scenarios {}",
        setting.name,
        names.join(", ")
    ))
}

/// The scenarios asked for by name, and those that the statements asked for are seen in.
fn chosen(setting: &Setting, only: &[String]) -> Vec<&'static Scenario> {
    let statements = setting.all_statements();
    let needed = |scenario: &Scenario| {
        only.is_empty()
            || only.iter().any(|word| {
                word == scenario.name
                    || statements
                        .iter()
                        .any(|statement| statement.number == word && statement.seen_in.contains(&scenario.name))
            })
    };
    setting.all_scenarios().into_iter().filter(|scenario| needed(scenario)).collect()
}

/// What rsip made of the SBC's messages: how many it read otherwise, and one of them.
fn second_reader(stage: &Stage) -> Option<String> {
    let mut odd = stage.platform.second_reader();
    odd.extend(stage.carrier.iter().flat_map(Station::second_reader));
    let first = odd.first()?;
    Some(format!(
        "no fault of the SBC: rsip, the second reader, stumbled over {} messages that the lab itself could read, such as: {first}",
        odd.len()
    ))
}

/// Binds both ends.
///
/// # Errors
/// An address is taken, or a certificate is no good.
pub async fn set(wish: &Wish, setting: &'static Setting) -> Result<Stage, String> {
    let (mut roots, identities) = match &wish.own {
        Some((roots, identity)) => (vec![roots.clone()], vec![identity.clone()]),
        None => {
            // An SBC with a certificate of its own does not run with that of the lab.
            let change = if wish.sbc_roots.is_some() { Change::Made } else { Change::Refused };
            let authority = authority(wish, change)?;
            (vec![authority.roots], vec![authority.rsa, authority.elliptic])
        }
    };
    roots.extend(wish.sbc_roots.clone());
    let transcript = Transcript::default();
    let posture = Posture::new(&roots, &identities, setting.authentication)?;
    let placed = Wire::tls(&wish.bind, posture, transcript.clone()).await;
    let (wire, arrivals) = placed.map_err(|words| format!("{words}; --bind and --port place the platform"))?;
    let address = *wish.bind.first().ok_or("no address for the platform")?;
    let platform = StationSettings {
        side: Side::Platform,
        manner: (setting.manner)(address),
        sbc: wish.sbc,
        sbc_name: wish.name.clone(),
        media: MediaSettings {
            path: setting.path,
            ..media(address, Security::Sdes, vec![Codec::Pcmu, Codec::Pcma], 101)
        },
        transcript: transcript.clone(),
        registrar: None,
    };
    Ok(Stage {
        platform: Station::new(platform, wire, arrivals),
        carrier: match wish.carrier {
            Some((own, sbc)) => Some(carrier_station(setting, own, sbc, &transcript).await?),
            None => None,
        },
        transcript,
        wish: wish.numbers.clone(),
        names: setting.names.iter().map(|name| (*name).to_owned()).collect(),
        addresses: wish.bind.len().min(setting.names.len()),
        sources: wish.bind.len(),
        patience: wish.patience,
    })
}

async fn carrier_station(
    setting: &Setting,
    own: SocketAddr,
    sbc: SocketAddr,
    transcript: &Transcript,
) -> Result<Station, String> {
    let placed = Wire::udp(own).await;
    let (wire, arrivals) = placed.map_err(|words| format!("{words}; --carrier places the carrier"))?;
    let settings = StationSettings {
        side: Side::Carrier,
        manner: carrier_manner(own),
        sbc,
        sbc_name: sbc.ip().to_string(),
        // Another number for events than the platform's, as carriers have.
        media: media(own, Security::Plain, vec![Codec::Pcma, Codec::Pcmu], 96),
        transcript: transcript.clone(),
        registrar: setting.subscriber.map(Registrar::new),
    };
    Ok(Station::new(settings, wire, arrivals))
}

fn media(address: SocketAddr, security: Security, codecs: Vec<Codec>, event_type: u8) -> MediaSettings {
    MediaSettings { address: address.ip(), security, codecs, event_type, path: Path::Described }
}
