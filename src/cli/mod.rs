//! The command line: one file per command.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub mod check;
pub mod ctl;
#[cfg(feature = "lab")]
pub mod demo;
pub mod doctor;
pub mod exit;
pub mod explain;
pub mod import;
#[cfg(feature = "lab")]
pub mod lab;
pub mod profiles;
pub mod run;

use crate::explain::Question;
use crate::nsg;
use crate::store::import::{Mode, NumberType, Options, Strictness};
use exit::Exit;

/// Where the configuration is when nobody says otherwise.
pub(crate) const CONFIG: &str = "/etc/trunkline/trunkline.toml";

/// A direct-routing session border controller: SIP over TLS and SRTP between carriers and cloud voice platforms.
#[derive(Debug, Parser)]
#[command(name = "trunkline", version, about, propagate_version = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon.
    #[command(override_usage = "trunkline run [OPTIONS] [FILE]")]
    Run(ConfigFile),
    /// Check the configuration: every error at once, with line, path and what to write instead.
    #[command(override_usage = "trunkline check [OPTIONS] [FILE]")]
    Check(ConfigFile),
    /// Place calls through a daemon on this machine's loopback, against a lab platform and a lab carrier.
    #[cfg(feature = "lab")]
    Demo(DemoArguments),
    /// Play a platform and a carrier against any SBC, and print what of the platform's statements it keeps. No certification.
    #[cfg(feature = "lab")]
    Lab(Box<lab::LabArguments>),
    /// Say what would happen to a call, and why: numbers, account, routes, candidates, every header of the INVITE.
    Explain(ExplainArguments),
    /// Import phone numbers from a CSV file into the store: PhoneNumber.csv, a single column Numbers, or our own layout.
    Import(ImportArguments),
    /// Prove that this deployment can take calls: machine, names, certificates, targets, addresses; and say what to change.
    ///
    /// Exit code, with --json and without: 0 nothing is at fault (warnings are printed), 1 something breaks calls, 64 wrong
    /// usage, 78 the configuration is refused.
    #[command(override_usage = "trunkline doctor [OPTIONS] [FILE]")]
    Doctor {
        #[command(flatten)]
        file: ConfigFile,
        /// Findings as a JSON array, for programs.
        #[arg(long)]
        json: bool,
        /// Exit with 1 for warnings too: before going live, and for monitoring.
        #[arg(long)]
        strict: bool,
        /// Seconds to wait for OPTIONS of the platforms that send them; 0: not at all.
        #[arg(long, value_name = "S", default_value_t = 65)]
        listen: u64,
        /// Only explain a response code of Microsoft's admin centre, such as 510532.
        #[arg(long, value_name = "N")]
        code: Option<u32>,
    },
    /// Print the rules that an Azure network security group needs for this configuration.
    Nsg(NsgArguments),
    /// Ask the running daemon, or tell it something, over its control socket.
    Ctl(ctl::CtlArguments),
    /// Show what was said on the wire about a call that goes on or ended lately: both legs, decrypted, secrets masked.
    Trace(ctl::TraceArguments),
    /// Show the built-in peer profiles, or one of them.
    Profiles {
        /// The profile to show.
        name: Option<String>,
    },
}

#[derive(Debug, Args)]
struct ConfigFile {
    /// The configuration file.
    #[arg(long, value_name = "FILE", default_value = CONFIG)]
    config: PathBuf,
    /// The same without --config.
    #[arg(value_name = "FILE", conflicts_with = "config")]
    file: Option<PathBuf>,
    /// Keys of this file stand above those of the configuration file: tables are merged, anything else is replaced.
    #[arg(long = "override", value_name = "FILE")]
    overriding: Option<PathBuf>,
}

impl ConfigFile {
    /// The configuration file, however it was named, and what is laid over it.
    fn named(self) -> (PathBuf, Option<PathBuf>) {
        (self.file.unwrap_or(self.config), self.overriding)
    }
}

#[derive(Debug, Args)]
struct ExplainArguments {
    /// The configuration file.
    #[arg(long, value_name = "FILE", default_value = CONFIG)]
    config: PathBuf,
    /// Trunk the call comes in on.
    #[arg(long, value_name = "TRUNK")]
    from: String,
    /// The caller, as the trunk's peer writes it: a number or a sip: or tel: URI. Without it: anonymous.
    #[arg(long, value_name = "N", default_value = "", allow_hyphen_values = true)]
    calling: String,
    /// The called party, as the trunk's peer writes it.
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    called: String,
    /// A further header of the incoming INVITE; may be given more than once.
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(String, String)>,
    /// For programs, as routes:evaluate of the API answers.
    #[arg(long)]
    json: bool,
}

/// What is wrong with the value is said when it is put into the INVITE.
fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("write NAME: VALUE")?;
    Ok((name.trim().to_owned(), value.trim_matches(' ').to_owned()))
}

