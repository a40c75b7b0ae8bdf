//! What a trunk does to numbers, identities, diversions and headers, in sentences.

use crate::route::caller::{AssertedShows, DisplayRule, FromShows, PrivateFrom};
use crate::route::number::{FieldForms, NumberPlan, Reads};
use crate::route::policy::{ContextBuilder, Edit, Form, HeaderPolicy, Incoming};
use crate::route::presentation::{DivertingHeaders, Presentation};
use crate::route::trunk::Trunk;

/// Sentences about calls to this trunk.
pub fn sentences(trunk: &Trunk) -> Vec<String> {
    let presentation = &trunk.presentation;
    let mut all = vec![numbers(&presentation.numbers)];
    all.extend(identity(presentation));
    all.push(diversion(presentation));
    all.extend(headers(&presentation.headers));
    all.push(HIDDEN.to_owned());
    all
}

/// Sentences about what the caller's trunk hears of the other side: the same header policy, the other way.
pub fn answered(trunk: &Trunk) -> Vec<String> {
    let mut all = headers(&trunk.presentation.headers);
    all.push("Why a call ends or is refused is told in Reason, with a Q.850 cause; the text is ours.".to_owned());
    all.push(HIDDEN.to_owned());
    all
}

const HIDDEN: &str =
    "Nothing of the other side's Via, Record-Route, Contact, Call-ID, session owner or User-Agent is shown.";

fn numbers(plan: &NumberPlan) -> String {
    if plan.reads == Reads::AsWritten {
        return "Numbers are written as the other side wrote them.".to_owned();
    }
    let country = plan.country.map(|country| format!(" of {}", country.iso)).unwrap_or_default();
    format!("Numbers are written {}{country}.", forms(&plan.outgoing, |form| form.name()))
}

fn forms<F: Copy>(forms: &FieldForms<F>, name: fn(F) -> &'static str) -> String {
    let own = forms.own.iter().map(|(field, form)| format!(", in {} {}", field.name(), name(*form)));
    std::iter::once(name(forms.default).to_owned()).chain(own).collect()
}

fn identity(presentation: &Presentation) -> Vec<String> {
    let showing = &presentation.showing;
    let pilot = showing.pilot.as_ref().map_or("its pilot number", |party| party.as_str());
    let from = match showing.from {
        FromShows::Caller => "who stood in From".to_owned(),
        FromShows::Asserted => "the asserted identity".to_owned(),
        FromShows::Pilot => format!("the pilot number {pilot}"),
    };
    let words: Vec<&str> = showing.headers.iter().map(|header| header.word()).collect();
    let asserted = match showing.asserted {
        AssertedShows::Caller => "the caller".to_owned(),
        AssertedShows::Pilot => format!("the pilot number {pilot}"),
        AssertedShows::Diverting => "who sent the call on last, else the caller".to_owned(),
    };
    let named = match words.is_empty() {
        true => "no other header names the caller".to_owned(),
        false => format!("{} names {asserted}", words.join(" and ")),
    };
    let hidden = match (showing.trusted, showing.private_from) {
        (false, _) => "Who hides is not shown: the peer is not trusted.",
        (true, PrivateFrom::Anonymous) => {
            "Who hides is anonymous in From; a header that names him goes with Privacy: id."
        }
        (true, PrivateFrom::Asserted) => "Who hides is shown in From too, beside Privacy: id.",
    };
    let display = match showing.display {
        DisplayRule::Keep => None,
        DisplayRule::Strip => Some("Display names are left out.".to_owned()),
        DisplayRule::Ascii { characters } => {
            Some(format!("Display names are cut to {characters} characters of ASCII."))
        }
    };
    let mut all = vec![format!("From shows {from}; {named}."), hidden.to_owned()];
    all.extend(display);
    all
}

fn diversion(presentation: &Presentation) -> String {
    let settings = &presentation.diverting;
    let send = match settings.send {
        DivertingHeaders::Drop => "Who sent the call on is not told.",
        DivertingHeaders::Diversion => "Who sent the call on is told in Diversion.",
        DivertingHeaders::HistoryInfo => "Who sent the call on is told in History-Info.",
        DivertingHeaders::Both => "Who sent the call on is told in Diversion and in History-Info.",
        DivertingHeaders::AsReceived => "Who sent the call on is told in the header it came in.",
    };
    match settings.always {
        true => format!("{send} A call that nobody sent on says so of the called number."),
        false => send.to_owned(),
    }
}

fn headers(policy: &HeaderPolicy) -> Vec<String> {
    let (taken, out): (Vec<_>, Vec<_>) = policy.pass.iter().partition(|pattern| pattern.takes_in());
    let names = |patterns: &[&crate::route::policy::NamePattern]| {
        patterns
            .iter()
            .map(|pattern| pattern.to_string().trim_start_matches('!').to_owned())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let passed = match (taken.is_empty(), out.is_empty()) {
        (true, _) => "No header of the other side passes.".to_owned(),
        (false, true) => format!("Headers that pass, byte for byte: {}.", names(&taken)),
        (false, false) => format!("Headers that pass, byte for byte: {}; not {}.", names(&taken), names(&out)),
    };
    let mut all = vec![passed];
    if !policy.is_empty() {
        all.push("So in INVITE, 18x, 2xx, refusals, BYE and requests inside the call that come from there.".to_owned());
    }
    all.extend(
        (0usize..).zip(&policy.edits).map(|(at, edit)| format!("Then {} (headers.edits[{at}]).", edit_words(edit))),
    );
    all.extend(policy.context.as_ref().map(context));
    if !policy.hidden_options.is_empty() {
        all.push(format!("Extensions that are never offered: {}.", policy.hidden_options.join(", ")));
    }
    if !policy.hidden_methods.is_empty() {
        let methods: Vec<String> = policy.hidden_methods.iter().map(ToString::to_string).collect();
        all.push(format!("Methods that are never named: {}.", methods.join(", ")));
    }
    all
}

/// What the builder of User-to-User does.
fn context(builder: &ContextBuilder) -> String {
    let pairs: Vec<String> =
        builder.pairs.iter().map(|pair| format!("{}={}", pair.name.as_str(), pair.value.as_str())).collect();
    let form = match builder.form {
        Form::Hex { .. } => "in hex",
        Form::Plain => "as it is",
    };
    let incoming = match builder.incoming {
        Incoming::Merge => "pairs that came in go along behind ours",
        Incoming::Keep => "one that came in goes as it came",
        Incoming::Replace => "one that came in gives way",
    };
    let own = if pairs.is_empty() { "what the route says".to_owned() } else { pairs.join(";") };
    format!("Then User-to-User of an INVITE is built {form}: {own}; {incoming} (context).")
}

/// What one edit does.
pub fn edit_words(edit: &Edit) -> String {
    match edit {
        Edit::Add { name, value } => format!("{} is added: {}", name.as_str(), value.as_str()),
        Edit::Set { name, value } => format!("{} becomes: {}", name.as_str(), value.as_str()),
        Edit::Remove { name } => format!("{} is removed", name.as_str()),
        Edit::Copy { from, to } => format!("{from} of the other side is copied to {}", to.as_str()),
        Edit::Map { name, pattern, replacement } => {
            format!("in {} what fits {} becomes {replacement}", name.as_str(), pattern.as_str())
        }
    }
}
