//! The lab: a voice platform (TLS, mutual authentication, SDES-SRTP) and a carrier (UDP, RTP) to call through the SBC.
//!
//! Its worth is independence: it speaks SIP with rsip and raw text, SRTP with webrtc-srtp behind guards, and reads SDP,
//! RTP and RTCP with a few lines of its own. It never uses this crate's `sip`, `sdp`, `rtp` or `transaction`.
//!
//! Reading order: [`demo`] (the run), [`agent`] and [`call`] (a user agent), [`endpoint`] and [`stream`] (its media).

pub mod agent;
pub mod base64;
pub mod call;
mod call_task;
pub mod certificates;
pub mod demo;
pub mod endpoint;
pub mod framing;
pub mod ice;
pub mod ladder;
pub mod link;
pub mod message;
pub mod platform;
pub mod quality;
pub mod repeat;
pub mod rtp;
pub mod sdp;
pub mod session;
pub mod signal;
pub mod srtp;
pub mod stream;
pub mod streams;
pub mod stun;
pub mod tls;
