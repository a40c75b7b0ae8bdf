//! An explanation for people.

use std::fmt::{self, Display, Formatter};

use super::shown::{Explanation, Invite, Owner, Refused};
use crate::base::text::Escaped;

/// Width of the first column.
const WORD: usize = 12;
/// Characters of a value that are shown.
const VALUE: usize = 400;

impl Display for Explanation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.verdict(f)?;
        self.asked(f)?;
        if let Some(account) = &self.account {
            owner(f, account)?;
        }
        self.ways(f)?;
        self.invites.iter().enumerate().try_for_each(|(at, sent)| self.invite(f, at, sent))?;
        self.answers(f)
    }
}

impl Explanation {
    fn verdict(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.refusal {
            Some(refusal) => refused(f, refusal),
            None => {
                let first = self.candidates.first().map_or("nobody", String::as_str);
                line(f, "The call", format_args!("goes to {first}"))
            }
        }
    }

    fn asked(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(trunk) = &self.trunk {
            line(f, "Trunk", format_args!("{} (profile {}), by {}", trunk.name, trunk.profile, trunk.by))?;
        }
        for reading in &self.readings {
            let read = match (&reading.number, &reading.problem) {
                (Some(number), _) => number.clone(),
                (None, problem) => problem.clone().unwrap_or_default(),
            };
            line(
                f,
                &reading.header,
                format_args!("{} -> {} [{}]", shown(&reading.written), shown(&read), reading.rule),
            )?;
        }
        if let Some(caller) = &self.caller {
            let hides = if caller.hides { ", who hides" } else { "" };
            line(f, "Caller", format_args!("{}{hides}, by {}", shown(&caller.number), caller.by))?;
        }
        Ok(())
    }

    fn ways(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for route in &self.routes {
            let to = if route.verdict == "taken" { format!(", to {}", route.to.join(", ")) } else { String::new() };
            let word = if route.verdict == "notReached" { "not reached" } else { &route.verdict };
            line(f, "Route", format_args!("{} {word}: {}{to}", route.name, route.why))?;
        }
        self.guard.iter().try_for_each(|text| line(f, "Guard", format_args!("{text}")))?;
        let places = (1usize..).zip(&self.candidates);
        places.into_iter().try_for_each(|(at, place)| line(f, "Candidate", format_args!("{at}. {place}")))
    }

    /// The first INVITE to a trunk whole; of its other targets the Request-URI alone.
    fn invite(&self, f: &mut Formatter<'_>, at: usize, sent: &Invite) -> fmt::Result {
        let again = self.invites.iter().take(at).any(|before| before.trunk == sent.trunk);
        writeln!(f, "\nINVITE to {}{}", sent.trunk, if at > 0 { ", when the one before fails" } else { "" })?;
        writeln!(f, "  INVITE {}\n      [{}]", shown(&sent.request_uri), sent.request_uri_rule)?;
        if again {
            return writeln!(f, "  all else as in the first to this trunk");
        }
        for header in &sent.headers {
            writeln!(f, "  {}: {}\n      [{}]", header.name, shown(&header.value), header.rule)?;
        }
        writeln!(f, "What {} is shown:", sent.trunk)?;
        sent.policy.iter().try_for_each(|sentence| writeln!(f, "  {sentence}"))
    }

    fn answers(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Some(trunk) = self.trunk.as_ref().filter(|_| self.allowed) else { return Ok(()) };
        writeln!(f, "\nWhat {} is shown of the answers:", trunk.name)?;
        trunk.policy.iter().try_for_each(|sentence| writeln!(f, "  {sentence}"))
    }
}

fn refused(f: &mut Formatter<'_>, refusal: &Refused) -> fmt::Result {
    line(f, "The call", format_args!("is refused with {} ({}): {}", refusal.status, refusal.cause, refusal.text))?;
    if let Some(q850) = refusal.q850 {
        line(f, "Q.850", format_args!("{q850}"))?;
    }
    match &refusal.key {
        Some(key) => line(f, "Look at", format_args!("{key}")),
        None => Ok(()),
    }
}

fn owner(f: &mut Formatter<'_>, account: &Owner) -> fmt::Result {
    let name = account.name.as_deref().unwrap_or("none");
    let number = account.number.as_ref().map(|number| format!(", number {number}")).unwrap_or_default();
    let service = account.service.as_ref().map(|service| format!(", service {service}")).unwrap_or_default();
    line(f, "Account", format_args!("{name}{number}{service}: {}", account.by))
}

fn line(f: &mut Formatter<'_>, word: &str, text: fmt::Arguments<'_>) -> fmt::Result {
    writeln!(f, "{word:<WORD$} {text}")
}

/// What came from outside cannot move the cursor.
fn shown(text: &str) -> Escaped<'_> {
    Escaped::limited(text.as_bytes(), VALUE)
}
