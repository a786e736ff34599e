//! A manifest document as a tree of values that know their lines.

use std::collections::BTreeMap;

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The line in the file, from 1: for a value of a map the line of its key.
    pub line: u32,
    /// The value.
    pub value: Value,
}

/// A value of the YAML 1.2 core schema, which includes every value of JSON.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `null`, `~` or nothing at all.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// Text, quoted or not.
    String(Box<str>),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping. Keys are text; a number or a truth value as key stands for its text, as in JSON.
    Map(BTreeMap<Box<str>, Node>),
}

impl Value {
    /// What a person would call this kind of value.
    pub fn describe(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a truth value",
            Self::Integer(_) => "a whole number",
            Self::Float(_) => "a number",
            Self::String(_) => "a string",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }
}
