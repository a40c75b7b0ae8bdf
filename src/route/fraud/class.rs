//! What a called number is, as far as money goes.

/// Class of a destination. The name in the configuration is its metric label too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// An ordinary number of an own country.
    Domestic,
    /// An ordinary number of another country.
    International,
    /// The same, of a country that reports of International Revenue Share Fraud name.
    Irsf,
    Premium,
    SharedCost,
    /// Follow-me numbers.
    Personal,
    Satellite,
    /// Networks and services without a country (+808, +878, +882, +883).
    Global,
    /// Free for the caller.
    Freephone,
    /// Service codes, and user names that are no numbers: they go where a route sends them, not abroad.
    Code,
    /// Digits that no plan knows.
    Unknown,
}

impl Class {
    pub const ALL: [Class; 11] = [
        Class::Domestic,
        Class::International,
        Class::Irsf,
        Class::Premium,
        Class::SharedCost,
        Class::Personal,
        Class::Satellite,
        Class::Global,
        Class::Freephone,
        Class::Code,
        Class::Unknown,
    ];

    /// Those that an own or allowed country does not include: `fraud.allow_classes` names them.
    pub const DEAR: [Class; 5] = [Class::Premium, Class::SharedCost, Class::Personal, Class::Satellite, Class::Global];

    /// As the configuration writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Class::Domestic => "domestic",
            Class::International => "international",
            Class::Irsf => "irsf",
            Class::Premium => "premium",
            Class::SharedCost => "shared-cost",
            Class::Personal => "personal",
            Class::Satellite => "satellite",
            Class::Global => "global",
            Class::Freephone => "freephone",
            Class::Code => "code",
            Class::Unknown => "unknown",
        }
    }

    const fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// Some classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassSet(u16);

impl ClassSet {
    /// Of these.
    pub fn of(classes: &[Class]) -> ClassSet {
        ClassSet(classes.iter().fold(0, |bits, class| bits | class.bit()))
    }

    pub const fn has(self, class: Class) -> bool {
        self.0 & class.bit() != 0
    }

    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}
