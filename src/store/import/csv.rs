//! RFC 4180 as PV-43 narrows it, one record after the other, with what common readers do not tell: whether a cell was
//! quoted (PV-49).

/// One value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Quotes removed, inner doubled quotes halved; not trimmed.
    pub text: String,
    pub is_quoted: bool,
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Where it begins in the file, as an editor counts lines, from 1.
    pub line: usize,
    pub cells: Vec<Cell>,
}

/// Why a record cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CsvFault {
    /// A quote is not closed before the end of the line, or something follows a closed one. The line.
    Quote { line: usize },
}

/// Reads `text` record by record; blank lines are left out. A cell cannot hold a line end: in no layout may it, and an
/// open quote must not swallow the rest of the file.
pub fn records(text: &str) -> impl Iterator<Item = Result<Record, CsvFault>> + '_ {
    let lines = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).enumerate();
    let filled = lines.filter(|(_, line)| !line.trim().is_empty());
    filled.map(|(index, line)| {
        let number = index.saturating_add(1);
        let cells = cells(line).ok_or(CsvFault::Quote { line: number })?;
        Ok(Record { line: number, cells })
    })
}

fn cells(line: &str) -> Option<Vec<Cell>> {
    let mut cells = Vec::new();
    let mut rest = line;
    loop {
        let (cell, after) = cell(rest)?;
        cells.push(cell);
        match after {
            Some(after) => rest = after,
            None => return Some(cells),
        }
    }
}

/// The first cell and what follows its comma, if there is one.
fn cell(text: &str) -> Option<(Cell, Option<&str>)> {
    match text.trim_start().strip_prefix('"') {
        Some(inner) => quoted(inner),
        None => {
            let (cell, after) = text.split_once(',').map_or((text, None), |(cell, after)| (cell, Some(after)));
            let is_clean = !cell.contains('"');
            is_clean.then(|| (Cell { text: cell.to_owned(), is_quoted: false }, after))
        }
    }
}

fn quoted(inner: &str) -> Option<(Cell, Option<&str>)> {
    let mut text = String::new();
    let mut rest = inner;
    loop {
        let (before, after) = rest.split_once('"')?;
        text.push_str(before);
        if let Some(more) = after.strip_prefix('"') {
            text.push('"');
            rest = more;
            continue;
        }
        let behind = after.trim_start();
        let next = match behind.strip_prefix(',') {
            Some(next) => Some(next),
            None if behind.is_empty() => None,
            None => return None,
        };
        return Some((Cell { text, is_quoted: true }, next));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(line: &str) -> Option<Vec<(String, bool)>> {
        cells(line).map(|cells| cells.into_iter().map(|cell| (cell.text, cell.is_quoted)).collect())
    }

    #[test]
    fn quotes_commas_and_doubled_quotes_are_read_and_remembered() {
        let read = texts("\"4930,5\",True, \"a \"\"b\"\"\" ,").unwrap();
        let plain = |text: &str| (text.to_owned(), false);
        assert_eq!(read, [("4930,5".to_owned(), true), plain("True"), ("a \"b\"".to_owned(), true), plain("")]);
    }

    #[test]
    fn an_open_quote_or_text_behind_a_closed_one_is_a_fault_of_its_own_line_alone() {
        let read: Vec<_> = records("a\n\"b\n\"c\"d\nx\"y\nz\n").collect();
        let line = |at: usize| read[at].as_ref().map(|record| record.line).map_err(|fault| *fault);
        assert_eq!(line(0), Ok(1));
        assert_eq!(line(1), Err(CsvFault::Quote { line: 2 }));
        assert_eq!(line(2), Err(CsvFault::Quote { line: 3 }));
        assert_eq!(line(3), Err(CsvFault::Quote { line: 4 }));
        assert_eq!(line(4), Ok(5));
    }

    #[test]
    fn blank_lines_and_both_line_ends_are_taken() {
        let lines: Vec<usize> = records("a\r\n\r\n  \nb").map(|record| record.unwrap().line).collect();
        assert_eq!(lines, [1, 4]);
    }
}
