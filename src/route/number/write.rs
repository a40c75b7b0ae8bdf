//! Writing a number as a peer expects it.

use super::country::Country;
use super::e164::E164;
use super::mobile;
use super::read::Party;

/// The form a peer expects numbers in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OutgoingForm {
    /// `+4930123456`.
    #[default]
    E164,
    /// `4930123456`.
    E164NoPlus,
    /// `030123456` inside the country, `00443069990000` to others.
    National,
    /// `004930123456`, also inside the country.
    International,
}

impl OutgoingForm {
    /// As the configuration writes it.
    pub const fn name(self) -> &'static str {
        match self {
            OutgoingForm::E164 => "e164",
            OutgoingForm::E164NoPlus => "e164-no-plus",
            OutgoingForm::National => "national",
            OutgoingForm::International => "international",
        }
    }
}

/// The user part of a party for one peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Without parameters.
    pub user: String,
    /// Of a number: what `;ext=` says.
    pub extension: Option<Box<str>>,
    /// Whether it is a telephone number: `user=phone` and the tel scheme are for these only.
    pub is_telephone: bool,
}

/// The user part of `party` in this form.
pub(super) fn write(form: OutgoingForm, country: Option<&Country>, party: &Party) -> Written {
    match party {
        Party::Number { number, extension } => {
            Written { user: formed(form, country, number), extension: extension.clone(), is_telephone: true }
        }
        Party::Short(text) => Written { user: text.to_string(), extension: None, is_telephone: true },
        Party::Name(text) => Written { user: text.to_string(), extension: None, is_telephone: false },
        Party::Anonymous => Written { user: "anonymous".to_owned(), extension: None, is_telephone: false },
    }
}

fn formed(form: OutgoingForm, country: Option<&Country>, number: &E164) -> String {
    let abroad = || format!("{}{}", country.map_or("00", Country::international_prefix), number.digits());
    match form {
        OutgoingForm::E164 => number.as_str().to_owned(),
        OutgoingForm::E164NoPlus => number.digits().to_owned(),
        OutgoingForm::International => abroad(),
        OutgoingForm::National => {
            let own = country.and_then(|country| Some((country, country.national(number)?)));
            let home = |(country, rest): (&Country, &str)| {
                format!("{}{}", country.trunk_prefix, mobile::at_home(country, rest))
            };
            own.map_or_else(abroad, home)
        }
    }
}
