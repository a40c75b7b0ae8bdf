//! The name an operator probably meant.

use crate::route::number::Country;

/// The known name nearest to `written`, if one is near: at most a third of its letters differ. The work is
/// bounded: long names, and names beyond the first thousand, are not compared.
pub(super) fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const LONGEST: usize = 64;
    const COMPARED: usize = 1000;
    let length = written.chars().count();
    if length > LONGEST {
        return None;
    }
    let scored = known.into_iter().take(COMPARED).filter(|name| !is_opposite(written, name));
    let scored = scored.map(|name| (distance(written, name), name));
    let near = scored.filter(|(distance, name)| *distance <= (length.max(name.chars().count()) / 3).max(1));
    near.min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

/// The one known name that `written` is a whole word of: `teams` of `microsoft-teams`.
pub(super) fn part_of<'a>(written: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let has_word = |name: &&str| name.split('-').any(|word| word.eq_ignore_ascii_case(written));
    let mut found = known.filter(has_word);
    // The shortest is the plain one; of two alike nobody knows which.
    let first = found.next()?;
    found.all(|other| other.starts_with(first)).then_some(first)
}

/// What a reader of country codes says of one that it does not know, with the one that is probably meant: written small, the
/// United Kingdom's everyday name (ISO 3166 has it reserved), or a calling code.
pub(super) fn country_meant<T>(written: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<T, String> {
    let capitals = written.to_ascii_uppercase();
    let iso = if capitals == "UK" { "GB" } else { capitals.as_str() };
    let digits = written.trim_start_matches(['+', '0']);
    let called = Country::all().iter().filter(|country| country.calling_code == digits).map(|country| country.iso);
    read(written).map_err(|told| {
        let meant = std::iter::once(iso).chain(called).find(|iso| *iso != written && read(iso).is_ok());
        meant.map_or(told, |iso| format!("is no country known here; did you mean \"{iso}\"?"))
    })
}

/// Whoever writes that something is denied must never be told to write that it is allowed.
fn is_opposite(written: &str, name: &str) -> bool {
    let written = written.to_lowercase();
    let denies = ["deny", "block", "forbid", "reject"].iter().any(|word| written.contains(word));
    denies && name.contains("allow") || written.contains("allow") && name.contains("deny")
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
    fn a_country_is_understood_as_people_write_it() {
        let read = |iso: &str| ["DE", "GB", "US"].contains(&iso).then_some(()).ok_or_else(|| "none".to_owned());
        let meant = |written| country_meant(written, read).unwrap_err();
        for (written, iso) in [("UK", "GB"), ("uk", "GB"), ("de", "DE"), ("+49", "DE"), ("0044", "GB")] {
            assert!(meant(written).ends_with(&format!("did you mean \"{iso}\"?")), "{}", meant(written));
        }
        assert_eq!(meant("Germany"), "none");
        assert_eq!(country_meant("DE", read), Ok(()));
    }

    #[test]
    fn nobody_who_denies_is_told_to_allow() {
        assert_eq!(nearest("deny_countries", ["allow_countries", "deny_prefixes"]), None);
        assert_eq!(nearest("allow_prefixe", ["deny_prefixes", "allow_prefixes"]), Some("allow_prefixes"));
    }

    #[test]
    fn a_word_of_a_name_is_understood_where_only_one_has_it() {
        let known = ["azure-acs", "microsoft-teams", "microsoft-teams-bypass", "carrier-ip", "carrier-gin"];
        assert_eq!(part_of("Teams", known.into_iter()), Some("microsoft-teams"));
        assert_eq!(part_of("carrier", known.into_iter()), None);
        assert_eq!(part_of("eam", known.into_iter()), None);
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
