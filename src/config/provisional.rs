//! `provisional` of a trunk or a profile: what passes between INVITE and answer.

use super::read::Table;
use crate::route::provisional::{EarlyMediaTrust, ForkView, Passing, ProvisionalSettings, Reliability};

/// Reads the table; what is not written stays as in `base`.
pub(super) fn provisional(parent: &Table<'_>, base: ProvisionalSettings) -> ProvisionalSettings {
    const RELIABILITIES: [(&str, Reliability); 4] = [
        ("off", Reliability::Off),
        ("accept", Reliability::Accept),
        ("supported", Reliability::Supported),
        ("required", Reliability::Required),
    ];
    const VIEWS: [(&str, ForkView); 3] =
        [("single", ForkView::Single), ("first", ForkView::First), ("ringing", ForkView::Ringing)];
    const TRUSTS: [(&str, EarlyMediaTrust); 2] = [("off", EarlyMediaTrust::Off), ("trust", EarlyMediaTrust::Trusted)];
    let table = parent.table("provisional", "{ reliable = \"supported\" }");
    let reliable = table.field("reliable", "\"accept\"").and_then(|field| field.choice(&RELIABILITIES));
    let settings = ProvisionalSettings {
        reliable: reliable.unwrap_or(base.reliable),
        forks: table.field("forks", "\"single\"").and_then(|field| field.choice(&VIEWS)).unwrap_or(base.forks),
        pass: passing(&table, base.pass),
        early_media: table
            .field("p_early_media", "\"off\"")
            .and_then(|field| field.choice(&TRUSTS))
            .unwrap_or(base.early_media),
        progress: table.seconds("progress_s", "8", 0..=60).unwrap_or(base.progress),
    };
    table.close();
    settings
}

/// The statuses the peer hears as a caller.
fn passing(table: &Table<'_>, base: Passing) -> Passing {
    let Some(list) = table.field("pass", "[180, 181, 182, 183, 199]").and_then(|field| field.list()) else {
        return base;
    };
    let none = Passing { forwarded: false, queued: false, progress: false, terminated: false };
    list.iter().fold(none, |passing, field| match field.whole(100..=199_u16) {
        Some(180) | None => passing,
        Some(181) => Passing { forwarded: true, ..passing },
        Some(182) => Passing { queued: true, ..passing },
        Some(183) => Passing { progress: true, ..passing },
        Some(199) => Passing { terminated: true, ..passing },
        Some(code) => {
            field.refuse(format_args!("{code} is none of 180, 181, 182, 183, 199"));
            passing
        }
    })
}
