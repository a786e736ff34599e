//! What a watch and a list say, read straight into pruned trees.

mod seed;

use std::{
    cell::Cell,
    collections::BTreeMap,
    hash::{BuildHasher as _, Hash as _, Hasher, RandomState},
    mem,
};

use ferrule_ruleset::manifest::{
    node::{Node, Value},
    pruned::Keep,
};
use serde::de::DeserializeSeed;

use super::failure::Failure;
use seed::{IDENTITY, LineSeed, PageSeed, Unread};

/// The annotation of the bookmark that follows the last object that was there when a watch began.
const INITIAL_EVENTS_END: &str = "k8s.io/initial-events-end";

/// An object, less what nobody reads and what changes without meaning.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// The object itself, without `metadata.resourceVersion`, `metadata.uid` and `metadata.generation`.
    pub tree: Node,
    /// `metadata.resourceVersion`, opaque.
    pub version: Box<str>,
    /// `metadata.uid`: tells an object from a later one of the same name.
    pub uid: Box<str>,
    /// Why no more than its metadata could be read, if so. In place of its `spec` stands something that no kind understands.
    pub unread: Option<Box<str>>,
    /// `metadata.generation`: counts what its author said, where the kind has it.
    pub generation: Option<i64>,
}

/// A line of a watch.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    /// The object is there, new or changed.
    Present(Object),
    /// The object is gone; this is what it was last.
    Deleted(Object),
    /// Everything up to this version has been said.
    Bookmark {
        /// Where to go on from.
        version: Box<str>,
        /// Whether all that was there at the start has been said.
        ends_list: bool,
    },
    /// The watch failed.
    Failed(Failure),
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// The objects.
    pub items: Vec<Object>,
    /// The version of the list as a whole.
    pub version: Box<str>,
    /// Where the next page begins; none on the last.
    pub next: Option<String>,
}

impl Line {
    /// Reads a line of a watch.
    pub fn read(line: &[u8], keep: Keep) -> Result<Self, Failure> {
        let (kind, object) = match read(line, LineSeed(keep)) {
            Ok((kind, tree)) => (kind, Object::new(tree)),
            // One bad object is to cost no other.
            Err(failure) => match read(line, LineSeed(IDENTITY)) {
                Ok((kind, tree)) => (kind, Object::unread(tree, &failure)),
                Err(_) => return Err(failure),
            },
        };
        match &*kind {
            "ADDED" | "MODIFIED" => Ok(Self::Present(object)),
            "DELETED" => Ok(Self::Deleted(object)),
            "BOOKMARK" => {
                let ends_list = field(&object.tree, "metadata")
                    .and_then(|metadata| field(metadata, "annotations"))
                    .and_then(|annotations| text(annotations, INITIAL_EVENTS_END));
                Ok(Self::Bookmark { ends_list: ends_list == Some("true"), version: object.version })
            }
            "ERROR" => {
                let code = field(&object.tree, "code").map(|node| &node.value);
                let code = if let Some(Value::Integer(code)) = code { *code } else { 0 };
                let message = text(&object.tree, "message").unwrap_or_default().to_owned();
                Ok(Self::Failed(Failure::Refused { code: u16::try_from(code).unwrap_or_default(), message }))
            }
            other => Err(Failure::Unintelligible(format!("{other:?} is no type of watch event"))),
        }
    }
}

impl Page {
    /// Reads a page of a list.
    pub fn read(text: &[u8], keep: Keep) -> Result<Self, Failure> {
        let mut unread = Unread::new();
        let (items, metadata) = loop {
            let place = Cell::new(None);
            match read(text, PageSeed { keep, unread: &unread, place: &place }) {
                Ok(page) => break page,
                Err(failure) => match place.get() {
                    Some(index) if !unread.contains_key(&index) => drop(unread.insert(index, failure)),
                    Some(_) | None => return Err(failure),
                },
            }
        };
        let object = |(index, tree)| match unread.get(&index) {
            Some(failure) => Object::unread(tree, failure),
            None => Object::new(tree),
        };
        let of_list = |name| metadata.as_ref().and_then(|metadata| self::text(metadata, name));
        Ok(Self {
            items: items.into_iter().enumerate().map(object).collect(),
            version: of_list("resourceVersion").unwrap_or_default().into(),
            next: of_list("continue").filter(|next| !next.is_empty()).map(str::to_owned),
        })
    }
}

