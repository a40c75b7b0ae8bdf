//! Where a demo runs: ports derived from one number, a private directory with certificates, the daemon's configuration.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::lab::certificates::{self, Certificates, PLATFORM_NAME, SBC_NAME};
use crate::lab::endpoint::random;

/// The SBC.
pub const SBC: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 1));
/// The lab platform.
pub const PLATFORM: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 1, 1));
/// The lab carrier.
pub const CARRIER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 1, 2));

/// Media ports of one demo; a run uses eight of them.
const RTP_PORTS: u16 = 200;
/// Blocks of media ports, from 16384 up to the system's ephemeral ports.
const RTP_BLOCKS: u16 = 80;
const RTP_BASE: u16 = 16_384;

/// Why a demo cannot begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroundError {
    /// In words; exit code 69.
    PortTaken(String),
    /// In words.
    Other(String),
}

/// Everything that is derived from the base port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// SIP over UDP.
    pub udp: u16,
    /// SIP over TLS.
    pub tls: u16,
    /// `/metrics`, `/readyz`.
    pub metrics: u16,
    /// The first of `RTP_PORTS` media ports.
    pub rtp: u16,
}

impl Ports {
    /// # Errors
    /// A port that is taken, or a base that leaves no room above it.
    pub fn new(base: u16) -> Result<Ports, GroundError> {
        let above = |by: u16| {
            base.checked_add(by).filter(|_| base > 0).ok_or_else(|| GroundError::Other(format!("no base port: {base}")))
        };
        let ports = Ports { udp: base, tls: above(1)?, metrics: above(2)?, rtp: free_block(base)? };
        for (address, port) in [(SBC, ports.udp), (CARRIER, ports.udp)] {
            check(address, port, "udp", UdpSocket::bind((address, port)).map(drop))?;
        }
        for (address, port) in [(SBC, ports.tls), (PLATFORM, ports.tls), (SBC, ports.metrics)] {
            check(address, port, "tcp", TcpListener::bind((address, port)).map(drop))?;
        }
        Ok(ports)
    }

    /// Where the SBC takes TLS.
    #[must_use]
    pub fn sbc_tls(&self) -> SocketAddr {
        SocketAddr::new(SBC, self.tls)
    }

    /// Where the SBC takes UDP.
    #[must_use]
    pub fn sbc_udp(&self) -> SocketAddr {
        SocketAddr::new(SBC, self.udp)
    }

    /// Where the lab platform listens.
    #[must_use]
    pub fn platform(&self) -> SocketAddr {
        SocketAddr::new(PLATFORM, self.tls)
    }

    /// Where the lab carrier listens.
    #[must_use]
    pub fn carrier(&self) -> SocketAddr {
        SocketAddr::new(CARRIER, self.udp)
    }

    /// Where the daemon answers HTTP.
    #[must_use]
    pub fn metrics(&self) -> SocketAddr {
        SocketAddr::new(SBC, self.metrics)
    }
}

fn check(address: IpAddr, port: u16, protocol: &str, bound: std::io::Result<()>) -> Result<(), GroundError> {
    let taken = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AddrInUse => GroundError::PortTaken(format!(
            "port {port}/{protocol} on {address} is taken by another program; use --base-port N"
        )),
        _ => GroundError::Other(format!("port {port}/{protocol} on {address}: {error}")),
    };
    bound.map_err(taken)
}

/// A block of media ports that looks unused; the search begins elsewhere for each base, so that demos run in parallel.
fn free_block(base: u16) -> Result<u16, GroundError> {
    let blocks = (0..RTP_BLOCKS).map(|step| RTP_BASE + (base / 10 + step) % RTP_BLOCKS * RTP_PORTS);
    let unused = |start: &u16| {
        let probes = [*start, *start + 1, *start + RTP_PORTS / 2, *start + RTP_PORTS - 1];
        probes.into_iter().all(|port| UdpSocket::bind((SBC, port)).is_ok())
    };
    let mut blocks = blocks.filter(unused);
    blocks.next().ok_or_else(|| GroundError::PortTaken("no free block of media ports".to_owned()))
}

