//! What a judge answers.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::flow::Flow;

/// Whoever can say what becomes of a flow in a cluster.
pub trait Judge {
    /// Takes a cluster, as the objects of a manifest directory. Forgets the one before.
    fn load(&mut self, objects: &[serde_json::Value]);

    /// The verdict on a flow in the cluster loaded last; an error for a peer that is unknown or has no address of the family.
    fn verdict(&mut self, flow: &Flow) -> Result<Verdict, String>;
}

/// Whether the flow's first packet arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It arrives.
    Allow,
    /// It does not.
    Deny,
}

/// The direction of traffic as the endpoint that decides sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Towards the endpoint.
    Ingress,
    /// From the endpoint.
    Egress,
}

/// What becomes of a flow, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Of the flow as a whole.
    pub outcome: Outcome,
    /// What was decided along the way: at the sender's node, then, unless that denied, at the receiver's. Never empty.
    pub decisions: Vec<Decision>,
}

/// What was decided at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The outcome there.
    pub outcome: Outcome,
    /// By what.
    pub by: By,
}

/// What decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// A rule of a policy.
    Rule {
        /// The direction.
        direction: Direction,
        /// The tier of the policy.
        tier: String,
        /// `NetworkPolicy`, `GlobalNetworkPolicy` or `KubernetesNetworkPolicy`.
        kind: String,
        /// The policy's namespace, if its kind has one.
        namespace: Option<String>,
        /// The policy's name.
        name: String,
        /// The place of the rule in the list of that direction, from 0.
        rule: usize,
    },
    /// Anything else, by the name that `ferrule eval` gives it.
    Builtin(String),
}

impl Verdict {
    /// The verdict of decisions that were made one after the other, each reached only because those before it allowed.
    pub fn of(decisions: Vec<Decision>) -> Self {
        let allowed = Self::allows_so_far(&decisions);
        Self { outcome: if allowed { Outcome::Allow } else { Outcome::Deny }, decisions }
    }

    /// Whether nothing has denied yet.
    pub fn allows_so_far(decisions: &[Decision]) -> bool {
        decisions.iter().all(|decision| decision.outcome == Outcome::Allow)
    }
}

impl Decision {
    /// Allowed by something that is no policy.
    pub fn allow(builtin: &str) -> Self {
        Self { outcome: Outcome::Allow, by: By::Builtin(builtin.to_owned()) }
    }

    /// Denied by something that is no policy.
    pub fn deny(builtin: &str) -> Self {
        Self { outcome: Outcome::Deny, by: By::Builtin(builtin.to_owned()) }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.outcome)?;
        self.decisions
            .iter()
            .try_for_each(|decision| write!(f, ", {:?} by {}", decision.outcome, decision.by))
    }
}

impl fmt::Display for By {
    /// As `flows.txt` writes it: `knp/NAMESPACE/NAME ingress[0]`, or the name of a built-in.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (direction, kind, namespace, name, rule) = match self {
            Self::Builtin(name) => return f.write_str(name),
            Self::Rule { direction, kind, namespace, name, rule, .. } => {
                (direction, kind, namespace, name, rule)
            }
        };
        let kind = match kind.as_str() {
            "KubernetesNetworkPolicy" => "knp",
            "NetworkPolicy" => "np",
            "GlobalNetworkPolicy" => "gnp",
            "KubernetesClusterNetworkPolicy" => "cnp",
            "AdminNetworkPolicy" => "anp",
            "BaselineAdminNetworkPolicy" => "banp",
            other => other,
        };
        let namespace = namespace.as_deref().map(|namespace| format!("{namespace}/")).unwrap_or_default();
        write!(f, "{kind}/{namespace}{name} {direction}[{rule}]")
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
        })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        })
    }
}
