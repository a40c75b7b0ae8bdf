//! Statements of the Microsoft sheet that this lab does not look at, and why: the report hides none of them.

/// First and last number, and why.
pub type Beyond = (u16, u16, &'static str);

const OWN_NETWORK: &str = "about the SBC's own network, DNS or tenant, which no peer on one machine can see";
const THEIR_SIDE: &str = "tells how Microsoft behaves or is set up; nothing for an SBC to get wrong on the wire";
const BYPASS: &str = "media bypass: `trunkline lab teams-bypass` plays it";
const READING: &str = "for reading and logging on the SBC's side; a peer does not see it";

/// See the module. What is named here and has a statement all the same is shown as a statement only.
pub const MICROSOFT: &[Beyond] = &[
    (1, 1, THEIR_SIDE),
    (2, 17, OWN_NETWORK),
    (26, 27, "the lab has an authority of its own: no public CA can be judged"),
    (30, 32, "the roots trusted in production are replaced by those of the lab"),
    (34, 34, "needs a certificate with a wrong name: an SBC may check chain, name or both"),
    (37, 37, "allowed, never demanded"),
    (39, 39, OWN_NETWORK),
    (40, 40, "needs a certificate that is renewed during the run"),
    (41, 41, READING),
    (46, 47, THEIR_SIDE),
    (53, 55, THEIR_SIDE),
    (58, 61, OWN_NETWORK),
    (65, 68, OWN_NETWORK),
    (82, 82, "typing errors of the documents"),
    (94, 94, READING),
    (97, 97, THEIR_SIDE),
    (101, 101, "said of Azure Communication Services: see MD-215"),
    (103, 103, THEIR_SIDE),
    (107, 109, THEIR_SIDE),
    (112, 113, "how early media looks at the carrier is a choice of the operator"),
    (116, 116, THEIR_SIDE),
    (118, 118, THEIR_SIDE),
    (123, 124, THEIR_SIDE),
    (128, 128, "an option of the SBC"),
    (138, 138, THEIR_SIDE),
    (141, 142, "long and case-sensitive parameters are in every REFER of the lab: see MD-145"),
    (156, 160, THEIR_SIDE),
    (163, 163, READING),
    (174, 174, "vendor terms"),
    (182, 183, THEIR_SIDE),
    (185, 187, "the lab speaks G.711 only; other codecs are offered and must be left alone"),
    (192, 192, THEIR_SIDE),
    (194, 194, "needs a packet from a foreign address: see the reliability tests of the SBC"),
    (195, 202, BYPASS),
    (203, 203, "ICE is demanded with media bypass; `trunkline lab teams` sees that it is absent elsewhere"),
    (204, 204, "a trunk of each kind needs a second name, port and certificate: a run has one"),
    (205, 205, THEIR_SIDE),
    (206, 206, "headers of local media come with media bypass: `trunkline lab teams-bypass` sends them"),
    (207, 210, "Local Media Optimization with several SBCs and inner addresses: this lab has one of each"),
    (211, 218, "Azure Communication Services: `trunkline lab acs` looks at what shows on the wire"),
    (219, 227, "Dynamics 365 rides on Azure Communication Services: see `trunkline lab acs`"),
    (228, 229, "what the lab itself does"),
    (230, 236, READING),
    (237, 240, "certification is Microsoft's"),
];

/// Section 3 of the platform sheet.
pub const GENESYS: &[Beyond] = &[
    (63, 63, "UDP and TCP trunks: the lab plays TLS alone"),
    (67, 67, "about addresses of regions, which one machine cannot have"),
    (70, 70, "names of regions are data"),
    (72, 72, "`trunkline lab genesys-tgrp` is told of the trunk so"),
    (81, 81, "digest of Genesys' own calls: the SBC need not ask for it"),
];

/// Section 4 of the platform sheet.
pub const ZOOM: &[Beyond] =
    &[(91, 91, "structure on Zoom's side"), (93, 93, "addresses and names that only Zoom's live pages have")];

/// Section 2 of the platform sheet.
pub const GATEWAY: &[Beyond] = &[
    (13, 15, "names and tenants as the gateway makes them: nothing for an SBC to get wrong"),
    (17, 18, "how a customer proves a name to Microsoft"),
    (20, 20, "how the gateway hides names"),
    (22, 29, "provisioning, screening and headers by number: the SBC's own tests"),
    (30, 33, "how the gateway treats each platform behind it"),
    (35, 35, "call records"),
    (37, 42, "codecs, tones and SRV records: the configuration's choice, and DNS that a lab on one machine has not"),
    (45, 50, "regions, certificates' names, dial strings of each operator; a location is in `trunkline lab teams`"),
    (52, 53, "limits of the gateway and of its API"),
    (55, 62, "retention, metrics and services of the operator"),
];

/// Section 8 of the platform sheet, as far as it is about Twilio.
pub const TWILIO: &[Beyond] = &[
    (117, 117, "how many calls a second: the SBC's own tests"),
    (120, 121, "addresses and sizes that only Twilio's network has"),
];

/// Section 10 of the platform sheet.
pub const CARRIER: &[Beyond] = &[
    (128, 128, "TCP is not played by this lab"),
    (129, 133, "registration and digest: `trunkline lab carrier-register` and `carrier-gin` play them"),
    (135, 135, "what each carrier believes differs: its questionnaire decides"),
    (137, 137, "one operator's rules, all expressible in the configuration"),
    (140, 140, "display names of this lab are empty"),
    (143, 143, "forks: see PF-141"),
    (145, 146, "session timers and codec order of single carriers"),
    (153, 153, "overload of a carrier: see the SBC's own tests"),
    (155, 156, "how often, and what else counts: the SBC's choice"),
    (158, 163, "policy and emergency tables of the SBC"),
];

/// The numbers as people write them, without those that `known` has a statement for.
#[must_use]
pub fn listed(beyond: &[Beyond], sheet: &str, known: &[&str]) -> Vec<(String, &'static str)> {
    let mut listed = Vec::new();
    for (first, last, why) in beyond {
        let open = (*first..=*last).filter(|number| !known.contains(&format!("{sheet}-{number}").as_str()));
        let numbers: Vec<u16> = open.collect();
        match (numbers.first(), numbers.last()) {
            (Some(one), Some(other)) if one == other => listed.push((format!("{sheet}-{one}"), *why)),
            (Some(one), Some(other)) => listed.push((format!("{sheet}-{one}..{other}"), *why)),
            (None, _) | (_, None) => {}
        }
    }
    listed
}