impl ExplainArguments {
    fn options(self) -> explain::ExplainOptions {
        let Self { config, from, calling, called, headers, json } = self;
        let form = if json { explain::Form::Json } else { explain::Form::Text };
        explain::ExplainOptions { config, question: Question { from, calling, called, headers }, form }
    }
}

#[derive(Debug, Args)]
struct ImportArguments {
    /// The CSV file, at most 2 MiB and 10,000 rows.
    file: PathBuf,
    /// The configuration file; it names the store by node.state_dir.
    #[arg(long, value_name = "FILE", default_value = CONFIG)]
    config: PathBuf,
    /// Validate only; change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Account of the numbers, where no column names one.
    #[arg(long, value_name = "A")]
    account: Option<String>,
    /// Carrier of the numbers, where no column names one.
    #[arg(long, value_name = "C")]
    carrier: Option<String>,
    /// Country of the numbers: ISO 3166, two letters.
    #[arg(long, value_name = "DE")]
    country: Option<String>,
    /// Kind of the numbers: local, tollFree, mobile, shortCode, other.
    #[arg(long = "type", value_name = "KIND", default_value = "local", value_parser = kind_of_number)]
    kind: NumberType,
    /// A service the numbers are used with; may be given more than once.
    #[arg(long = "service", value_name = "S")]
    services: Vec<String>,
    /// Contents of the custom header.
    #[arg(long, value_name = "TEXT")]
    custom_header: Option<String>,
    /// What becomes of numbers that exist, and of those that do not.
    #[arg(long, value_enum, default_value_t = ImportMode::Upsert)]
    mode: ImportMode,
    /// Take what the vendor's own import refuses (unquoted numbers, Yes and No) with a warning.
    #[arg(long)]
    lenient: bool,
    /// Numbers may receive calls, where no column says so.
    #[arg(long)]
    inbound: bool,
    /// Numbers may make calls, where no column says so.
    #[arg(long)]
    outbound: bool,
    /// Order or ticket the numbers belong to.
    #[arg(long, value_name = "T")]
    ticket: Option<String>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum ImportMode {
    Create,
    Upsert,
    Delete,
}

fn kind_of_number(word: &str) -> Result<NumberType, String> {
    NumberType::from_word(word).ok_or_else(|| "write local, tollFree, mobile, shortCode or other".to_owned())
}

impl ImportArguments {
    fn import(self) -> import::ImportOptions {
        let options = Options {
            account: self.account,
            carrier: self.carrier,
            country: self.country,
            number_type: self.kind,
            services: self.services.into_iter().collect(),
            custom_header: self.custom_header,
            inbound: self.inbound,
            outbound: self.outbound,
            mode: match self.mode {
                ImportMode::Create => Mode::Create,
                ImportMode::Upsert => Mode::Upsert,
                ImportMode::Delete => Mode::Delete,
            },
            strictness: if self.lenient { Strictness::Lenient } else { Strictness::Strict },
            ticket: self.ticket,
        };
        let rehearsal = if self.dry_run { import::Rehearsal::Only } else { import::Rehearsal::No };
        import::ImportOptions { config: self.config, file: self.file, options, rehearsal }
    }
}

#[derive(Debug, Args)]
struct NsgArguments {
    /// The configuration file.
    #[arg(long, value_name = "FILE", default_value = CONFIG)]
    config: PathBuf,
    /// A table to read, commands of the az command line, or a Bicep resource.
    #[arg(long, value_enum, default_value_t = NsgFormat::Text)]
    format: NsgFormat,
    /// Name of the network security group.
    #[arg(long, value_name = "NAME", default_value = "trunkline")]
    name: String,
    /// Resource group, for the az commands.
    #[arg(long, value_name = "GROUP", default_value = "trunkline")]
    resource_group: String,
    /// Who may reach the API's port where it is not on loopback; may be given more than once.
    #[arg(long = "admin", value_name = "CIDR")]
    administrators: Vec<ipnet::IpNet>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum NsgFormat {
    /// A table to read.
    Text,
    /// Commands of the az command line, for a shell.
    Az,
    /// A Bicep resource.
    Bicep,
}

impl NsgArguments {
    fn show(self) -> Exit {
        let NsgArguments { config, format, name, resource_group, administrators } = self;
        let format = match format {
            NsgFormat::Text => nsg::Format::Text,
            NsgFormat::Az => nsg::Format::Az,
            NsgFormat::Bicep => nsg::Format::Bicep,
        };
        let options = nsg::NsgOptions { format, name, resource_group, administrators };
        shown(nsg::run(&config, &options, &mut io::stdout()), |shown| match shown {
            nsg::Shown::Complete => Exit::Ok,
            nsg::Shown::WithGaps => Exit::Findings,
            nsg::Shown::Refused => Exit::Configuration,
        })
    }
}

#[cfg(feature = "lab")]
#[derive(Debug, Args)]
struct DemoArguments {
    /// Move every port of the demo: UDP at N, TLS one above, metrics two above.
    #[arg(long, value_name = "N", default_value_t = 5060, value_parser = clap::value_parser!(u16).range(1024..=64000))]
    base_port: u16,
    /// Leave the daemon running afterwards, to point a softphone or SIPp at it.
    #[arg(long)]
    keep: bool,
    /// Seconds of two-way audio in each call.
    #[arg(long, value_name = "S", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
}

#[cfg(feature = "lab")]
impl DemoArguments {
    fn options(&self) -> demo::DemoOptions {
        demo::DemoOptions { base_port: self.base_port, keep: self.keep, seconds: self.seconds }
    }
}

/// Runs one command line; the first argument is the program's name.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    match CommandLine::try_parse_from(arguments) {
        Ok(line) => execute(line.command),
        Err(error) => {
            let asked = !error.use_stderr();
            // A closed terminal is no reason for another code.
            let _ = error.print();
            if asked { Exit::Ok } else { Exit::Usage }
        }
    }
}

