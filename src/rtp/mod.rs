//! RTP and RTCP as octets: headers read in place (RFC 3550), SRTP and SRTCP (RFC 3711), telephone events
//! (RFC 4733), STUN (RFC 5389), and which protocol a packet belongs to (RFC 7983, RFC 5761). Knows no call.

pub mod buffer;
pub mod demux;
pub mod event;
pub mod packet;
pub mod rtcp;
pub mod srtp;
pub mod stun;
