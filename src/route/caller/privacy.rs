//! The Privacy header (RFC 3323 4.2, RFC 3325 9.3, RFC 7044 10.1).

use bytes::Bytes;

use crate::sip::{Message, Name};

/// One privacy type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PrivacyToken {
    /// Hide nothing, and let nobody hide it.
    None,
    /// Hide who the user is: From, display name, Call-Info.
    User,
    /// Hide headers that lead to the caller.
    Header,
    /// Hide the addresses of media.
    Session,
    /// Hide P-Asserted-Identity (RFC 3325).
    Id,
    /// Hide History-Info (RFC 7044).
    History,
    /// Fail rather than disclose.
    Critical,
}

const WORDS: [(PrivacyToken, &str); 7] = [
    (PrivacyToken::None, "none"),
    (PrivacyToken::User, "user"),
    (PrivacyToken::Header, "header"),
    (PrivacyToken::Session, "session"),
    (PrivacyToken::Id, "id"),
    (PrivacyToken::History, "history"),
    (PrivacyToken::Critical, "critical"),
];

/// The privacy types of a call; unknown ones hide nothing and are dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Privacy(Vec<PrivacyToken>);

impl Privacy {
    /// These types, each once.
    pub fn of(tokens: &[PrivacyToken]) -> Privacy {
        let mut privacy = Privacy::default();
        tokens.iter().for_each(|token| privacy.add(*token));
        privacy
    }

    /// Reads every Privacy field of a message. Semicolons separate the types (RFC 3323 4.2); commas are met too.
    pub fn read(message: &Message) -> Privacy {
        let mut privacy = Privacy::default();
        for field in message.headers(Name::Privacy) {
            for word in field.split(|octet| matches!(octet, b';' | b',')) {
                let known = WORDS.iter().find(|(_, known)| known.as_bytes().eq_ignore_ascii_case(word.trim_ascii()));
                known.iter().for_each(|(token, _)| privacy.add(*token));
            }
        }
        privacy
    }

    /// Adds a type, once.
    pub fn add(&mut self, token: PrivacyToken) {
        if !self.has(token) {
            self.0.push(token);
        }
    }

    pub fn has(&self, token: PrivacyToken) -> bool {
        self.0.contains(&token)
    }

    /// True when the called party must not learn who calls. `none` beside others hides nothing (RFC 3323 4.2).
    pub fn hides_the_caller(&self) -> bool {
        let hiding = [PrivacyToken::Id, PrivacyToken::User, PrivacyToken::Header];
        !self.has(PrivacyToken::None) && hiding.into_iter().any(|token| self.has(token))
    }

    /// True when nobody outside the trust domain may see any History-Info (RFC 7044 10.1.2).
    pub fn hides_the_history(&self) -> bool {
        let hiding = [PrivacyToken::History, PrivacyToken::Header, PrivacyToken::Session];
        !self.has(PrivacyToken::None) && hiding.into_iter().any(|token| self.has(token))
    }

    /// The header's value; `None` without any type.
    pub fn to_bytes(&self) -> Option<Bytes> {
        let word = |token: &PrivacyToken| WORDS.iter().find(|(known, _)| known == token).map(|(_, word)| *word);
        let words: Vec<&str> = self.0.iter().filter_map(word).collect();
        (!words.is_empty()).then(|| Bytes::from(words.join(";")))
    }
}
