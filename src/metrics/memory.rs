//! What memory the process holds, and what it may hold (`limits.memory_mb`, S-H), as Linux tells.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use rustix::param::page_size;
use rustix::system::sysinfo;

/// Octets in a MiB.
pub const MIB: u64 = 1024 * 1024;

/// Octets of /proc/self/statm at most: seven numbers.
const STATM: usize = 160;

/// Memory of the process that is no file's, in octets (proc(5) statm: what is resident without what is shared). It is asked
/// for several times a second: the kernel writes the dozens of lines of `status` for ten times the price.
pub fn held() -> Option<u64> {
    let mut text = [0; STATM];
    let length = File::open("/proc/self/statm").and_then(|mut file| file.read(&mut text)).ok()?;
    let mut pages =
        std::str::from_utf8(text.get(..length)?).ok()?.split_ascii_whitespace().skip(1).map(str::parse::<u64>);
    let (resident, shared) = (pages.next()?.ok()?, pages.next()?.ok()?);
    resident.saturating_sub(shared).checked_mul(u64::try_from(page_size()).ok()?)
}

/// What the process may have, in octets. `memory_mb`: `limits.memory_mb`; 0 asks the control group and the machine. The machine
/// is asked by sysinfo(2): a service that sees nothing of /proc but processes (`ProcSubset=pid`) has no /proc/meminfo.
pub fn ceiling(memory_mb: u64) -> Option<u64> {
    if memory_mb > 0 {
        return memory_mb.checked_mul(MIB);
    }
    let told = sysinfo();
    let machine = told.totalram.checked_mul(u64::from(told.mem_unit)).filter(|octets| *octets > 0);
    let group =
        fs::read_to_string("/proc/self/cgroup").ok().and_then(|text| of_group(&text, Path::new("/sys/fs/cgroup")));
    [machine, group].into_iter().flatten().min()
}

/// The narrowest limit of a control group (version 2) and those it lies in, by /proc/self/cgroup.
fn of_group(groups: &str, root: &Path) -> Option<u64> {
    let own = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let own = root.join(own);
    let within = own.ancestors().take_while(|folder| folder.starts_with(root));
    within.filter_map(|folder| fs::read_to_string(folder.join("memory.max")).ok()?.trim().parse().ok()).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `Name:   17 kB` as octets.
    fn kib(text: &str, name: &str) -> Option<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().split(' ').next()?.parse::<u64>().ok()?.checked_mul(1024)
    }

    #[test]
    fn the_narrowest_group_counts() {
        let root = tempfile::tempdir().unwrap();
        let slice = root.path().join("system.slice");
        let unit = slice.join("trunkline.service");
        fs::create_dir_all(&unit).unwrap();
        fs::write(slice.join("memory.max"), "536870912\n").unwrap();
        fs::write(unit.join("memory.max"), "max\n").unwrap();
        let groups = "0::/system.slice/trunkline.service\n";
        assert_eq!(of_group(groups, root.path()), Some(512 * MIB));
        fs::write(unit.join("memory.max"), "268435456\n").unwrap();
        assert_eq!(of_group(groups, root.path()), Some(256 * MIB));
        assert_eq!(of_group("4:memory:/x\n", root.path()), None);
    }

    #[test]
    fn what_the_system_says_is_read() {
        let told = || kib(&fs::read_to_string("/proc/self/status").unwrap(), "RssAnon:").unwrap();
        // Tests beside this one may take memory between two looks; not between each two.
        assert!((0..1000).any(|_| held().is_some_and(|held| held > MIB && held.abs_diff(told()) < 16 * MIB)));
        assert_eq!(ceiling(512), Some(512 * MIB));
        let machine = kib(&fs::read_to_string("/proc/meminfo").unwrap(), "MemTotal:").unwrap();
        assert!(ceiling(0).is_some_and(|octets| octets > 64 * MIB && octets <= machine));
    }
}
