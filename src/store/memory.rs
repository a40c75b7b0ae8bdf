//! A store in memory: for tests, and the shape every other one is held against.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::rows::{Direction, Fault, Filter, Kind, Purpose, Query, Row, Rows, Sort, Store, Verdict, text_of};

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    kinds: BTreeMap<Kind, BTreeMap<String, Row>>,
}

impl Store for MemoryStore {
    fn transact(
        &mut self,
        purpose: Purpose,
        work: &mut dyn FnMut(&mut dyn Rows) -> Result<Verdict, Fault>,
    ) -> Result<(), Fault> {
        let mut copy = self.clone();
        let verdict = work(&mut copy)?;
        if (purpose, verdict) == (Purpose::Write, Verdict::Commit) {
            *self = copy;
        }
        Ok(())
    }
}

impl Rows for MemoryStore {
    fn read(&mut self, kind: Kind, key: &str) -> Result<Option<Row>, Fault> {
        Ok(self.kinds.get(&kind).and_then(|rows| rows.get(key)).cloned())
    }

    fn write(&mut self, kind: Kind, row: &Row) -> Result<(), Fault> {
        self.kinds.entry(kind).or_default().insert(row.key.clone(), row.clone());
        Ok(())
    }

    fn remove(&mut self, kind: Kind, key: &str) -> Result<bool, Fault> {
        Ok(self.kinds.get_mut(&kind).is_some_and(|rows| rows.remove(key).is_some()))
    }

    fn list(&mut self, kind: Kind, query: &Query) -> Result<Vec<Row>, Fault> {
        let rows = self.kinds.get(&kind).into_iter().flat_map(|rows| rows.values());
        let mut found: Vec<(String, &Row)> =
            rows.filter(|row| query.filter.fits(row)).map(|row| (sort_value(row, query.sort), row)).collect();
        found.sort_by(|one, two| ordered(query.direction, one, two));
        let behind = |(value, row): &(String, &Row)| {
            query.after.as_ref().is_none_or(|after| {
                let order = (value.as_str(), row.key.as_str()).cmp(&(after.value.as_str(), after.key.as_str()));
                order == query.direction.forward()
            })
        };
        Ok(found.into_iter().filter(behind).skip(query.skip).take(query.limit).map(|(_, row)| row.clone()).collect())
    }

    fn count(&mut self, kind: Kind, filter: &Filter) -> Result<u64, Fault> {
        let rows = self.kinds.get(&kind).into_iter().flat_map(|rows| rows.values());
        Ok(u64::try_from(rows.filter(|row| filter.fits(row)).count()).unwrap_or(u64::MAX))
    }
}

impl Direction {
    const fn forward(self) -> Ordering {
        match self {
            Direction::Ascending => Ordering::Greater,
            Direction::Descending => Ordering::Less,
        }
    }
}

fn ordered(direction: Direction, one: &(String, &Row), two: &(String, &Row)) -> Ordering {
    let order = (&one.0, &one.1.key).cmp(&(&two.0, &two.1.key));
    match direction {
        Direction::Ascending => order,
        Direction::Descending => order.reverse(),
    }
}

/// A revision sorts as a number of twenty digits.
fn sort_value(row: &Row, sort: Sort) -> String {
    match sort {
        Sort::Key => row.key.clone(),
        Sort::Field(field) => text_of(&row.body, field),
        Sort::Revision => format!("{:020}", row.revision),
    }
}
