//! The kinds that take part in policy, by the APIs that hold them.

use crate::finding::Severity;

/// A kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Pod,
    Namespace,
    ServiceAccount,
    Node,
    KubernetesNetworkPolicy,
    ClusterNetworkPolicy,
    AdminNetworkPolicy,
    BaselineAdminNetworkPolicy,
    NetworkPolicy,
    GlobalNetworkPolicy,
    Tier,
    NetworkSet,
    GlobalNetworkSet,
    HostEndpoint,
    Service,
    EndpointSlice,
    IpPool,
    BgpConfiguration,
    FelixConfiguration,
}

/// What is known about a kind of an API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lookup {
    /// It takes part.
    Known(Kind),
    /// It does not.
    Other,
    /// A kind of that name takes part, but in another version or of another API.
    UnknownVersion(Severity),
    /// Its API is one of policy, but the kind is not among those that take part: misspelt, or not supported.
    UnknownKind,
}

const CORE: &str = "v1";
const NETWORKING: &str = "networking.k8s.io/v1";
const DISCOVERY: &str = "discovery.k8s.io/v1";
const POLICY_ALPHA_1: &str = "policy.networking.k8s.io/v1alpha1";
const POLICY_ALPHA_2: &str = "policy.networking.k8s.io/v1alpha2";
/// The same fields as in `v1alpha2`. There is no `v1` yet.
const POLICY_BETA_1: &str = "policy.networking.k8s.io/v1beta1";
const CALICO: &str = "projectcalico.org/v3";
/// How Calico stores its objects in clusters without its own API server.
const CALICO_STORED: &str = "crd.projectcalico.org/v1";

/// Of the APIs of a kind the best comes first: where a cluster serves several, that one is followed.
///
/// `Endpoints` of `v1` is deliberately absent: the cluster mirrors what it says into EndpointSlices.
pub(super) const KINDS: [(&str, &str, Kind); 29] = [
    (CORE, "Pod", Kind::Pod),
    (CORE, "Namespace", Kind::Namespace),
    (CORE, "ServiceAccount", Kind::ServiceAccount),
    (CORE, "Node", Kind::Node),
    (CORE, "Service", Kind::Service),
    (DISCOVERY, "EndpointSlice", Kind::EndpointSlice),
    (NETWORKING, "NetworkPolicy", Kind::KubernetesNetworkPolicy),
    (POLICY_ALPHA_1, "AdminNetworkPolicy", Kind::AdminNetworkPolicy),
    (POLICY_ALPHA_1, "BaselineAdminNetworkPolicy", Kind::BaselineAdminNetworkPolicy),
    (POLICY_BETA_1, "ClusterNetworkPolicy", Kind::ClusterNetworkPolicy),
    (POLICY_ALPHA_2, "ClusterNetworkPolicy", Kind::ClusterNetworkPolicy),
    (CALICO, "NetworkPolicy", Kind::NetworkPolicy),
    (CALICO, "GlobalNetworkPolicy", Kind::GlobalNetworkPolicy),
    (CALICO, "Tier", Kind::Tier),
    (CALICO, "NetworkSet", Kind::NetworkSet),
    (CALICO, "GlobalNetworkSet", Kind::GlobalNetworkSet),
    (CALICO, "HostEndpoint", Kind::HostEndpoint),
    (CALICO, "IPPool", Kind::IpPool),
    (CALICO, "BGPConfiguration", Kind::BgpConfiguration),
    (CALICO, "FelixConfiguration", Kind::FelixConfiguration),
    (CALICO_STORED, "NetworkPolicy", Kind::NetworkPolicy),
    (CALICO_STORED, "GlobalNetworkPolicy", Kind::GlobalNetworkPolicy),
    (CALICO_STORED, "Tier", Kind::Tier),
    (CALICO_STORED, "NetworkSet", Kind::NetworkSet),
    (CALICO_STORED, "GlobalNetworkSet", Kind::GlobalNetworkSet),
    (CALICO_STORED, "HostEndpoint", Kind::HostEndpoint),
    (CALICO_STORED, "IPPool", Kind::IpPool),
    (CALICO_STORED, "BGPConfiguration", Kind::BgpConfiguration),
    (CALICO_STORED, "FelixConfiguration", Kind::FelixConfiguration),
];

/// The groups whose kinds are about policy, so that one that has no effect deserves a word.
const POLICY_GROUPS: [&str; 4] =
    ["networking.k8s.io", "policy.networking.k8s.io", "projectcalico.org", "crd.projectcalico.org"];

/// Kinds of these groups that real clusters hold and that are not about who may speak with whom.
const BYSTANDERS: [&str; 20] = [
    "BGPFilter",
    "BGPPeer",
    "BlockAffinity",
    "CalicoNodeStatus",
    "ClusterInformation",
    "IPAMBlock",
    "IPAMConfig",
    "IPAMConfiguration",
    "IPAMHandle",
    "IPAddress",
    "IPReservation",
    "Ingress",
    "IngressClass",
    "KubeControllersConfiguration",
    "Profile",
    "ServiceCIDR",
    // Staged policies decide nothing by design.
    "StagedGlobalNetworkPolicy",
    "StagedKubernetesNetworkPolicy",
    "StagedNetworkPolicy",
    "List",
];

/// Names that other APIs give to things of another nature, such as the services of Knative.
const HOMONYMS: [Kind; 2] = [Kind::Service, Kind::IpPool];

/// Where Kubernetes kept NetworkPolicy before 1.7.
const OLD_NETWORKING_GROUP: &str = "extensions";

impl Kind {
    /// What is known about `kind` of `api_version`.
    pub fn of(api_version: &str, kind: &str) -> Lookup {
        let same_kind = || KINDS.iter().filter(|(_, name, _)| *name == kind);
        if let Some((_, _, kind)) = same_kind().find(|(known, _, _)| *known == api_version) {
            return Lookup::Known(*kind);
        }
        if same_kind().next().is_none() {
            let is_policy = POLICY_GROUPS.contains(&group(api_version)) && !BYSTANDERS.contains(&kind);
            let is_misspelt =
                KINDS.iter().any(|(known, name, _)| *known == api_version && name.eq_ignore_ascii_case(kind));
            return if is_policy || is_misspelt { Lookup::UnknownKind } else { Lookup::Other };
        }
        // Another version of the same API was meant to have an effect; a kind of a foreign API perhaps not.
        let is_same_api = same_kind().any(|(known, _, _)| group(known) == group(api_version));
        if is_same_api || group(api_version) == OLD_NETWORKING_GROUP {
            return Lookup::UnknownVersion(Severity::Error);
        }
        if same_kind().any(|(_, _, kind)| HOMONYMS.contains(kind)) {
            return Lookup::Other;
        }
        Lookup::UnknownVersion(Severity::Warning)
    }
}

fn group(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}
