//! Where in the packet path a policy decides.

/// Where in the packet path a policy decides (`doNotTrack`, `preDNAT`, `applyOnForward` of a GlobalNetworkPolicy). Pods know [`Self::Local`] and
/// [`Self::LocalAndForwarded`], which are the same for them; the others govern host endpoints only, and a pod that they select is not even isolated
/// (policy-model §4.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Traffic of pods, and traffic that begins or ends at the node itself.
    #[default]
    Local,
    /// Besides, traffic that the node forwards through a host endpoint.
    LocalAndForwarded,
    /// What comes in, forwarded or not, by the destination that was dialled, before any DNAT. Ingress only.
    PreDnat,
    /// Before connection tracking: stateless, each direction for itself.
    Untracked,
}

impl Stage {
    /// Whether policies of this stage govern pods.
    pub fn governs_pods(self) -> bool {
        match self {
            Self::Local | Self::LocalAndForwarded => true,
            Self::PreDnat | Self::Untracked => false,
        }
    }
}
