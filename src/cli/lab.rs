//! `trunkline lab`: platforms and a carrier to test any SBC against (see `lab::platform`).

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::exit::Exit;
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
    platform: PlatformName,
    /// Where the SBC takes the platform's calls, over TLS.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:5061")]
    sbc: SocketAddr,
    /// The SBC's FQDN, as in its Contact and its certificate.
    #[arg(long, value_name = "FQDN", default_value = "sbc1.example.com")]
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
    /// Where the carrier on the other side of the SBC is, over UDP.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.3.1:5060")]
    carrier: SocketAddr,
    /// Where the SBC takes the carrier's calls.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:5060")]
    sbc_carrier: SocketAddr,
    /// Play no carrier: only what the platform can see alone is exercised.
    #[arg(long)]
    no_carrier: bool,
    /// A number that the SBC sends to the platform.
    #[arg(long, value_name = "NUMBER", default_value = "+493012345678")]
    platform_number: String,
    /// A number that the SBC sends to the carrier.
    #[arg(long, value_name = "NUMBER", default_value = "+494076543210")]
    carrier_number: String,
    /// Also what takes minutes.
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

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PlatformName {
    Teams,
    TeamsBypass,
    Acs,
    Genesys,
    Zoom,
    Carrier,
    CarrierRegister,
    CarrierGin,
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
            platform: match self.platform {
                PlatformName::Teams => Platform::Teams,
                PlatformName::TeamsBypass => Platform::TeamsBypass,
                PlatformName::Acs => Platform::Acs,
                PlatformName::Genesys => Platform::Genesys,
                PlatformName::Zoom => Platform::Zoom,
                PlatformName::Carrier => Platform::Carrier,
                PlatformName::CarrierRegister => Platform::CarrierRegister,
                PlatformName::CarrierGin => Platform::CarrierGin,
            },
            sbc: self.sbc,
            name: self.name.clone(),
            bind: self.bind.iter().map(|address| SocketAddr::new(*address, self.port)).collect(),
            directory: self.directory.clone(),
            own,
            carrier: (!self.no_carrier).then_some((self.carrier, self.sbc_carrier)),
            numbers: Numbers { platform: self.platform_number.clone(), carrier: self.carrier_number.clone() },
            patience: if self.long { Patience::Long } else { Patience::Usual },
            only: self.only.clone(),
        }
    }
}

/// Runs the lab to its end, or prints its block.
pub fn run(arguments: &LabArguments) -> Exit {
    let wish = arguments.wish();
    if let Err(words) = known(wish.platform.setting(), &wish.only) {
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
