//! What must pass: one rule for each listener, each range of media ports, and each port of administration, and one
//! that denies the rest (platforms.md 11.2).

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use crate::config::Settings;
use crate::route::settings::{ListenerSettings, NetworkSettings, TrunkSettings, canonical_range};
use crate::sip::flow::Transport;

/// Azure's own numbers: a rule's priority is 100 to 4096, lower first.
const FIRST_PRIORITY: u16 = 100;
const STEP: u16 = 10;
const LAST_PRIORITY: u16 = 4096;
/// Rules that a group may have; Azure raises it on request to no more.
const MOST_RULES: usize = 1000;
/// Characters of a rule's name.
const NAME_LENGTH: usize = 80;
/// Ports that Azure Container Instances keep for themselves (PF-174).
const RESERVED_IN_CONTAINERS: [(u16, u16); 10] = [
    (22, 22),
    (443, 443),
    (1025, 1027),
    (3389, 3399),
    (9999, 9999),
    (19000, 19000),
    (19080, 19080),
    (19100, 19100),
    (20000, 30000),
    (49152, 65534),
];

/// Everything a group says, in the order of its priorities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleSet {
    pub rules: Vec<Rule>,
    /// What a reader must know.
    pub notes: Vec<Note>,
}

/// One rule for what comes in, from any port. What goes out has none: Azure lets it, unless somebody forbids it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Letters, digits and hyphens, at most 80 octets (Azure's rule for names).
    pub name: String,
    pub priority: u16,
    pub verdict: Verdict,
    pub protocol: Protocol,
    /// Prefixes of one address family, or one service tag, or `*`.
    pub sources: Vec<String>,
    /// The machine's own address as the group sees it, behind the public one, or `*`.
    pub destination: String,
    /// First and last; `None`: any.
    pub ports: Option<(u16, u16)>,
    /// For whom: names of trunks.
    pub purpose: String,
}

/// What becomes of a packet that the rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Allow,
    Deny,
}

/// Of a rule, in Azure's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Tcp,
    Udp,
    Any,
}

impl Protocol {
    /// As Azure writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Protocol::Tcp => "Tcp",
            Protocol::Udp => "Udp",
            Protocol::Any => "*",
        }
    }
}

/// Beside the rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// Something that the configuration wants and no rule lets in.
    Gap(String),
    /// Something worth knowing.
    Remark(String),
}

impl Note {
    /// The sentence.
    pub fn text(&self) -> &str {
        match self {
            Note::Gap(text) | Note::Remark(text) => text,
        }
    }
}

/// The rules that these settings need. `administrators` may reach the API; nobody may when there are none.
pub fn rule_set(settings: &Settings, administrators: &[IpNet]) -> RuleSet {
    let mut set = Builder { rules: Vec::new(), notes: Vec::new() };
    for listener in &settings.routing.listeners {
        set.listener(settings, listener);
    }
    for network in &settings.routing.networks {
        set.media(settings, network);
    }
    set.administration(settings, administrators);
    set.finish()
}

struct Builder {
    rules: Vec<Rule>,
    notes: Vec<Note>,
}

/// A rule before it has its sources and its priority.
struct Draft {
    name: String,
    protocol: Protocol,
    destination: String,
    families: Families,
    ports: (u16, u16),
    purpose: String,
}

/// Whose packets reach a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Families {
    Four,
    Six,
    /// HTTP on `[::]`, where the system hands over both.
    Both,
}

impl Families {
    /// Of sockets for SIP and media: those on an IPv6 address take IPv6 alone.
    const fn of(bind: IpAddr) -> Families {
        if bind.is_ipv4() { Families::Four } else { Families::Six }
    }

    /// Of sockets for HTTP.
    const fn of_page(bind: IpAddr) -> Families {
        if bind.is_ipv6() && bind.is_unspecified() { Families::Both } else { Families::of(bind) }
    }

    const fn take(self, range: &IpNet) -> bool {
        match self {
            Families::Four => matches!(range, IpNet::V4(_)),
            Families::Six => matches!(range, IpNet::V6(_)),
            Families::Both => true,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Families::Four => "IPv4",
            Families::Six => "IPv6",
            Families::Both => "IPv4 and IPv6",
        }
    }
}

