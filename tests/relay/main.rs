//! The relay on loopback: real sockets, real threads, and far ends that know only the wire. SRTP of the far
//! ends is webrtc-srtp, so that both directions are checked against independent code.

#![cfg(feature = "lab")]

mod bench;
mod check;
mod plain;

mod families;
mod ice;
mod keys;
mod moving;
mod ports;
mod rtcp;
mod rtp;
mod sound;
mod srtp;
