//! Findings: what is wrong or surprising about input, said so that its author can mend it.

use std::{fmt, sync::Arc};

use crate::resource::ResourceKey;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The input works, but perhaps not as meant.
    Warning,
    /// Part of the input could not be understood and a closed stand-in took its place.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// A place in a manifest file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    /// The file as it was named to us.
    pub file: Arc<str>,
    /// The document in the file, from 1; items of a `List` count in the document of the list.
    pub document: u32,
    /// The line in the file, from 1.
    pub line: u32,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// Something to tell the author of input.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Where it stands; none for input that came without text.
    pub location: Option<Location>,
    /// How much it matters.
    pub severity: Severity,
    /// The object; none where the text is no object at all.
    pub object: Option<ResourceKey>,
    /// The field, as a path like `spec.ingress[0].ports[1].port`; empty for the object as a whole.
    pub field: String,
    /// What is wrong.
    pub message: String,
    /// What Ferrule does about it, such as "the rule matches nothing"; empty where nothing changes.
    pub consequence: String,
}

impl fmt::Display for Finding {
    /// `web.yaml:12: error: NetworkPolicy default/web: spec.ingress[0].from: … (consequence)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(location) = &self.location {
            write!(f, "{location}: ")?;
        }
        write!(f, "{}: ", self.severity)?;
        if let Some(object) = &self.object {
            write!(f, "{object}: ")?;
        }
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.message)?;
        if self.consequence.is_empty() { Ok(()) } else { write!(f, " ({})", self.consequence) }
    }
}
