//! What people are to be told about which object.

use std::collections::BTreeSet;

use ferrule_ruleset::{
    finding::{Finding, Severity},
    resource::ResourceKey,
};

use crate::{
    source::Source,
    status::{Refusal, Status},
    turns::in_turns,
};

/// How many concerns are told at most, in turns of namespaces; the gravest come first. The object of the node counts them all.
pub(super) const LIMIT: usize = 100;
/// How long the note of an Event may be, in bytes.
const LONGEST: usize = 1024;

/// Something to tell about an object. The order is that of gravity.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Concern {
    /// What kind of thing it is.
    pub reason: Reason,
    /// The object.
    pub object: ResourceKey,
    /// Who sees it.
    pub scope: Scope,
    /// What to tell.
    pub note: String,
}

/// The kinds of things to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reason {
    /// A change cut the agent off from its source and was taken back.
    RolledBack,
    /// The kernel refuses a policy.
    Refused,
    /// Part of the object was not understood; something closed stands in for it.
    NotUnderstood,
    /// The object may not do what its author meant.
    Questionable,
}

/// Who sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scope {
    /// Every node, as it follows from the object itself.
    Cluster,
    /// This node.
    Node,
}

impl Reason {
    /// As Events have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RolledBack => "RolledBack",
            Self::Refused => "Refused",
            Self::NotUnderstood => "NotUnderstood",
            Self::Questionable => "Questionable",
        }
    }
}

/// What is to be told by Events, in the order in which it is.
pub(super) fn concerns(status: &Status) -> Vec<Concern> {
    let node = &status.node;
    let of_source = |source, scope| {
        let findings = status.findings.get(&source).into_iter().flatten();
        findings.filter_map(move |finding| of_finding(finding, scope))
    };
    let cut = status.cut.as_ref().map(|cut| Concern {
        reason: Reason::RolledBack,
        object: ResourceKey::Node(node.clone()),
        scope: Scope::Node,
        note: note("", &format!("a change cut the agent off from its source: {}", cut.change), ""),
    });
    let refused = status.refused.iter().map(|Refusal { policy, reason, .. }| Concern {
        reason: Reason::Refused,
        object: ResourceKey::Policy(policy.clone()),
        scope: Scope::Node,
        note: note(
            "",
            &format!("the kernel of node {node} refuses it: {reason}"),
            "all that it governs there is closed",
        ),
    });
    let all: BTreeSet<Concern> = cut
        .into_iter()
        .chain(refused)
        .chain(of_source(Source::Kubernetes, Scope::Cluster))
        .chain(of_source(Source::Node, Scope::Node))
        .chain(of_source(Source::Endpoints, Scope::Node))
        .collect();
    in_turns(all, LIMIT, |concern| Some(concern.object.clone()))
}

fn of_finding(finding: &Finding, scope: Scope) -> Option<Concern> {
    let reason = match finding.severity {
        Severity::Error => Reason::NotUnderstood,
        Severity::Warning => Reason::Questionable,
    };
    Some(Concern { reason, object: finding.object.clone()?, scope, note: note_of(finding) })
}

/// What a finding says, but for the object.
pub(super) fn note_of(finding: &Finding) -> String {
    note(&finding.field, &finding.message, &finding.consequence)
}

/// `spec.ingress[0].from: what is wrong (consequence)`.
fn note(field: &str, message: &str, consequence: &str) -> String {
    let mut note = String::new();
    if !field.is_empty() {
        note.push_str(field);
        note.push_str(": ");
    }
    note.push_str(message);
    if !consequence.is_empty() {
        note.push_str(" (");
        note.push_str(consequence);
        note.push(')');
    }
    shorten(note, LONGEST)
}

/// The text, or as much of it as fits in so many bytes.
pub(super) fn shorten(mut text: String, longest: usize) -> String {
    const MARK: &str = "…";
    if text.len() > longest {
        let mut end = longest.saturating_sub(MARK.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push_str(MARK);
    }
    text
}
