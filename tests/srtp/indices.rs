//! The index that a receiver finds, against senders that know it.

use std::collections::{BTreeMap, BTreeSet};

use trunkline::base::entropy::{Entropy, SeededEntropy};
use trunkline::rtp::srtp::{Inbound, SrtpFault, SrtpMaster, SrtpSuite};

use crate::{SSRC, TURN, index_of, key_of, sealed_under};

/// The far end: it knows every index it uses.
struct Sender {
    suite: SrtpSuite,
    key: SrtpMaster,
    keys: u8,
    fronts: BTreeMap<u32, Stream>,
}

/// One SSRC under the key in use.
struct Stream {
    front: u64,
    /// Where it stood when the key came: nothing older goes out under it.
    start: u64,
    sent: BTreeSet<u64>,
}

impl Sender {
    fn new(suite: SrtpSuite) -> Sender {
        Sender { suite, key: key_of(suite, 1), keys: 1, fronts: BTreeMap::new() }
    }

    /// The next index of a source: one on, some lost, or one that was overtaken.
    fn next(&mut self, ssrc: u32, entropy: &mut SeededEntropy) -> u64 {
        let first = entropy.below(1 << 15);
        let fresh = || Stream { front: first, start: first, sent: BTreeSet::new() };
        let stream = self.fronts.entry(ssrc).or_insert_with(fresh);
        stream.front += match entropy.below(30) {
            0 => 1 + entropy.below(20_000),
            1..=4 => 1 + entropy.below(5),
            _ => 1,
        };
        if entropy.below(4) == 0 {
            stream.front.saturating_sub(entropy.below(100)).max(stream.start + 1)
        } else {
            stream.front
        }
    }

    /// Another key; the roll-over counters go on, or begin again at 0.
    fn rekey(&mut self, starts_over: bool) {
        self.keys += 1;
        self.key = key_of(self.suite, self.keys);
        for stream in self.fronts.values_mut() {
            stream.front = if starts_over { stream.front % TURN } else { stream.front };
            (stream.start, stream.sent) = (stream.front, BTreeSet::new());
        }
    }
}

#[test]
fn the_index_is_the_senders_over_loss_reordering_wraps_new_keys_and_eight_sources() {
    for (suite, seed) in SrtpSuite::ALL.into_iter().zip(11..) {
        let mut entropy = SeededEntropy::new(seed);
        let mut sender = Sender::new(suite);
        let mut receiver = Inbound::new(&sender.key).unwrap();
        let mut taken = 0;
        for step in 0..3000 {
            if step % 250 == 249 {
                sender.rekey(entropy.below(2) == 0);
                receiver.rekey(&sender.key, None).unwrap();
            }
            let ssrc = SSRC + if entropy.below(3) == 0 { entropy.below(8) as u32 } else { 0 };
            let index = sender.next(ssrc, &mut entropy);
            let packet = sealed_under(&sender.key, ssrc, index);
            let result = index_of(&mut receiver, &packet);
            if sender.fronts.get_mut(&ssrc).unwrap().sent.insert(index) {
                taken += u32::from(result == Ok(index));
                assert!(result == Ok(index) || result == Err(SrtpFault::Stale), "{suite:?} {step} {index} {result:?}");
            } else {
                assert!(matches!(result, Err(SrtpFault::Replayed | SrtpFault::Stale)), "{suite:?} {index} {result:?}");
            }
            let forged = sealed_under(&key_of(suite, 0xee), ssrc, index + entropy.below(40_000));
            assert!(index_of(&mut receiver, &forged).is_err());
        }
        assert!(taken > 2200, "{suite:?} {taken}");
    }
}

#[test]
fn first_packets_lost_around_the_wrap_do_not_hide_it() {
    for suite in SrtpSuite::ALL {
        for lost in 1..=10u64 {
            let mut receiver = Inbound::new(&key_of(suite, 1)).unwrap();
            for index in 65_530 + lost..65_545 {
                assert_eq!(index_of(&mut receiver, &sealed_under(&key_of(suite, 1), SSRC, index)), Ok(index), "{lost}");
            }
        }
    }
}

#[test]
fn over_a_new_key_the_index_is_the_senders_whether_it_kept_its_counter_or_not() {
    for suite in SrtpSuite::ALL {
        let [one, two] = [1, 2].map(|fill| key_of(suite, fill));
        for kept_index in [40u64, 40_000, TURN + 3, 5 * TURN + 65_535, 7 * TURN] {
            for starts_over in [false, true] {
                let mut receiver = Inbound::new(&one).unwrap();
                let old: Vec<u64> = (0..=kept_index).step_by(30_000).chain([kept_index]).collect();
                old.iter()
                    .for_each(|index| assert!(index_of(&mut receiver, &sealed_under(&one, SSRC, *index)).is_ok()));
                receiver.rekey(&two, None).unwrap();
                let late = kept_index + 1;
                let heard = index_of(&mut receiver, &sealed_under(&one, SSRC, late));
                assert_eq!(heard, Ok(late), "the old key still speaks");
                let next = if starts_over { (kept_index + 2) % TURN } else { kept_index + 2 };
                for index in next..next + 5 {
                    let heard = index_of(&mut receiver, &sealed_under(&two, SSRC, index));
                    assert_eq!(heard, Ok(index), "{suite:?} {kept_index} {starts_over}");
                }
                let gone = index_of(&mut receiver, &sealed_under(&one, SSRC, kept_index + 9));
                assert_eq!(gone, Err(SrtpFault::Unauthenticated), "the old key is gone");
            }
        }
    }
}

#[test]
fn a_source_that_was_silent_under_one_key_is_known_under_the_next() {
    for suite in SrtpSuite::ALL {
        let [one, two, three] = [1, 2, 3].map(|fill| key_of(suite, fill));
        let mut receiver = Inbound::new(&one).unwrap();
        for index in (0..4 * TURN).step_by(30_000) {
            assert_eq!(index_of(&mut receiver, &sealed_under(&one, SSRC, index)), Ok(index));
        }
        receiver.rekey(&two, None).unwrap();
        assert_eq!(index_of(&mut receiver, &sealed_under(&two, SSRC + 1, 50)), Ok(50));
        receiver.rekey(&three, None).unwrap();
        assert_eq!(index_of(&mut receiver, &sealed_under(&three, SSRC, 4 * TURN)), Ok(4 * TURN));
    }
}
