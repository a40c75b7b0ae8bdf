//! How often one may ask (PV-62), and how often guess (PV-71).

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use crate::base::WallTime;
use crate::base::bounds::Bound;
use crate::base::limits::{API_FAILURES, API_LOCKED_OUT, API_REMEMBERED};
use crate::net::guard::Source;

/// Buckets that fill up in a minute.
#[derive(Debug)]
pub struct Rates {
    client: u32,
    node: u32,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    clients: HashMap<String, Bucket>,
    node: Option<Bucket>,
    /// Wrong tokens by source, which of IPv6 is a network (R-B7).
    failures: HashMap<String, (u32, WallTime)>,
}

/// Thousandths of requests.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: u64,
    filled: WallTime,
}

/// What a bucket says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    pub limit: u32,
    pub remaining: u32,
    /// Seconds until a request is possible again; `None`: it is now.
    pub wait_s: Option<u64>,
}

impl Bucket {
    fn take(slot: &mut Option<Bucket>, limit: u32, now: WallTime) -> Allowance {
        let full = u64::from(limit) * 1000;
        let bucket = slot.get_or_insert(Bucket { left: full, filled: now });
        let gained = now.0.saturating_sub(bucket.filled.0).saturating_mul(u64::from(limit)) / 60;
        if gained > 0 {
            bucket.left = bucket.left.saturating_add(gained).min(full);
            bucket.filled = now;
        }
        let wait_s = match bucket.left.checked_sub(1000) {
            Some(left) => {
                bucket.left = left;
                None
            }
            None => Some((1000 - bucket.left).saturating_mul(60).div_ceil(u64::from(limit.max(1)) * 1000).max(1)),
        };
        let remaining = u32::try_from(bucket.left / 1000).unwrap_or(u32::MAX);
        Allowance { limit, remaining, wait_s }
    }
}

impl Rates {
    /// Requests in a minute: of one client, of the node.
    pub fn new(client: u32, node: u32) -> Rates {
        Rates { client, node, state: Mutex::default() }
    }

    /// Takes one request of a client.
    pub fn take(&self, client: &str, now: WallTime) -> Allowance {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let node = Bucket::take(&mut state.node, self.node, now);
        if node.wait_s.is_some() {
            return node;
        }
        // A minute after its last request a bucket is full: it says nothing.
        make_room(
            &mut state.clients,
            client,
            |bucket| bucket.filled.0.saturating_add(60_000) <= now.0,
            |bucket| bucket.filled,
        );
        let mut bucket = state.clients.get(client).copied();
        let allowance = Bucket::take(&mut bucket, self.client, now);
        state.clients.extend(bucket.map(|bucket| (client.to_owned(), bucket)));
        allowance
    }

    /// Whether an address has guessed too often; seconds to wait.
    pub fn locked_out(&self, address: &str, now: WallTime) -> Option<u64> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, last) = state.failures.get(&source(address))?;
        let until = last.0.saturating_add(locked_out_ms());
        (*count >= API_FAILURES && now.0 < until).then(|| until.saturating_sub(now.0).div_ceil(1000))
    }

    /// Notes a token that was wrong.
    pub fn failed(&self, address: &str, now: WallTime) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let source = source(address);
        let is_over = |last: WallTime| last.0.saturating_add(locked_out_ms()) <= now.0;
        make_room(&mut state.failures, &source, |(_, last)| is_over(*last), |(_, last)| *last);
        let (count, last) = state.failures.entry(source).or_insert((0, now));
        if is_over(*last) {
            *count = 0;
        }
        (*count, *last) = (count.saturating_add(1), now);
        if *count == API_FAILURES {
            Bound::ApiFailures.reached();
        }
    }
}

/// Who an address belongs to; what is no address is a source of its own.
fn source(address: &str) -> String {
    address.parse::<IpAddr>().map_or_else(|_| address.to_owned(), |address| Source::of(address).to_string())
}

fn locked_out_ms() -> u64 {
    u64::try_from(API_LOCKED_OUT.as_millis()).unwrap_or(u64::MAX)
}

/// Room for one more: those are forgotten whose time is over, or else the oldest, never a crowd at once.
fn make_room<T>(
    known: &mut HashMap<String, T>,
    key: &str,
    is_over: impl Fn(&T) -> bool,
    asked: impl Fn(&T) -> WallTime,
) {
    if known.len() < API_REMEMBERED || known.contains_key(key) {
        return;
    }
    Bound::ApiRemembered.reached();
    known.retain(|_, held| !is_over(held));
    if known.len() >= API_REMEMBERED {
        let oldest = known.iter().min_by_key(|(_, held)| asked(held)).map(|(key, _)| key.clone());
        oldest.into_iter().for_each(|key| drop(known.remove(&key)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_used_its_minute_waits_for_its_share() {
        let rates = Rates::new(60, 600);
        let asked: Vec<_> = (0..61).map(|_| rates.take("ci", WallTime(0)).wait_s).collect();
        assert!(asked.iter().take(60).all(Option::is_none));
        assert_eq!(asked.last(), Some(&Some(1)));
        assert_eq!(rates.take("other", WallTime(0)).wait_s, None);
        assert_eq!(rates.take("ci", WallTime(1000)).wait_s, None);
    }

    #[test]
    fn all_clients_together_have_the_nodes_share() {
        let rates = Rates::new(60, 3);
        let waits = ["a", "b", "c", "d"].map(|client| rates.take(client, WallTime(0)).wait_s);
        assert_eq!(waits, [None, None, None, Some(20)]);
        assert_eq!(rates.take("d", WallTime(20_000)).wait_s, None);
    }

    #[test]
    fn an_address_that_guesses_is_locked_out_for_a_while() {
        let rates = Rates::new(60, 600);
        (0..9).for_each(|_| rates.failed("192.0.2.1", WallTime(0)));
        assert_eq!(rates.locked_out("192.0.2.1", WallTime(0)), None);
        rates.failed("192.0.2.1", WallTime(0));
        assert_eq!(rates.locked_out("192.0.2.1", WallTime(0)), Some(600));
        assert_eq!(rates.locked_out("192.0.2.2", WallTime(0)), None);
        assert_eq!(rates.locked_out("192.0.2.1", WallTime(locked_out_ms())), None);
    }

    /// R-B7: who has a whole /64 has no new guesses with each of its addresses.
    #[test]
    fn an_ipv6_network_is_one_source() {
        let rates = Rates::new(60, 600);
        (0..10).for_each(|host| rates.failed(&format!("2001:db8:1:2::{host:x}"), WallTime(0)));
        assert_eq!(rates.locked_out("2001:db8:1:2:ffff::1", WallTime(0)), Some(600));
        assert_eq!(rates.locked_out("2001:db8:1:3::1", WallTime(0)), None);
        (0..10).for_each(|_| rates.failed("::ffff:192.0.2.7", WallTime(0)));
        assert_eq!(rates.locked_out("192.0.2.7", WallTime(0)), Some(600), "one address, however it is written");
    }

    /// A crowd of guessers frees nobody who is locked out before his time.
    #[test]
    fn who_is_locked_out_stays_so_when_the_table_is_full() {
        let rates = Rates::new(60, 600);
        (0..10).for_each(|_| rates.failed("192.0.2.1", WallTime(1)));
        (0..API_REMEMBERED)
            .for_each(|other| rates.failed(&format!("2001:db8:{:x}:{:x}::1", other >> 8, other & 0xff), WallTime(0)));
        assert_eq!(rates.locked_out("192.0.2.1", WallTime(2)), Some(600));
        assert!(rates.state.lock().unwrap().failures.len() <= API_REMEMBERED);
    }
}
