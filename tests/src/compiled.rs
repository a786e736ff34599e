//! The system under test: manifests through every stage to rulesets, and packets through those.
//!
//! Only plain values cross the border: text in, and names, numbers and words out.

mod hooks;

pub use hooks::Hooks;

use ferrule_ruleset::{
    address::Family,
    compile::Options,
    manifest::Directory,
    name::{NodeName, ObjectName},
    policy,
    protocol::Protocol,
    store::Store,
    verdict::{Cluster, Reason, Verdict as Compiled},
};
use serde_json::Value;

use crate::{
    flow::{Flow, Peer},
    verdict::{By, Decision, Direction, Judge, Outcome, Verdict},
};

/// The pipeline of a whole cluster, from manifest text to the ruleset of each node.
#[derive(Debug, Default)]
pub struct Pipeline {
    cluster: Option<Cluster>,
}

impl Judge for Pipeline {
    fn load(&mut self, objects: &[Value]) {
        let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": objects});
        let mut store = Store::default();
        for event in Directory::default().update("universe.json", Some(&list.to_string())) {
            store.apply(event);
        }
        self.cluster = Some(Cluster::new(store, Options::default()));
    }

    fn verdict(&mut self, flow: &Flow) -> Result<Verdict, String> {
        let cluster = self.cluster.as_ref().ok_or("no cluster is loaded")?;
        let answer = cluster.verdict(&question(flow)).map_err(|error| error.to_string())?;
        let decisions = answer
            .path
            .iter()
            .map(|decision| Decision { outcome: outcome(decision.verdict), by: by(&decision.reason) });
        Ok(Verdict { outcome: outcome(answer.verdict), decisions: decisions.collect() })
    }
}

fn question(flow: &Flow) -> ferrule_ruleset::verdict::Flow {
    ferrule_ruleset::verdict::Flow {
        from: peer(&flow.from),
        to: peer(&flow.to),
        protocol: Protocol(flow.protocol),
        source_port: flow.source_port,
        port: flow.port,
        icmp_type: flow.icmp_type,
        icmp_code: flow.icmp_code,
        family: flow.family.map(|family| if family == 4 { Family::V4 } else { Family::V6 }),
    }
}

fn peer(peer: &Peer) -> ferrule_ruleset::verdict::Peer {
    match peer {
        Peer::Pod { namespace, name } => {
            ferrule_ruleset::verdict::Peer::Pod(ObjectName::new(namespace.as_str(), name.as_str()))
        }
        Peer::Node(name) => ferrule_ruleset::verdict::Peer::Node(NodeName::new(name.as_str())),
        Peer::Address(address) => ferrule_ruleset::verdict::Peer::Address(*address),
    }
}

fn outcome(verdict: Compiled) -> Outcome {
    match verdict {
        Compiled::Allow => Outcome::Allow,
        Compiled::Deny => Outcome::Deny,
    }
}

/// What decided, in the words of the reference model. A stand-in is no rule of the API object that it replaces.
fn by(reason: &Reason) -> By {
    let Reason::Rule { direction, tier, policy, index } = reason else {
        return By::Builtin(reason.builtin().unwrap_or("stand-in").to_owned());
    };
    By::Rule {
        direction: self::direction(*direction),
        tier: tier.to_string(),
        kind: policy.kind.as_str().to_owned(),
        namespace: policy.namespace.as_ref().map(ToString::to_string),
        name: policy.name.to_string(),
        rule: *index as usize,
    }
}

fn direction(direction: policy::Direction) -> Direction {
    match direction {
        policy::Direction::Ingress => Direction::Ingress,
        policy::Direction::Egress => Direction::Egress,
    }
}
