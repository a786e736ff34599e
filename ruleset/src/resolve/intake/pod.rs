//! Pods: peers everywhere, endpoints here.

use std::collections::BTreeSet;

use crate::{
    name::ObjectName,
    resolve::{Resolver, endpoint::parents, member::Owner},
    resource::{Pod, PodState, ResourceKey},
};

impl Resolver {
    pub(super) fn set_pod(&mut self, pod: Pod) {
        let key = ResourceKey::Pod(pod.name.clone());
        let local = pod.node.as_ref() == Some(&self.node);
        match pod.state {
            PodState::Active if pod.node.is_some() => {
                let owner = Owner::of_endpoint(&pod.addresses, pod.ports.clone());
                self.address_sets.set_owner(&key, &pod.labels, &parents(&pod), &owner);
            }
            PodState::Active | PodState::HostNetwork | PodState::Finished | PodState::Unintelligible => {
                self.address_sets.remove_owner(&key);
            }
        }
        let affected = match pod.state {
            PodState::Active | PodState::Unintelligible if local => self.pods.set(pod),
            PodState::Active | PodState::HostNetwork | PodState::Finished | PodState::Unintelligible => {
                self.pods.remove(&pod.name)
            }
        };
        self.refresh(affected);
    }

    /// Tells the indexes which of these pods are endpoints.
    pub(super) fn refresh(&mut self, pods: BTreeSet<ObjectName>) {
        for name in pods {
            let pod = self.pods.endpoint(&name).map(|(pod, ..)| pod);
            self.changed.pods.extend(self.floating.set(&name, pod));
            match pod {
                Some(pod) if pod.state == PodState::Active => {
                    self.pod_subjects.set_endpoint(&name, &pod.labels, &parents(pod));
                }
                Some(_) | None => self.pod_subjects.remove_endpoint(&name),
            }
            self.changed.pods.insert(name);
        }
    }
}