fn execute(command: Command) -> Exit {
    match command {
        Command::Run(file) => {
            let (config, overriding) = file.named();
            run::run(&config, overriding.as_deref())
        }
        Command::Check(file) => {
            let (config, overriding) = file.named();
            let checked = check::run_overridden(&config, overriding.as_deref(), &mut io::stdout());
            shown(checked, |checked| match checked {
                check::Checked::Accepted => Exit::Ok,
                check::Checked::Refused => Exit::Configuration,
            })
        }
        #[cfg(feature = "lab")]
        Command::Demo(arguments) => demo::run(arguments.options()),
        #[cfg(feature = "lab")]
        Command::Lab(arguments) => lab::run(&arguments),
        Command::Explain(arguments) => shown(explain::run(&arguments.options(), &mut io::stdout()), |exit| exit),
        Command::Import(arguments) => import::run(&arguments.import()),
        Command::Doctor { code: Some(code), .. } => {
            shown(doctor::explain(code, &mut io::stdout()), |explained| match explained {
                doctor::Code::Known => Exit::Ok,
                doctor::Code::Unknown => Exit::Findings,
            })
        }
        Command::Doctor { file, json, strict, listen, code: None } => {
            let form = if json { doctor::Form::Json } else { doctor::Form::Text };
            let listen = std::time::Duration::from_secs(listen);
            let (config, overriding) = file.named();
            let standard = if strict { doctor::Standard::Warnings } else { doctor::Standard::Faults };
            let question = doctor::Question { config, overriding, form, listen, standard };
            shown(doctor::run(&question, &mut io::stdout()), |health| match health {
                doctor::Health::Well => Exit::Ok,
                doctor::Health::Findings => Exit::Findings,
                doctor::Health::Refused => Exit::Configuration,
            })
        }
        Command::Nsg(arguments) => arguments.show(),
        Command::Ctl(arguments) => arguments.run(),
        Command::Trace(arguments) => arguments.run(),
        Command::Profiles { name } => shown(profiles::run(name.as_deref(), &mut io::stdout()), |found| match found {
            profiles::Shown::Found => Exit::Ok,
            profiles::Shown::Unknown => Exit::Usage,
        }),
    }
}

/// The exit of a command that writes to standard output. A reader that went away (`| head`) has seen enough.
fn shown<T>(outcome: io::Result<T>, exit: impl FnOnce(T) -> Exit) -> Exit {
    match outcome {
        Ok(value) => exit(value),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Ok,
        Err(_) => Exit::Internal,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<CommandLine, clap::Error> {
        CommandLine::try_parse_from(line.split(' '))
    }

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn run_reads_the_packaged_file_unless_told_otherwise() {
        let config = |line| match parse(line).unwrap().command {
            Command::Run(file) => file.named().0,
            other => panic!("{other:?}"),
        };
        assert_eq!(config("trunkline run"), PathBuf::from(CONFIG));
        assert_eq!(config("trunkline run --config a.toml"), PathBuf::from("a.toml"));
        assert_eq!(config("trunkline run a.toml"), PathBuf::from("a.toml"));
        assert!(parse("trunkline run --config a.toml b.toml").is_err());
    }

    #[test]
    fn a_wrong_usage_ends_with_64() {
        let exit = |line: &str| main(line.split(' ').map(OsString::from));
        assert_eq!(exit("trunkline nonsense"), Exit::Usage);
        assert_eq!(exit("trunkline run --nonsense"), Exit::Usage);
        assert_eq!(exit("trunkline --version"), Exit::Ok);
    }
}
