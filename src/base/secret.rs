//! Values that must not be seen: keys, salts, passwords. They never print, compare in constant time,
//! and are overwritten when they go.

use std::fmt;

use zeroize::Zeroize;

/// Wraps a value that is never shown by `Debug`, is not `Display`, and is zeroed on drop.
#[derive(Clone)]
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Takes the value in.
    pub const fn new(value: T) -> Self {
        Secret(value)
    }

    /// The one way to the value: the name makes each use easy to find.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize + AsRef<[u8]>> PartialEq for Secret<T> {
    /// Takes the same time whatever the octets are; lengths are not secret.
    fn eq(&self, other: &Self) -> bool {
        let (a, b) = (self.0.as_ref(), other.0.as_ref());
        a.len() == b.len() && a.iter().zip(b).fold(0u8, |acc, (x, y)| acc | (x ^ y)) == 0
    }
}

impl<T: Zeroize + AsRef<[u8]>> Eq for Secret<T> {}

/// A secret in a checkpoint: its octets or its text, since what was agreed with a peer cannot be made anew. Named at each
/// field that is kept so; a checkpoint is as secret as a private key.
pub mod in_checkpoint {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use zeroize::Zeroize;

    use super::Secret;

    pub fn serialize<T: Zeroize + Serialize, S: Serializer>(
        secret: &Secret<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        secret.expose().serialize(serializer)
    }

    pub fn deserialize<'de, T: Zeroize + Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Secret<T>, D::Error> {
        T::deserialize(deserializer).map(Secret::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print() {
        let secret = Secret::new(vec![1u8, 2, 3]);
        assert_eq!(format!("{secret:?}"), "[secret]");
    }

    #[test]
    fn equality_looks_at_every_octet() {
        assert_eq!(Secret::new(vec![1u8, 2]), Secret::new(vec![1u8, 2]));
        assert_ne!(Secret::new(vec![1u8, 2]), Secret::new(vec![1u8, 3]));
        assert_ne!(Secret::new(vec![1u8, 2]), Secret::new(vec![1u8]));
    }
}
