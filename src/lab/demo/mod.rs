//! The demo: a daemon of its own, a lab platform and a lab carrier, calls in both directions, everything verified.

pub mod daemon;
pub mod ground;
pub mod outcome;
pub mod script;
pub mod stage;
pub mod table;

use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};

use self::daemon::Daemon;
use self::ground::{CARRIER, Ground, GroundError};
use self::outcome::CallOutcome;
use self::stage::{CARRIER_AGENT, PLATFORM_AGENT, Progress, Stage};
use self::table::{Check, Paint};
use super::agent::Guests;
use super::ladder::Way;

/// What a run is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// UDP there, TLS one above, metrics two above.
    pub base_port: u16,
    /// Of two-way audio per long call.
    pub talk: Duration,
    pub afterwards: Afterwards,
}

/// What becomes of the daemon when the calls are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Afterwards {
    Stop,
    /// It runs until INT or TERM; the lab's ends answer whoever calls.
    Keep,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Passed,
    Findings,
    PortTaken,
}

/// Runs the demo and prints as it goes.
pub async fn run(wish: Wish) -> Verdict {
    let ground = match Ground::prepare(wish.base_port) {
        Ok(ground) => ground,
        Err(GroundError::PortTaken(words)) => {
            eprintln!("{words}");
            return Verdict::PortTaken;
        }
        Err(GroundError::Other(words)) => {
            eprintln!("{words}");
            return Verdict::Findings;
        }
    };
    let ended = tokio::select! {
        ended = run_on(&ground, wish) => ended,
        () = interrupted() => {
            println!("interrupted");
            Ended { verdict: Verdict::Findings, kept: None }
        }
    };
    if let Some((stage, daemon)) = ended.kept {
        keep(&ground, &stage, daemon).await;
    }
    ended.verdict
}

/// What is left of a run.
struct Ended {
    verdict: Verdict,
    kept: Option<(Stage, Daemon)>,
}

async fn run_on(ground: &Ground, wish: Wish) -> Ended {
    let began = Instant::now();
    let (stage, mut daemon) = match begin(ground, wish.talk).await {
        Ok(begun) => begun,
        Err(words) => {
            eprintln!("{words}");
            return Ended { verdict: Verdict::Findings, kept: None };
        }
    };
    let (calls, mut checks) = play(&stage).await;
    stage.say("waiting until the daemon's tables are empty");
    checks.push(idle_check(&mut daemon).await);
    checks.push(fault_check(&stage));
    checks.push(log_check(&daemon));
    let log_tail = daemon.log_tail();
    let kept = match wish.afterwards {
        Afterwards::Keep => Some((stage, daemon)),
        Afterwards::Stop => {
            checks.push(stop_check(daemon).await);
            None
        }
    };
    print_page(&calls, &checks, &log_tail, began.elapsed());
    let passed = calls.iter().all(|call| call.findings.is_empty()) && checks.iter().all(|c| c.findings.is_empty());
    Ended { verdict: if passed { Verdict::Passed } else { Verdict::Findings }, kept }
}

fn print_page(calls: &[CallOutcome], checks: &[Check], log_tail: &[String], took: Duration) {
    let paint = Paint::of_stdout();
    println!();
    for outcome in calls {
        println!("{}", table::call(outcome, paint));
    }
    print!("{}", table::summary(calls, checks, log_tail, took, paint));
}

async fn begin(ground: &Ground, talk: Duration) -> Result<(Stage, Daemon), String> {
    let stage = Stage::set(ground, talk, Progress::Print).await?;
    stage.say(&format!(
        "lab platform at {} (TLS, SRTP), lab carrier at {} (UDP, RTP)",
        ground.ports.platform(),
        ground.ports.carrier()
    ));
    let mut daemon = Daemon::start(ground)?;
    match daemon.wait_ready().await {
        Ok(_) => stage.say(&format!("daemon ready: TLS {}, UDP {}", ground.ports.sbc_tls(), ground.ports.sbc_udp())),
        Err(words) => return Err(format!("{words}; its last words:\n  {}", daemon.log_tail().join("\n  "))),
    }
    Ok((stage, daemon))
}

