//! The directory itself.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use super::account::{Account, AccountName};
use super::entry::NumberEntry;
use crate::route::number::E164;

/// Shards of a directory: at a million numbers a change copies some two hundred and fifty of them.
const SHARDS: usize = 4096;

/// A number's digits as one number: at most 15, the first no zero, so that no two are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Key(u64);

impl Key {
    fn of(number: &E164) -> Key {
        let digits = number.digits().bytes();
        Key(digits
            .fold(0, |value: u64, digit| value.wrapping_mul(10).wrapping_add(u64::from(digit.wrapping_sub(b'0')))))
    }

    fn number(self) -> Option<E164> {
        E164::from_digits(&self.0.to_string()).ok()
    }

    /// Spread over all bits (the multiplier of Fibonacci hashing).
    const fn spread(self) -> u64 {
        self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    fn shard(self) -> usize {
        usize::try_from(self.spread() >> 52).unwrap_or_default() % SHARDS
    }
}

/// Hashes a [`Key`]: the numbers are the operator's, and their spread is ours.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, octets: &[u8]) {
        for octet in octets {
            self.0 = (self.0 ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn write_u64(&mut self, value: u64) {
        let spread = value.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = spread ^ (spread >> 29);
    }
}

/// A number and whose it is: the place of the account in its directory's list.
#[derive(Clone, Debug)]
struct Held {
    account: u32,
    entry: NumberEntry,
}

type ByNumber<T> = HashMap<Key, T, BuildHasherDefault<KeyHasher>>;

/// The numbers whose keys spread to one place, and what further caller numbers of that place belong to.
#[derive(Clone, Debug, Default)]
struct Shard {
    numbers: ByNumber<Held>,
    aliases: ByNumber<Vec<Key>>,
}

/// Every account and its names. Shared until an account changes: a change of numbers alone copies none of it.
#[derive(Clone, Debug, Default)]
struct Accounts {
    /// A place stays its account's for the directory's life; `None`: it was taken away.
    list: Vec<Option<Arc<Account>>>,
    places: HashMap<AccountName, u32>,
    fqdns: HashMap<Arc<str>, u32>,
    subdomains: HashMap<Arc<str>, u32>,
}

impl Accounts {
    fn at(&self, place: u32) -> Option<&Arc<Account>> {
        self.list.get(usize::try_from(place).ok()?)?.as_ref()
    }

    fn named<'a>(&'a self, names: &HashMap<Arc<str>, u32>, name: &str) -> Option<&'a Arc<Account>> {
        let place = match name.bytes().any(|octet| octet.is_ascii_uppercase()) {
            true => names.get(name.to_ascii_lowercase().as_str()),
            false => names.get(name),
        };
        self.at(*place?)
    }

    fn put(&mut self, account: Account) {
        let lower = |name: &Option<Arc<str>>| name.as_ref().map(|name| Arc::from(name.to_ascii_lowercase()));
        let (fqdn, subdomain): (Option<Arc<str>>, Option<Arc<str>>) = (lower(&account.fqdn), lower(&account.subdomain));
        let place = match self.places.get(&account.name) {
            Some(place) => *place,
            None => {
                let Ok(place) = u32::try_from(self.list.len()) else { return };
                self.places.insert(account.name.clone(), place);
                self.list.push(None);
                place
            }
        };
        self.forget_names(place);
        self.fqdns.extend(fqdn.map(|name| (name, place)));
        self.subdomains.extend(subdomain.map(|name| (name, place)));
        if let Some(slot) = usize::try_from(place).ok().and_then(|place| self.list.get_mut(place)) {
            *slot = Some(Arc::new(account));
        }
    }

    fn take(&mut self, name: &AccountName) -> Option<u32> {
        let place = self.places.remove(name)?;
        self.forget_names(place);
        if let Some(slot) = usize::try_from(place).ok().and_then(|place| self.list.get_mut(place)) {
            *slot = None;
        }
        Some(place)
    }

    /// The names of the account at this place lead nowhere any more, unless another has taken them.
    fn forget_names(&mut self, place: u32) {
        let Some(account) = self.at(place).cloned() else { return };
        let forget = |names: &mut HashMap<Arc<str>, u32>, name: Option<&Arc<str>>| {
            let name = name.map(|name| name.to_ascii_lowercase());
            if let Some(name) = name.filter(|name| names.get(name.as_str()) == Some(&place)) {
                names.remove(name.as_str());
            }
        };
        forget(&mut self.fqdns, account.fqdn.as_ref());
        forget(&mut self.subdomains, account.subdomain.as_ref());
    }
}

