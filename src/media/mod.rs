//! Media without sockets: one packet in, at most one out, in the same buffer.
//!
//! [`plan`] is what the core and the relay say to each other. The relay keeps one [`streams::Streams`] per
//! worker and asks it about every packet. An [`endpoint::Endpoint`] is the media side of one leg; what it
//! sends is one [`line::OutgoingLine`], whatever it carries; whom it hears is decided in [`gate`],
//! by [`ice`] where that is agreed, and under which keys in [`security`]. RTCP ends at each leg: [`report`]. [`dtmf`]
//! finds digits in what comes, [`player`] makes digits, tones and fill, [`presence`] knows how long nothing came.

pub mod address;
pub mod dtmf;
pub mod endpoint;
pub mod gate;
pub mod ice;
pub mod line;
pub mod plan;
pub mod player;
pub mod presence;
pub mod quality;
pub mod reception;
pub mod report;
pub mod security;
pub mod streams;
pub mod verdict;
