//! The text of a document to a tree.
//!
//! Iterative: the depth of a document costs heap, not stack, and is bounded all the same, since what reads the tree may recurse. Aliases are copied out
//! within a budget, so that a few lines cannot grow into gigabytes.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};

use super::{
    node::{Node, Value},
    scalar,
};

/// Levels of lists and maps in a document.
const MAX_DEPTH: usize = 128;

/// Values in a document.
const MAX_NODES: usize = 8_000_000;

/// Values that the aliases of a document may copy.
const MAX_ALIASED: usize = 100_000;

/// Why a document cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ReadError {
    /// The line in the file, from 1.
    pub line: u32,
    /// What is wrong.
    pub message: String,
}

/// Reads a piece of a file that holds one document, or several that are set apart by `...`, and hands them over one by one.
pub(super) fn read(text: &str, lines_before: u32, mut each: impl FnMut(Result<Node, ReadError>)) {
    let mut parser = Parser::new_from_str(text);
    let mut builder = Builder::new(lines_before);
    while let Some(event) = parser.next_event() {
        let step = match event {
            Ok((event, span)) => builder.take(event, span.start.line()),
            Err(error) => {
                let line = builder.line(error.marker().line());
                Err(ReadError { line, message: format!("not YAML: {}", error.info()) })
            }
        };
        match step {
            Ok(Some(document)) => each(Ok(document)),
            Ok(None) => {}
            Err(error) => return each(Err(error)),
        }
    }
}

/// A list or map that is not complete yet.
struct Open {
    line: u32,
    anchor: usize,
    /// Values inside, for the budget of aliases.
    size: usize,
    contents: Contents,
}

enum Contents {
    List(Vec<Node>),
    Map { entries: BTreeMap<Box<str>, Node>, key: Option<Key>, merged: Vec<Node> },
}

/// A key whose value comes next.
enum Key {
    Merge,
    Name(Box<str>, u32),
}

struct Builder {
    lines_before: u32,
    open: Vec<Open>,
    anchors: BTreeMap<usize, (Node, usize)>,
    nodes: usize,
    aliased: usize,
    root: Option<Node>,
}

impl Builder {
    fn new(lines_before: u32) -> Self {
        Self { lines_before, open: Vec::new(), anchors: BTreeMap::new(), nodes: 0, aliased: 0, root: None }
    }

    fn line(&self, line: usize) -> u32 {
        self.lines_before.saturating_add(u32::try_from(line).unwrap_or(u32::MAX))
    }

    /// Takes in an event; answers with a document when one is complete.
    fn take(&mut self, event: Event<'_>, line: usize) -> Result<Option<Node>, ReadError> {
        let line = self.line(line);
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd => {}
            Event::DocumentStart(_) => (self.root, self.nodes, self.aliased) = (None, 0, 0),
            Event::DocumentEnd => return Ok(self.root.take()),
            Event::Alias(anchor) => self.alias(anchor, line)?,
            Event::Scalar(text, style, anchor, tag) => {
                let value =
                    tagged(&text, style, tag.as_deref()).map_err(|message| ReadError { line, message })?;
                let is_merge = style == ScalarStyle::Plain && text == "<<";
                self.place(Node { line, value }, anchor, 1, is_merge)?;
            }
            Event::SequenceStart(anchor, tag) => {
                untagged(tag.as_deref(), "seq").map_err(|message| ReadError { line, message })?;
                self.begin(line, anchor, Contents::List(Vec::new()))?;
            }
            Event::MappingStart(anchor, tag) => {
                untagged(tag.as_deref(), "map").map_err(|message| ReadError { line, message })?;
                let contents = Contents::Map { entries: BTreeMap::new(), key: None, merged: Vec::new() };
                self.begin(line, anchor, contents)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.end()?,
        }
        Ok(None)
    }

    fn begin(&mut self, line: u32, anchor: usize, contents: Contents) -> Result<(), ReadError> {
        if self.open.len() >= MAX_DEPTH {
            return Err(ReadError {
                line,
                message: format!("lists and maps nest deeper than {MAX_DEPTH} levels"),
            });
        }
        self.open.push(Open { line, anchor, size: 1, contents });
        Ok(())
    }

    fn end(&mut self) -> Result<(), ReadError> {
        let Some(Open { line, anchor, size, contents }) = self.open.pop() else { return Ok(()) };
        let value = match contents {
            Contents::List(items) => Value::List(items),
            Contents::Map { entries, merged, .. } => Value::Map(merge(entries, merged, line)?),
        };
        self.place(Node { line, value }, anchor, size, false)
    }

