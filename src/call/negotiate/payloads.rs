//! Payload types of one leg: a number, once given to a codec by either side, means that codec until the leg ends
//! (RFC 3264 8.3.2).

use serde::{Deserialize, Serialize};

use super::plan::{Codec, Format};

/// Every number this leg's two sides have used, the latest last.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct PayloadTable {
    bound: Vec<Format>,
}

/// Where new numbers come from: the dynamic range (RFC 3551 6), then the unassigned one. 64..=95 stay out: they
/// cannot be told from RTCP (RFC 5761 4).
const FREE: [std::ops::RangeInclusive<u8>; 2] = [96..=127, 35..=63];

impl PayloadTable {
    /// Notes what a description said. A peer that gives a number a new meaning is believed.
    pub fn bind(&mut self, formats: &[Format]) {
        for format in formats {
            self.bound.retain(|bound| bound.payload != format.payload);
            self.bound.push(format.clone());
        }
    }

    /// Numbers for the codecs of an offer of ours, and binds them. A codec for which no number is left is dropped.
    pub fn assign(&mut self, codecs: Vec<Codec>) -> Vec<Format> {
        let mut formats: Vec<Format> = Vec::with_capacity(codecs.len());
        for codec in &codecs {
            let lone = codecs.iter().filter(|other| other.is_same_encoding(codec)).count() == 1;
            if let Some(payload) = self.known(codec, lone, &formats).or_else(|| self.fresh(codec, &formats)) {
                formats.push(Format { codec: codec.clone(), payload });
            }
        }
        self.bind(&formats);
        formats
    }

    /// The number the codec has on this leg. Other parameters count as the same codec when it stands alone.
    fn known(&self, codec: &Codec, lone: bool, taken: &[Format]) -> Option<u8> {
        let mut usable = self.bound.iter().rev().filter(|bound| is_free(bound.payload, taken));
        let exact = usable.clone().find(|bound| bound.codec == *codec);
        let found = exact.or_else(|| usable.find(|bound| lone && bound.codec.is_same_encoding(codec)));
        found.map(|bound| bound.payload)
    }

    /// A number nobody has used: the static one, the other leg's, the customary one, any.
    fn fresh(&self, codec: &Codec, taken: &[Format]) -> Option<u8> {
        let usual = codec.usual_payload();
        let fixed = usual.filter(|payload| *payload < 35);
        let hinted = codec.hint.filter(|payload| (96..=127).contains(payload));
        let wishes = fixed.into_iter().chain(hinted).chain(usual);
        wishes
            .chain(FREE.into_iter().flatten())
            .find(|payload| is_free(*payload, taken) && is_free(*payload, &self.bound))
    }
}

fn is_free(payload: u8, taken: &[Format]) -> bool {
    taken.iter().all(|format| format.payload != payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(formats: &[Format]) -> Vec<u8> {
        formats.iter().map(|format| format.payload).collect()
    }

    fn hinted(name: &str, clock: u32, hint: u8) -> Codec {
        Codec { hint: Some(hint), ..Codec::new(name, clock) }
    }

    #[test]
    fn static_codecs_have_their_number_and_dynamic_ones_keep_the_other_legs() {
        let codecs = vec![hinted("PCMA", 8000, 100), hinted("SILK", 16000, 120), hinted("telephone-event", 8000, 99)];
        assert_eq!(numbers(&PayloadTable::default().assign(codecs)), [8, 120, 99]);
    }

    #[test]
    fn a_number_bound_to_another_codec_is_not_taken() {
        let mut table = PayloadTable::default();
        table.bind(&[Format { codec: Codec::new("iLBC", 8000), payload: 101 }]);
        assert_eq!(numbers(&table.assign(vec![hinted("telephone-event", 8000, 101)])), [96]);
    }

    #[test]
    fn a_codec_keeps_its_number_when_the_hint_or_the_parameters_change() {
        let mut table = PayloadTable::default();
        assert_eq!(numbers(&table.assign(vec![hinted("telephone-event", 8000, 97)])), [97]);
        let later = Codec { fmtp: Some("0-16".into()), ..hinted("telephone-event", 8000, 110) };
        assert_eq!(numbers(&table.assign(vec![later])), [97]);
    }

    #[test]
    fn two_of_one_encoding_get_two_numbers() {
        let one = Codec { fmtp: Some("octet-align=1".into()), ..Codec::new("AMR-WB", 16000) };
        let other = Codec { fmtp: Some("octet-align=0".into()), ..Codec::new("AMR-WB", 16000) };
        let mut table = PayloadTable::default();
        assert_eq!(numbers(&table.assign(vec![one.clone()])), [109]);
        assert_eq!(numbers(&table.assign(vec![other, one])), [96, 109]);
    }

    #[test]
    fn the_numbers_run_out_without_a_clash() {
        let codecs = (0..100).map(|n| Codec::new(&format!("x{n}"), 8000)).collect();
        let formats = PayloadTable::default().assign(codecs);
        let mut all = numbers(&formats);
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 32 + 29);
    }
}
