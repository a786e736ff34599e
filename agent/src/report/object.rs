//! Where the objects of the API are that something is to be told about.

use ferrule_ruleset::{
    policy::PolicyKind,
    resource::{NetworkSetKey, ResourceKey},
};
use kube::{
    Api, Client,
    core::{ApiResource, DynamicObject, GroupVersionKind},
};

/// Both forms in which a cluster may serve Calico's kinds.
const CALICO: &[(&str, &str)] = &[("projectcalico.org", "v3"), ("crd.projectcalico.org", "v1")];

/// The group of the network-policy-api, whose kinds have conditions.
const POLICY_GROUP: &str = "policy.networking.k8s.io";

/// An object by the words of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The forms in which its kind may be served, best first.
    pub resources: Vec<ApiResource>,
    /// Its namespace; none where it has none.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

impl Place {
    /// The place of an object.
    pub fn of(key: &ResourceKey) -> Self {
        let (namespace, name) = key.place();
        let (versions, kind, plural) = kind(key);
        let resource = |(group, version): &(&str, &str)| {
            ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural)
        };
        Self {
            resources: versions.iter().map(resource).collect(),
            namespace: namespace.map(|namespace| namespace.as_str().to_owned()),
            name: name.as_ref().to_owned(),
        }
    }

    /// The form in which it is served by this API.
    pub fn resource(&self, api_version: &str) -> Option<&ApiResource> {
        self.resources.iter().find(|resource| resource.api_version == api_version)
    }

    /// The objects among which it is, in one of its forms.
    pub fn api(&self, client: &Client, resource: &ApiResource) -> Api<DynamicObject> {
        match &self.namespace {
            Some(namespace) => Api::namespaced_with(client.clone(), namespace, resource),
            None => Api::all_with(client.clone(), resource),
        }
    }
}

type Kind = (&'static [(&'static str, &'static str)], &'static str, &'static str);

fn kind(key: &ResourceKey) -> Kind {
    const CORE: &[(&str, &str)] = &[("", "v1")];
    match key {
        ResourceKey::Pod(_) => (CORE, "Pod", "pods"),
        ResourceKey::Namespace(_) => (CORE, "Namespace", "namespaces"),
        ResourceKey::ServiceAccount(_) => (CORE, "ServiceAccount", "serviceaccounts"),
        ResourceKey::Node(_) => (CORE, "Node", "nodes"),
        ResourceKey::Policy(policy) => policy_kind(policy.kind),
        ResourceKey::Tier(_) => (CALICO, "Tier", "tiers"),
        ResourceKey::NetworkSet(NetworkSetKey { namespace: Some(_), .. }) => {
            (CALICO, "NetworkSet", "networksets")
        }
        ResourceKey::NetworkSet(NetworkSetKey { namespace: None, .. }) => {
            (CALICO, "GlobalNetworkSet", "globalnetworksets")
        }
        ResourceKey::HostEndpoint(_) => (CALICO, "HostEndpoint", "hostendpoints"),
        ResourceKey::Service(_) => (CORE, "Service", "services"),
        ResourceKey::EndpointSlice(_) => (&[("discovery.k8s.io", "v1")], "EndpointSlice", "endpointslices"),
        ResourceKey::IpPool(_) => (CALICO, "IPPool", "ippools"),
        ResourceKey::ServiceRanges(_) => (CALICO, "BGPConfiguration", "bgpconfigurations"),
        ResourceKey::Configuration(_) => (CALICO, "FelixConfiguration", "felixconfigurations"),
    }
}

fn policy_kind(kind: PolicyKind) -> Kind {
    match kind {
        PolicyKind::AdminNetworkPolicy => {
            (&[(POLICY_GROUP, "v1alpha1")], "AdminNetworkPolicy", "adminnetworkpolicies")
        }
        PolicyKind::BaselineAdminNetworkPolicy => {
            (&[(POLICY_GROUP, "v1alpha1")], "BaselineAdminNetworkPolicy", "baselineadminnetworkpolicies")
        }
        PolicyKind::ClusterNetworkPolicy => (
            &[(POLICY_GROUP, "v1alpha2"), (POLICY_GROUP, "v1beta1")],
            "ClusterNetworkPolicy",
            "clusternetworkpolicies",
        ),
        PolicyKind::GlobalNetworkPolicy => (CALICO, "GlobalNetworkPolicy", "globalnetworkpolicies"),
        PolicyKind::KubernetesNetworkPolicy => {
            (&[("networking.k8s.io", "v1")], "NetworkPolicy", "networkpolicies")
        }
        PolicyKind::NetworkPolicy => (CALICO, "NetworkPolicy", "networkpolicies"),
    }
}
