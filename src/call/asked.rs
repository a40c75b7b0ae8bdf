//! What the caller's side asked for besides the called number: who calls, who sent the call on, and which headers may
//! reach the other side. Kept until the call is answered.

use std::borrow::Cow;

use bytes::Bytes;

use super::anonymity::Anonymity;
use super::record::Side;
use super::screening::{Numbers, Refusal};
use super::step::Step;
use super::transfer::Diverted as Redirection;
use crate::route::caller::{Caller, Identity};
use crate::route::diverting::{
    self, DiversionReason, Diversions, Diverted, DivertingPrivacy, read_diversions, read_history, write_diversions,
    write_history,
};
use crate::route::emergency::EmergencyCaller;
use crate::route::number::{Conversion, E164, Field, NumberPlan, Party};
use crate::route::policy::{Facts, HeaderPolicy, Line, NamePattern, RoutePairs};
use crate::route::presentation::{DivertingHeaders, Presentation, RouteKey, Unroutable};
use crate::route::trunk::Trunk;
use crate::sip::bodies::{Bodies, OtherBody};
use crate::sip::header::max_breadth;
use crate::sip::{Message, Name, NameAddr, Request, SipUri, Status, Uri};

/// See the module.
#[derive(Clone, Debug)]
pub struct Asked {
    caller: Caller,
    diversions: Diversions,
    /// Which header told of them.
    came_in: DivertingHeaders,
    called: Party,
    /// What may cross. `None`: nothing does.
    message: Option<Message>,
    /// What we say ourselves besides.
    lines: Vec<Line>,
    /// What stands beside the caller's description.
    others: Vec<OtherBody>,
    /// Who sent the call on last, else who referred to it (PF-25).
    sent_on_by: Option<E164>,
    /// Of an emergency call: what peers that want it are shown for the caller.
    elin: Option<E164>,
    /// What the call's route says in its context (PF-124).
    route_pairs: RoutePairs,
}

/// What an outgoing INVITE says of the caller's side.
#[derive(Clone, Debug)]
pub struct Told {
    /// Without tag.
    pub from: NameAddr,
    pub lines: Vec<Line>,
    /// Parts beside the description, octet for octet.
    pub parts: Vec<Bytes>,
    pub location: Location,
    /// Pairs of the context that the peer is not told, by name.
    pub left_out: Vec<String>,
}

/// What became of the place where the caller is (RFC 6442).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Location {
    /// It was not said, or goes along.
    Kept,
    /// The peer takes none (PF-162: that must be known).
    Dropped,
}

/// Media type of a location (RFC 4119), and the headers that point to it (RFC 6442 4).
const PIDF: &str = "application/pidf+xml";
const LOCATION_HEADERS: [&str; 2] = ["Geolocation", "Geolocation-Routing"];

impl Asked {
    /// Reads an INVITE of this trunk's peer.
    ///
    /// # Errors
    /// A called party that the trunk's policy does not let through.
    pub fn read(request: &Request, trunk: &Trunk) -> Result<(Numbers, Box<Asked>), Refusal> {
        let called = called(request, &trunk.presentation)?;
        Ok(Asked::of(request, trunk, called))
    }

    /// Reads an INVITE for the emergency services: whatever the trunk's numbers look like, it is for this code.
    pub fn urgent(request: &Request, trunk: &Trunk, code: &str) -> (Numbers, Box<Asked>) {
        Asked::of(request, trunk, Party::Short(code.into()))
    }

    fn of(request: &Request, trunk: &Trunk, called: Party) -> (Numbers, Box<Asked>) {
        let presentation = &trunk.presentation;
        let caller = Caller::read(request, &presentation.reading, &presentation.numbers);
        let told = read_history(&request.message, &presentation.numbers);
        let history = if caller.privacy.hides_the_history() { told.hidden() } else { told };
        let came_in = if history.is_empty() { DivertingHeaders::Diversion } else { DivertingHeaders::HistoryInfo };
        let diversions = diverting::merged(history, read_diversions(&request.message, &presentation.numbers));
        let message = Some(request.message.clone());
        let newest = diversions.newest().map(|diverted| diverted.by.clone());
        let sent_on_by = newest.or_else(|| referred_by(request, presentation)).and_then(|by| by.number().cloned());
        let numbers = Numbers {
            calling: caller.identity().party.as_str().to_owned(),
            called: called.as_str().to_owned(),
            calling_user: user(&caller.identity().party),
            called_user: user(&called),
            original_called: diversions.original().map(|diverted| diverted.by.as_str().to_owned()),
        };
        let others = Bodies::of(&request.message).map(|bodies| bodies.others).unwrap_or_default();
        let (lines, elin, route_pairs) = (breadth(request), None, None);
        let asked =
            Asked { caller, diversions, came_in, called, message, lines, others, sent_on_by, elin, route_pairs };
        (numbers, Box::new(asked))
    }

