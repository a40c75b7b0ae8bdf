//! `trunkline ctl` and `trunkline trace`: questions to the running daemon over its control socket.

use std::io::{self, BufRead, BufReader, Write};
use std::net::IpAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::Value;

use super::exit::Exit;
use crate::config;
use crate::daemon::control::{self, Question, Request};

/// For each step of a question. A reload of the largest configurations takes seconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// `trunkline ctl`.
#[derive(Debug, Args)]
pub struct CtlArguments {
    #[command(flatten)]
    daemon: Daemon,
    #[command(subcommand)]
    order: Order,
}

/// Which daemon is asked.
#[derive(Debug, Args)]
struct Daemon {
    /// The configuration file of the daemon: it names the control socket by node.control.
    #[arg(long, value_name = "FILE", default_value = super::CONFIG, global = true)]
    config: PathBuf,
    /// The control socket itself.
    #[arg(long, value_name = "SOCKET", conflicts_with = "config", global = true)]
    socket: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Order {
    /// Phase, calls, tables, records, trace.
    Status,
    /// Exit 0 when new calls are welcome, else 1.
    Health,
    /// Show the level of the log, or set it until the next start, or until the configuration names another.
    #[command(visible_alias = "log-level")]
    Log {
        /// error, warn, info, debug, trace, or a filter like trunkline::net=trace,info.
        level: Option<String>,
    },
    /// Read the configuration again: all of it comes into force, or nothing.
    Reload,
    /// Every trunk, its standing and its calls.
    Trunks,
    /// Take a trunk out of service, or back. Calls that are there go on.
    Trunk {
        /// As in [trunks.NAME].
        name: String,
        #[arg(value_enum)]
        order: TrunkOrder,
    },
    /// Calls that are not over.
    Calls,
    /// Sources that are banned, for how long, and why.
    Bans,
    /// End the ban of an address.
    Unban {
        /// IPv4, or any address of a banned IPv6 network.
        address: IpAddr,
    },
    /// End a call with BYE or CANCEL.
    Hangup {
        /// Its number, as in the log and in `calls`.
        #[arg(value_parser = call_number)]
        call: u64,
    },
}

fn call_number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "a call is named by its number: `trunkline ctl calls` shows it".to_owned())
}

/// What can be ordered of a trunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum TrunkOrder {
    /// Back into service.
    Enable,
    /// No new call, no emergency call; its OPTIONS get 503.
    Disable,
    /// No new call but emergency calls; its OPTIONS get what options.draining says.
    Drain,
}

/// `trunkline trace`.
#[derive(Debug, Args)]
pub struct TraceArguments {
    #[command(flatten)]
    daemon: Daemon,
    /// Number of the call, or a phone number (or at least its last five digits): its last call.
    who: String,
    /// Show every message after the ladder.
    #[arg(long)]
    messages: bool,
    /// Show JSON instead.
    #[arg(long, conflicts_with = "messages")]
    json: bool,
    /// Write a capture for Wireshark and tshark besides.
    #[arg(long, value_name = "FILE")]
    pcap: Option<PathBuf>,
}

/// In what form a trace is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Ladder,
    /// The ladder and every message.
    Messages,
    Json,
}

impl CtlArguments {
    /// Asks, and shows the answer.
    pub fn run(self) -> Exit {
        let request = match self.order {
            Order::Status => Request::Status {},
            Order::Health => Request::Health {},
            Order::Log { level } => Request::LogLevel { level },
            Order::Reload => Request::Reload {},
            Order::Trunks => Request::Trunks {},
            Order::Trunk { name, order } => Request::Trunk {
                name,
                order: match order {
                    TrunkOrder::Enable => control::Order::Enable,
                    TrunkOrder::Disable => control::Order::Disable,
                    TrunkOrder::Drain => control::Order::Drain,
                },
            },
            Order::Calls => Request::Calls {},
            Order::Bans => Request::Bans {},
            Order::Unban { address } => Request::Unban { address },
            Order::Hangup { call } => Request::HangUp { call },
        };
        run(&self.daemon, &request)
    }
}

impl TraceArguments {
    /// Traces a call.
    pub fn run(self) -> Exit {
        let shape = match (self.messages, self.json) {
            (_, true) => Shape::Json,
            (true, false) => Shape::Messages,
            (false, false) => Shape::Ladder,
        };
        trace(&self.daemon, self.who, shape, self.pcap.as_deref())
    }
}

fn run(daemon: &Daemon, request: &Request) -> Exit {
    let answer = match ask(daemon, request) {
        Ok(answer) => answer,
        Err(exit) => return exit,
    };
    let shown = match request {
        Request::Calls {} => calls(&answer),
        Request::Bans {} => table(&answer, "bans", &["source", "left_s", "times", "why", "over"]),
        Request::Trunks {} => table(&answer, "trunks", &["name", "standing", "callsIncoming", "callsOutgoing"]),
        Request::Reload {} => reloaded(&answer),
        Request::Unban { .. }
        | Request::Status {}
        | Request::Health {}
        | Request::Trunk { .. }
        | Request::LogLevel { .. }
        | Request::HangUp { .. }
        | Request::Trace(_) => fields(&answer, ""),
    };
    print(&shown);
    let is_unwell = *request == Request::Health {} && answer.get("ready") != Some(&Value::Bool(true));
    if is_unwell { Exit::Findings } else { Exit::Ok }
}