/// One change of a directory.
#[derive(Clone, Debug)]
pub enum Change {
    /// Makes or replaces an account.
    Account(Account),
    /// Takes an account and what is left of its numbers away.
    NoAccount(AccountName),
    /// Makes or replaces a number of an account; without that account nothing happens.
    Number(E164, AccountName, NumberEntry),
    /// Takes a number away.
    NoNumber(E164),
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Directory {
    shards: Vec<Arc<Shard>>,
    accounts: Arc<Accounts>,
    numbers: usize,
}

impl Default for Directory {
    fn default() -> Self {
        let empty = Arc::new(Shard::default());
        Directory { shards: vec![empty; SHARDS], accounts: Arc::default(), numbers: 0 }
    }
}

impl Directory {
    /// A directory of these, in their order.
    pub fn build(changes: impl IntoIterator<Item = Change>) -> Directory {
        let mut directory = Directory::default();
        changes.into_iter().for_each(|change| directory.apply(change));
        directory
    }

    /// The directory after some changes. What they do not touch is shared with this one.
    pub fn changed(&self, changes: impl IntoIterator<Item = Change>) -> Directory {
        let mut directory = self.clone();
        changes.into_iter().for_each(|change| directory.apply(change));
        directory
    }

    /// A number and the account it belongs to.
    pub fn find(&self, number: &E164) -> Option<(&NumberEntry, &Arc<Account>)> {
        let held = self.held(Key::of(number))?;
        Some((&held.entry, self.accounts.at(held.account)?))
    }

    /// The numbers whose users may show this one besides their own (PV 2.2), each with its account.
    pub fn find_alias(&self, alias: &E164) -> impl Iterator<Item = (E164, &NumberEntry, &Arc<Account>)> {
        let key = Key::of(alias);
        let owners = self.shards.get(key.shard()).and_then(|shard| shard.aliases.get(&key));
        owners.into_iter().flatten().filter_map(|owner| {
            let held = self.held(*owner)?;
            Some((owner.number()?, &held.entry, self.accounts.at(held.account)?))
        })
    }

    pub fn account(&self, name: &AccountName) -> Option<&Arc<Account>> {
        self.accounts.at(*self.accounts.places.get(name)?)
    }

    /// The account whose own name this is, compared without case (MD-62).
    pub fn account_of_host(&self, host: &str) -> Option<&Arc<Account>> {
        self.accounts.named(&self.accounts.fqdns, host)
    }

    /// The account whose label below a base name this is, compared without case.
    pub fn account_of_subdomain(&self, label: &str) -> Option<&Arc<Account>> {
        self.accounts.named(&self.accounts.subdomains, label)
    }

    /// Every account.
    pub fn accounts(&self) -> impl Iterator<Item = &Arc<Account>> {
        self.accounts.list.iter().flatten()
    }

    /// Every number, its entry and its account, in no order that means anything.
    pub fn numbers(&self) -> impl Iterator<Item = (E164, &NumberEntry, &Arc<Account>)> {
        let all = self.shards.iter().flat_map(|shard| {
            #[allow(clippy::iter_over_hash_type, reason = "for a file whose lines have no order")]
            shard.numbers.iter()
        });
        all.filter_map(|(key, held)| Some((key.number()?, &held.entry, self.accounts.at(held.account)?)))
    }

    /// How many numbers there are.
    pub const fn len(&self) -> usize {
        self.numbers
    }

    pub const fn is_empty(&self) -> bool {
        self.numbers == 0
    }

    /// Shards that are not shared with another directory: what a change has cost.
    pub fn differs_in(&self, other: &Directory) -> usize {
        self.shards.iter().zip(&other.shards).filter(|(one, two)| !Arc::ptr_eq(one, two)).count()
    }

    fn held(&self, key: Key) -> Option<&Held> {
        self.shards.get(key.shard())?.numbers.get(&key)
    }

    fn apply(&mut self, change: Change) {
        match change {
            Change::Account(account) => Arc::make_mut(&mut self.accounts).put(account),
            Change::NoAccount(name) => self.drop_account(&name),
            Change::Number(number, account, entry) => self.put_number(&number, &account, entry),
            Change::NoNumber(number) => self.drop_number(Key::of(&number)),
        }
    }

    fn drop_account(&mut self, name: &AccountName) {
        let Some(place) = Arc::make_mut(&mut self.accounts).take(name) else { return };
        let own = self.shards.iter().flat_map(|shard| {
            #[allow(clippy::iter_over_hash_type, reason = "each is dropped, in any order")]
            shard.numbers.iter()
        });
        let own: Vec<Key> = own.filter(|(_, held)| held.account == place).map(|(key, _)| *key).collect();
        own.into_iter().for_each(|key| self.drop_number(key));
    }

    fn put_number(&mut self, number: &E164, account: &AccountName, entry: NumberEntry) {
        let Some(place) = self.accounts.places.get(account).copied() else { return };
        let key = Key::of(number);
        let aliases = entry.aliases.clone();
        let Some(shard) = self.shards.get_mut(key.shard()) else { return };
        let before = Arc::make_mut(shard).numbers.insert(key, Held { account: place, entry });
        self.numbers = self.numbers.saturating_add(usize::from(before.is_none()));
        self.forget_aliases(key, before);
        for alias in aliases.iter().flatten().map(Key::of) {
            if let Some(shard) = self.shards.get_mut(alias.shard()) {
                Arc::make_mut(shard).aliases.entry(alias).or_default().push(key);
            }
        }
    }

