//! The pods of this node and the interfaces they have.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use super::labelled::Parent;
use crate::{
    finding::{Finding, Severity},
    links::{InterfacePrefix, Links},
    name::{InterfaceName, NamespaceName, ObjectName},
    resource::{Pod, ResourceKey, Tenure},
};

/// Pods that take part in networking on this node.
#[derive(Debug)]
pub(super) struct LocalPods {
    prefixes: Vec<InterfacePrefix>,
    links: Links,
    node_addresses: Vec<IpAddr>,
    pods: BTreeMap<ObjectName, LocalPod>,
    /// Who claims an interface.
    claims: BTreeMap<InterfaceName, BTreeSet<ObjectName>>,
}

/// By what title a pod has its interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Title {
    /// Nobody else can have it.
    Clear,
    /// Another pod has the same address, and neither is being deleted, or both are.
    Disputed,
}

#[derive(Debug)]
struct LocalPod {
    pod: Pod,
    interface: Option<InterfaceName>,
}

impl LocalPods {
    /// No pods yet, and links assumed.
    pub(super) fn new(prefixes: Vec<InterfacePrefix>) -> Self {
        Self {
            prefixes,
            links: Links::default(),
            node_addresses: Vec::new(),
            pods: BTreeMap::new(),
            claims: BTreeMap::new(),
        }
    }

    /// The pod is now this. Returns every pod that may have become or ceased to be an endpoint, or whose endpoint changed.
    pub(super) fn set(&mut self, pod: Pod) -> BTreeSet<ObjectName> {
        if self.pods.get(&pod.name).is_some_and(|known| known.pod == pod) {
            return BTreeSet::new();
        }
        let name = pod.name.clone();
        let mut affected = self.remove(&name);
        self.pods.insert(name.clone(), LocalPod { pod, interface: None });
        affected.extend(self.claim(&name));
        affected.insert(name);
        affected
    }

    /// There is no such pod on this node any more. Returns what [`Self::set`] returns.
    pub(super) fn remove(&mut self, name: &ObjectName) -> BTreeSet<ObjectName> {
        let Some(known) = self.pods.remove(name) else { return BTreeSet::new() };
        let mut affected = self.unclaim(name, known.interface.as_ref());
        affected.insert(name.clone());
        affected
    }

    /// The Node object has these addresses. Returns what [`Self::set`] returns.
    pub(super) fn set_node_addresses(&mut self, addresses: Vec<IpAddr>) -> BTreeSet<ObjectName> {
        self.node_addresses = addresses;
        let names: Vec<ObjectName> = self.pods.keys().cloned().collect();
        names.iter().flat_map(|name| self.claim(name)).collect()
    }

    /// The links are now these. Returns what [`Self::set`] returns.
    pub(super) fn set_links(&mut self, links: Links) -> BTreeSet<ObjectName> {
        self.links = links;
        let mut affected = BTreeSet::new();
        let names: Vec<ObjectName> = self.pods.keys().cloned().collect();
        for name in names {
            affected.extend(self.claim(&name));
        }
        affected
    }

    /// The pod, its interface, and by what title it has it, if it has one and so is an endpoint.
    pub(super) fn endpoint(&self, name: &ObjectName) -> Option<(&Pod, &InterfaceName, Title)> {
        let local = self.pods.get(name)?;
        let interface = local.interface.as_ref()?;
        let (holder, title) = self.holder(interface)?;
        (holder == name).then_some((&local.pod, interface, title))
    }

    /// Pods of which it is not known who has the interface to which their addresses lead.
    pub(super) fn disputes(&self) -> impl Iterator<Item = Finding> {
        let several = self.claims.iter().filter(|(_, claimants)| claimants.len() > 1);
        let disputed = several.filter(|(interface, _)| {
            self.holder(interface).is_some_and(|(_, title)| title == Title::Disputed)
        });
        disputed.flat_map(|(interface, claimants)| {
            claimants.iter().map(move |pod| disputed_interface(pod, interface, claimants))
        })
    }

