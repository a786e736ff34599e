//! Kinds that a cluster serves only in versions that are not understood here.
//!
//! What is not understood cannot be enforced, and a cluster that has moved on to another version looks like one that has no such kind.

use ferrule_ruleset::{
    convert::{Followed, Remark},
    finding::Severity,
};
use kube::Client;

use super::super::failure::Failure;
use super::{Known, learn};

/// A kind and its versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Strangers {
    group: &'static str,
    kind: &'static str,
    /// Those that are served.
    served: Vec<String>,
    /// Those that are understood.
    understood: Vec<&'static str>,
}

/// The versions in which a kind is served although none of them is understood; none if it is not served at all.
pub(super) async fn of_strangers(
    client: &Client,
    kind: &Followed,
    versions: &[&str],
    known: &mut Known,
) -> Result<Option<Strangers>, Failure> {
    let mut found: Option<Strangers> = None;
    for &(api_version, name) in &kind.apis {
        let Some((group, understood)) = api_version.split_once('/') else { continue };
        if let Some(strangers) = found.as_mut().filter(|strangers| strangers.group == group) {
            strangers.understood.push(understood);
            continue;
        }
        let mut served = Vec::new();
        for version in
            versions.iter().filter(|version| version.split_once('/').is_some_and(|(g, _)| g == group))
        {
            learn(client, version, known).await?;
            if let Some(Ok(resources)) = known.get(*version)
                && resources.contains_key(name)
            {
                served.push(version.split_once('/').map_or(*version, |(_, version)| version).to_owned());
            }
        }
        if !served.is_empty() {
            found = Some(Strangers { group, kind: name, served, understood: vec![understood] });
        }
    }
    Ok(found)
}

impl Strangers {
    /// What cannot be followed any more.
    pub fn subject(&self) -> String {
        let Self { group, kind, .. } = self;
        format!("{kind} of {group}")
    }

    /// Why.
    pub fn reason(&self) -> String {
        let Self { served, understood, .. } = self;
        format!(
            "it is served only as {}, and understood as {}: update the agent, or let the definition serve what it understands",
            served.join(", "),
            understood.join(", ")
        )
    }

    /// The same for a kind that never was followed.
    pub fn remark(&self) -> Remark {
        Remark {
            line: 1,
            severity: Severity::Warning,
            field: String::new(),
            message: format!("{}: {}", self.subject(), self.reason()),
            consequence: "objects of this kind have no effect".to_owned(),
        }
    }
}