fn trace(daemon: &Daemon, who: String, shape: Shape, pcap: Option<&Path>) -> Exit {
    let mut answer = match ask(daemon, &Request::Trace(Question { who })) {
        Ok(answer) => answer,
        Err(exit) => return exit,
    };
    let capture = answer.as_object_mut().and_then(|fields| fields.remove("pcap"));
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    match shape {
        Shape::Json => {
            answer.as_object_mut().map(|fields| fields.remove("ladder"));
            print(&format!("{answer:#}\n"));
        }
        Shape::Ladder => print(&text(answer.get("ladder"))),
        Shape::Messages => print(&(text(answer.get("ladder")) + &messages(&answer))),
    }
    let others = answer.get("others").and_then(Value::as_array).filter(|others| !others.is_empty());
    if let (Some(others), true) = (others, shape != Shape::Json) {
        let others: Vec<String> = others.iter().map(Value::to_string).collect();
        println!("\nother calls of this number: {}", others.join(", "));
    }
    let Some(file) = pcap else { return Exit::Ok };
    let octets: Vec<u8> = pairs(&text(capture.as_ref())).collect();
    match std::fs::write(file, octets) {
        Ok(()) => Exit::Ok,
        Err(error) => {
            eprintln!("trunkline: {}: {error}", file.display());
            Exit::Usage
        }
    }
}

/// Octets of a text in hexadecimal.
fn pairs(text: &str) -> impl Iterator<Item = u8> + '_ {
    let digit = |octet: &u8| char::from(*octet).to_digit(16).and_then(|digit| u8::try_from(digit).ok()).unwrap_or(0);
    text.as_bytes().chunks(2).map(move |pair| pair.iter().fold(0, |value, octet| value << 4 | digit(octet)))
}

fn ask(daemon: &Daemon, request: &Request) -> Result<Value, Exit> {
    let path = match &daemon.socket {
        Some(path) => path.clone(),
        None => config::control_socket(&daemon.config).map_err(|error| {
            eprintln!("trunkline: {error}");
            Exit::Configuration
        })?,
    };
    let answer = exchange(&path, request).map_err(|error| {
        eprintln!("trunkline: the daemon does not answer at {}: {}", path.display(), unanswered(&error));
        Exit::Taken
    })?;
    match answer.get("error").and_then(Value::as_str) {
        Some(text) => {
            eprintln!("trunkline: {text}");
            Err(Exit::Findings)
        }
        None => Ok(answer),
    }
}

/// Why nobody answers, and what to do about it.
fn unanswered(error: &io::Error) -> String {
    let advice = match error.kind() {
        io::ErrorKind::NotFound => {
            "none runs with this configuration; start it, or name its file by --config or its socket by --socket"
        }
        io::ErrorKind::ConnectionRefused => {
            "nobody listens there: it ended and left its socket, or this is no socket; start it, or name its socket by --socket"
        }
        io::ErrorKind::PermissionDenied => {
            "the socket is its user's alone; ask as root, or as that user: sudo -u trunkline"
        }
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            "it took the question and said nothing for a minute; look at its log, or end it with KILL and start it anew"
        }
        _ => return error.to_string(),
    };
    format!("{advice} ({error})")
}

fn exchange(path: &Path, request: &Request) -> io::Result<Value> {
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    Ok(serde_json::from_str(&answer)?)
}

/// A reader that went away (`| head`) has seen enough.
fn print(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

/// `name value`, one a line; those of an object under its name.
fn fields(value: &Value, prefix: &str) -> String {
    let Value::Object(object) = value else { return format!("{prefix} {}\n", plain(value)) };
    let name = |key: &str| if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") };
    object.iter().map(|(key, value)| fields(value, &name(key))).collect()
}

fn calls(answer: &Value) -> String {
    table(answer, "calls", &["call", "state", "from", "to", "account", "calling", "called", "started"])
}

/// Columns of the objects in the list under `key`, one a line.
fn table(answer: &Value, key: &str, columns: &[&str]) -> String {
    let rows = answer.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let mut out = columns.join("\t") + "\n";
    for row in rows {
        let cells: Vec<_> = columns.iter().map(|column| plain(row.get(column).unwrap_or(&Value::Null))).collect();
        out += &(cells.join("\t") + "\n");
    }
    out
}

/// What a reload came to, one key a line.
fn reloaded(answer: &Value) -> String {
    let keys = |kind: &str| answer.get(kind).and_then(Value::as_array).cloned().unwrap_or_default();
    let lines =
        |kind: &str, text: &str| -> String { keys(kind).iter().map(|key| format!("{text}{}\n", plain(key))).collect() };
    let changed = lines("live", "live     ") + &lines("rebind", "rebind   ");
    let left = lines("restart", "restart  ") + &lines("warnings", "warning  ");
    let revision = plain(answer.get("revision").unwrap_or(&Value::Null));
    let word = match (changed.is_empty(), keys("restart").is_empty()) {
        (true, true) => "nothing has changed",
        (_, true) => "in force",
        (_, false) => "in force, but for what takes a restart: its old values stay",
    };
    format!("{changed}{left}configuration {revision}: {word}\n")
}

/// Without quotes; what a terminal must not see is escaped.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => crate::base::text::Escaped::new(text.as_bytes()).to_string(),
        Value::Null => "-".to_owned(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

fn messages(answer: &Value) -> String {
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let all = answer.get("messages").and_then(Value::as_array).cloned().unwrap_or_default();
    let one = |message: &Value| {
        let arrow = if text(message, "direction") == "sent" { "->" } else { "<-" };
        let [at, over, local, remote] = ["at", "transport", "local", "remote"].map(|key| text(message, key));
        let body = text(message, "text");
        let lines =
            body.lines().map(|line| format!("    {}\n", crate::base::text::Escaped::limited(line.as_bytes(), 4096)));
        format!("\n{at} {over} {local} {arrow} {remote}\n{}", lines.collect::<String>())
    };
    all.iter().map(one).collect()
}