impl Object {
    fn new(mut tree: Node) -> Self {
        let mut take = |name| match metadata_of(&mut tree)?.remove(name)?.value {
            Value::String(text) => Some(text),
            Value::Null
            | Value::Bool(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::List(_)
            | Value::Map(_) => None,
        };
        let version = take("resourceVersion").unwrap_or_default();
        let uid = take("uid").unwrap_or_default();
        let generation = metadata_of(&mut tree).and_then(|metadata| metadata.remove("generation"));
        let generation = generation
            .and_then(|node| if let Value::Integer(number) = node.value { Some(number) } else { None });
        Self { tree, version, uid, generation, unread: None }
    }

    /// An object of which only the metadata could be read.
    fn unread(mut tree: Node, failure: &Failure) -> Self {
        if let Value::Map(fields) = &mut tree.value {
            let nothing = Value::String("unread".into());
            fields.insert("spec".into(), Node { line: 1, value: nothing });
        }
        Self { unread: Some(failure.text("object").into()), ..Self::new(tree) }
    }

    /// A text of the metadata.
    pub fn metadata(&self, name: &str) -> Option<&str> {
        text(field(&self.tree, "metadata")?, name)
    }

    /// Tells this content from another, but for an accident of one in 2^64. The key is of this process, so that nobody can make one happen.
    pub fn digest(&self, key: &RandomState) -> u64 {
        let mut hasher = key.build_hasher();
        hash(&self.tree.value, &mut hasher);
        hasher.finish()
    }
}

fn hash(value: &Value, hasher: &mut impl Hasher) {
    mem::discriminant(value).hash(hasher);
    match value {
        Value::Null => {}
        Value::Bool(value) => value.hash(hasher),
        Value::Integer(value) => value.hash(hasher),
        Value::Float(value) => value.to_bits().hash(hasher),
        Value::String(value) => value.hash(hasher),
        Value::List(items) => {
            items.len().hash(hasher);
            items.iter().for_each(|item| hash(&item.value, hasher));
        }
        Value::Map(entries) => {
            entries.len().hash(hasher);
            for (name, entry) in entries {
                name.hash(hasher);
                hash(&entry.value, hasher);
            }
        }
    }
}

fn metadata_of(tree: &mut Node) -> Option<&mut BTreeMap<Box<str>, Node>> {
    let Value::Map(fields) = &mut tree.value else { return None };
    let Value::Map(metadata) = &mut fields.get_mut("metadata")?.value else { return None };
    Some(metadata)
}

/// A field of a map.
pub fn field<'a>(node: &'a Node, name: &str) -> Option<&'a Node> {
    if let Value::Map(fields) = &node.value { fields.get(name) } else { None }
}

/// A text among the fields of a map.
pub fn text<'a>(node: &'a Node, name: &str) -> Option<&'a str> {
    if let Value::String(text) = &field(node, name)?.value { Some(text) } else { None }
}

/// Reads JSON by a seed.
pub fn read<'de, S: DeserializeSeed<'de>>(text: &'de [u8], seed: S) -> Result<S::Value, Failure> {
    let mut json = serde_json::Deserializer::from_slice(text);
    let value = seed.deserialize(&mut json).and_then(|value| json.end().map(|()| value));
    value.map_err(|error| {
        let begin: String = String::from_utf8_lossy(&text[..text.len().min(80)]).into_owned();
        Failure::Unintelligible(format!("{error}, in {begin:?}"))
    })
}

#[cfg(test)]
mod tests;
