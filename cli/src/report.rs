//! Findings, told to people and to programs.

use ferrule_ruleset::finding::{Finding, Severity};
use serde_json::{Value, json};

/// Which findings a command mentions beside its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mention {
    /// All.
    All,
    /// Errors, and the number of warnings.
    Errors,
}

/// Tells the user on standard error what is wrong with the input of a command that went on nevertheless.
pub fn mention(findings: &[Finding], which: Mention) {
    let (errors, warnings): (Vec<_>, Vec<_>) =
        findings.iter().partition(|finding| finding.severity == Severity::Error);
    match which {
        Mention::All => findings.iter().for_each(|finding| eprintln!("{finding}")),
        Mention::Errors => {
            errors.iter().for_each(|finding| eprintln!("{finding}"));
            if !warnings.is_empty() {
                eprintln!(
                    "ferrule: {} in the manifests: see ferrule validate",
                    count(warnings.len(), "warning")
                );
            }
        }
    }
}

/// A finding for programs. Absent parts are null.
pub fn json(finding: &Finding) -> Value {
    let location = finding.location.as_ref();
    json!({
        "file": location.map(|location| location.file.as_ref()),
        "document": location.map(|location| location.document),
        "line": location.map(|location| location.line),
        "object": finding.object.as_ref().map(ToString::to_string),
        "field": finding.field,
        "severity": finding.severity.to_string(),
        "message": finding.message,
        "consequence": finding.consequence,
    })
}

/// A number of things: `1 error`, `2 errors`.
pub fn count(number: usize, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}
