//! The envelopes in which objects come.

use std::fmt;

use ferrule_ruleset::manifest::{node::Node, pruned::Keep};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// What is read of a bookmark.
const BOOKMARK: Keep = Keep::Fields(&[(
    "metadata",
    Keep::Fields(&[("resourceVersion", Keep::All), ("annotations", Keep::Domains(&["k8s.io"]))]),
)]);

/// Reads the type of a watch event and its object.
pub(super) struct LineSeed(pub Keep);

impl<'de> DeserializeSeed<'de> for LineSeed {
    type Value = (Box<str>, Node);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for LineSeed {
    type Value = (Box<str>, Node);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a watch event")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let (mut kind, mut object) = (None::<Box<str>>, None);
        while let Some(name) = entries.next_key::<&str>()? {
            match name {
                "type" => kind = Some(entries.next_value::<&str>()?.into()),
                "object" => {
                    // The type comes first from every server. An error is a status, and a bookmark has a form of its own, whatever is watched.
                    let keep = match kind.as_deref() {
                        Some("ERROR") => Keep::All,
                        Some("BOOKMARK") => BOOKMARK,
                        _ => self.0,
                    };
                    object = Some(entries.next_value_seed(keep)?);
                }
                _ => drop(entries.next_value::<IgnoredAny>()?),
            }
        }
        let kind = kind.ok_or_else(|| A::Error::missing_field("type"))?;
        Ok((kind, object.ok_or_else(|| A::Error::missing_field("object"))?))
    }
}

/// Reads the items and the metadata of a list.
pub(super) struct PageSeed(pub Keep);

impl<'de> DeserializeSeed<'de> for PageSeed {
    type Value = (Vec<Node>, Option<Node>);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for PageSeed {
    type Value = (Vec<Node>, Option<Node>);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of objects")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let (mut items, mut metadata) = (None, None);
        while let Some(name) = entries.next_key::<&str>()? {
            match name {
                "metadata" => metadata = Some(entries.next_value_seed(Keep::All)?),
                "items" => items = Some(entries.next_value_seed(ItemsSeed(self.0))?),
                _ => drop(entries.next_value::<IgnoredAny>()?),
            }
        }
        Ok((items.ok_or_else(|| A::Error::missing_field("items"))?, metadata))
    }
}

/// Reads the items of a list, which servers may write as null where there are none.
struct ItemsSeed(Keep);

impl<'de> DeserializeSeed<'de> for ItemsSeed {
    type Value = Vec<Node>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<Node>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ItemsSeed {
    type Value = Vec<Node>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_unit<E: Error>(self) -> Result<Vec<Node>, E> {
        Ok(Vec::new())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<Node>, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self.0)? {
            list.push(item);
        }
        Ok(list)
    }
}
