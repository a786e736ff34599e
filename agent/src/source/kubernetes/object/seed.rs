//! The envelopes in which objects come.

use std::{cell::Cell, collections::BTreeMap, fmt};

use ferrule_ruleset::manifest::{node::Node, pruned::Keep};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::Failure;

/// What is read of an object that cannot be read as a whole: what it is, and what selectors see.
pub(super) const IDENTITY: Keep = Keep::Fields(&[
    ("apiVersion", Keep::All),
    ("kind", Keep::All),
    (
        "metadata",
        Keep::Fields(&[
            ("name", Keep::All),
            ("namespace", Keep::All),
            ("labels", Keep::All),
            ("uid", Keep::All),
            ("resourceVersion", Keep::All),
            ("generation", Keep::All),
        ]),
    ),
]);

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

/// Items of a list, by place, of which only the identity can be read, each with the reason.
pub(super) type Unread = BTreeMap<usize, Failure>;

/// Reads the items and the metadata of a list.
#[derive(Clone, Copy)]
pub(super) struct PageSeed<'a> {
    /// What is read of each item.
    pub keep: Keep,
    /// Of these only the identity is.
    pub unread: &'a Unread,
    /// The item that is being read.
    pub place: &'a Cell<Option<usize>>,
}

impl<'de> DeserializeSeed<'de> for PageSeed<'_> {
    type Value = (Vec<Node>, Option<Node>);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for PageSeed<'_> {
    type Value = (Vec<Node>, Option<Node>);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of objects")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let (mut items, mut metadata) = (None, None);
        while let Some(name) = entries.next_key::<&str>()? {
            match name {
                "metadata" => metadata = Some(entries.next_value_seed(Keep::All)?),
                "items" => items = Some(entries.next_value_seed(ItemsSeed(self))?),
                _ => drop(entries.next_value::<IgnoredAny>()?),
            }
        }
        Ok((items.ok_or_else(|| A::Error::missing_field("items"))?, metadata))
    }
}

/// Reads the items of a list, which servers may write as null where there are none.
struct ItemsSeed<'a>(PageSeed<'a>);

impl<'de> DeserializeSeed<'de> for ItemsSeed<'_> {
    type Value = Vec<Node>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<Node>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ItemsSeed<'_> {
    type Value = Vec<Node>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_unit<E: Error>(self) -> Result<Vec<Node>, E> {
        Ok(Vec::new())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<Node>, A::Error> {
        let PageSeed { keep, unread, place } = self.0;
        let mut list = Vec::new();
        loop {
            place.set(Some(list.len()));
            let keep = if unread.contains_key(&list.len()) { IDENTITY } else { keep };
            match items.next_element_seed(keep)? {
                Some(item) => list.push(item),
                None => break,
            }
        }
        place.set(None);
        Ok(list)
    }
}
