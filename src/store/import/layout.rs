//! The three layouts and their columns (PV-22, PV-19, PV-44).

/// A column we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Column {
    Number,
    Inbound,
    Outbound,
    Account,
    Carrier,
    Country,
    NumberType,
    Services,
    CustomHeader,
    EmergencyLocation,
    Correlation,
    Ticket,
}

/// Which of the three a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Three `msdyn_` columns in any order.
    Dynamics,
    /// The single heading `Numbers`.
    Numbers,
    /// Our own.
    Native,
}

const DYNAMICS: [(&str, Column); 3] = [
    ("msdyn_phonenumber", Column::Number),
    ("msdyn_phoneinboundenabled", Column::Inbound),
    ("msdyn_phoneoutboundenabled", Column::Outbound),
];

const NUMBERS: [(&str, Column); 1] = [("Numbers", Column::Number)];

const NATIVE_REQUIRED: [(&str, Column); 1] = [("phoneNumber", Column::Number)];

const NATIVE: [(&str, Column); 12] = [
    ("phoneNumber", Column::Number),
    ("account", Column::Account),
    ("carrier", Column::Carrier),
    ("country", Column::Country),
    ("numberType", Column::NumberType),
    ("services", Column::Services),
    ("inboundEnabled", Column::Inbound),
    ("outboundEnabled", Column::Outbound),
    ("customHeader", Column::CustomHeader),
    ("emergencyLocationId", Column::EmergencyLocation),
    ("correlationId", Column::Correlation),
    ("ticket", Column::Ticket),
];

impl Layout {
    /// The layout whose heading holds any of these names; `None`: none of them is a heading we know.
    pub fn of(headings: &[&str]) -> Option<Layout> {
        let layouts = [Layout::Dynamics, Layout::Numbers, Layout::Native];
        layouts.into_iter().find(|layout| headings.iter().any(|heading| layout.column(heading).is_some()))
    }

    /// Headings with their columns, in the order a template writes them.
    pub const fn columns(self) -> &'static [(&'static str, Column)] {
        match self {
            Layout::Dynamics => &DYNAMICS,
            Layout::Numbers => &NUMBERS,
            Layout::Native => &NATIVE,
        }
    }

    /// Columns a file must have.
    pub const fn required(self) -> &'static [(&'static str, Column)] {
        match self {
            Layout::Dynamics => &DYNAMICS,
            Layout::Numbers => &NUMBERS,
            Layout::Native => &NATIVE_REQUIRED,
        }
    }

    /// The column of a heading, trimmed and without case.
    pub fn column(self, heading: &str) -> Option<Column> {
        let found = self.columns().iter().find(|(name, _)| name.eq_ignore_ascii_case(heading.trim()));
        found.map(|(_, column)| *column)
    }

    /// The heading of a column here.
    pub fn heading(self, column: Column) -> &'static str {
        self.columns().iter().find(|(_, known)| *known == column).map_or("", |(name, _)| name)
    }

    /// Every heading of every layout, for a file that has none of them.
    pub fn all_headings() -> String {
        let first = |layout: Layout| layout.required().iter().map(|(name, _)| *name).collect::<Vec<_>>().join(",");
        format!("{}; {}; or {}", first(Layout::Dynamics), first(Layout::Numbers), first(Layout::Native))
    }
}