    /// How the fields of an INVITE that name somebody are read.
    pub fn readings(request: &Request, presentation: &Presentation) -> Vec<(&'static str, Conversion)> {
        let plan = &presentation.numbers;
        let mut readings: Vec<(&'static str, Conversion)> = Vec::new();
        if let Some(uri) = key(request, &presentation.route_key) {
            readings.push((presentation.route_key.word(), plan.reading(Field::Called, &uri)));
        }
        readings.push(("From", plan.reading(Field::From, &request.from.uri)));
        let others = presentation.reading.believed.iter().map(|header| (header.name(), Field::Identity));
        let others = others.chain([(Name::Diversion, Field::Diversion), (Name::HistoryInfo, Field::HistoryInfo)]);
        for (name, field) in others {
            let entries = request.message.list(name);
            let addresses = entries.iter().filter_map(|entry| NameAddr::parse(entry).ok());
            readings.extend(addresses.map(|address| (name.as_str(), plan.reading(field, &address.uri))));
        }
        readings
    }

    /// Who calls, and who says so.
    pub fn caller_step(request: &Request, presentation: &Presentation) -> Step {
        let caller = Caller::read(request, &presentation.reading, &presentation.numbers);
        Step::Caller {
            number: caller.identity().party.as_str().to_owned(),
            by: Caller::believed(request, &presentation.reading, &presentation.numbers),
            is_private: caller.is_private(),
        }
    }

    /// Who calls, as the caller's side says.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// In the name of a party that is transferred: nothing of an INVITE it may have sent goes along, `lines` do.
    pub fn transferred(caller: Caller, called: Option<&Bytes>, lines: Vec<Line>) -> Asked {
        let (diversions, came_in) = (Diversions::new(Vec::new()), DivertingHeaders::Diversion);
        let called = Presentation::party(called);
        let (message, others, sent_on_by, elin, route_pairs) = (None, Vec::new(), None, None, None);
        Asked { caller, diversions, came_in, called, message, lines, others, sent_on_by, elin, route_pairs }
    }

    /// The caller is shown as this number and nothing else: what it said of itself is not its own (PF-25).
    pub fn shown_as(&mut self, number: &E164, numbers: &mut Numbers) {
        let identity = Identity { party: Party::of(number.clone()), display: Bytes::new() };
        self.caller.asserted = self.caller.asserted.as_ref().map(|_| identity.clone());
        self.caller.shown = identity;
        numbers.renamed(
            Side::Caller,
            number.as_str().to_owned(),
            Some(Bytes::copy_from_slice(number.as_str().as_bytes())),
        );
    }

    /// Peers that want it are shown this number of the place instead of the caller (MD-164).
    pub fn located(&mut self, elin: E164) {
        self.elin = Some(elin);
    }

    /// The route is found, and says this in the call's context.
    pub fn on_route(&mut self, pairs: RoutePairs) {
        self.route_pairs = pairs;
    }

    pub fn route_pairs(&self) -> RoutePairs {
        self.route_pairs.clone()
    }

    /// Whom this peer is told of.
    pub fn caller_towards(&self, to: &Trunk) -> Cow<'_, Caller> {
        self.elin_towards(to).map_or(Cow::Borrowed(&self.caller), |elin| Cow::Owned(Caller::of_place(elin)))
    }

    pub fn elin(&self) -> Option<&E164> {
        self.elin.as_ref()
    }

    /// The number a peer is shown for the place the call comes from.
    pub fn elin_towards(&self, to: &Trunk) -> Option<&E164> {
        self.elin.as_ref().filter(|_| to.presentation.emergency.caller == EmergencyCaller::Elin)
    }

    /// What the call says of where it comes from: a location object (RFC 4119).
    pub fn location(&self) -> Option<&[u8]> {
        self.others.iter().find(|other| other.kind.is(PIDF)).map(|other| other.content.as_ref())
    }

    /// The called party, as routes know it.
    pub fn called(&self) -> &Party {
        &self.called
    }

    /// It is for somebody else than it says: an ELIN stands for who called from there.
    pub fn called_back(&mut self, party: Party, numbers: &mut Numbers) {
        numbers.renamed(Side::Callee, party.as_str().to_owned(), user(&party));
        self.called = party;
    }

