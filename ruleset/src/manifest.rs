//! Manifest files: text to trees of values that know their lines, and a directory of such files to [`Event`]s.
//!
//! Interface that the rest of the project relies on; to be filled in.

use crate::{
    event::Event,
    finding::{Finding, Location},
    resource::ResourceKey,
};

/// The contents of a directory of manifests, file by file.
///
/// Pure: whoever watches the directory hands over names and texts. Holds the last good version of the objects of a file that can no longer be read.
#[derive(Debug, Default)]
pub struct Directory {}

impl Directory {
    /// Whether a file of this name takes part: `*.yaml`, `*.yml`, `*.json`, and not hidden.
    pub fn admits(_file: &str) -> bool {
        todo!()
    }

    /// The file now holds this text; `None` if it is gone. Returns what that changes, implied namespaces and built-in tiers included.
    pub fn update(&mut self, _file: &str, _text: Option<&str>) -> Vec<Event> {
        todo!()
    }

    /// Every finding about the present contents, in order of file and line.
    pub fn findings(&self) -> Vec<Finding> {
        todo!()
    }

    /// Where an object stands.
    pub fn location(&self, _key: &ResourceKey) -> Option<&Location> {
        todo!()
    }
}
