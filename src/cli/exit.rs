//! Exit codes (DESIGN 7, after sysexits.h).

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done, nothing to report.
    Ok = 0,
    /// Done, and something was found (check of a peer, doctor, demo, import).
    Findings = 1,
    /// The command line is wrong.
    Usage = 64,
    /// A port or file is taken by another process.
    Taken = 69,
    /// A defect, or a system that gives us nothing.
    Internal = 70,
    /// The configuration is wrong.
    Configuration = 78,
}

impl Exit {
    /// The number the shell sees.
    pub const fn code(self) -> i32 {
        self as i32
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        std::process::ExitCode::from(exit as u8)
    }
}
