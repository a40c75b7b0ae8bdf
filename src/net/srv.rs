//! The order of SRV records (RFC 2782): priorities ascending, inside one priority a weighted draw.

/// One SRV record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    pub priority: u16,
    pub weight: u16,
    pub port: u16,
    /// Lower case, no dot at the end.
    pub host: String,
}

/// Orders the records as they shall be tried. `draw`: 64 random bits each time.
pub fn order(mut records: Vec<Service>, mut draw: impl FnMut() -> u64) -> Vec<Service> {
    // RFC 2782: those of weight 0 first, so that they have a small chance to be drawn.
    records.sort_by_key(|record| (record.priority, record.weight));
    let mut ordered = Vec::with_capacity(records.len());
    while let Some(first) = records.first() {
        let priority = first.priority;
        let group = records.iter().take_while(|record| record.priority == priority);
        let total: u64 = group.clone().map(|record| u64::from(record.weight)).sum();
        let mut left = draw() % (total + 1);
        let drawn = group
            .map(|record| u64::from(record.weight))
            .position(|weight| {
                let hit = left <= weight;
                left = left.saturating_sub(weight);
                hit
            })
            .unwrap_or(0);
        ordered.push(records.remove(drawn));
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(priority: u16, weight: u16, host: &str) -> Service {
        Service { priority, weight, port: 5061, host: host.to_owned() }
    }

    fn hosts(ordered: &[Service]) -> Vec<&str> {
        ordered.iter().map(|service| service.host.as_str()).collect()
    }

    #[test]
    fn lower_priorities_come_first() {
        let ordered = order(vec![service(2, 1, "b"), service(1, 1, "a"), service(3, 1, "c")], || 0);
        assert_eq!(hosts(&ordered), ["a", "b", "c"]);
    }

    #[test]
    fn the_draw_chooses_by_weight_inside_one_priority() {
        let records = vec![service(1, 10, "light"), service(1, 90, "heavy")];
        assert_eq!(hosts(&order(records.clone(), || 10)), ["light", "heavy"]);
        assert_eq!(hosts(&order(records, || 11)), ["heavy", "light"]);
    }

    #[test]
    fn records_without_weight_keep_a_chance() {
        let records = vec![service(1, 5, "heavy"), service(1, 0, "none")];
        assert_eq!(hosts(&order(records.clone(), || 0)), ["none", "heavy"]);
        assert_eq!(hosts(&order(records, || 1)), ["heavy", "none"]);
    }
}
