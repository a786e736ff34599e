//! The two forms of every answer.

use clap::ValueEnum;

/// For whom an answer is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Text,
    /// For programs: one JSON document, or one per line where a command answers line by line.
    Json,
}
