//! A URI in a checkpoint: its octets, since reading and writing a URI loses nothing.

use bytes::Bytes;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::sip::Uri;

pub(super) fn serialize<S: Serializer>(uri: &Uri, serializer: S) -> Result<S::Ok, S::Error> {
    uri.to_bytes().serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Uri, D::Error> {
    let octets = Bytes::deserialize(deserializer)?;
    Uri::parse(&octets).map_err(|_| D::Error::custom("not a URI"))
}
