//! The name an operator probably meant.

/// The known name nearest to `written`, if one is near: at most a third of its letters differ. The work is
/// bounded: long names, and names beyond the first thousand, are not compared.
pub(super) fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const LONGEST: usize = 64;
    const COMPARED: usize = 1000;
    let length = written.chars().count();
    if length > LONGEST {
        return None;
    }
    let scored = known.into_iter().take(COMPARED).map(|name| (distance(written, name), name));
    let near = scored.filter(|(distance, name)| *distance <= (length.max(name.chars().count()) / 3).max(1));
    near.min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

/// Letters to insert, remove, replace or swap with a neighbour (optimal string alignment), case ignored.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.to_lowercase().chars().collect();
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut rows: [Vec<usize>; 2] = [Vec::new(), (0..=b.len()).collect()];
    for (i, x) in a.iter().enumerate() {
        let row = next_row(&rows, (i, *x, i.checked_sub(1).and_then(|before| a.get(before)).copied()), &b);
        let [_, last] = rows;
        rows = [last, row];
    }
    rows[1].last().copied().unwrap_or_default()
}

/// One row of the distance table from the two above it.
fn next_row(rows: &[Vec<usize>; 2], (i, x, before): (usize, char, Option<char>), b: &[char]) -> Vec<usize> {
    let [older, last] = rows;
    let mut row = vec![i + 1];
    for (j, y) in b.iter().enumerate() {
        let at = |row: &[usize], column: usize| row.get(column).copied().unwrap_or(usize::MAX / 2);
        let mut best = (at(last, j) + usize::from(x != *y)).min(at(last, j + 1) + 1).min(at(&row, j) + 1);
        let swapped = j > 0 && before == Some(*y) && b.get(j - 1) == Some(&x);
        if swapped {
            best = best.min(at(older, j - 1) + 1);
        }
        row.push(best);
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_understood() {
        let known = ["listener", "targets", "sources"];
        assert_eq!(nearest("listner", known), Some("listener"));
        assert_eq!(nearest("tragets", known), Some("targets"));
        assert_eq!(nearest("Source", known), Some("sources"));
    }

    #[test]
    fn a_swap_of_neighbours_is_one_slip() {
        assert_eq!(distance("tls", "tsl"), 1);
        assert_eq!(distance("abc", "abc"), 0);
        assert_eq!(distance("", "abc"), 3);
    }

    #[test]
    fn a_strange_name_suggests_nothing() {
        assert_eq!(nearest("colour", ["listener", "port"]), None);
        assert_eq!(nearest(&"x".repeat(100_000), ["listener"]), None);
    }
}
