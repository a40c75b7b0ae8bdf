//! The socket: who may use it, and lines in and out.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream as Blocking;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::answers::Hands;
use super::request::Request;
use crate::base::bounds::Bound;
use crate::base::limits::{CONTROL_CLIENTS, CONTROL_OCTETS};

/// How long a client may take to ask, and to take its answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Listens at `path`, and answers until the process ends. Call it inside the runtime.
///
/// # Errors
/// The socket cannot be made; `AddrInUse`: another daemon answers there; `AlreadyExists`: something else than a socket is there.
pub fn listen(path: &Path, hands: Arc<Hands>) -> io::Result<()> {
    if Blocking::connect(path).is_ok() {
        return Err(io::Error::new(io::ErrorKind::AddrInUse, "another daemon answers there"));
    }
    if fs::symlink_metadata(path).is_ok_and(|there| !there.file_type().is_socket()) {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "what is there is no socket; it is left alone"));
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    // Made under another name, so that it is never there with more rights than it shall have.
    let beside = beside(path);
    let _ = fs::remove_file(&beside);
    let listener = UnixListener::bind(&beside)?;
    fs::set_permissions(&beside, Permissions::from_mode(0o600))?;
    fs::rename(&beside, path)?;
    tokio::spawn(serve(listener, hands));
    Ok(())
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    path.with_file_name(name)
}

async fn serve(listener: UnixListener, hands: Arc<Hands>) {
    let room = Arc::new(Semaphore::new(CONTROL_CLIENTS));
    loop {
        if room.available_permits() == 0 {
            Bound::ControlClients.reached();
        }
        let Ok(seat) = room.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) if may_ask(&stream) => {
                let hands = hands.clone();
                tokio::spawn(async move {
                    // A client that goes away in the middle has seen enough.
                    let _ = converse(stream, hands).await;
                    drop(seat);
                });
            }
            Ok(_) => tracing::warn!("a user other than ours and root knocked at the control socket"),
            // Out of descriptors: the next client may find some.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// Our own user and root.
fn may_ask(stream: &UnixStream) -> bool {
    let own = rustix::process::geteuid().as_raw();
    stream.peer_cred().is_ok_and(|peer| peer.uid() == own || peer.uid() == 0)
}

async fn converse(stream: UnixStream, hands: Arc<Hands>) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    loop {
        let mut line = Vec::new();
        let asked = timeout(PATIENCE, (&mut read).take(CONTROL_OCTETS).read_until(b'\n', &mut line)).await;
        if asked?? == 0 {
            return Ok(());
        }
        if u64::try_from(line.len()).unwrap_or(u64::MAX) >= CONTROL_OCTETS {
            Bound::ControlOctets.reached();
        }
        let answer = answered(&line, &hands).await;
        let mut text = answer.to_string();
        text.push('\n');
        timeout(PATIENCE, write.write_all(text.as_bytes())).await??;
    }
}

/// What is asked may wait for the engine: not on a thread that serves the network.
async fn answered(line: &[u8], hands: &Arc<Hands>) -> Value {
    let request: Request = match serde_json::from_slice(line) {
        Ok(request) => request,
        Err(error) => return json!({ "error": format!("no request: {error}") }),
    };
    let hands = hands.clone();
    let answer = tokio::task::spawn_blocking(move || hands.answer(request)).await;
    match answer {
        Ok(Ok(value)) => value,
        Ok(Err(text)) => json!({ "error": text }),
        Err(_) => json!({ "error": "the request failed; the log says why" }),
    }
}
