//! A walk over an API object that knows where it is.
//!
//! Every step answers with the value or with a [`Problem`] that names line and path. Nothing here decides what a problem leads to: that depends on what
//! the value would have restricted, and is said by the caller.

use std::collections::BTreeMap;

use crate::manifest::node::{Node, Value};

/// What could not be understood, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The line in the file, from 1.
    pub line: u32,
    /// The path of the field, like `spec.ingress[0].from`.
    pub field: String,
    /// What is wrong.
    pub message: String,
}

/// Problems of a part of an object, gathered while the rest of it is read on.
#[derive(Debug, Default)]
pub(crate) struct Problems(pub Vec<Problem>);

impl Problems {
    /// The value, or the problem and nothing in its place.
    pub fn or_default<T: Default>(&mut self, value: Result<T, Problem>) -> T {
        value.unwrap_or_else(|problem| {
            self.0.push(problem);
            T::default()
        })
    }

    /// The fields of a map inside another; none at all where it is absent or no map.
    pub fn map_or_empty<'a>(&mut self, fields: &Fields<'a>, name: &str) -> Fields<'a> {
        fields.map(name).unwrap_or_else(|problem| {
            let empty = Fields { entries: None, path: problem.field.clone(), line: problem.line };
            self.0.push(problem);
            empty
        })
    }

    /// Whether everything was understood.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A value that is present: neither absent nor null, which the APIs treat alike. Only items of lists may be null.
#[derive(Clone, Debug)]
pub(crate) struct Field<'a> {
    node: &'a Node,
    path: String,
}

impl<'a> Field<'a> {
    /// The object itself.
    pub fn root(node: &'a Node) -> Self {
        Self { node, path: String::new() }
    }

    /// A problem with this value.
    pub fn problem(&self, message: impl Into<String>) -> Problem {
        Problem { line: self.node.line, field: self.path.clone(), message: message.into() }
    }

    fn mismatch(&self, expected: &str) -> Problem {
        self.problem(format!("must be {expected}, not {}", self.node.value.describe()))
    }

    /// The value itself, for fields of more than one type.
    pub fn value(&self) -> &'a Value {
        &self.node.value
    }

    /// A string.
    pub fn text(&self) -> Result<&'a str, Problem> {
        match &self.node.value {
            Value::String(text) => Ok(text),
            Value::Null
            | Value::Bool(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::List(_)
            | Value::Map(_) => Err(self.mismatch("a string")),
        }
    }

    /// `true` or `false`.
    pub fn boolean(&self) -> Result<bool, Problem> {
        if let Value::Bool(value) = self.node.value { Ok(value) } else { Err(self.mismatch("true or false")) }
    }

    /// A whole number.
    pub fn integer(&self) -> Result<i64, Problem> {
        if let Value::Integer(value) = self.node.value {
            Ok(value)
        } else {
            Err(self.mismatch("a whole number"))
        }
    }

    /// A number that is finite.
    pub fn number(&self) -> Result<f64, Problem> {
        match self.node.value {
            // Orders beyond 2^53 lose their last digits, as they do in every reader of JSON.
            #[expect(clippy::cast_precision_loss, reason = "the API's type is a double")]
            Value::Integer(value) => Ok(value as f64),
            Value::Float(value) if value.is_finite() => Ok(value),
            Value::Float(_) => Err(self.problem("must be a finite number")),
            Value::Null | Value::Bool(_) | Value::String(_) | Value::List(_) | Value::Map(_) => {
                Err(self.mismatch("a number"))
            }
        }
    }

    /// The items of a list.
    pub fn items(&self) -> Result<Vec<Self>, Problem> {
        let Value::List(items) = &self.node.value else { return Err(self.mismatch("a list")) };
        let item = |(index, node)| Self { node, path: format!("{}[{index}]", self.path) };
        Ok(items.iter().enumerate().map(item).collect())
    }

    /// The fields of a map.
    pub fn fields(&self) -> Result<Fields<'a>, Problem> {
        let Value::Map(entries) = &self.node.value else { return Err(self.mismatch("a map")) };
        Ok(Fields { entries: Some(entries), path: self.path.clone(), line: self.node.line })
    }
}

/// The fields of a map; none at all where the map is absent.
#[derive(Clone, Debug)]
pub(crate) struct Fields<'a> {
    entries: Option<&'a BTreeMap<Box<str>, Node>>,
    path: String,
    line: u32,
}

impl<'a> Fields<'a> {
    /// A problem with the map as a whole.
    pub fn problem(&self, message: impl Into<String>) -> Problem {
        Problem { line: self.line, field: self.path.clone(), message: message.into() }
    }

    /// A field; `None` where it is absent or null.
    pub fn field(&self, name: &str) -> Option<Field<'a>> {
        let node = self.entries?.get(name)?;
        (node.value != Value::Null).then(|| Field { node, path: self.child(name) })
    }

    /// The fields of a map inside; none at all where it is absent.
    pub fn map(&self, name: &str) -> Result<Fields<'a>, Problem> {
        match self.field(name) {
            Some(field) => field.fields(),
            None => Ok(Fields { entries: None, path: self.child(name), line: self.line }),
        }
    }

    /// A string, if there is one.
    pub fn text(&self, name: &str) -> Result<Option<&'a str>, Problem> {
        self.field(name).map(|field| field.text()).transpose()
    }

    /// Truth of a flag; absent means false.
    pub fn flag(&self, name: &str) -> Result<bool, Problem> {
        self.field(name).map_or(Ok(false), |field| field.boolean())
    }

    /// The items of a list inside; none where it is absent.
    pub fn items(&self, name: &str) -> Result<Vec<Field<'a>>, Problem> {
        self.field(name).map_or(Ok(Vec::new()), |field| field.items())
    }

    /// Every entry, null ones included.
    pub fn entries(&self) -> impl Iterator<Item = (&'a str, Field<'a>)> {
        let entries = self.entries.into_iter().flatten();
        entries.map(|(name, node)| (&**name, Field { node, path: self.child(name) }))
    }

    /// Problems for every field that has none of these names. A field that is null says nothing.
    pub fn unknown(&self, known: &[&str]) -> Vec<Problem> {
        let entries =
            self.entries().filter(|(name, field)| !known.contains(name) && *field.value() != Value::Null);
        entries
            .map(|(_, field)| field.problem(format!("unknown field; known here: {}", known.join(", "))))
            .collect()
    }

    fn child(&self, name: &str) -> String {
        let is_plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        match (self.path.is_empty(), is_plain) {
            (true, true) => name.into(),
            (false, true) => format!("{}.{name}", self.path),
            (_, false) => format!("{}[{name:?}]", self.path),
        }
    }
}
