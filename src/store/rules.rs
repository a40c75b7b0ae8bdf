//! Number rules of an account, as they are sent and stored (MD-67).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::refusal::Refusal;
use crate::route::directory::{AccountName, AccountRules};
use crate::route::number::{Field, NumberRule, RuleList};

/// Rules of one list.
const RULES: usize = 32;
/// Octets of an expression, and of what is written instead.
const TEXT: usize = 256;

/// One rule: where `match` is found, it becomes `replace`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleRecord {
    /// As the configuration names fields; absent: every field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    #[serde(rename = "match")]
    pub pattern: String,
    pub replace: String,
}

impl RuleRecord {
    /// The other way round.
    pub fn of(rule: &NumberRule) -> RuleRecord {
        RuleRecord {
            field: rule.field().map(|field| field.name().to_owned()),
            pattern: rule.pattern().to_owned(),
            replace: rule.replacement().to_owned(),
        }
    }

    fn rule(&self) -> Result<NumberRule, String> {
        let known = |name: &str| Field::ALL.into_iter().find(|field| field.name() == name);
        let field = match self.field.as_deref() {
            None => None,
            Some(name) => Some(known(name).ok_or_else(|| format!("has a field {name:.32}, which there is not"))?),
        };
        match self.pattern.len() <= TEXT && self.replace.len() <= TEXT {
            true => NumberRule::new(field, &self.pattern, &self.replace),
            false => Err(format!("is longer than {TEXT} octets")),
        }
    }
}

/// Both lists, the first rule that matches counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccountNumberRules {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub incoming: Vec<RuleRecord>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub outgoing: Vec<RuleRecord>,
}

impl AccountNumberRules {
    pub fn is_empty(&self) -> bool {
        self.incoming.is_empty() && self.outgoing.is_empty()
    }

    /// The other way round: what a call needs of them.
    pub fn of(rules: &AccountRules) -> AccountNumberRules {
        let records = |list: &RuleList| list.iter().map(RuleRecord::of).collect();
        AccountNumberRules { incoming: records(&rules.incoming), outgoing: records(&rules.outgoing) }
    }

    /// # Errors
    /// The first rule that is none.
    pub fn check(&self) -> Result<(), Refusal> {
        for (name, list) in [("incoming", &self.incoming), ("outgoing", &self.outgoing)] {
            if list.len() > RULES {
                return Err(Refusal::value("numberRules", format!("has more than {RULES} {name} rules")));
            }
            for (place, record) in list.iter().enumerate() {
                let wrong = |text: String| Refusal::value("numberRules", format!("{name}[{place}] {text}"));
                record.rule().map_err(wrong)?;
            }
        }
        Ok(())
    }

    /// As a call needs them; what [`AccountNumberRules::check`] refuses is left out.
    pub fn compiled(&self, account: &AccountName) -> Option<Arc<AccountRules>> {
        let name: Arc<str> = account.as_str().into();
        let list = |records: &[RuleRecord]| {
            RuleList::new(records.iter().filter_map(|record| record.rule().ok()).collect()).of_account(&name)
        };
        let rules = || AccountRules { incoming: list(&self.incoming), outgoing: list(&self.outgoing) };
        (!self.is_empty()).then(|| Arc::new(rules()))
    }
}