/// All calls at once, and OPTIONS among them.
pub async fn play(stage: &Stage) -> (Vec<CallOutcome>, Vec<Check>) {
    let (a, b, c, d, probed) = tokio::join!(
        script::long_call(stage, script::FROM_PLATFORM),
        script::long_call(stage, script::FROM_CARRIER),
        script::refused_call(stage),
        script::cancelled_call(stage),
        script::probes(stage),
    );
    let probes = Check {
        name: "OPTIONS to the SBC",
        seen: "200 with Allow, Accept and Supported to both ends".to_owned(),
        findings: probed,
    };
    (vec![a, b, c, d], vec![probes, probed_check(stage)])
}

/// The SBC asks its peers whether they are there; the run is longer than its interval.
fn probed_check(stage: &Stage) -> Check {
    let mut findings = Vec::new();
    let mut counts = Vec::new();
    for agent in [PLATFORM_AGENT, CARRIER_AGENT] {
        let of_agent = |way, label: &str| {
            let label = label.to_owned();
            stage.ladder.filtered(move |entry| {
                entry.agent == agent && entry.way == way && entry.method == "OPTIONS" && entry.label.starts_with(&label)
            })
        };
        let (asked, answered) = (of_agent(Way::Received, "OPTIONS").len(), of_agent(Way::Sent, "200").len());
        counts.push(format!("{asked} at the {agent}"));
        if asked == 0 || answered == 0 {
            findings.push(format!("the {agent} was asked {asked} times and answered {answered} times"));
        }
    }
    Check { name: "OPTIONS from the SBC", seen: counts.join(", "), findings }
}

async fn idle_check(daemon: &mut Daemon) -> Check {
    Check {
        name: "Tables empty afterwards",
        seen: format!("{} are 0", daemon::IDLE_GAUGES.join(", ")),
        findings: daemon.wait_idle().await,
    }
}

fn fault_check(stage: &Stage) -> Check {
    Check {
        name: "Messages and handshakes",
        seen: "all readable by rsip, complete, nothing of the other side shown".to_owned(),
        findings: [stage.platform.faults(), stage.carrier.faults()].concat(),
    }
}

fn log_check(daemon: &Daemon) -> Check {
    Check { name: "Daemon's log", seen: "no line of level ERROR".to_owned(), findings: daemon.errors_logged() }
}

async fn stop_check(daemon: Daemon) -> Check {
    let findings = daemon.stop().await.err().into_iter().collect();
    Check { name: "Daemon stopped by TERM", seen: "exit 0".to_owned(), findings }
}

/// Tells how to call in, and waits.
async fn keep(ground: &Ground, stage: &Stage, daemon: Daemon) {
    stage.platform.receive_guests(Guests::Answer);
    stage.carrier.receive_guests(Guests::Answer);
    println!("{}", invitation(ground, daemon.id()));
    interrupted().await;
    if let Err(words) = daemon.stop().await {
        println!("{words}");
    }
}

fn invitation(ground: &Ground, process: u32) -> String {
    let ports = ground.ports;
    let sipp_port = ports.udp.checked_add(1_000).unwrap_or(7_060);
    [
        format!("\nThe daemon is still running (process {process}); Ctrl-C ends it."),
        format!("  configuration   {}", ground.config.display()),
        format!("  log             {}", ground.log.display()),
        format!("  metrics         http://{}/metrics", ports.metrics()),
        format!("  certificates    {}", ground.directory.path().display()),
        "The lab's platform and carrier answer every number after one second of ringing.".to_owned(),
        format!(
            "  SIPp as carrier     sipp -sn uac -s +494076543210 -i {CARRIER} -p {sipp_port} -m 1 -d 3000 {}",
            ports.sbc_udp()
        ),
        format!(
            "  softphone           UDP, no registration, from 127.0.0.1; dial sip:+494076543210@{}",
            ports.sbc_udp()
        ),
        format!(
            "  platform over TLS   {} from 127.0.1.1 with platform.chain.pem and platform.key.pem, SRTP (SDES);",
            ports.sbc_tls()
        ),
        format!("                      dial sip:+49301234567@sbc.lab.test:{};transport=tls", ports.tls),
    ]
    .join("\n")
}

/// INT or TERM.
async fn interrupted() {
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
