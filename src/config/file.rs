//! The contents of a file that an operator names: a regular one, of bounded size. A pipe makes its reader wait for as
//! long as nobody writes, and a device such as /dev/zero has no end.

use std::fmt;
use std::fs::{File, FileType};
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags};

/// Why a file is not read. Completes the sentence "FILE ...".
#[derive(Debug)]
pub enum Unusable {
    /// It is not there, or not for this user.
    Unreadable(io::Error),
    /// What it is instead: a directory, a pipe, a device, a socket.
    NoFile(&'static str),
    /// It has more octets than this.
    TooLarge(u64),
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unusable::Unreadable(error) => write!(f, "cannot be read: {error}"),
            Unusable::NoFile(instead) => write!(f, "is no file but {instead}"),
            Unusable::TooLarge(most) => write!(f, "is larger than {most} octets"),
        }
    }
}

impl Unusable {
    /// The same with what to do: `remedy` is an order, such as "write the path of a PEM file".
    pub fn with(&self, remedy: &str) -> String {
        match self {
            Unusable::Unreadable(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                format!("{self}; let the daemon's user read it, or {remedy}")
            }
            Unusable::Unreadable(_) | Unusable::NoFile(_) | Unusable::TooLarge(_) => format!("{self}; {remedy}"),
        }
    }
}

/// All of a file of at most `most` octets. Never waits for another process.
///
/// # Errors
/// It cannot be read, is none, or has more.
pub fn read(path: &Path, most: u64) -> Result<Vec<u8>, Unusable> {
    // Before it is opened: that alone means something to some devices.
    is_regular(path.metadata().map_err(Unusable::Unreadable)?.file_type())?;
    let file = open(path).map_err(Unusable::Unreadable)?;
    let metadata = file.metadata().map_err(Unusable::Unreadable)?;
    is_regular(metadata.file_type())?;
    let length = Some(metadata.len()).filter(|length| *length <= most).ok_or(Unusable::TooLarge(most))?;
    // One more octet than it has: it may hold a key, of which growing would leave copies.
    let mut octets = Vec::with_capacity(usize::try_from(length).unwrap_or(0).saturating_add(1));
    file.take(most.saturating_add(1)).read_to_end(&mut octets).map_err(Unusable::Unreadable)?;
    match u64::try_from(octets.len()) {
        Ok(length) if length <= most => Ok(octets),
        Ok(_) | Err(_) => Err(Unusable::TooLarge(most)),
    }
}

/// Without waiting for whoever writes, should it have become a pipe since it was looked at.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?.into())
}

fn is_regular(kind: FileType) -> Result<(), Unusable> {
    let instead = match kind {
        kind if kind.is_file() => return Ok(()),
        kind if kind.is_dir() => "a directory",
        kind if kind.is_fifo() => "a pipe",
        kind if kind.is_socket() => "a socket",
        _ => "a device",
    };
    Err(Unusable::NoFile(instead))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    fn told(path: &Path) -> String {
        read(path, 8).expect_err("no file").with("name another")
    }

    #[test]
    fn what_is_no_file_is_named_and_never_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let (pipe, socket) = (folder.path().join("pipe"), folder.path().join("socket"));
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let _listener = UnixListener::bind(&socket).unwrap();
        assert_eq!(told(&pipe), "is no file but a pipe; name another");
        assert_eq!(told(&socket), "is no file but a socket; name another");
        assert_eq!(told(folder.path()), "is no file but a directory; name another");
        assert_eq!(told(Path::new("/dev/zero")), "is no file but a device; name another");
        assert!(told(Path::new("/nonexistent")).starts_with("cannot be read: No such file"));
    }

    #[test]
    fn a_file_is_read_up_to_its_bound() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "12345678").unwrap();
        assert_eq!(read(&path, 8).unwrap(), b"12345678");
        std::fs::write(&path, "123456789").unwrap();
        assert_eq!(told(&path), "is larger than 8 octets; name another");
        // A gigabyte of nothing takes none to refuse.
        File::create(&path).unwrap().set_len(1 << 30).unwrap();
        assert_eq!(told(&path), "is larger than 8 octets; name another");
    }

    #[test]
    fn a_file_without_a_length_of_its_own_is_bounded_too() {
        // Linux says 0 of every file under /proc.
        assert!(matches!(read(Path::new("/proc/self/status"), 8), Err(Unusable::TooLarge(8))));
        assert!(!read(Path::new("/proc/self/status"), 1 << 20).unwrap().is_empty());
    }
}
