//! Files of a set, checked against its index.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;

/// Where a set lies.
pub fn folder(set: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpora").join(set)
}

/// One message of a set.
pub fn file(set: &str, name: &str) -> Bytes {
    let path = folder(set).join(name);
    Bytes::from(fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

/// Every message and description of a set by name.
pub fn files(set: &str) -> BTreeMap<String, Bytes> {
    let entries = fs::read_dir(folder(set)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let is_case = |name: &String| [".dat", ".sdp"].iter().any(|end| name.ends_with(end));
    names.filter(is_case).map(|name| (name.clone(), file(set, &name))).collect()
}

/// Checks the files against the index: the same names, the same octet counts and sums.
pub fn check_index(set: &str, expected_count: usize) {
    let index = fs::read_to_string(folder(set).join("INDEX.tsv")).unwrap();
    let rows: Vec<Vec<&str>> = index.lines().skip(1).map(|line| line.split('\t').collect()).collect();
    let files = files(set);
    assert_eq!(rows.len(), expected_count, "rows of the index of {set}");
    assert_eq!(files.len(), expected_count, "files of {set}");
    for row in rows {
        let octets = &files[row[0]];
        assert_eq!(octets.len().to_string(), row[1], "octets of {}", row[0]);
        assert_eq!(hex(digest(&SHA256, octets).as_ref()), row[2], "sum of {}", row[0]);
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
