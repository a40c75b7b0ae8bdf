//! The table of open transactions. Keys made from messages are tested in `key.rs`.

use trunkline::base::ids::TransactionId;
use trunkline::sip::Method;
use trunkline::transaction::{ClientKey, Key, Refused, Table};

use crate::invented_time::at;

fn key(branch: &str) -> Key {
    ClientKey::new(branch.as_bytes(), &Method::Bye).into()
}

#[test]
fn a_transaction_is_found_by_key_and_by_id() {
    let mut table = Table::new(9);
    let id = table.insert(key("a"), "bye").unwrap();
    assert_eq!(table.by_key(&key("a")), Some((id, &mut "bye")));
    assert_eq!(table.by_id(id), Some(&"bye"));
    assert_eq!(table.key_of(id), Some(&key("a")));
    assert_eq!(table.by_key(&key("b")), None);
}

#[test]
fn a_key_that_is_taken_names_its_transaction() {
    let mut table = Table::new(9);
    let id = table.insert(key("a"), 1).unwrap();
    assert_eq!(table.insert(key("a"), 2), Err(Refused::Duplicate(id)));
    assert_eq!((table.by_id(id), table.len(), table.refused()), (Some(&1), 1, 0));
}

#[test]
fn a_full_table_refuses_and_counts() {
    let mut table = Table::new(1);
    let id = table.insert(key("a"), 1).unwrap();
    assert_eq!(table.insert(key("b"), 2), Err(Refused::Full));
    assert_eq!((table.len(), table.refused(), table.is_full()), (1, 1, true));
    table.remove(id);
    assert!(table.insert(key("b"), 2).is_ok());
}

#[test]
fn a_removed_transaction_leaves_nothing_behind_and_its_id_is_not_used_again() {
    let mut table = Table::new(9);
    let first = table.insert(key("a"), 1).unwrap();
    table.wake_at(first, Some(at(5)));
    assert_eq!(table.remove(first), Some(1));
    assert_eq!(table.remove(first), None);
    assert_eq!((table.len(), table.next_timeout(), table.id_of(&key("a"))), (0, None, None));
    assert_ne!(table.insert(key("a"), 2).unwrap(), first);
}

#[test]
fn due_transactions_come_earliest_first_and_then_in_order_of_ids() {
    let mut table = Table::new(9);
    let ids: Vec<TransactionId> = ["a", "b", "c"].iter().map(|b| table.insert(key(b), ()).unwrap()).collect();
    for (id, ms) in ids.iter().zip([20, 10, 10]) {
        table.wake_at(*id, Some(at(ms)));
    }
    assert_eq!(table.pop_due(at(9)), None);
    assert_eq!(table.next_timeout(), Some(at(10)));
    assert_eq!(table.pop_due(at(20)), Some(ids[1]));
    assert_eq!(table.pop_due(at(20)), Some(ids[2]));
    assert_eq!(table.pop_due(at(20)), Some(ids[0]));
    assert_eq!((table.pop_due(at(20)), table.next_timeout(), table.len()), (None, None, 3));
}

#[test]
fn a_moved_deadline_forgets_the_old_one() {
    let mut table = Table::new(9);
    let id = table.insert(key("a"), ()).unwrap();
    table.wake_at(id, Some(at(10)));
    table.wake_at(id, Some(at(30)));
    assert_eq!(table.pop_due(at(20)), None);
    table.wake_at(id, None);
    assert_eq!((table.next_timeout(), table.pop_due(at(90))), (None, None));
}

#[test]
fn a_deadline_for_an_unknown_id_is_ignored() {
    let mut table = Table::<()>::new(9);
    table.wake_at(TransactionId(7), Some(at(10)));
    assert_eq!(table.next_timeout(), None);
}

#[test]
fn ids_are_walked_in_the_order_they_were_given() {
    let mut table = Table::new(9);
    let ids: Vec<TransactionId> = ["z", "m", "a"].iter().map(|b| table.insert(key(b), ()).unwrap()).collect();
    assert_eq!(table.ids(), ids);
}