    fn drop_number(&mut self, key: Key) {
        let shard = self.shards.get_mut(key.shard()).filter(|shard| shard.numbers.contains_key(&key));
        let Some(shard) = shard else { return };
        let before = Arc::make_mut(shard).numbers.remove(&key);
        self.numbers = self.numbers.saturating_sub(1);
        self.forget_aliases(key, before);
    }

    fn forget_aliases(&mut self, owner: Key, before: Option<Held>) {
        let aliases = before.and_then(|held| held.entry.aliases);
        for alias in aliases.iter().flatten().map(Key::of) {
            let Some(shard) = self.shards.get_mut(alias.shard()) else { continue };
            let aliases = &mut Arc::make_mut(shard).aliases;
            if let Some(owners) = aliases.get_mut(&alias) {
                owners.retain(|known| *known != owner);
                if owners.is_empty() {
                    aliases.remove(&alias);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::directory::Service;
    use crate::route::directory::entry::ServiceSet;

    fn name(text: &str) -> AccountName {
        AccountName::parse(text).unwrap()
    }

    fn number(at: u64) -> E164 {
        E164::parse(&format!("+4930{at:07}")).unwrap()
    }

    fn thousand() -> Directory {
        let account = Account { fqdn: Some("Acme.SBC.example".into()), ..Account::new(name("acme")) };
        let numbers = (0..1000).map(|at| {
            let services = ServiceSet::of([Service::Zoom]);
            Change::Number(number(at), name("acme"), NumberEntry { services, ..NumberEntry::default() })
        });
        Directory::build([Change::Account(account)].into_iter().chain(numbers))
    }

    #[test]
    fn every_number_is_found_with_its_account_and_no_other() {
        let directory = thousand();
        assert_eq!(directory.len(), 1000);
        assert!(
            (0..1000).all(|at| directory.find(&number(at)).is_some_and(|(_, account)| account.name == name("acme")))
        );
        assert!(directory.find(&number(1000)).is_none());
    }

    #[test]
    fn a_change_copies_the_shards_it_touches_and_no_other() {
        let before = thousand();
        let after = before
            .changed([Change::NoNumber(number(1)), Change::Number(number(2), name("acme"), NumberEntry::default())]);
        assert_eq!(after.differs_in(&before), 2);
        assert!(before.find(&number(1)).is_some() && after.find(&number(1)).is_none());
        assert_eq!((before.len(), after.len()), (1000, 999));
    }

    #[test]
    fn an_account_is_found_by_its_host_without_case_and_goes_with_its_numbers() {
        let directory = thousand();
        assert!(directory.account_of_host("ACME.sbc.EXAMPLE").is_some());
        let gone = directory.changed([Change::NoAccount(name("acme"))]);
        assert!(gone.account_of_host("acme.sbc.example").is_none() && gone.is_empty());
        assert_eq!(directory.len(), 1000, "calls under way keep what they began with");
    }

    #[test]
    fn a_number_moves_to_another_account() {
        let moved = thousand().changed([
            Change::Account(Account::new(name("zoo"))),
            Change::Number(number(5), name("zoo"), NumberEntry::default()),
        ]);
        assert_eq!(moved.find(&number(5)).unwrap().1.name, name("zoo"));
        assert_eq!(moved.len(), 1000);
    }

    #[test]
    fn a_further_number_leads_to_those_who_may_show_it_as_long_as_they_may() {
        let with = |aliases: &[u64]| NumberEntry {
            aliases: Some(aliases.iter().map(|at| number(*at)).collect()),
            ..NumberEntry::default()
        };
        let owners = |directory: &Directory, at: u64| -> Vec<String> {
            directory.find_alias(&number(at)).map(|(owner, _, _)| owner.as_str().to_owned()).collect()
        };
        let before = thousand().changed([
            Change::Number(number(1), name("acme"), with(&[5000, 5001])),
            Change::Number(number(2), name("acme"), with(&[5000])),
        ]);
        assert_eq!(owners(&before, 5000), ["+49300000001", "+49300000002"]);
        let after =
            before.changed([Change::Number(number(1), name("acme"), with(&[5001])), Change::NoNumber(number(2))]);
        assert_eq!((owners(&after, 5000).len(), owners(&after, 5001).len()), (0, 1));
        assert!(owners(&after.changed([Change::NoAccount(name("acme"))]), 5001).is_empty());
    }

    #[test]
    fn a_change_of_numbers_copies_no_account() {
        let before = thousand();
        let after = before.changed([Change::NoNumber(number(1))]);
        assert!(Arc::ptr_eq(&before.accounts, &after.accounts));
    }

    #[test]
    fn a_number_of_no_account_is_nobodys() {
        let directory = Directory::build([Change::Number(number(1), name("nobody"), NumberEntry::default())]);
        assert!(directory.is_empty());
    }
}
