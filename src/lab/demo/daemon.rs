//! The daemon as a child process: started, asked for readiness and gauges over HTTP, stopped and reaped.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::ground::Ground;

/// From start to ready.
const READY_LIMIT: Duration = Duration::from_secs(20);
/// From TERM to the end, above the configured drain.
const STOP_LIMIT: Duration = Duration::from_secs(10);
/// Calls and dialogs linger a little (the ACK's wait, the media ports' last packets).
const IDLE_LIMIT: Duration = Duration::from_secs(40);
const POLL: Duration = Duration::from_millis(100);
const HTTP_LIMIT: Duration = Duration::from_secs(3);
const HTTP_SIZE: u64 = 1024 * 1024;
/// Log lines shown when something failed.
const TAIL: usize = 15;

/// Gauges that must be zero when every call has ended. Transactions linger longer by design (timers J, I, K).
pub const IDLE_GAUGES: [&str; 3] = ["sbc_calls", "sbc_dialogs", "sbc_streams"];

/// A running daemon. Killed and reaped when dropped.
pub struct Daemon {
    child: Child,
    log: PathBuf,
    http: SocketAddr,
}

impl Daemon {
    /// Starts this very program as `run --config FILE`, its output into the log file.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(ground: &Ground) -> Result<Daemon, String> {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let log = File::create(&ground.log).map_err(|error| error.to_string())?;
        let log_too = log.try_clone().map_err(|error| error.to_string())?;
        let child = Command::new(program)
            .args(["run", "--config"])
            .arg(&ground.config)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(log_too)
            // Its own group: Ctrl-C on the terminal reaches the demo, which then stops it in order.
            .process_group(0)
            .spawn()
            .map_err(|error| format!("the daemon does not start: {error}"))?;
        Ok(Daemon { child, log: ground.log.clone(), http: ground.ports.metrics() })
    }

    /// Its process number.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until `/readyz` says 200.
    ///
    /// # Errors
    /// It ended, or was not ready in time.
    pub async fn wait_ready(&mut self) -> Result<Duration, String> {
        let began = Instant::now();
        while began.elapsed() < READY_LIMIT {
            if let Some(status) = self.ended()? {
                return Err(format!("the daemon ended before it was ready ({status})"));
            }
            if let Ok((200, _)) = fetch(self.http, "/readyz").await {
                return Ok(began.elapsed());
            }
            tokio::time::sleep(POLL).await;
        }
        Err(format!("the daemon was not ready after {} s", READY_LIMIT.as_secs()))
    }

    fn ended(&mut self) -> Result<Option<ExitStatus>, String> {
        self.child.try_wait().map_err(|error| error.to_string())
    }

    /// Waits until the tables of calls, dialogs and streams are empty; what is not, in words.
    pub async fn wait_idle(&mut self) -> Vec<String> {
        let began = Instant::now();
        loop {
            let busy = match fetch(self.http, "/metrics").await {
                Ok((200, text)) => busy_gauges(&text),
                Ok((status, _)) => vec![format!("/metrics answers {status}")],
                Err(words) => vec![format!("/metrics: {words}")],
            };
            let gone = !matches!(self.ended(), Ok(None));
            if busy.is_empty() || gone || began.elapsed() > IDLE_LIMIT {
                return busy;
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Log lines of level ERROR and panics.
    #[must_use]
    pub fn errors_logged(&self) -> Vec<String> {
        let bad = |line: &&str| {
            line.contains("\"level\":\"ERROR\"") || line.contains(" ERROR ") || line.contains("panicked at")
        };
        self.read_log().lines().filter(bad).map(str::to_owned).collect()
    }

    /// The last lines of the log.
    #[must_use]
    pub fn log_tail(&self) -> Vec<String> {
        let text = self.read_log();
        let mut lines: Vec<String> = text.lines().rev().take(TAIL).map(str::to_owned).collect();
        lines.reverse();
        lines
    }

    fn read_log(&self) -> String {
        fs::read(&self.log).map(|octets| String::from_utf8_lossy(&octets).into_owned()).unwrap_or_default()
    }

    /// TERM, then patience, then the axe.
    ///
    /// # Errors
    /// It had to be killed, or ended with a failure.
    pub async fn stop(mut self) -> Result<(), String> {
        if let Some(status) = self.ended()? {
            return Err(format!("the daemon had ended by itself ({status})"));
        }
        self.terminate()?;
        let began = Instant::now();
        while began.elapsed() < STOP_LIMIT {
            match self.ended()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(format!("the daemon ended with {status} after TERM")),
                None => tokio::time::sleep(POLL).await,
            }
        }
        Err(format!("the daemon was still there {} s after TERM and was killed", STOP_LIMIT.as_secs()))
    }

    fn terminate(&self) -> Result<(), String> {
        let id = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw).ok_or("no process")?;
        rustix::process::kill_process(id, rustix::process::Signal::TERM).map_err(|error| error.to_string())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// A gauge that is missing or not zero, in words.
fn busy_gauges(text: &str) -> Vec<String> {
    IDLE_GAUGES.iter().filter_map(|name| busy_gauge(text, name)).collect()
}

fn busy_gauge(text: &str, name: &str) -> Option<String> {
    let value = |line: &str| -> Option<f64> {
        let rest = line.strip_prefix(name)?;
        let rest = if rest.starts_with('{') { rest.split_once('}')?.1 } else { rest };
        rest.strip_prefix(' ')?.split(' ').next()?.parse().ok()
    };
    let values: Vec<f64> = text.lines().filter_map(value).collect();
    if values.is_empty() {
        return Some(format!("gauge {name} is not exported"));
    }
    let sum: f64 = values.iter().sum();
    (sum != 0.0).then(|| format!("gauge {name} is {sum} after all calls"))
}

/// A small HTTP GET: status and body.
async fn fetch(address: SocketAddr, path: &str) -> Result<(u16, String), String> {
    let talk = async {
        let mut stream = TcpStream::connect(address).await?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut octets = Vec::new();
        stream.take(HTTP_SIZE).read_to_end(&mut octets).await?;
        Ok::<_, std::io::Error>(octets)
    };
    let octets = tokio::time::timeout(HTTP_LIMIT, talk).await.map_err(|_| "no answer".to_owned())?;
    let text = String::from_utf8_lossy(&octets.map_err(|error| error.to_string())?).into_owned();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or("not HTTP")?;
    Ok((status, text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gauges_are_summed_over_their_labels() {
        let text = "sbc_calls 0\nsbc_dialogs{side=\"a\"} 0\nsbc_dialogs{side=\"b\"} 2\nsbc_streams_total 7\n";
        let busy = busy_gauges(text);
        assert_eq!(busy, ["gauge sbc_dialogs is 2 after all calls", "gauge sbc_streams is not exported"]);
    }
}
