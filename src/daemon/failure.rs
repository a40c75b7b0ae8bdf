//! Why a daemon does not start, and who must act.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::materials::BadFile;
use crate::net::StartError;

/// Why the daemon does not start.
#[derive(Debug)]
pub enum StartFailure {
    /// Files the configuration names.
    Files(Vec<BadFile>),
    Signalling(StartError),
    /// `metrics.bind`.
    Metrics(SocketAddr, io::Error),
    /// `api.bind`.
    Api(SocketAddr, io::Error),
    /// The relay's threads or ports.
    Relay(io::Error),
    /// `cdr.path`.
    Records(PathBuf, io::Error),
    /// Threads, signals, the runtime.
    System(io::Error),
}

impl StartFailure {
    /// Who must act.
    pub fn fault(&self) -> Fault {
        match self {
            StartFailure::Files(_) => Fault::Configuration,
            StartFailure::Signalling(StartError::Taken { .. }) => Fault::Taken,
            StartFailure::Signalling(StartError::Unavailable { .. } | StartError::Tls { .. }) => Fault::Configuration,
            StartFailure::Metrics(_, error)
            | StartFailure::Api(_, error)
            | StartFailure::Relay(error)
            | StartFailure::Records(_, error) => match error.kind() {
                io::ErrorKind::AddrInUse => Fault::Taken,
                io::ErrorKind::AddrNotAvailable
                | io::ErrorKind::PermissionDenied
                | io::ErrorKind::NotADirectory
                | io::ErrorKind::ReadOnlyFilesystem => Fault::Configuration,
                _ => Fault::System,
            },
            StartFailure::System(_) => Fault::System,
        }
    }
}

/// Whose fault it is that the daemon does not start; `cli` turns it into the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The configuration, or a file it names.
    Configuration,
    /// Another process has a port.
    Taken,
    /// The system, or we ourselves.
    System,
}

impl fmt::Display for StartFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartFailure::Files(files) => files.iter().try_for_each(|file| writeln!(f, "{file}")),
            StartFailure::Signalling(error) => write!(f, "{error}"),
            StartFailure::Metrics(address, error) if error.kind() == io::ErrorKind::AddrInUse => {
                write!(
                    f,
                    "TCP port {address} of `metrics.bind` is taken by another process; stop it or change the port"
                )
            }
            StartFailure::Metrics(address, error) => write!(f, "metrics.bind {address}: {error}"),
            StartFailure::Api(address, error) => write!(f, "api.bind {address}: {error}"),
            StartFailure::Relay(error) => write!(f, "the media relay does not start: {error}"),
            StartFailure::Records(folder, error) => {
                let folder = folder.display();
                write!(f, "call records cannot be kept in {folder} (`cdr.path`): {error}")?;
                match error.kind() {
                    io::ErrorKind::ReadOnlyFilesystem => {
                        write!(f, "; a service writes where its unit lets it: ReadWritePaths={folder}")
                    }
                    io::ErrorKind::PermissionDenied => f.write_str("; make the daemon's user its owner"),
                    _ => Ok(()),
                }
            }
            StartFailure::System(error) => write!(f, "the system does not let the daemon start: {error}"),
        }
    }
}

impl std::error::Error for StartFailure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_the_unit_does_not_open_is_told_with_the_remedy() {
        let failure = |kind: io::ErrorKind| StartFailure::Records("/srv/cdr".into(), kind.into()).to_string();
        assert!(failure(io::ErrorKind::ReadOnlyFilesystem).ends_with("ReadWritePaths=/srv/cdr"));
        assert!(failure(io::ErrorKind::PermissionDenied).ends_with("make the daemon's user its owner"));
    }
}