impl Builder {
    fn listener(&mut self, settings: &Settings, listener: &ListenerSettings) {
        let trunks: Vec<_> = settings.routing.trunks.iter().filter(|trunk| trunk.listener == listener.name).collect();
        let network = settings.routing.networks.iter().find(|network| network.name == listener.network);
        let Some(network) = network.filter(|network| !network.bind.is_loopback()) else { return };
        for trunk in trunks.iter().filter(|trunk| trunk.effective_sources().is_empty()) {
            self.notes.push(Note::Gap(format!(
                "trunk `{0}` is reached by name and has no sources: nothing lets its calls in; write trunks.{0}.sources",
                trunk.name
            )));
        }
        for trunk in &trunks {
            let key = format!("trunks.{}.sources", trunk.name);
            let what = format!("listener `{}`", listener.name);
            self.foreign(&key, &trunk.effective_sources(), &what, network.bind);
        }
        let sources = trunks.iter().flat_map(|trunk| trunk.effective_sources()).collect();
        let draft = Draft {
            name: format!("sip-{}", listener.name),
            protocol: match listener.transport {
                Transport::Udp => Protocol::Udp,
                Transport::Tcp | Transport::Tls => Protocol::Tcp,
            },
            destination: destination(network.bind),
            families: Families::of(network.bind),
            ports: (listener.port, listener.port),
            purpose: format!("SIP over {} of {}", listener.transport.via_token(), names(&trunks)),
        };
        self.allow(draft, sources);
    }

    fn media(&mut self, settings: &Settings, network: &NetworkSettings) {
        let on_network = |trunk: &&TrunkSettings| {
            let listener = settings.routing.listeners.iter().find(|listener| listener.name == trunk.listener);
            listener.is_some_and(|listener| listener.network == network.name)
        };
        let trunks: Vec<_> = settings.routing.trunks.iter().filter(on_network).collect();
        if trunks.is_empty() || network.bind.is_loopback() {
            return;
        }
        let (known, unknown): (Vec<&TrunkSettings>, Vec<_>) =
            trunks.iter().copied().partition(|trunk| !trunk.behaviour.media.sources.is_empty());
        let draft = |name: String, trunks: &[&TrunkSettings]| Draft {
            name,
            protocol: Protocol::Udp,
            destination: destination(network.bind),
            families: Families::of(network.bind),
            ports: network.rtp_ports,
            purpose: format!("media of {}", names(trunks)),
        };
        if !known.is_empty() {
            for trunk in &known {
                let key = format!("trunks.{}.media.sources", trunk.name);
                self.foreign(
                    &key,
                    &trunk.behaviour.media.sources,
                    &format!("network `{}`", network.name),
                    network.bind,
                );
            }
            let sources = known.iter().flat_map(|trunk| trunk.behaviour.media.sources.iter().copied()).collect();
            self.allow(draft(format!("rtp-{}", network.name), &known), sources);
        }
        if !unknown.is_empty() {
            self.admit_anybody(draft(format!("rtp-{}-any", network.name), &unknown));
            self.notes.push(Note::Remark(format!(
                "the media addresses of {} come from each call's description, so UDP {}-{} is open to all; the relay \
                 takes packets of the described address alone. Write media.sources to narrow the rule too",
                names(&unknown),
                network.rtp_ports.0,
                network.rtp_ports.1
            )));
        }
        self.containers(network);
    }

    /// Ranges that no packet can come from, because the socket takes the other family alone.
    fn foreign(&mut self, key: &str, ranges: &[IpNet], what: &str, bind: IpAddr) {
        let families = Families::of(bind);
        let foreign: Vec<String> =
            ranges.iter().filter(|range| !families.take(range)).map(ToString::to_string).collect();
        if foreign.is_empty() {
            return;
        }
        let text = format!(
            "{key} has {}, and {what} is bound to an {} address ({bind}): no packet of it arrives, so no rule stands for \
             it; take it out, or bind a network of its own to the other family",
            foreign.join(" "),
            families.as_str()
        );
        let all = foreign.len() == ranges.len();
        self.notes.push(if all { Note::Gap(text) } else { Note::Remark(text) });
    }

    /// Media ports that a container instance would not get.
    fn containers(&mut self, network: &NetworkSettings) {
        let (first, last) = network.rtp_ports;
        let clash = RESERVED_IN_CONTAINERS.iter().find(|(low, high)| first <= *high && *low <= last);
        if let Some((low, high)) = clash {
            self.notes.push(Note::Remark(format!(
                "networks.{}.rtp_ports overlaps ports {low}-{high}, which Azure Container Instances keep for \
                 themselves: fine on a virtual machine, not there",
                network.name
            )));
        }
    }

    fn administration(&mut self, settings: &Settings, administrators: &[IpNet]) {
        if let Some(bind) = settings.metrics.filter(|bind| !bind.ip().is_loopback()) {
            let draft = of_port("metrics", bind, "Prometheus, /healthz, /readyz and /drainz");
            self.push(draft, vec!["VirtualNetwork".to_owned()]);
        }
        let Some(bind) = settings.api.as_ref().map(|api| api.bind).filter(|bind| !bind.ip().is_loopback()) else {
            return;
        };
        if administrators.is_empty() {
            self.notes.push(Note::Gap(
                "the API listens beyond loopback and nobody may reach it; say who with --admin CIDR".to_owned(),
            ));
        } else {
            let ranges: Vec<IpNet> = administrators.iter().map(|range| canonical_range(*range).trunc()).collect();
            let draft = of_port("api", bind, "the provisioning API");
            if !ranges.iter().any(|range| draft.families.take(range)) {
                let family = draft.families.as_str();
                self.notes.push(Note::Gap(format!(
                    "the API listens on {bind}, which takes {family} alone, and no --admin is of that family; nobody may \
                     reach it"
                )));
            }
            self.allow(draft, ranges.into_iter().collect());
        }
    }

