//! ELIN: the number of a place, which an emergency call shows instead of its caller's own (MD-164, PF-50, PF-161). The
//! services look the place up by it, and call back to it.
//!
//! Assumed, for the sources leave it open: the location object names it as text of an element (`ELIN`, else `NAM`), several
//! separated by semicolons or commas; the digits without a plus are national ones of the caller's trunk.

use std::collections::BTreeMap;
use std::time::Duration;

use super::number::{E164, Field, FieldForms, IncomingForm, NumberPlan};
use crate::base::bounds::Bound;
use crate::base::limits::ELINS_OF_PLACE;
use crate::sip::pidf;

/// What `[emergency]` says of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ElinSettings {
    /// Elements of the location that name a number or a place, the first that does wins.
    pub elements: Vec<String>,
    /// Numbers of places, by what such an element says (in lower case).
    pub places: BTreeMap<String, Vec<E164>>,
    /// How long after its end a call can be called back.
    pub callback: Duration,
}

impl Default for ElinSettings {
    fn default() -> Self {
        ElinSettings {
            elements: ["ELIN", "NAM"].map(str::to_owned).into(),
            places: BTreeMap::new(),
            callback: Duration::from_secs(3600),
        }
    }
}

impl ElinSettings {
    /// ELINs of the place a location object tells of, in its order; `plan`: of the trunk it came on.
    pub fn of_location(&self, location: &[u8], plan: &NumberPlan) -> Vec<E164> {
        let texts = self.elements.iter().filter_map(|element| pidf::text_of(location, element));
        texts.map(|text| self.named(&text, plan)).find(|elins| !elins.is_empty()).unwrap_or_default()
    }

    fn named(&self, text: &str, plan: &NumberPlan) -> Vec<E164> {
        if let Some(elins) = self.places.get(&text.to_lowercase()) {
            return elins.clone();
        }
        let national = NumberPlan {
            country: plan.country,
            incoming: FieldForms::all(IncomingForm::National),
            ..NumberPlan::default()
        };
        let number = |piece: &str| national.read_text(Field::Identity, piece.trim()).ok()?.number().cloned();
        Bound::ElinsOfPlace.first(ELINS_OF_PLACE, text.split([';', ',']).filter_map(number)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::number::country;

    fn read(location: &str, home: &str, settings: &ElinSettings) -> Vec<String> {
        let plan = NumberPlan { country: country(home), ..NumberPlan::default() };
        settings.of_location(location.as_bytes(), &plan).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn numbers_are_read_as_people_write_them() {
        let settings = ElinSettings::default();
        let table = [
            ("US", "<ca:ELIN>425-555-0100; 4255550101 </ca:ELIN>", &["+14255550100", "+14255550101"][..]),
            ("US", "<ELIN>+1 (425) 555-0100</ELIN><NAM>4255550199</NAM>", &["+14255550100"]),
            ("DE", "<NAM>+49 30 123456, 030 123457</NAM>", &["+4930123456", "+4930123457"]),
            ("DE", "<ELIN/><NAM>030123456</NAM>", &["+4930123456"]),
            ("DE", "<ELIN>Haus 3</ELIN><NAM>Contoso 112 GmbH; 4711</NAM>", &[]),
            ("DE", "<ELIN>112</ELIN>", &[]),
            ("??", "<ELIN>+4930123456</ELIN>", &["+4930123456"]),
            ("DE", "<LOC>030123456</LOC>", &[]),
            (
                "DE",
                "<ELIN>+49301;+49302;+49303;+49304;+49305;+49306;+49307;+49308;+49309</ELIN>",
                &["+49301", "+49302", "+49303", "+49304", "+49305", "+49306", "+49307", "+49308"],
            ),
        ];
        for (home, location, expected) in table {
            assert_eq!(read(location, home, &settings), expected, "{location}");
        }
    }

    #[test]
    fn a_place_has_the_numbers_that_the_operator_gives_it() {
        let elin = E164::parse("+4930555").unwrap();
        let places = BTreeMap::from([("berlin, haus 3".to_owned(), vec![elin])]);
        let settings = ElinSettings { elements: vec!["LOC".to_owned()], places, ..ElinSettings::default() };
        assert_eq!(read("<c:LOC> BERLIN, Haus 3 </c:LOC><ELIN>+49301</ELIN>", "DE", &settings), ["+4930555"]);
        assert_eq!(read("<c:LOC>Haus 4</c:LOC>", "DE", &settings), [""; 0]);
    }
}
