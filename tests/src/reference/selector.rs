//! Calico's selector language (policy-model §3), as a tree that is walked.

mod parser;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

pub use parser::parse;

/// An expression over labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// `all()`.
    All,
    /// `global()`.
    Global,
    /// `has(label)`.
    Has(String),
    /// `label == "value"`.
    Equals(String, String),
    /// `label != "value"`.
    NotEquals(String, String),
    /// `label contains "value"`.
    Contains(String, String),
    /// `label starts with "value"`.
    StartsWith(String, String),
    /// `label ends with "value"`.
    EndsWith(String, String),
    /// `label in {…}`.
    In(String, BTreeSet<String>),
    /// `label not in {…}`.
    NotIn(String, BTreeSet<String>),
    /// `!operand`.
    Not(Box<Selector>),
    /// `(a && b && …)`.
    And(Vec<Selector>),
    /// `(a || b || …)`.
    Or(Vec<Selector>),
}

impl Selector {
    /// Whether it matches an object with these labels (§3, "Semantics on absent label").
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let value = |label: &str| labels.get(label);
        match self {
            Self::All | Self::Global => true,
            Self::Has(label) => value(label).is_some(),
            Self::Equals(label, wanted) => value(label) == Some(wanted),
            Self::NotEquals(label, unwanted) => value(label) != Some(unwanted),
            Self::Contains(label, part) => value(label).is_some_and(|value| value.contains(part.as_str())),
            Self::StartsWith(label, part) => {
                value(label).is_some_and(|value| value.starts_with(part.as_str()))
            }
            Self::EndsWith(label, part) => value(label).is_some_and(|value| value.ends_with(part.as_str())),
            Self::In(label, wanted) => value(label).is_some_and(|value| wanted.contains(value)),
            Self::NotIn(label, unwanted) => value(label).is_none_or(|value| !unwanted.contains(value)),
            Self::Not(operand) => !operand.matches(labels),
            Self::And(operands) => operands.iter().all(|operand| operand.matches(labels)),
            Self::Or(operands) => operands.iter().any(|operand| operand.matches(labels)),
        }
    }

    /// The expression with `prefix` before every label name, and `all()` and `global()` replaced where a replacement is given (§2.5, §2.6).
    pub fn rewritten(&self, prefix: &str, all: Option<&Self>, global: Option<&Self>) -> Self {
        let name = |label: &String| format!("{prefix}{label}");
        let inner = |operand: &Self| operand.rewritten(prefix, all, global);
        match self {
            Self::All => all.cloned().unwrap_or(Self::All),
            Self::Global => global.cloned().unwrap_or(Self::Global),
            Self::Has(label) => Self::Has(name(label)),
            Self::Equals(label, value) => Self::Equals(name(label), value.clone()),
            Self::NotEquals(label, value) => Self::NotEquals(name(label), value.clone()),
            Self::Contains(label, value) => Self::Contains(name(label), value.clone()),
            Self::StartsWith(label, value) => Self::StartsWith(name(label), value.clone()),
            Self::EndsWith(label, value) => Self::EndsWith(name(label), value.clone()),
            Self::In(label, values) => Self::In(name(label), values.clone()),
            Self::NotIn(label, values) => Self::NotIn(name(label), values.clone()),
            Self::Not(operand) => Self::Not(Box::new(inner(operand))),
            Self::And(operands) => Self::And(operands.iter().map(inner).collect()),
            Self::Or(operands) => Self::Or(operands.iter().map(inner).collect()),
        }
    }
}

impl fmt::Display for Selector {
    /// The canonical text (§3, "Canonical text").
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted =
            |value: &str| if value.contains('"') { format!("'{value}'") } else { format!("\"{value}\"") };
        let set = |values: &BTreeSet<String>| {
            values.iter().map(|value| quoted(value)).collect::<Vec<_>>().join(", ")
        };
        let joined = |operands: &[Self], operator: &str| {
            operands.iter().map(ToString::to_string).collect::<Vec<_>>().join(operator)
        };
        match self {
            Self::All => f.write_str("all()"),
            Self::Global => f.write_str("global()"),
            Self::Has(label) => write!(f, "has({label})"),
            Self::Equals(label, value) => write!(f, "{label} == {}", quoted(value)),
            Self::NotEquals(label, value) => write!(f, "{label} != {}", quoted(value)),
            Self::Contains(label, value) => write!(f, "{label} contains {}", quoted(value)),
            Self::StartsWith(label, value) => write!(f, "{label} starts with {}", quoted(value)),
            Self::EndsWith(label, value) => write!(f, "{label} ends with {}", quoted(value)),
            Self::In(label, values) => write!(f, "{label} in {{{}}}", set(values)),
            Self::NotIn(label, values) => write!(f, "{label} not in {{{}}}", set(values)),
            Self::Not(operand) => write!(f, "!{operand}"),
            Self::And(operands) => write!(f, "({})", joined(operands, " && ")),
            Self::Or(operands) => write!(f, "({})", joined(operands, " || ")),
        }
    }
}
