//! Why a description cannot be used, and how that is said to the peer, to people and to metrics.

use crate::sdp::SdpFault;

/// Why a description cannot be used: 488 (or 400 for what is no SDP at all), with a Warning text (RFC 3261 20.43).
/// The variant's name is the metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MediaRefusal {
    /// No description, or octets that are none.
    NotSdp,
    /// A description with a line nobody can use.
    Malformed,
    /// Above a limit of size or number.
    TooLarge,
    /// No `m=audio`.
    NoAudio,
    /// The audio is switched off (port 0), in an offer or in an answer to ours.
    AudioOff,
    /// A port out of range, or several ports asked for.
    Port,
    /// A transport that is neither RTP/AVP, RTP/SAVP, RTP/SAVPF nor UDP/TLS/RTP/SAVP, or an answer with another than
    /// was offered.
    Profile,
    /// Plain RTP where the trunk demands SRTP.
    PlainRefused,
    /// SRTP where the trunk has plain RTP only.
    SecureRefused,
    /// SRTP without a key.
    NoKey,
    /// Keys, but none of a suite, length and form that this trunk takes.
    NoUsableKey,
    /// Session parameters that switch protection off or that we do not serve.
    WeakKey,
    /// A key of zeros only: somebody's generator is broken.
    ZeroKey,
    /// The peer sent our own key back: a reflection, and two senders under one key stream.
    KeyIsOurs,
    /// An answer whose crypto tag or suite we did not offer.
    AnswerTag,
    /// No address, or one that is not a literal unicast address.
    NoAddress,
    /// An address of the other IP version than this leg's.
    AddressFamily,
    /// A special-purpose address, or one of ours.
    AddressRefused,
    /// No speech codec that both the peer and the trunk (or the other leg) have.
    NoCommonCodec,
    /// An answer with other media lines than the offer, or an answer to nothing.
    AnswerMismatch,
}

/// One row of the table below: label, warn-code and text.
struct Words(&'static str, u16, &'static str);

impl MediaRefusal {
    /// SIP status code to answer an offer with: 400 or 488.
    pub const fn status(self) -> u16 {
        if matches!(self, MediaRefusal::NotSdp) { 400 } else { 488 }
    }

    /// The metric label.
    pub const fn label(self) -> &'static str {
        self.words().0
    }

    /// RFC 3261 20.43 warn-code, 3xx.
    pub const fn warning_code(self) -> u16 {
        self.words().1
    }

    /// For people: what is wrong and which setting decides it. Free of quotes: it stands in a Warning header.
    pub const fn text(self) -> &'static str {
        self.words().2
    }

    const fn words(self) -> Words {
        use MediaRefusal as R;
        // 301 network address formats, 302 transport, 304 media type, 305 media format, 306 attribute, 399 other.
        match self {
            R::NotSdp => Words("not_sdp", 399, "the body is no session description"),
            R::Malformed => Words("malformed", 399, "a line of the session description cannot be read"),
            R::TooLarge => Words("too_large", 399, "the session description is above a limit of size or number"),
            R::NoAudio => Words("no_audio", 304, "there is no m=audio line"),
            R::AudioOff => Words("audio_off", 304, "the audio has port 0"),
            R::Port => Words("port", 399, "a media port is out of range, or a port count is given"),
            R::Profile => Words("profile", 302, "the transport is not RTP/AVP, RTP/SAVP or RTP/SAVPF as agreed"),
            R::PlainRefused => Words("plain_refused", 302, "SRTP is required (media.security of the trunk)"),
            R::SecureRefused => Words("secure_refused", 302, "plain RTP is required (media.security of the trunk)"),
            R::NoKey => Words("no_key", 306, "SRTP without a=crypto"),
            R::NoUsableKey => Words("no_usable_key", 306, "no a=crypto line of a suite and key length served here"),
            R::WeakKey => Words("weak_key", 306, "the a=crypto session parameters are not accepted"),
            R::ZeroKey => Words("zero_key", 306, "the SRTP key is all zeros: the generator of the peer is broken"),
            R::KeyIsOurs => Words("key_is_ours", 306, "the SRTP key is the one this side uses"),
            R::AnswerTag => Words("answer_tag", 306, "the answer takes a crypto tag or suite that was not offered"),
            R::NoAddress => Words("no_address", 301, "there is no literal unicast media address"),
            R::AddressFamily => Words("address_family", 301, "the media address has the other IP version"),
            R::AddressRefused => Words(
                "address_refused",
                301,
                "the media address is special-purpose or not the peer's own (networks.*.allow_media lists exceptions)",
            ),
            R::NoCommonCodec => Words("no_common_codec", 305, "no common audio codec (media.codecs of the trunks)"),
            R::AnswerMismatch => Words("answer_mismatch", 399, "the answer does not fit the offer"),
        }
    }
}

impl From<SdpFault> for MediaRefusal {
    fn from(fault: SdpFault) -> Self {
        match fault {
            SdpFault::Empty | SdpFault::Version => MediaRefusal::NotSdp,
            SdpFault::Line | SdpFault::ControlOctet | SdpFault::Origin | SdpFault::Repeated | SdpFault::Media => {
                MediaRefusal::Malformed
            }
            SdpFault::Port | SdpFault::PortCount => MediaRefusal::Port,
            SdpFault::TooLong | SdpFault::TooManyMedia | SdpFault::TooManyAttributes => MediaRefusal::TooLarge,
        }
    }
}