/// A private directory, removed when dropped.
#[derive(Debug)]
pub struct Directory(PathBuf);

impl Directory {
    /// # Errors
    /// It cannot be made.
    pub fn new() -> Result<Directory, GroundError> {
        let name: String = random::<8>().iter().map(|octet| format!("{octet:02x}")).collect();
        let path = std::env::temp_dir().join(format!("trunkline-demo-{name}"));
        let made = fs::DirBuilder::new().mode(0o700).create(&path);
        made.map(|()| Directory(path.clone()))
            .map_err(|error| GroundError::Other(format!("{}: {error}", path.display())))
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // Nothing can be done about a directory that somebody else holds on to.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The ground itself.
#[derive(Debug)]
pub struct Ground {
    pub ports: Ports,
    pub directory: Directory,
    pub certificates: Certificates,
    pub config: PathBuf,
    pub log: PathBuf,
}

impl Ground {
    /// Checks the ports, makes the certificates, writes the configuration.
    ///
    /// # Errors
    /// See [`GroundError`].
    pub fn prepare(base: u16) -> Result<Ground, GroundError> {
        let ports = Ports::new(base)?;
        let directory = Directory::new()?;
        let certificates = certificates::make(directory.path()).map_err(GroundError::Other)?;
        let config = directory.path().join("trunkline.toml");
        let log = directory.path().join("daemon.log");
        let text = configuration(&ports, directory.path(), &certificates);
        fs::write(&config, text).map_err(|error| GroundError::Other(format!("{}: {error}", config.display())))?;
        Ok(Ground { ports, directory, certificates, config, log })
    }
}

/// The embedded configuration.
#[must_use]
pub fn configuration(ports: &Ports, directory: &Path, certificates: &Certificates) -> String {
    let quoted = |path: &Path| format!("{:?}", path.display().to_string());
    let replacements = [
        ("@STATE@", quoted(&directory.join("state"))),
        ("@CHAIN@", quoted(&certificates.sbc.chain)),
        ("@KEY@", quoted(&certificates.sbc.key)),
        ("@ROOTS@", quoted(&certificates.authority)),
        ("@SBC_NAME@", SBC_NAME.to_owned()),
        ("@PLATFORM_NAME@", PLATFORM_NAME.to_owned()),
        ("@SBC@", SBC.to_string()),
        ("@PLATFORM@", PLATFORM.to_string()),
        ("@CARRIER@", CARRIER.to_string()),
        ("@UDP@", ports.udp.to_string()),
        ("@TLS@", ports.tls.to_string()),
        ("@METRICS@", ports.metrics.to_string()),
        ("@RTP@", format!("{}-{}", ports.rtp, ports.rtp + RTP_PORTS - 1)),
    ];
    replacements.iter().fold(include_str!("demo.toml").to_owned(), |text, (from, to)| text.replace(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configured() -> toml::Table {
        let ports = Ports { udp: 5060, tls: 5061, metrics: 5062, rtp: 16_384 };
        let directory = tempfile::tempdir().expect("a directory");
        let made = certificates::make(directory.path()).expect("certificates");
        configuration(&ports, directory.path(), &made).parse().expect("TOML")
    }

    #[test]
    fn the_embedded_configuration_is_whole() {
        let table = configured();
        assert!(!table.to_string().contains('@'), "{table}");
        assert_eq!(table["listeners"]["platform"]["port"].as_integer(), Some(5061));
        assert_eq!(table["networks"]["loop"]["rtp_ports"].as_str(), Some("16384-16583"));
    }

    #[test]
    fn a_taken_port_is_said_with_what_to_do() {
        let taken = TcpListener::bind((SBC, 0)).expect("a port");
        let port = taken.local_addr().expect("bound").port();
        let error = Ports::new(port - 1).expect_err("taken");
        let words = format!("port {port}/tcp on 127.0.0.1 is taken by another program; use --base-port N");
        assert_eq!(error, GroundError::PortTaken(words));
    }

    #[test]
    fn the_directory_goes_with_its_owner() {
        let directory = Directory::new().expect("made");
        let path = directory.path().to_owned();
        assert!(path.exists());
        drop(directory);
        assert!(!path.exists());
    }
}
