//! Numbering plans as data: the national tables of ITU-T E.164 and the regulators' pages, reduced to what decides how
//! a number is read. A country that is not here can still be used with numbers that carry their country code.

use super::country::Country;

const fn plan(
    iso: &'static str,
    calling_code: &'static str,
    trunk_prefix: &'static str,
    international_prefixes: &'static [&'static str],
    national_digits: (usize, usize),
    emergency: &'static [&'static str],
) -> Country {
    Country { iso, calling_code, trunk_prefix, international_prefixes, national_digits, emergency }
}

/// By ISO code. Columns: code, country code, trunk prefix, international prefixes, digits of a national number, emergency.
pub(super) const COUNTRIES: &[Country] = &[
    plan("AE", "971", "0", &["00"], (7, 9), &["999", "998", "997", "112", "911"]),
    plan("AR", "54", "0", &["00"], (10, 11), &["911", "107", "100", "101"]),
    plan("AT", "43", "0", &["00"], (4, 13), &["112", "122", "133", "144"]),
    plan("AU", "61", "0", &["0011"], (6, 10), &["000", "112", "106"]),
    plan("BE", "32", "0", &["00"], (8, 9), &["112", "100", "101"]),
    plan("BG", "359", "0", &["00"], (7, 9), &["112"]),
    plan("BR", "55", "0", &["00"], (10, 11), &["190", "192", "193"]),
    plan("CA", "1", "1", &["011"], (10, 10), &["911"]),
    plan("CH", "41", "0", &["00"], (9, 9), &["112", "117", "118", "144"]),
    plan("CL", "56", "", &["00"], (9, 9), &["131", "132", "133"]),
    plan("CN", "86", "0", &["00"], (7, 11), &["110", "119", "120", "122"]),
    plan("CO", "57", "", &["00"], (10, 10), &["123"]),
    plan("CZ", "420", "", &["00"], (9, 9), &["112", "150", "155", "158"]),
    plan("DE", "49", "0", &["00"], (5, 13), &["110", "112"]),
    plan("DK", "45", "", &["00"], (8, 8), &["112"]),
    plan("EE", "372", "", &["00"], (7, 8), &["112"]),
    plan("ES", "34", "", &["00"], (9, 9), &["112", "061", "080", "091", "092"]),
    plan("FI", "358", "0", &["00", "990", "994", "999"], (5, 12), &["112"]),
    plan("FR", "33", "0", &["00"], (9, 9), &["112", "15", "17", "18", "114"]),
    plan("GB", "44", "0", &["00"], (7, 10), &["999", "112"]),
    plan("GR", "30", "", &["00"], (10, 10), &["112", "100", "166", "199"]),
    plan("HK", "852", "", &["001"], (8, 8), &["999", "112", "992"]),
    plan("HR", "385", "0", &["00"], (8, 9), &["112", "192", "193", "194"]),
    plan("HU", "36", "06", &["00"], (8, 9), &["112", "104", "105", "107"]),
    plan("IE", "353", "0", &["00"], (7, 9), &["112", "999"]),
    plan("IL", "972", "0", &["00", "012", "013", "014"], (8, 9), &["100", "101", "102", "112"]),
    plan("IN", "91", "0", &["00"], (10, 10), &["112", "100", "101", "102"]),
    plan("IT", "39", "", &["00"], (6, 11), &["112", "113", "115", "118"]),
    plan("JP", "81", "0", &["010"], (9, 10), &["110", "118", "119"]),
    plan("KR", "82", "0", &["001", "002", "00700"], (8, 10), &["112", "119"]),
    plan("LT", "370", "0", &["00"], (8, 8), &["112"]),
    plan("LU", "352", "", &["00"], (4, 11), &["112", "113"]),
    plan("LV", "371", "", &["00"], (8, 8), &["112"]),
    plan("MX", "52", "", &["00"], (10, 10), &["911"]),
    plan("NL", "31", "0", &["00"], (9, 9), &["112"]),
    plan("NO", "47", "", &["00"], (5, 8), &["110", "112", "113"]),
    plan("NZ", "64", "0", &["00"], (8, 10), &["111"]),
    plan("PL", "48", "", &["00"], (9, 9), &["112", "997", "998", "999"]),
    plan("PT", "351", "", &["00"], (9, 9), &["112"]),
    plan("RO", "40", "0", &["00"], (9, 9), &["112"]),
    plan("RS", "381", "0", &["00"], (7, 10), &["112", "192", "193", "194"]),
    plan("SE", "46", "0", &["00"], (6, 9), &["112"]),
    plan("SG", "65", "", &["001", "000", "002", "008"], (8, 8), &["995", "999"]),
    plan("SI", "386", "0", &["00"], (8, 8), &["112", "113"]),
    plan("SK", "421", "0", &["00"], (9, 9), &["112", "150", "155", "158"]),
    plan("TR", "90", "0", &["00"], (10, 10), &["112"]),
    plan("UA", "380", "0", &["00"], (9, 9), &["112", "101", "102", "103"]),
    plan("US", "1", "1", &["011"], (10, 10), &["911", "933"]),
    plan("ZA", "27", "0", &["00"], (9, 9), &["112", "10111", "10177"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_ordered_and_written_in_upper_case() {
        assert!(COUNTRIES.windows(2).all(|pair| pair[0].iso < pair[1].iso));
        assert!(COUNTRIES.iter().all(|c| c.iso.len() == 2 && c.iso.bytes().all(|octet| octet.is_ascii_uppercase())));
    }

    #[test]
    fn every_plan_is_made_of_ascii_digits_and_fits_e164() {
        for country in COUNTRIES {
            let texts = [country.calling_code, country.trunk_prefix];
            let all = texts.iter().chain(country.international_prefixes).chain(country.emergency);
            assert!(all.clone().all(|text| text.bytes().all(|octet| octet.is_ascii_digit())), "{}", country.iso);
            let (fewest, most) = country.national_digits;
            assert!(fewest <= most && country.calling_code.len() + most <= 15, "{}", country.iso);
            assert!(!country.international_prefixes.is_empty() && !country.emergency.is_empty(), "{}", country.iso);
        }
    }
}
