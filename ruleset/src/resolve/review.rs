//! What is surprising about objects that are sound, each by itself.

use super::Resolver;
use crate::{
    finding::{Finding, Severity},
    ir::HostInterface,
    name::HostEndpointName,
    policy::{PolicyKey, Stage},
    resource::ResourceKey,
};

impl Resolver {
    /// Host endpoints of this node that have no interface, policies without effect on one that has, and pods of which nobody can say who has an
    /// interface, as of the last result, in order.
    pub fn findings(&self) -> Vec<Finding> {
        let idle = self.idle_host_endpoints().map(without_interface);
        let mut findings: Vec<Finding> =
            idle.chain(self.untracked_by_others()).chain(self.pods.disputes()).collect();
        findings.sort();
        findings
    }

    /// Before connection tracking nothing tells which interfaces are the others.
    fn untracked_by_others(&self) -> impl Iterator<Item = Finding> {
        let others =
            self.host_endpoints.iter().filter(|(_, endpoint)| endpoint.interface == HostInterface::Others);
        others.flat_map(|(name, _)| {
            let untracked = self.host_subjects.policies(name).filter(|key| {
                self.policies.get(*key).is_some_and(|ranked| ranked.policy.stage == Stage::Untracked)
            });
            untracked.map(|policy| without_effect(policy, name))
        })
    }
}

fn without_interface(name: &HostEndpointName) -> Finding {
    Finding {
        location: None,
        severity: Severity::Warning,
        object: Some(ResourceKey::HostEndpoint(name.clone())),
        field: String::new(),
        message: "it has no interface: another host endpoint has the one it names, or none bears an address that it expects, or it is a pod's".to_owned(),
        consequence: "nothing is policed by it".to_owned(),
    }
}

fn without_effect(policy: &PolicyKey, name: &HostEndpointName) -> Finding {
    Finding {
        location: None,
        severity: Severity::Warning,
        object: Some(ResourceKey::Policy(policy.clone())),
        field: "spec.doNotTrack".to_owned(),
        message: format!("it selects HostEndpoint {name}, which is for all interfaces"),
        consequence: "it has no effect there; name the interfaces that it is meant for".to_owned(),
    }
}