    /// Who sent the call on last, else who referred to it: whose number answers for a forwarded call (PF-25).
    pub fn sent_on_by(&self) -> Option<&E164> {
        self.sent_on_by.as_ref()
    }

    /// Whether others may learn who calls.
    pub fn anonymity(&self) -> Anonymity {
        Anonymity::of_caller(&self.caller)
    }

    /// What the peer of `to` is told. `redirection`: where the call goes since it came to us, and who sent it there;
    /// `us`: our host towards it.
    pub fn tell(&self, to: &Trunk, redirection: Option<&Redirection>, us: &SipUri, facts: &Facts<'_>) -> Told {
        let presentation = &to.presentation;
        let list = self.diverted(presentation, redirection);
        let goes_to = redirection.map(Redirection::target);
        let showing = match self.elin_towards(to) {
            Some(_) => &presentation.showing.of_place(),
            None => &presentation.showing,
        };
        let shown = self.caller_towards(to).write(showing, &list, &presentation.numbers, us);
        let shows = shown.headers.into_iter().map(|(name, value)| Line::core(name.as_str(), value));
        let mut core: Vec<Line> = self.lines.iter().cloned().chain(shows).collect();
        core.extend(self.diverting_lines(presentation, (&list, goes_to.as_ref().unwrap_or(&self.called)), us));
        let mut lines = presentation.headers.outgoing(core, self.message.as_ref(), facts);
        let (route, received) = (self.route_pairs.as_deref().unwrap_or_default(), self.message.as_ref());
        let left_out = presentation.headers.write_context(&mut lines, route, received, facts);
        let location = self.locate(presentation, &mut lines);
        let passing = self.others.iter().filter(|other| presentation.bodies.passes(&other.kind));
        let parts = passing.map(|other| other.raw.clone()).collect();
        Told { from: shown.from, lines, parts, location, left_out }
    }

    /// MD-162: a location and the header that points into it go together or not at all.
    fn locate(&self, presentation: &Presentation, lines: &mut Vec<Line>) -> Location {
        let Some(place) = self.others.iter().find(|other| other.kind.is(PIDF)) else { return Location::Kept };
        let points = |line: &Line| LOCATION_HEADERS.iter().any(|name| line.is(name));
        if !presentation.bodies.passes(&place.kind) {
            lines.retain(|line| !(points(line) && memchr::memmem::find(&line.value, b"cid:").is_some()));
            return Location::Dropped;
        }
        if !lines.iter().any(points)
            && let Some(message) = &self.message
        {
            let names = LOCATION_HEADERS.map(|name| NamePattern::parse(name).ok());
            let pass = names.into_iter().flatten().collect();
            let own = HeaderPolicy { pass, ..HeaderPolicy::default() };
            lines.extend(own.passed(message));
        }
        Location::Kept
    }

    /// Who was called first of all.
    pub fn original(&self) -> &Party {
        self.diversions.original().map_or(&self.called, |diverted| &diverted.by)
    }

    fn diverted(&self, presentation: &Presentation, redirection: Option<&Redirection>) -> Diversions {
        let mut list = self.diversions.clone();
        redirection.into_iter().flat_map(Redirection::entries).for_each(|diverted| list.push(diverted));
        if list.is_empty() && presentation.diverting.always {
            list.push(Diverted::once(self.called.clone(), DiversionReason::Unconditional));
        }
        if presentation.showing.trusted {
            return list;
        }
        // RFC 7044 10.1, MD-99: who hides is not named outside the trust domain.
        let hidden = |diverted: &Diverted| match diverted.privacy {
            DivertingPrivacy::Full => Diverted { by: Party::Anonymous, display: None, ..diverted.clone() },
            DivertingPrivacy::Off => diverted.clone(),
        };
        Diversions::new(list.oldest_first().iter().map(hidden).collect())
    }

    fn diverting_lines(
        &self,
        presentation: &Presentation,
        (list, goes_to): (&Diversions, &Party),
        us: &SipUri,
    ) -> Vec<Line> {
        let plan = &presentation.numbers;
        let send = match presentation.diverting.send {
            DivertingHeaders::AsReceived => self.came_in,
            chosen => chosen,
        };
        let lines = |name: Name, values: Vec<Bytes>| {
            values.into_iter().map(move |value| Line::core(name.as_str(), value)).collect::<Vec<_>>()
        };
        let diversion = || lines(Name::Diversion, write_diversions(list, plan, us));
        let style = presentation.diverting.style;
        let history = || lines(Name::HistoryInfo, write_history(list, goes_to, plan, us, style));
        match send {
            DivertingHeaders::Drop => Vec::new(),
            DivertingHeaders::Diversion | DivertingHeaders::AsReceived => diversion(),
            DivertingHeaders::HistoryInfo => history(),
            DivertingHeaders::Both => [diversion(), history()].concat(),
        }
    }
}

