//! `trunkline lab`: platforms and a carrier to test any SBC against (see `lab::platform`).

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};
use zeroize::Zeroizing;

use super::exit::Exit;
use crate::base::limits::CONFIG_OCTETS;
use crate::config::file;
use crate::lab::certificates::Identity;
use crate::lab::platform::overriding;
use crate::lab::platform::report::Report;
use crate::lab::platform::run::{Wish, known, prepare, run as run_lab};
use crate::lab::platform::setting::Platform;
use crate::lab::platform::stage::{Numbers, Patience};

/// Where a platform takes SIP.
const PORT: u16 = 5061;

/// What the command line asks for.
#[derive(Debug, Args)]
pub struct LabArguments {
    /// The platform to play.
    platform: Platform,
    /// Where the SBC takes the platform's calls, over TLS.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:5061", value_parser = place)]
    sbc: SocketAddr,
    /// The SBC's FQDN, as in its Contact and its certificate.
    #[arg(long, value_name = "FQDN", default_value = "sbc1.example.com", value_parser = host_name)]
    name: String,
    /// Addresses the platform is at: one for each of its names, one more to call from elsewhere. Give it several times.
    #[arg(long, value_name = "ADDRESS", default_values = ["127.0.2.1", "127.0.2.2", "127.0.2.3", "127.0.2.4"])]
    bind: Vec<IpAddr>,
    /// The port the platform listens on.
    #[arg(long, value_name = "PORT", default_value_t = PORT)]
    port: u16,
    /// Where the lab keeps its authority, the platform's certificates and one for the SBC; made when it is not there.
    #[arg(long, value_name = "DIRECTORY", default_value = "trunkline-lab")]
    directory: PathBuf,
    /// The platform's own certificate (PEM, leaf first) instead of the lab's; with --key and --ca.
    #[arg(long, value_name = "FILE", requires_all = ["key", "ca"])]
    cert: Option<PathBuf>,
    /// Its key.
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// Roots that vouch for the SBC.
    #[arg(long, value_name = "FILE", requires = "cert")]
    ca: Option<PathBuf>,
    /// The SBC has a certificate already, and these roots vouch for it (PEM; of a public CA: the system's bundle): test
    /// it with that one instead of one of the lab's.
    #[arg(long, value_name = "FILE", conflicts_with = "cert")]
    sbc_ca: Option<PathBuf>,
    /// Where the carrier on the other side of the SBC is, over UDP.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.3.1:5060", value_parser = place)]
    carrier: SocketAddr,
    /// Where the SBC takes the carrier's calls.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:5060", value_parser = place)]
    sbc_carrier: SocketAddr,
    /// Play no carrier: only what the platform can see alone is exercised.
    #[arg(long)]
    no_carrier: bool,
    /// A number that the SBC sends to the platform.
    #[arg(long, value_name = "NUMBER", default_value = "+493012345678", value_parser = number)]
    platform_number: String,
    /// A number that the SBC sends to the carrier.
    #[arg(long, value_name = "NUMBER", default_value = "+494076543210", value_parser = number)]
    carrier_number: String,
    /// Also what takes minutes: calls through several session refreshes. Without it `teams` and `acs` take three
    /// minutes, `teams-bypass` two, the others half a minute; it adds three minutes to each that has such calls.
    #[arg(long)]
    long: bool,
    /// Keep to these statements and scenarios: MD-56,inbound.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    only: Vec<String>,
    /// The report as JSON.
    #[arg(long)]
    json: bool,
    /// Print the block that makes the shipped configuration of this platform meet the lab, and end.
    #[arg(long)]
    print_config: bool,
}

impl ValueEnum for Platform {
    fn value_variants<'a>() -> &'a [Platform] {
        &Platform::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.setting().name).help(self.setting().title))
    }
}

/// An address with its port.
fn place(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "write an address and a port, such as 127.0.0.1:5061".to_owned())
}

/// A host name.
fn host_name(text: &str) -> Result<String, String> {
    let label = |label: &str| {
        !label.is_empty() && label.bytes().all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_'))
    };
    match text.len() <= 253 && text.split('.').all(label) {
        true => Ok(text.to_ascii_lowercase()),
        false => Err("write the FQDN of the SBC, such as sbc1.yourdomain.example".to_owned()),
    }
}

/// E.164 (RFC 3966 global-number without separators).
fn number(text: &str) -> Result<String, String> {
    let global = text
        .strip_prefix('+')
        .is_some_and(|digits| (7..=15).contains(&digits.len()) && digits.bytes().all(|octet| octet.is_ascii_digit()));
    match global {
        true => Ok(text.to_owned()),
        false => Err("write it with plus and country, such as +493012345678".to_owned()),
    }
}

impl LabArguments {
    fn wish(&self) -> Wish {
        let own = match (&self.cert, &self.key, &self.ca) {
            (Some(chain), Some(key), Some(ca)) => {
                Some((ca.clone(), Identity { chain: chain.clone(), key: key.clone() }))
            }
            (_, _, _) => None,
        };
        Wish {
            platform: self.platform,
            sbc: self.sbc,
            name: self.name.clone(),
            bind: self.bind.iter().map(|address| SocketAddr::new(*address, self.port)).collect(),
            directory: self.directory.clone(),
            own,
            sbc_roots: self.sbc_ca.clone(),
            carrier: (!self.no_carrier).then_some((self.carrier, self.sbc_carrier)),
            numbers: Numbers { platform: self.platform_number.clone(), carrier: self.carrier_number.clone() },
            patience: if self.long { Patience::Long } else { Patience::Usual },
            only: self.only.clone(),
        }
    }

    /// Every file that is named is one.
    fn files(&self) -> Result<(), String> {
        let named = [("--cert", &self.cert), ("--key", &self.key), ("--ca", &self.ca), ("--sbc-ca", &self.sbc_ca)];
        for (option, path) in named.into_iter().filter_map(|(option, path)| Some((option, path.as_ref()?))) {
            let remedy = format!("name a PEM file with {option}");
            let unusable = |error: file::Unusable| format!("{} {}", path.display(), error.with(&remedy));
            file::read(path, CONFIG_OCTETS).map(Zeroizing::new).map_err(unusable)?;
        }
        Ok(())
    }
}

/// Runs the lab to its end, or prints its block.
pub fn run(arguments: &LabArguments) -> Exit {
    let wish = arguments.wish();
    if let Err(words) = known(wish.platform.setting(), &wish.only).and_then(|()| arguments.files()) {
        eprintln!("trunkline lab: {words}");
        return Exit::Usage;
    }
    if arguments.print_config {
        return match prepare(&wish) {
            Ok(authority) => {
                print!("{}", overriding::block(&wish, &authority));
                Exit::Ok
            }
            Err(words) => failed(&words),
        };
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.to_string()),
    };
    let quiet = arguments.json;
    let mut progress = |line: &str| {
        if !quiet {
            println!("{line}");
        }
    };
    match runtime.block_on(run_lab(&wish, &mut progress)) {
        Ok(report) => told(&report, arguments.json),
        Err(words) => failed(&words),
    }
}

fn told(report: &Report, json: bool) -> Exit {
    match json {
        true => println!("{:#}", report.json()),
        false => println!("\n{}", report.text()),
    }
    if report.passed() { Exit::Ok } else { Exit::Findings }
}

fn failed(words: &str) -> Exit {
    eprintln!("trunkline lab: {words}");
    if words.contains("in use") { Exit::Taken } else { Exit::Findings }
}
