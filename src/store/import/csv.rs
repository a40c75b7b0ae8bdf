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
    /// A quote is not closed before the end of the line. The line.
    Open { line: usize },
    /// A quote stands within a value that does not begin with one, or something follows a closed one. The line.
    Inner { line: usize },
}

/// The same of one line.
enum BadQuote {
    Open,
    Inner,
}

/// Reads `text` record by record; blank lines are left out. Lines end with LF, CRLF or, as old spreadsheets write them,
/// CR. A cell cannot hold a line end: in no layout may it, and an open quote must not swallow the rest of the file.
pub fn records(text: &str) -> impl Iterator<Item = Result<Record, CsvFault>> + '_ {
    let lines = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    let lines = lines.flat_map(|line| line.split('\r')).enumerate();
    let filled = lines.filter(|(_, line)| !line.trim().is_empty());
    filled.map(|(index, line)| {
        let number = index.saturating_add(1);
        match cells(line) {
            Ok(cells) => Ok(Record { line: number, cells }),
            Err(BadQuote::Open) => Err(CsvFault::Open { line: number }),
            Err(BadQuote::Inner) => Err(CsvFault::Inner { line: number }),
        }
    })
}

fn cells(line: &str) -> Result<Vec<Cell>, BadQuote> {
    let mut cells = Vec::new();
    let mut rest = line;
    loop {
        let (cell, after) = cell(rest)?;
        cells.push(cell);
        match after {
            Some(after) => rest = after,
            None => return Ok(cells),
        }
    }
}

/// The first cell and what follows its comma, if there is one.
fn cell(text: &str) -> Result<(Cell, Option<&str>), BadQuote> {
    match text.trim_start().strip_prefix('"') {
        Some(inner) => quoted(inner),
        None => {
            let (cell, after) = text.split_once(',').map_or((text, None), |(cell, after)| (cell, Some(after)));
            match cell.contains('"') {
                true => Err(BadQuote::Inner),
                false => Ok((Cell { text: cell.to_owned(), is_quoted: false }, after)),
            }
        }
    }
}

fn quoted(inner: &str) -> Result<(Cell, Option<&str>), BadQuote> {
    let mut text = String::new();
    let mut rest = inner;
    loop {
        let (before, after) = rest.split_once('"').ok_or(BadQuote::Open)?;
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
            None => return Err(BadQuote::Inner),
        };
        return Ok((Cell { text, is_quoted: true }, next));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(line: &str) -> Option<Vec<(String, bool)>> {
        cells(line).ok().map(|cells| cells.into_iter().map(|cell| (cell.text, cell.is_quoted)).collect())
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
        assert_eq!(line(1), Err(CsvFault::Open { line: 2 }));
        assert_eq!(line(2), Err(CsvFault::Inner { line: 3 }));
        assert_eq!(line(3), Err(CsvFault::Inner { line: 4 }));
        assert_eq!(line(4), Ok(5));
    }

    #[test]
    fn blank_lines_and_every_line_end_are_taken() {
        let lines: Vec<usize> = records("a\r\n\r\n  \nb\rc\r").map(|record| record.unwrap().line).collect();
        assert_eq!(lines, [1, 4, 5]);
    }
}
