//! Manifest files: text to trees of values that know their lines, and a directory of such files to events.
//!
//! Invariants:
//! * What a text can cost is bounded: size, documents, depth, values, and what aliases stand for.
//! * An error in one document costs no other document, and an error in one file no other file.
//! * A tree knows nothing of APIs; they are read in [`crate::convert`].

mod directory;
mod document;
mod file;
pub mod node;
pub mod pruned;
mod read;
mod review;
mod scalar;

#[cfg(test)]
mod tests;

pub use directory::Directory;