/// Who referred to the call (RFC 3892).
fn referred_by(request: &Request, presentation: &Presentation) -> Option<Party> {
    let address = NameAddr::parse(&request.message.header(Name::ReferredBy)?.into_owned().into()).ok()?;
    presentation.numbers.read(Field::Identity, &address.uri).ok()
}

/// The party of the field that holds the route key (PF-137).
fn called(request: &Request, presentation: &Presentation) -> Result<Party, Refusal> {
    let uri = key(request, &presentation.route_key).ok_or(Refusal::BadNumber)?;
    let plan = &presentation.numbers;
    let read = plan.read(Field::Called, &uri);
    let refuse = |code: u16, text: String| {
        let status = Status::new(code).unwrap_or(Status::NOT_FOUND);
        Err(Refusal::Unroutable { status, text })
    };
    let text = match &read {
        Err(unreadable) => plan.complaint(Field::Called, *unreadable),
        Ok(Party::Name(_)) if plan.reads == crate::route::number::Reads::ByForm => {
            format!("{} names no number", Field::Called.name())
        }
        Ok(Party::Anonymous) => return Err(Refusal::BadNumber),
        Ok(_) => return read.map_err(|_| Refusal::BadNumber),
    };
    match presentation.unroutable {
        _ if plan.reads == crate::route::number::Reads::AsWritten => Err(Refusal::BadNumber),
        Unroutable::NotFound => refuse(404, text),
        Unroutable::AddressIncomplete => refuse(484, text),
        Unroutable::Pass => super::screening::called(&uri).map(|(_, user)| Presentation::party(user.as_ref())),
    }
}

/// Whom a URI names that a peer of this trunk wrote for a transfer or a redirection, for routes and for an outgoing
/// URI: its number in one form, like that of a Request-URI; what is none stays as it is written.
///
/// # Errors
/// Octets that no number and no user name has.
pub(super) fn named(uri: &Uri, presentation: &Presentation) -> Result<(String, Option<Bytes>), Refusal> {
    match presentation.numbers.read(Field::Called, uri) {
        Ok(party @ (Party::Number { .. } | Party::Short(_))) => Ok((party.as_str().to_owned(), user(&party))),
        Ok(Party::Name(_) | Party::Anonymous) | Err(_) => super::screening::called(uri),
    }
}

/// The same for a record; empty where the URI names nobody.
pub(super) fn sought_number(uri: &Uri, presentation: &Presentation) -> String {
    named(uri, presentation).map_or_else(|_| uri.user_text().unwrap_or_default(), |(number, _)| number)
}

/// Who a From names, for a record: the number as its trunk reads it, or what stands there.
pub(super) fn identified(uri: &Uri, plan: &NumberPlan) -> String {
    plan.read(Field::From, uri).map_or_else(|_| uri.user_text().unwrap_or_default(), |party| party.as_str().to_owned())
}

fn key(request: &Request, key: &RouteKey) -> Option<Uri> {
    let first = |value: Option<Bytes>| NameAddr::parse(&value?).ok().map(|address| address.uri);
    match key {
        RouteKey::RequestUri => Some(request.uri.clone()),
        RouteKey::To => Some(request.to.uri.clone()),
        RouteKey::PCalledPartyId => first(request.message.list(Name::PCalledPartyId).into_iter().next()),
        RouteKey::Header(name) => {
            let value = Bytes::from(request.message.header_named(name.as_bytes())?.into_owned());
            first(Some(value.clone())).or_else(|| Uri::parse(&Bytes::from([b"tel:", value.as_ref()].concat())).ok())
        }
    }
}

/// RFC 7332: a request of ours that follows from another one may be spread no further than that. One attempt at a time
/// spreads nothing, so that each carries all of it (RFC 5393 5.3.2).
fn breadth(request: &Request) -> Vec<Line> {
    let said = max_breadth(&request.message).ok().flatten();
    said.map(|breadth| Line::core(Name::MaxBreadth.as_str(), Bytes::from(breadth.to_string()))).into_iter().collect()
}

/// The user part as calls keep it.
fn user(party: &Party) -> Option<Bytes> {
    let text = match party {
        Party::Number { number, extension: Some(extension) } => format!("{number};ext={extension}"),
        Party::Number { .. } | Party::Short(_) | Party::Name(_) | Party::Anonymous => party.as_str().to_owned(),
    };
    (!text.is_empty()).then(|| Bytes::from(text))
}
