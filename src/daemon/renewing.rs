//! The certificate files are watched (PF-186): a renewed pair is read, checked and shown without a restart (MD-40). One that
//! cannot be used changes nothing and is told once.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::clock::wall;
use super::materials::{BadFile, has_ended, identity};
use crate::base::WallTime;
use crate::config::settings::CertificateFiles;
use crate::net::identity::Identity;
use crate::net::renewal::Renewal;

/// How often the files are looked at: a renewal is in force within this, on file systems without notices too.
/// Files that are renewed once a second are each seen: a look a second would let some be written over between two.
const LOOK: Duration = Duration::from_millis(500);
/// How long connections that showed the old certificate live on: transactions under way end within it (64 x T1), and the
/// whole is a matter of minutes (MD-40).
pub const REST: Duration = Duration::from_secs(120);

/// Which file it is, how large, and when it or its rights were changed (seconds and nanoseconds since 1970): one that could
/// not be read may be by now. `None`: it is not there.
type Stamp = Option<(u64, u64, i64, i64)>;

/// The files of one identity as they were last looked at.
#[derive(Clone, Debug)]
struct Seen {
    files: CertificateFiles,
    chain: Stamp,
    key: Stamp,
    fitness: Fitness,
}

/// What became of the pair when it was last looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fitness {
    /// It is shown, or was refused: there is nothing to be done before it changes.
    Done,
    /// It could not be used, and nobody has been told yet.
    Unfit,
    /// Its time has not come, which was told.
    Early,
}

fn refused(name: &str, bad: &BadFile) -> Fitness {
    tracing::error!(certificate = %name, %bad, "the renewed certificate cannot be used; the old one stays");
    Fitness::Done
}

/// `was`: told before.
fn early(name: &str, was: Fitness) -> Fitness {
    if was != Fitness::Early {
        tracing::warn!(certificate = %name, "the renewed certificate is not valid yet; the old one stays until then");
    }
    Fitness::Early
}

/// The files of every identity, by its key in `[certificates]`.
#[derive(Clone, Debug, Default)]
pub struct Watched(BTreeMap<String, Seen>);

impl Watched {
    /// As they are now.
    pub fn now(files: &BTreeMap<String, CertificateFiles>) -> Watched {
        Watched(files.iter().map(|(name, files)| (name.clone(), Seen::now(files.clone()))).collect())
    }
}

/// Watches files until the process ends: those that were told last. Looks at times counted from `beat`.
pub async fn watch(beat: Instant, mut told: watch::Receiver<Watched>, renewal: Renewal) {
    let mut seen = told.borrow_and_update().clone().0;
    let mut ticks = interval_at(beat, LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        if told.has_changed().unwrap_or(false) {
            seen = told.borrow_and_update().clone().0;
        }
        let now = wall();
        let fresh = |(name, seen): (&String, &mut Seen)| {
            let identity = seen.renewed(name, now)?;
            // Files that were only touched turn no connection over.
            (!renewal.shows(name, &identity)).then(|| (name.clone(), identity))
        };
        let renewed: BTreeMap<String, Arc<Identity>> = seen.iter_mut().filter_map(fresh).collect();
        if !renewed.is_empty() {
            let connections = renewal.renew(&renewed, REST);
            for (name, identity) in &renewed {
                let names = identity.names().join(", ");
                tracing::info!(certificate = %name, names, connections, rest_s = REST.as_secs(), "certificate renewed");
            }
        }
    }
}

impl Seen {
    fn now(files: CertificateFiles) -> Seen {
        let (chain, key) = (stamp(&files.chain), stamp(&files.key));
        Seen { files, chain, key, fitness: Fitness::Done }
    }

    /// The pair, once it has changed and fits together. One of which only one file is new yet does not: nothing is said
    /// before the next look finds it so still. One whose time has not come is taken when it has.
    fn renewed(&mut self, name: &str, now: WallTime) -> Option<Arc<Identity>> {
        let has_changed = self.has_changed();
        let was = if has_changed { Fitness::Done } else { self.fitness };
        if !has_changed && was == Fitness::Done {
            return None;
        }
        let (fitness, identity) = match identity(name, &self.files) {
            Ok(identity) if identity.has_ended(now) => (refused(name, &has_ended(name, &self.files)), None),
            Ok(identity) if !identity.has_begun(now) => (early(name, was), None),
            Ok(identity) => (Fitness::Done, Some(identity)),
            // The other file may come yet.
            Err(_) if has_changed => (Fitness::Unfit, None),
            Err(bad) => (refused(name, &bad), None),
        };
        self.fitness = fitness;
        identity
    }

    fn has_changed(&mut self) -> bool {
        let now = (stamp(&self.files.chain), stamp(&self.files.key));
        let changed = now != (self.chain, self.key) && now.0.is_some() && now.1.is_some();
        (self.chain, self.key) = now;
        changed
    }
}

/// Follows links: tools that renew change where they lead.
fn stamp(file: &Path) -> Stamp {
    let metadata = std::fs::metadata(file).ok()?;
    Some((metadata.ino(), metadata.len(), metadata.ctime(), metadata.ctime_nsec()))
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_that_is_written_again_has_changed_once() {
        let place = std::env::temp_dir().join(format!("trunkline-renewing-{}", std::process::id()));
        std::fs::create_dir_all(&place).unwrap();
        let files = CertificateFiles { chain: place.join("chain.pem"), key: place.join("key.pem") };
        std::fs::write(&files.chain, "one").unwrap();
        std::fs::write(&files.key, "one").unwrap();
        let mut seen = Seen::now(files.clone());
        assert!(!seen.has_changed());
        std::fs::write(&files.chain, "longer").unwrap();
        assert!(seen.has_changed() && !seen.has_changed());
        // The system's stamps stand still for some milliseconds.
        let has_changed = (0..1_000_000).any(|_| {
            std::fs::set_permissions(&files.key, Permissions::from_mode(0o640)).unwrap();
            seen.has_changed()
        });
        assert!(has_changed, "whoever was not let read it may be now");
        std::fs::remove_file(&files.key).unwrap();
        assert!(!seen.has_changed(), "half a pair is no pair");
        std::fs::remove_dir_all(&place).unwrap();
    }
}
