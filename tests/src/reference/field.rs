//! Fields of API objects, read so that what cannot be understood stays visible.

use serde_json::{Map, Value};

use super::truth::Truth;

/// A field of an object. `null` counts as absent, as in the Kubernetes API.
#[derive(Clone, Debug, PartialEq)]
pub enum Field<T> {
    /// Not given.
    Absent,
    /// Given and understood.
    Known(T),
    /// Given, and it could mean anything.
    Doubtful,
}

impl<T> Field<T> {
    /// Reads a field; `read` answers `None` for what cannot be understood.
    pub fn of(object: &Value, name: &str, read: impl Fn(&Value) -> Option<T>) -> Self {
        match object.get(name) {
            None | Some(Value::Null) => Self::Absent,
            Some(value) => read(value).map_or(Self::Doubtful, Self::Known),
        }
    }

    /// Whether the field was given, understood or not.
    pub fn is_given(&self) -> bool {
        !matches!(self, Self::Absent)
    }

    /// Whether the field could mean anything.
    pub fn is_doubtful(&self) -> bool {
        matches!(self, Self::Doubtful)
    }

    /// The value, if it was given and understood.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Absent | Self::Doubtful => None,
        }
    }

    /// What the field demands: nothing if it is absent.
    pub fn demands(&self, test: impl Fn(&T) -> Truth) -> Truth {
        match self {
            Self::Absent => Truth::Yes,
            Self::Known(value) => test(value),
            Self::Doubtful => Truth::Maybe,
        }
    }
}

/// A list whose entries are alternatives. An entry that cannot be understood is `None`.
#[derive(Clone, Debug, PartialEq)]
pub struct List<T>(pub Vec<Option<T>>);

impl<T> List<T> {
    /// Reads a list; absent is empty, and what is no list is one entry that cannot be understood.
    pub fn of(object: &Value, name: &str, read: impl Fn(&Value) -> Option<T>) -> Self {
        Self(match object.get(name) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(entries)) => entries.iter().map(read).collect(),
            Some(_) => vec![None],
        })
    }

    /// Whether nothing is listed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether there is an entry; unknown of what is no list.
    pub fn has_entries(&self) -> Truth {
        self.any(|_| Truth::Yes)
    }

    /// Whether an entry could not be understood.
    pub fn is_doubtful(&self) -> bool {
        self.0.iter().any(Option::is_none)
    }

    /// The entries that were understood.
    pub fn known(&self) -> impl Iterator<Item = &T> {
        self.0.iter().flatten()
    }

    /// Whether one of the entries passes.
    pub fn any(&self, test: impl Fn(&T) -> Truth) -> Truth {
        Truth::any(self.0.iter().map(|entry| entry.as_ref().map_or(Truth::Maybe, &test)))
    }
}

/// Whether an object has only fields of these names: any other could be a restriction that we know nothing of.
pub fn has_only(object: &Value, names: &[&str]) -> bool {
    object
        .as_object()
        .is_some_and(|fields: &Map<String, Value>| fields.keys().all(|key| names.contains(&key.as_str())))
}

/// A text.
pub fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}
