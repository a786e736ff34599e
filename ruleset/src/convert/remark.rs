//! What a conversion has to say about an object; a finding that does not know its file yet.

use super::field::{Problem, Problems};
use crate::finding::Severity;

/// A remark about an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// The line in the file, from 1.
    pub line: u32,
    /// How much it matters.
    pub severity: Severity,
    /// The path of the field.
    pub field: String,
    /// What is wrong.
    pub message: String,
    /// What Ferrule does about it; empty where nothing changes.
    pub consequence: String,
}

/// Remarks in the order in which they come up.
#[derive(Debug, Default)]
pub(crate) struct Remarks(pub Vec<Remark>);

impl Remarks {
    /// Something was not understood, and this is what takes its place.
    pub fn error(&mut self, problem: Problem, consequence: &str) {
        self.push(Severity::Error, problem, consequence);
    }

    /// All of these were not understood.
    pub fn errors(&mut self, problems: Problems, consequence: &str) {
        for problem in problems.0 {
            self.error(problem, consequence);
        }
    }

    /// Something was understood, but is perhaps not meant so.
    pub fn warning(&mut self, problem: Problem, consequence: &str) {
        self.push(Severity::Warning, problem, consequence);
    }

    fn push(&mut self, severity: Severity, problem: Problem, consequence: &str) {
        let Problem { line, field, message } = problem;
        self.0.push(Remark { line, severity, field, message, consequence: consequence.into() });
    }
}
