//! What whoever follows a cluster has to follow: every kind that takes part, the APIs that serve it, and what of its objects is read.
//!
//! Invariant: an object converts to the same as its pruned form, remarks included, where `apiVersion` and `kind` are told beside it.

use super::kind::{self, Kind};
use crate::manifest::pruned::Keep;

/// A kind that takes part in policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Followed {
    /// `apiVersion` and `kind` under which it is served, best first. Those that a cluster serves are views of the same objects.
    pub apis: Vec<(&'static str, &'static str)>,
    /// What is read of its objects.
    pub keep: Keep,
}

/// Every kind that takes part in policy.
pub fn followed() -> Vec<Followed> {
    let mut kinds: Vec<(Kind, Followed)> = Vec::new();
    for (api_version, name, kind) in kind::KINDS {
        match kinds.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, followed)) => followed.apis.push((api_version, name)),
            None => kinds.push((kind, Followed { apis: vec![(api_version, name)], keep: keep(kind) })),
        }
    }
    kinds.into_iter().map(|(_, followed)| followed).collect()
}

/// The domains of annotations that mean something to us, and of the one that ends the list of a watch.
const ANNOTATIONS: Keep = Keep::Domains(&["projectcalico.org", "vpc.amazonaws.com", "k8s.io"]);
const METADATA: (&str, Keep) = (
    "metadata",
    Keep::Fields(&[
        ("name", Keep::All),
        ("namespace", Keep::All),
        ("uid", Keep::All),
        ("resourceVersion", Keep::All),
        ("generation", Keep::All),
        // The age of an object decides between settings.
        ("creationTimestamp", Keep::All),
        ("deletionTimestamp", Keep::All),
        ("labels", Keep::All),
        ("annotations", ANNOTATIONS),
    ]),
);
const CONTAINERS: Keep = Keep::Items(&Keep::Fields(&[("ports", Keep::All)]));

/// What is read of the objects of kinds of which only a little is.
const NARROW: [(Kind, Keep); 6] = [
    (Kind::Pod, POD),
    (Kind::Namespace, NAMESPACE),
    (Kind::ServiceAccount, Keep::Fields(&[METADATA])),
    (Kind::Node, NODE),
    (Kind::Service, SERVICE),
    (Kind::EndpointSlice, ENDPOINT_SLICE),
];

/// Of all other kinds everything is read that people write: unknown fields count as not understood, in a spec and beside it.
const WRITTEN: Keep = Keep::AllBut { dropped: &["apiVersion", "kind", "status"], fields: &[METADATA] };

fn keep(kind: Kind) -> Keep {
    NARROW.iter().find(|(narrow, _)| *narrow == kind).map_or(WRITTEN, |(_, keep)| *keep)
}

const POD: Keep = Keep::Fields(&[
    METADATA,
    (
        "spec",
        Keep::Fields(&[
            ("nodeName", Keep::All),
            ("hostNetwork", Keep::All),
            ("serviceAccountName", Keep::All),
            ("serviceAccount", Keep::All),
            ("containers", CONTAINERS),
            ("initContainers", CONTAINERS),
        ]),
    ),
    ("status", Keep::Fields(&[("phase", Keep::All), ("podIP", Keep::All), ("podIPs", Keep::All)])),
]);

const NAMESPACE: Keep = Keep::Fields(&[METADATA, ("status", Keep::Fields(&[("phase", Keep::All)]))]);

const NODE: Keep = Keep::Fields(&[METADATA, ("status", Keep::Fields(&[("addresses", Keep::All)]))]);

const SERVICE: Keep = Keep::Fields(&[
    METADATA,
    (
        "spec",
        Keep::Fields(&[
            ("type", Keep::All),
            ("clusterIP", Keep::All),
            ("clusterIPs", Keep::All),
            ("externalIPs", Keep::All),
            ("ports", Keep::All),
        ]),
    ),
    ("status", Keep::Fields(&[("loadBalancer", Keep::All)])),
]);

const ENDPOINT_SLICE: Keep = Keep::Fields(&[
    METADATA,
    ("addressType", Keep::All),
    ("endpoints", Keep::Items(&Keep::Fields(&[("addresses", Keep::All)]))),
    ("ports", Keep::All),
]);