    fn alias(&mut self, anchor: usize, line: u32) -> Result<(), ReadError> {
        let Some((node, size)) = self.anchors.get(&anchor) else {
            return Err(ReadError { line, message: "an alias stands inside its own anchor".into() });
        };
        let size = *size;
        spend(&mut self.aliased, size, line)?;
        let copy = Node { line, value: node.value.clone() };
        self.place(copy, 0, size, false)
    }

    /// Puts a complete value where it belongs.
    fn place(&mut self, node: Node, anchor: usize, size: usize, is_merge: bool) -> Result<(), ReadError> {
        self.nodes += 1;
        if self.nodes + self.aliased > MAX_NODES {
            return Err(ReadError {
                line: node.line,
                message: format!("more than {MAX_NODES} values in one document"),
            });
        }
        if anchor != 0 {
            spend(&mut self.aliased, size, node.line)?;
            self.anchors.insert(anchor, (node.clone(), size));
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        open.size += size;
        match &mut open.contents {
            Contents::List(items) => items.push(node),
            Contents::Map { entries, key, merged } => match key.take() {
                None if is_merge => *key = Some(Key::Merge),
                None => *key = Some(Key::Name(key_text(&node)?, node.line)),
                Some(Key::Merge) => merged.push(node),
                Some(Key::Name(name, line)) => insert(entries, name, Node { line, value: node.value })?,
            },
        }
        Ok(())
    }
}

/// Takes the copies that an anchor or alias makes out of the budget.
fn spend(aliased: &mut usize, size: usize, line: u32) -> Result<(), ReadError> {
    *aliased = aliased.saturating_add(size);
    if *aliased > MAX_ALIASED {
        return Err(ReadError {
            line,
            message: format!("its anchors and aliases stand for more than {MAX_ALIASED} values"),
        });
    }
    Ok(())
}

fn insert(entries: &mut BTreeMap<Box<str>, Node>, name: Box<str>, node: Node) -> Result<(), ReadError> {
    if let Some(first) = entries.get(&name) {
        let message = format!("the key {name:?} stands twice in one map, first on line {}", first.line);
        return Err(ReadError { line: node.line, message });
    }
    entries.insert(name, node);
    Ok(())
}

/// Merge keys (`<<: *defaults`): entries of the merged maps where the map has none of its own; the first of several wins.
fn merge(
    mut entries: BTreeMap<Box<str>, Node>,
    merged: Vec<Node>,
    line: u32,
) -> Result<BTreeMap<Box<str>, Node>, ReadError> {
    for source in merged {
        let maps = match source.value {
            Value::List(maps) => maps,
            Value::Null
            | Value::Bool(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::String(_)
            | Value::Map(_) => {
                vec![source]
            }
        };
        for map in maps {
            let Value::Map(defaults) = map.value else {
                return Err(ReadError { line, message: "only maps can be merged by the key <<".into() });
            };
            for (name, node) in defaults {
                entries.entry(name).or_insert(node);
            }
        }
    }
    Ok(entries)
}

/// A key as text: in JSON, which the APIs speak, every key is a string.
fn key_text(key: &Node) -> Result<Box<str>, ReadError> {
    match &key.value {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(value) => Ok(value.to_string().into()),
        Value::Integer(value) => Ok(value.to_string().into()),
        Value::Float(_) | Value::Null | Value::List(_) | Value::Map(_) => Err(ReadError {
            line: key.line,
            message: format!("a key is {}; it must be a string", key.value.describe()),
        }),
    }
}

/// Whether a list or map bears no tag but its own.
fn untagged(tag: Option<&Tag>, own: &str) -> Result<(), String> {
    match tag {
        Some(tag) if !(tag.is_yaml_core_schema() && tag.suffix == own) => {
            Err(format!("the tag {tag} has no meaning here"))
        }
        Some(_) | None => Ok(()),
    }
}

/// The value of a scalar; `Err` where its tag is none of the core schema.
fn tagged(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Value, String> {
    let Some(tag) = tag else {
        let is_plain = style == ScalarStyle::Plain;
        return Ok(if is_plain { scalar::plain(text) } else { Value::String(text.into()) });
    };
    let string = || Value::String(text.into());
    if tag.handle.is_empty() && tag.suffix == "!" {
        return Ok(string());
    }
    if !tag.is_yaml_core_schema() {
        return Err(format!("the tag {tag} has no meaning here"));
    }
    let value = if tag.suffix == "str" { string() } else { scalar::plain(text) };
    let fits = match (tag.suffix.as_str(), &value) {
        ("str", _) | ("null", Value::Null) | ("bool", Value::Bool(_)) | ("int", Value::Integer(_)) => true,
        ("float", value) => matches!(value, Value::Float(_) | Value::Integer(_)),
        _ => false,
    };
    if fits { Ok(value) } else { Err(format!("{text:?} is no value of the tag !!{}", tag.suffix)) }
}
