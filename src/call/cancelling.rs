//! Taking back an INVITE of ours (RFC 3261 9.1).

use super::cause::Cause;

/// How far it has come. A CANCEL may only go after a provisional response, and only once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancelling {
    /// Nothing heard yet, nothing taken back.
    Unheard,
    /// A provisional response came.
    Heard,
    /// To be taken back as soon as a provisional response comes.
    Wanted(Cause),
    /// The CANCEL is out.
    Sent,
}

impl Cancelling {
    /// True when the INVITE is no longer wanted.
    pub const fn is_unwanted(self) -> bool {
        matches!(self, Cancelling::Wanted(_) | Cancelling::Sent)
    }

    /// A provisional response came. `Some`: the CANCEL that waited for it goes now, with this reason.
    pub fn heard(&mut self) -> Option<Cause> {
        match *self {
            Cancelling::Unheard => *self = Cancelling::Heard,
            Cancelling::Wanted(cause) => {
                *self = Cancelling::Sent;
                return Some(cause);
            }
            Cancelling::Heard | Cancelling::Sent => {}
        }
        None
    }

    /// The INVITE is no longer wanted. `Some`: the CANCEL goes now, with this reason.
    pub fn want(&mut self, cause: Cause) -> Option<Cause> {
        match self {
            Cancelling::Unheard => *self = Cancelling::Wanted(cause),
            Cancelling::Heard => {
                *self = Cancelling::Sent;
                return Some(cause);
            }
            Cancelling::Wanted(_) | Cancelling::Sent => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cancel_leaves_before_a_provisional_response() {
        let mut cancelling = Cancelling::Unheard;
        assert_eq!(cancelling.want(Cause::CallerCancelled), None);
        assert_eq!(cancelling.heard(), Some(Cause::CallerCancelled));
    }

    #[test]
    fn a_second_wish_and_a_second_provisional_send_nothing() {
        let mut cancelling = Cancelling::Heard;
        assert_eq!(cancelling.want(Cause::NoAnswer), Some(Cause::NoAnswer));
        assert_eq!((cancelling.want(Cause::NoAnswer), cancelling.heard()), (None, None));
    }
}
