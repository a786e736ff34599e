//! The identity of a policy.

use std::{fmt, sync::Arc};

use crate::name::NamespaceName;

/// The API kind of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PolicyKind {
    /// `policy.networking.k8s.io/v1alpha1` AdminNetworkPolicy.
    AdminNetworkPolicy,
    /// `policy.networking.k8s.io/v1alpha1` BaselineAdminNetworkPolicy.
    BaselineAdminNetworkPolicy,
    /// `policy.networking.k8s.io` ClusterNetworkPolicy.
    ClusterNetworkPolicy,
    /// `projectcalico.org/v3` GlobalNetworkPolicy.
    GlobalNetworkPolicy,
    /// `networking.k8s.io/v1` NetworkPolicy.
    KubernetesNetworkPolicy,
    /// `projectcalico.org/v3` NetworkPolicy.
    NetworkPolicy,
}

impl PolicyKind {
    /// The name that takes part in the tie-break of equal orders and stands in answers. It tells kinds apart that several APIs name alike.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AdminNetworkPolicy => "AdminNetworkPolicy",
            Self::BaselineAdminNetworkPolicy => "BaselineAdminNetworkPolicy",
            Self::ClusterNetworkPolicy => "KubernetesClusterNetworkPolicy",
            Self::GlobalNetworkPolicy => "GlobalNetworkPolicy",
            Self::KubernetesNetworkPolicy => "KubernetesNetworkPolicy",
            Self::NetworkPolicy => "NetworkPolicy",
        }
    }

    /// The abbreviation in chain names and comments.
    pub fn abbreviation(self) -> &'static str {
        match self {
            Self::AdminNetworkPolicy => "anp",
            Self::BaselineAdminNetworkPolicy => "banp",
            Self::ClusterNetworkPolicy => "cnp",
            Self::GlobalNetworkPolicy => "gnp",
            Self::KubernetesNetworkPolicy => "knp",
            Self::NetworkPolicy => "np",
        }
    }
}

impl fmt::Display for PolicyKind {
    /// As people know the object: the API's own kind where no other API has one of that name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ClusterNetworkPolicy => "ClusterNetworkPolicy",
            Self::AdminNetworkPolicy
            | Self::BaselineAdminNetworkPolicy
            | Self::GlobalNetworkPolicy
            | Self::KubernetesNetworkPolicy
            | Self::NetworkPolicy => self.as_str(),
        })
    }
}

/// Kind, namespace and name of a policy. The tier is no part of it: a policy may move between tiers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PolicyKey {
    /// The API kind.
    pub kind: PolicyKind,
    /// The namespace; none for kinds that span the cluster.
    pub namespace: Option<NamespaceName>,
    /// `metadata.name`.
    pub name: Arc<str>,
}

impl PolicyKey {
    /// The text that decides between policies of equal order in a tier, compared bytewise: `name/namespace/kind`.
    pub fn tie_break(&self) -> String {
        let namespace = self.namespace.as_ref().map_or("", NamespaceName::as_str);
        format!("{}/{namespace}/{}", self.name, self.kind.as_str())
    }
}

impl fmt::Display for PolicyKey {
    /// `knp/default/web` or `gnp/default-deny`: the form of chain names and comments.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{}/{namespace}/{}", self.kind.abbreviation(), self.name),
            None => write!(f, "{}/{}", self.kind.abbreviation(), self.name),
        }
    }
}
