//! What happens in a large cluster all day.

use serde_json::{Value, json};

use crate::bench::population::{NODE, Population};

/// A kind of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A pod of another node appears.
    RemotePodAdded,
    /// A pod of another node goes.
    RemotePodDeleted,
    /// A pod of another node gets another label.
    RemotePodRelabelled,
    /// A pod of another node says something that no policy is about.
    StatusOnly,
    /// A pod of this node appears.
    LocalPodAdded,
    /// A pod of this node goes.
    LocalPodDeleted,
    /// A policy that governs a pod of this node gets another port.
    PolicyEdited,
    /// A policy that governs nothing here gets another port.
    RemotePolicyEdited,
    /// A namespace gets another label, by which policies select it, with all its pods.
    NamespaceRelabelled,
}

/// An event as the watch of an API server tells it.
#[derive(Clone, Debug)]
pub struct Happening {
    /// Its kind.
    pub kind: Kind,
    /// Its text, one line.
    pub text: String,
}

/// The ordinary mix, `rounds` of eight events each.
pub fn ordinary(population: &Population, rounds: usize) -> impl Iterator<Item = Happening> {
    (0..rounds).flat_map(move |round| {
        let new = population.pods + round;
        // Somewhere in the cluster, not one after the other.
        let old = population.local_pods + (round * 7919) % (population.pods - population.local_pods);
        let local = || population.pod_on(population.pods * 2 + round, NODE);
        let mut relabelled = population.pod(old);
        relabelled["metadata"]["labels"]["version"] = json!(format!("v{}", 100 + round % 5));
        let mut unready = population.pod(old);
        unready["status"]["conditions"][1]["status"] = json!("False");
        unready["metadata"]["labels"]["version"] = relabelled["metadata"]["labels"]["version"].clone();
        let edited = |home: usize, shape: usize| {
            let mut policy = population.policy(home + shape * population.namespaces);
            policy["spec"]["ingress"][0]["ports"][1]["port"] = json!(10_000 + round);
            policy
        };
        [
            happening(Kind::RemotePodAdded, "ADDED", &population.pod(new)),
            happening(Kind::RemotePodRelabelled, "MODIFIED", &relabelled),
            happening(Kind::StatusOnly, "MODIFIED", &unready),
            happening(Kind::LocalPodAdded, "ADDED", &local()),
            happening(Kind::PolicyEdited, "MODIFIED", &edited(round % population.local_pods, 2)),
            happening(Kind::RemotePodDeleted, "DELETED", &population.pod(new)),
            happening(Kind::LocalPodDeleted, "DELETED", &local()),
            happening(
                Kind::RemotePolicyEdited,
                "MODIFIED",
                &edited(population.namespaces - 1 - round % 100, 5),
            ),
        ]
    })
}

/// Namespaces change the label by which policies select them.
pub fn relabelled_namespaces(population: &Population, count: usize) -> impl Iterator<Item = Happening> {
    let population = *population;
    (0..count).map(move |index| {
        let mut namespace = population.namespace(population.local_pods + index);
        namespace["metadata"]["labels"]["team"] = json!(format!("team-{}", (index + 7) % 50));
        happening(Kind::NamespaceRelabelled, "MODIFIED", &namespace)
    })
}

/// A line: what is watched, and the text of an event of that watch.
pub fn event(verb: &str, object: &Value) -> String {
    let [version, kind] = ["apiVersion", "kind"].map(|field| object[field].as_str().unwrap_or_default());
    format!("{version} {kind}\t{{\"type\":\"{verb}\",\"object\":{object}}}")
}

fn happening(kind: Kind, verb: &str, object: &Value) -> Happening {
    Happening { kind, text: event(verb, object) }
}
