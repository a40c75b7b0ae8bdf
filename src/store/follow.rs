//! From what was written to what calls read: the directory follows the store's revisions.

use std::sync::Arc;

use super::records::{AccountRecord, NumberRecord};
use super::refusal::Refusal;
use super::rows::{After, Filter, Kind, Query, Rows, Sort};
use super::writing::{of_row, removals_from, revision};
use crate::route::directory::{AccountName, Change, Directory};
use crate::route::number::E164;

/// Rows read at once.
const PIECE: usize = 10_000;

/// A directory and the revision it shows.
#[derive(Clone, Debug, Default)]
pub struct Followed {
    pub revision: u64,
    pub directory: Arc<Directory>,
}

impl Followed {
    /// Everything there is.
    ///
    /// # Errors
    /// The store fails.
    pub fn load(rows: &mut dyn Rows) -> Result<Followed, Refusal> {
        let revision = revision(rows)?;
        let mut directory = Directory::default();
        for kind in [Kind::Account, Kind::Number] {
            each(rows, kind, &Filter::All, Sort::Key, |changes| directory = directory.changed(changes))?;
        }
        Ok(Followed { revision, directory: Arc::new(directory) })
    }

    /// What has been written since; `None`: nothing.
    ///
    /// # Errors
    /// The store fails.
    pub fn next(&self, rows: &mut dyn Rows) -> Result<Option<Followed>, Refusal> {
        let latest = revision(rows)?;
        if latest == self.revision {
            return Ok(None);
        }
        if latest < self.revision || removals_from(rows)? > self.revision {
            return Followed::load(rows).map(Some);
        }
        let changes = changes_since(rows, self.revision)?;
        let directory = match changes.is_empty() {
            true => self.directory.clone(),
            false => Arc::new(self.directory.changed(changes)),
        };
        Ok(Some(Followed { revision: latest, directory }))
    }
}

/// What changed after a revision, in an order that can be applied: removals, accounts, numbers. Removals come first, so
/// that what was made again afterwards is there.
///
/// # Errors
/// The store fails.
pub fn changes_since(rows: &mut dyn Rows, since: u64) -> Result<Vec<Change>, Refusal> {
    let mut changes = Vec::new();
    removals(rows, since, &mut changes)?;
    for kind in [Kind::Account, Kind::Number] {
        each(rows, kind, &Filter::Since(since), Sort::Revision, |piece| changes.extend(piece))?;
    }
    Ok(changes)
}

fn removals(rows: &mut dyn Rows, since: u64, changes: &mut Vec<Change>) -> Result<(), Refusal> {
    // Keys begin with the revision, so that the next one is where reading starts.
    let start = format!("{:020}/~", since);
    let mut after = Some(After { value: start.clone(), key: start });
    loop {
        let piece = rows.list(Kind::Removal, &Query { after: after.take(), ..Query::of(Filter::All, PIECE) })?;
        let Some(last) = piece.last() else { return Ok(()) };
        after = Some(After { value: last.key.clone(), key: last.key.clone() });
        let texts = piece.iter().filter_map(|row| row.body.get("kind")?.as_str().zip(row.body.get("key")?.as_str()));
        changes.extend(texts.filter_map(|(kind, key)| match kind {
            "numbers" => E164::parse(key).ok().map(Change::NoNumber),
            "accounts" => AccountName::parse(key).ok().map(Change::NoAccount),
            _ => None,
        }));
    }
}

fn each(
    rows: &mut dyn Rows,
    kind: Kind,
    filter: &Filter,
    sort: Sort,
    mut take: impl FnMut(Vec<Change>),
) -> Result<(), Refusal> {
    let mut after = None;
    loop {
        let piece = rows.list(kind, &Query { sort, after, ..Query::of(filter.clone(), PIECE) })?;
        let Some(last) = piece.last() else { return Ok(()) };
        let value = if sort == Sort::Key { last.key.clone() } else { format!("{:020}", last.revision) };
        after = Some(After { value, key: last.key.clone() });
        let read = |row| match kind {
            Kind::Account => of_row::<AccountRecord>(row).map(|account| Change::Account(account.compiled())),
            _ => of_row::<NumberRecord>(row)
                .map(|number| Change::Number(number.phone_number.clone(), number.account.clone(), number.compiled())),
        };
        take(piece.iter().map(read).collect::<Result<Vec<Change>, Refusal>>()?);
    }
}
