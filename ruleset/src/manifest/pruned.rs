//! Values of any format to trees, less what nobody reads: it is passed over while the text is read and never takes memory.
//!
//! A value of another shape than expected is kept as a whole, so that whoever reads the tree can say what is wrong with it.

use std::{collections::BTreeMap, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::node::{Node, Value};

/// What of a value is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// All of it.
    All,
    /// Of a map these fields.
    Fields(&'static [(&'static str, Keep)]),
    /// Of a map all fields but the dropped ones, and of these fields only so much.
    AllBut {
        /// Nothing of these is kept.
        dropped: &'static [&'static str],
        /// Of these only so much is kept.
        fields: &'static [(&'static str, Keep)],
    },
    /// Of a list every item, and this of each.
    Items(&'static Keep),
    /// Of a map the entries whose keys have one of these domains before the slash, or one below it.
    Domains(&'static [&'static str]),
}

impl Keep {
    /// What is kept of an entry; none if nothing is.
    fn of_entry(self, key: &str) -> Option<Self> {
        match self {
            Self::All | Self::Items(_) => Some(Self::All),
            Self::Fields(fields) => named(fields, key),
            Self::AllBut { dropped, fields } => {
                (!dropped.contains(&key)).then(|| named(fields, key).unwrap_or(Self::All))
            }
            Self::Domains(domains) => {
                let domain = key.split_once('/')?.0;
                let is_below = |known: &&str| {
                    domain.strip_suffix(*known).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
                };
                domains.iter().any(is_below).then_some(Self::All)
            }
        }
    }

    fn of_item(self) -> Self {
        match self {
            Self::Items(keep) => *keep,
            Self::All | Self::Fields(_) | Self::AllBut { .. } | Self::Domains(_) => Self::All,
        }
    }
}

fn named(fields: &[(&str, Keep)], key: &str) -> Option<Keep> {
    fields.iter().find(|(name, _)| *name == key).map(|(_, keep)| *keep)
}

impl<'de> DeserializeSeed<'de> for Keep {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        let value = deserializer.deserialize_any(Pruning(self))?;
        Ok(Node { line: 1, value })
    }
}

struct Pruning(Keep);

impl<'de> Visitor<'de> for Pruning {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Integer(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        #[expect(clippy::cast_precision_loss, reason = "no field of an API holds such a number")]
        Ok(i64::try_from(value).map_or(Value::Float(value as f64), Value::Integer))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self.0.of_item())? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = BTreeMap::new();
        while let Some(entry) = entries.next_key_seed(Key(self.0))? {
            match entry {
                Some((name, keep)) => drop(map.insert(name, entries.next_value_seed(keep)?)),
                None => drop(entries.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Value::Map(map))
    }
}

/// Decides on an entry before its name is owned.
struct Key(Keep);

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Option<(Box<str>, Keep)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key {
    type Value = Option<(Box<str>, Keep)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.of_entry(name).map(|keep| (name.into(), keep)))
    }
}
