//! JSON as it is taken: a property that stands twice is refused, because two readers would take two different ones.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Reads one value and nothing behind it. The reader itself ends at a depth of 128.
///
/// # Errors
/// What is wrong, and where; for people.
pub fn value(octets: &[u8]) -> Result<Value, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_slice(octets);
    let value = Strict.deserialize(&mut reader)?;
    reader.end().map(|()| value)
}

/// Reads as [`Value`] does, and minds names.
struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number is out of range"))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Strict)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(Name(name)) = fields.next_key()? {
            if object.contains_key(&name) {
                let shown: String = name.chars().take(64).collect();
                return Err(A::Error::custom(format!("the property {shown} stands twice")));
            }
            let value = fields.next_value_seed(Strict)?;
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

/// A property's name.
#[derive(Deserialize)]
#[serde(transparent)]
struct Name(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_value_is_read_as_it_is() {
        let text = br#"{"a": [1, -2, 0.5, "x\u0041", true, null, {}], "b": {"a": []}}"#;
        assert_eq!(value(text).unwrap(), serde_json::from_slice::<Value>(text).unwrap());
    }

    #[test]
    fn a_name_may_stand_again_only_in_another_object() {
        assert!(value(br#"{"a": {"a": 1}, "b": {"a": 2}}"#).is_ok());
        let error = value(br#"{"a": [{"b": 1, "b": 1}]}"#).unwrap_err().to_string();
        assert!(error.starts_with("the property b stands twice at line 1"), "{error}");
    }

    #[test]
    fn nothing_may_stand_behind_it_and_depth_ends() {
        assert!(value(b"{} {}").is_err());
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        assert!(value(deep.as_bytes()).unwrap_err().to_string().contains("recursion"));
    }
}
