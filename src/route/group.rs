//! Trunk groups: which member a call is offered to first.

use std::cmp::Reverse;

use crate::base::ids::TrunkId;

/// What the order of a group's members depends on besides the configuration. Handed in, so that the order is a function of
/// its arguments.
pub trait Choice {
    /// Calls on this trunk now.
    fn load(&self, trunk: TrunkId) -> usize;
    /// A number below `bound`, which is not 0.
    fn below(&mut self, bound: u64) -> u64;
}

/// No trunk has a call, and the heaviest comes first: what `explain` shows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Likeliest;

impl Choice for Likeliest {
    fn load(&self, _: TrunkId) -> usize {
        0
    }

    fn below(&mut self, _: u64) -> u64 {
        0
    }
}

/// `order` of a group, among members of one priority.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Order {
    /// By chance, in proportion to the weights (as RFC 2782 does with servers).
    #[default]
    Weighted,
    /// The heaviest first, always.
    Fixed,
    /// The fewest calls for its weight first.
    LeastLoaded,
}

/// One member, its name resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    pub trunk: TrunkId,
    /// Lower first.
    pub priority: u16,
    pub weight: u16,
}

/// A group, compiled: members by priority, the heaviest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    order: Order,
    members: Vec<Member>,
}

impl Group {
    pub fn new(order: Order, mut members: Vec<Member>) -> Group {
        members.sort_by_key(|member| (member.priority, Reverse(member.weight)));
        Group { order, members }
    }

    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Its trunks as one call tries them.
    pub fn trunks(&self, choice: &mut dyn Choice) -> Vec<TrunkId> {
        let tiers = self.members.chunk_by(|one, two| one.priority == two.priority);
        tiers.flat_map(|tier| self.tier(tier.to_vec(), choice)).map(|member| member.trunk).collect()
    }

    fn tier(&self, mut members: Vec<Member>, choice: &mut dyn Choice) -> Vec<Member> {
        match self.order {
            Order::Fixed => {}
            Order::Weighted => return drawn(members, choice),
            // Loads are compared as fractions of the weights: a / b < c / d where a * d < c * b.
            Order::LeastLoaded => members.sort_by(|one, two| {
                let share = |own: &Member, other: &Member| {
                    u64::try_from(choice.load(own.trunk)).unwrap_or(u64::MAX).saturating_mul(weight(other))
                };
                share(one, two).cmp(&share(two, one))
            }),
        }
        members
    }
}

/// A member of weight 0 is drawn as rarely as the smallest weight allows, not never.
fn weight(member: &Member) -> u64 {
    u64::from(member.weight).max(1)
}

/// Draws one after the other, each in proportion to its weight among those that are left.
fn drawn(mut left: Vec<Member>, choice: &mut dyn Choice) -> Vec<Member> {
    let mut drawn = Vec::with_capacity(left.len());
    while left.len() > 1 {
        let total: u64 = left.iter().map(weight).sum();
        let mut mark = choice.below(total);
        let hit = left.iter().position(|member| match mark.checked_sub(weight(member)) {
            Some(beyond) => {
                mark = beyond;
                false
            }
            None => true,
        });
        drawn.push(left.remove(hit.unwrap_or(0)));
    }
    drawn.append(&mut left);
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Draws the numbers it was given, one after the other; trunk N has `loads[N]` calls.
    struct Given {
        draws: Vec<u64>,
        loads: [usize; 4],
    }

    impl Choice for Given {
        fn load(&self, trunk: TrunkId) -> usize {
            self.loads[usize::from(trunk.0)]
        }

        fn below(&mut self, bound: u64) -> u64 {
            let draw = self.draws.remove(0);
            assert!(draw < bound);
            draw
        }
    }

    fn group(order: Order, members: &[(u16, u16, u16)]) -> Group {
        let member = |&(trunk, priority, weight): &(u16, u16, u16)| Member { trunk: TrunkId(trunk), priority, weight };
        Group::new(order, members.iter().map(member).collect())
    }

    fn order(group: &Group, draws: &[u64], loads: [usize; 4]) -> Vec<u16> {
        let trunks = group.trunks(&mut Given { draws: draws.to_vec(), loads });
        trunks.iter().map(|trunk| trunk.0).collect()
    }

    #[test]
    fn priorities_come_first_and_weights_decide_within_one() {
        let group = group(Order::Fixed, &[(0, 2, 9), (1, 1, 1), (2, 1, 5)]);
        assert_eq!(order(&group, &[], [0; 4]), [2, 1, 0]);
    }

    #[test]
    fn each_number_drawn_stands_for_one_share_of_the_weights() {
        let group = group(Order::Weighted, &[(0, 1, 3), (1, 1, 1)]);
        let first: Vec<u16> = (0..4).map(|draw| order(&group, &[draw], [0; 4])[0]).collect();
        assert_eq!(first, [0, 0, 0, 1]);
    }

    #[test]
    fn the_trunk_with_the_fewest_calls_for_its_weight_is_tried_first() {
        let group = group(Order::LeastLoaded, &[(0, 1, 3), (1, 1, 1), (2, 2, 1)]);
        assert_eq!(order(&group, &[], [5, 2, 0, 0]), [0, 1, 2], "5 of 3 shares are fewer than 2 of 1");
        assert_eq!(order(&group, &[], [7, 2, 0, 0]), [1, 0, 2]);
        assert_eq!(order(&group, &[], [0, 0, 0, 0]), [0, 1, 2], "equal: the heaviest");
    }
}
