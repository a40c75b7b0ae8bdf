//! What a caller hears: ringing, music, digits, silence.

use trunkline::media::plan::RingingTone;
use trunkline::route::media::{Comfort, SoundSettings, TrunkDtmf};

use super::*;

fn sound(media: &str) -> SoundSettings {
    let loaded = accepted(&changed(SOUTH, &format!("{SOUTH}\n{media}")));
    loaded.snapshot.trunk_named("south").unwrap().media.sound.clone()
}

#[test]
fn what_is_not_written_changes_nothing() {
    assert_eq!(sound(""), SoundSettings::default());
}

#[test]
fn every_key_is_taken() {
    let written =
        sound("media = { dtmf = \"inband\", comfort = \"noise\", ringback = { enabled = true, country = \"JP\" } }");
    assert_eq!((written.dtmf, written.comfort), (TrunkDtmf::Inband, Comfort::Noise));
    assert_eq!(written.ringback.map(RingingTone::country), Some("JP"));
    assert_eq!(sound("media = { ringback = { enabled = false, country = \"JP\" } }").ringback, None);
}

refused! {
    an_unknown_way_of_digits_suggests_the_nearest: SOUTH => "targets = [\"10.2.0.2\"]\nmedia = { dtmf = \"infos\" } #!",
        "trunks.south.media.dtmf", "did you mean \"info\"?";
    a_country_without_a_tone_lists_those_with_one: SOUTH => "targets = [\"10.2.0.2\"]\nmedia = { ringback = { country = \"XX\" } } #!",
        "trunks.south.media.ringback.country", "is none of the countries known: AT, AU";
    ringback_needs_its_country: SOUTH => "targets = [\"10.2.0.2\"]\nmedia = { ringback = { enabled = true } } #!",
        "trunks.south.media.ringback", "write country = \"DE\"";
}