    /// Who has an interface: the pod after which it is named, else the only one to whose addresses it leads. A pod that is gone from its own link
    /// may still claim the link of the one that has its address now: who is being deleted stands back. Where several are left, nobody can say
    /// whose policies are meant.
    fn holder(&self, interface: &InterfaceName) -> Option<(&ObjectName, Title)> {
        let claimants = self.claims.get(interface)?;
        let is_named =
            |pod: &&ObjectName| self.prefixes.iter().any(|prefix| prefix.interface_of(pod) == *interface);
        let named = claimants.iter().find(is_named);
        let lasting = || claimants.iter().filter(|name| self.tenure(name) == Some(Tenure::Lasting));
        match (named, lasting().count()) {
            (Some(named), _) => Some((named, Title::Clear)),
            (None, 1) => lasting().next().map(|pod| (pod, Title::Clear)),
            (None, _) if claimants.len() == 1 => claimants.first().map(|pod| (pod, Title::Clear)),
            (None, _) => claimants.first().map(|pod| (pod, Title::Disputed)),
        }
    }

    fn tenure(&self, name: &ObjectName) -> Option<Tenure> {
        self.pods.get(name).map(|local| local.pod.tenure)
    }

    /// The pods of a namespace.
    pub(super) fn of_namespace(&self, namespace: &NamespaceName) -> Vec<ObjectName> {
        let first = ObjectName { namespace: namespace.clone(), name: "".into() };
        let names = self.pods.range(first..).map(|(name, _)| name);
        names.take_while(|name| name.namespace == *namespace).cloned().collect()
    }

    /// Finds the pod's interface anew. Returns those whom that concerns; nobody if it is the same as before.
    fn claim(&mut self, name: &ObjectName) -> BTreeSet<ObjectName> {
        let Some(local) = self.pods.get_mut(name) else { return BTreeSet::new() };
        let found = self.links.interface_of(name, &local.pod.addresses, &self.prefixes);
        // Whoever may say which address a pod has must not thereby take the interface by which the node itself is reached.
        let is_nodes = |interface: &InterfaceName| self.links.bears(interface, &self.node_addresses);
        let expected = || self.prefixes.first().map(|prefix| prefix.interface_of(name));
        let interface = found.filter(|interface| !is_nodes(interface)).or_else(expected);
        if interface == local.interface {
            return BTreeSet::new();
        }
        let old = std::mem::replace(&mut local.interface, interface.clone());
        let mut affected = self.unclaim(name, old.as_ref());
        if let Some(interface) = interface {
            let claimants = self.claims.entry(interface).or_default();
            claimants.insert(name.clone());
            affected.extend(claimants.iter().cloned());
        }
        affected.insert(name.clone());
        affected
    }

    fn unclaim(&mut self, name: &ObjectName, interface: Option<&InterfaceName>) -> BTreeSet<ObjectName> {
        let Some(interface) = interface else { return BTreeSet::new() };
        let Some(claimants) = self.claims.get_mut(interface) else { return BTreeSet::new() };
        claimants.remove(name);
        let others = claimants.clone();
        if claimants.is_empty() {
            self.claims.remove(interface);
        }
        others
    }
}

fn disputed_interface(
    pod: &ObjectName,
    interface: &InterfaceName,
    claimants: &BTreeSet<ObjectName>,
) -> Finding {
    let others = claimants.iter().filter(|other| *other != pod).map(ToString::to_string);
    let others = others.collect::<Vec<_>>().join(", ");
    Finding {
        location: None,
        severity: Severity::Warning,
        object: Some(ResourceKey::Pod(pod.clone())),
        field: "status.podIPs".to_owned(),
        message: format!("the interface {interface} has the route to it, and to {others} as well"),
        consequence:
            "no policy is meant for that interface for certain: it is closed until one pod claims it"
                .to_owned(),
    }
}

/// Where a pod inherits labels from, in order of precedence.
pub(super) fn parents(pod: &Pod) -> Vec<Parent> {
    let namespace = Parent::Namespace(pod.name.namespace.clone());
    let account = pod.service_account.as_ref();
    let account =
        account.map(|name| ObjectName { namespace: pod.name.namespace.clone(), name: name.clone() });
    std::iter::once(namespace).chain(account.map(Parent::ServiceAccount)).collect()
}