    /// One rule for each address family: Azure takes no mixture.
    fn allow(&mut self, draft: Draft, sources: BTreeSet<IpNet>) {
        let reachable: Vec<IpNet> = sources.into_iter().filter(|range| draft.families.take(range)).collect();
        let merged = IpNet::aggregate(&reachable);
        let (four, six): (Vec<_>, Vec<_>) = merged.into_iter().partition(|net| matches!(net, IpNet::V4(_)));
        let written = |nets: Vec<IpNet>| nets.iter().map(ToString::to_string).collect::<Vec<_>>();
        if !six.is_empty() {
            let name = format!("{}-v6", draft.name);
            self.push(
                Draft { name, purpose: draft.purpose.clone(), destination: draft.destination.clone(), ..draft },
                written(six),
            );
        }
        if !four.is_empty() {
            self.push(draft, written(four));
        }
    }

    fn admit_anybody(&mut self, draft: Draft) {
        self.push(draft, vec!["*".to_owned()]);
    }

    fn push(&mut self, draft: Draft, sources: Vec<String>) {
        let name = self.free_name(&draft.name);
        self.rules.push(Rule {
            name,
            priority: 0,
            verdict: Verdict::Allow,
            protocol: draft.protocol,
            sources,
            destination: draft.destination,
            ports: Some(draft.ports),
            purpose: draft.purpose,
        });
    }

    /// The name in Azure's letters; numbered where another rule has it already, in whatever case.
    fn free_name(&self, name: &str) -> String {
        let plain = plain_name(name, NAME_LENGTH);
        let taken = |name: &str| self.rules.iter().any(|rule| rule.name.eq_ignore_ascii_case(name));
        let numbered = |number: usize| {
            let suffix = format!("-{number}");
            plain_name(&plain, NAME_LENGTH.saturating_sub(suffix.len())) + &suffix
        };
        std::iter::once(plain.clone())
            .chain((2..=self.rules.len().saturating_add(2)).map(numbered))
            .find(|name| !taken(name))
            .unwrap_or(plain)
    }

    /// Priorities in order, and the rule that denies the rest.
    fn finish(mut self) -> RuleSet {
        if self.rules.len() >= MOST_RULES {
            self.notes.push(Note::Gap(format!(
                "{} rules, and Azure takes {MOST_RULES} in one group: let trunks share listeners",
                self.rules.len().saturating_add(1)
            )));
        }
        let mut priority = FIRST_PRIORITY;
        for rule in &mut self.rules {
            rule.priority = priority;
            // Ten listeners and networks are many; past the room, the rules stand one behind the other.
            priority = (priority + if priority < LAST_PRIORITY - 1000 { STEP } else { 1 }).min(LAST_PRIORITY - 1);
        }
        self.rules.push(Rule {
            name: "deny-the-rest".to_owned(),
            priority: LAST_PRIORITY,
            verdict: Verdict::Deny,
            protocol: Protocol::Any,
            sources: vec!["*".to_owned()],
            destination: "*".to_owned(),
            ports: None,
            purpose: "everything else, also from the virtual network and the load balancer's probes".to_owned(),
        });
        self.notes.push(Note::Remark(
            "outbound: Azure allows everything unless a rule of yours forbids it; Trunkline needs SIP and media to the \
             same peers, DNS, and NTP"
                .to_owned(),
        ));
        self.notes
            .push(Note::Remark("SSH has no rule here: reach the machine through Bastion, or add your own".to_owned()));
        RuleSet { rules: self.rules, notes: self.notes }
    }
}

fn of_port(name: &str, bind: SocketAddr, purpose: &str) -> Draft {
    Draft {
        name: name.to_owned(),
        protocol: Protocol::Tcp,
        destination: destination(bind.ip()),
        families: Families::of_page(bind.ip()),
        ports: (bind.port(), bind.port()),
        purpose: purpose.to_owned(),
    }
}

/// The group sees packets after the public address was translated (PF-165): their destination is the machine's own.
fn destination(bind: IpAddr) -> String {
    if bind.is_unspecified() { "*".to_owned() } else { bind.to_string() }
}

fn names(trunks: &[&TrunkSettings]) -> String {
    match trunks {
        [] => "no trunk".to_owned(),
        trunks => trunks.iter().map(|trunk| trunk.name.as_str()).collect::<Vec<_>>().join(", "),
    }
}

/// Azure: letters, digits, `_`, `.` and `-`, the last no `-` and no `.`.
fn plain_name(name: &str, length: usize) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    let name: String = name.chars().map(letter).take(length).collect();
    name.trim_end_matches('-').to_owned()
}
