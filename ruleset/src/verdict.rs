//! The verdict of a flow in a whole cluster: from end to end, over every node that polices it, and which rule decided.
//!
//! [`Cluster::verdict`] finds the nodes that the first packet of the flow crosses, and sends it through the compiled ruleset of each. It judges what the
//! kernel would be told, not the policies a second time: there is no policy semantics here, only the knowledge of who sits where and which hook sees the
//! packet.
//!
//! Invariants:
//! * An address that belongs to a pod or a node *is* that pod or node, and a host-network pod is its node.
//! * A question that cannot be asked (a pod that has finished, a name nobody bears) is a [`FlowError`], never a verdict.
//! * Policy of a node's host endpoints is judged where it would be in the kernel: ahead of connection tracking, where the node sends, where it receives, and
//!   where it forwards. Which interface that is, is assumed ([`uplink`]).
//! * Only the first packet of a flow is judged. Policy ahead of connection tracking needs rules for the answers as well.
//! * Deliberately absent: services and address translation, which happen before policy sees the packet, so that what was dialled is what arrives.

mod cluster;
mod decision;
mod end;
mod error;
mod explain;
mod flow;
mod miss;
mod node;
mod peer;
mod place;
mod reason;
mod route;
mod uplink;

pub use cluster::Cluster;
pub use decision::Decision;
pub use error::FlowError;
pub use flow::Flow;
pub use miss::{Cause, Miss};
pub use peer::{Peer, PeerError};
pub use place::Place;
pub use reason::Reason;

use std::fmt;

#[cfg(test)]
mod tests;

/// Whether a flow comes into being.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// It does.
    Allow,
    /// Its first packet is dropped on the way.
    Deny,
}

impl Verdict {
    /// `allow` or `deny`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What becomes of a flow, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What becomes of it.
    pub verdict: Verdict,
    /// What is named as the cause: of a deny, what dropped the packet. Of an allow, what the last policies on the way said, which are the receiver's; where
    /// none governs that, those before them, at last the sender's; where none governs anything, the last built-in.
    pub by: Decision,
    /// Every decision on the way, in the order in which the packet met them: what the sender's egress said, what host endpoints on the way said, what the
    /// receiver's ingress said.
    pub path: Vec<Decision>,
}

impl Answer {
    /// The answer that a way of decisions amounts to. An empty way is one that no policy sees, and a node that no policy governs has no part in it.
    fn of(mut path: Vec<Decision>) -> Self {
        path.retain(|decision| *decision != Decision::no_policy());
        if path.is_empty() {
            path.push(Decision::no_policy());
        }
        let denied = path.iter().find(|decision| decision.verdict == Verdict::Deny);
        let policy = path.iter().rev().find(|decision| decision.reason.is_policy());
        let by = denied.or(policy).or(path.last()).cloned().unwrap_or_else(Decision::no_policy);
        Self { verdict: by.verdict, by, path }
    }
}
