//! The text of a file to the objects in it.

use std::sync::Arc;

use super::{
    document,
    node::{Node, Value},
    read::{self, ReadError},
};
use crate::{
    convert::{self, Conversion, Converted, Remark},
    finding::{Finding, Location, Severity},
    resource::{Resource, ResourceKey},
};

/// The largest file that is read, in bytes.
const MAX_BYTES: usize = 256 << 20;

/// Documents in a file.
const MAX_DOCUMENTS: u32 = 100_000;

/// An object and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub location: Location,
    pub key: ResourceKey,
    /// None where the closed stand-in of the object is its absence.
    pub resource: Option<Resource>,
    /// Whether every part of it was understood.
    pub is_understood: bool,
}

/// What a file contributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// The objects of its present text.
    Present,
    /// The objects of the last text that could be read as a whole.
    LastGood,
    /// The readable objects of its present text; no text of it could be read as a whole yet.
    Partial,
}

/// A file as last read.
#[derive(Clone, Debug)]
pub(super) struct File {
    pub version: Version,
    /// Shared with earlier versions: a file that can no longer be read keeps what it had.
    pub objects: Arc<Vec<Placed>>,
    /// About its present text.
    pub findings: Vec<Finding>,
}

impl File {
    /// Reads a text in place of an earlier version of the file.
    pub fn read(name: &Arc<str>, text: &str, earlier: Option<&Self>) -> Self {
        let mut reader = Reader {
            file: Arc::clone(name),
            document: 0,
            objects: Vec::new(),
            findings: Vec::new(),
            broken: Vec::new(),
        };
        reader.text(text);
        let Reader { objects, mut findings, broken, .. } = reader;
        let kept = earlier.filter(|earlier| earlier.version != Version::Partial);
        let (version, objects, consequence) = match (broken.is_empty(), kept) {
            (true, _) => (Version::Present, Arc::new(objects), ""),
            (false, Some(earlier)) => (
                Version::LastGood,
                Arc::clone(&earlier.objects),
                "the last good version of the file stays in force",
            ),
            (false, None) => (
                Version::Partial,
                Arc::new(objects),
                "this part is skipped; no earlier version of the file is known",
            ),
        };
        findings
            .extend(broken.into_iter().map(|finding| Finding { consequence: consequence.into(), ..finding }));
        Self { version, objects, findings }
    }
}

struct Reader {
    file: Arc<str>,
    document: u32,
    objects: Vec<Placed>,
    findings: Vec<Finding>,
    /// What keeps the text from being good.
    broken: Vec<Finding>,
}

impl Reader {
    fn text(&mut self, text: &str) {
        if text.len() > MAX_BYTES {
            return self.unreadable(1, format!("the file is larger than {} MiB", MAX_BYTES >> 20));
        }
        // To YAML parsers it is the end of the input.
        if let Some(at) = text.find('\0') {
            let line = text[..at].matches('\n').count().saturating_add(1);
            return self
                .unreadable(u32::try_from(line).unwrap_or(u32::MAX), "the file holds a NUL byte".into());
        }
        for chunk in document::split(text) {
            read::read(&chunk.text, chunk.lines_before, |document| self.document(document));
            if self.document >= MAX_DOCUMENTS {
                return self.unreadable(
                    chunk.lines_before,
                    format!("more than {MAX_DOCUMENTS} documents in one file"),
                );
            }
        }
    }

    fn document(&mut self, document: Result<Node, ReadError>) {
        self.document += 1;
        match document {
            Ok(Node { value: Value::Null, .. }) => {}
            Ok(node) => self.object(&node, None),
            Err(ReadError { line, message }) => self.unreadable(line, message),
        }
    }

    /// An object or a list of objects. Lists may nest; their depth is that of the document.
    fn object(&mut self, node: &Node, implied: Option<(&str, &str)>) {
        if let Some((items, implied)) = list(node) {
            let implied = implied.as_ref().map(|(api_version, kind)| (api_version.as_str(), kind.as_str()));
            for item in items {
                self.object(item, implied);
            }
            return;
        }
        match convert::convert(node, implied) {
            Conversion::Object(converted) => self.converted(node.line, *converted),
            Conversion::Skipped => {}
            Conversion::UnknownVersion(remark) => {
                let finding = self.finding(None, remark);
                self.findings.push(finding);
            }
            Conversion::Unidentified(remark) => {
                let finding = self.finding(None, remark);
                self.broken.push(finding);
            }
        }
    }

    fn converted(&mut self, line: u32, Converted { key, resource, remarks }: Converted) {
        let is_understood = remarks.iter().all(|remark| remark.severity < Severity::Error);
        for remark in remarks {
            let finding = self.finding(Some(key.clone()), remark);
            self.findings.push(finding);
        }
        self.objects.push(Placed { location: self.location(line), key, resource, is_understood });
    }

    fn location(&self, line: u32) -> Location {
        Location { file: Arc::clone(&self.file), document: self.document.max(1), line }
    }

    fn finding(&self, object: Option<ResourceKey>, remark: Remark) -> Finding {
        let Remark { line, severity, field, message, consequence } = remark;
        Finding { location: Some(self.location(line)), severity, object, field, message, consequence }
    }

    fn unreadable(&mut self, line: u32, message: String) {
        self.broken.push(Finding {
            location: Some(self.location(line)),
            severity: Severity::Error,
            object: None,
            field: String::new(),
            message,
            consequence: String::new(),
        });
    }
}

/// What the items of a typed list are where they do not say so: `apiVersion` and `kind`.
type Implied = Option<(String, String)>;

/// The items of a `List` or of a typed list such as `PodList`.
fn list(node: &Node) -> Option<(&[Node], Implied)> {
    let Value::Map(fields) = &node.value else { return None };
    let text = |name: &str| match &fields.get(name)?.value {
        Value::String(text) => Some(&**text),
        Value::Null
        | Value::Bool(_)
        | Value::Integer(_)
        | Value::Float(_)
        | Value::List(_)
        | Value::Map(_) => None,
    };
    let item_kind = text("kind")?.strip_suffix("List")?;
    let items = match &fields.get("items")?.value {
        Value::List(items) => items.as_slice(),
        Value::Null => &[],
        Value::Bool(_) | Value::Integer(_) | Value::Float(_) | Value::String(_) | Value::Map(_) => {
            return None;
        }
    };
    let implied = text("apiVersion").filter(|_| !item_kind.is_empty());
    Some((items, implied.map(|api_version| (api_version.to_owned(), item_kind.to_owned()))))
}
