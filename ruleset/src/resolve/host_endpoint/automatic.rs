//! Host endpoints that nobody had to write: one for every node that has none for all its interfaces.
//!
//! As Calico's `kube-controllers` creates them: named `<node>-auto-hep`, for every interface, with the labels and addresses of the Node object and the
//! profile that admits everything. An object of that name, or a `*` host endpoint of the node, takes the place of the automatic one.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    labels::Labels,
    name::{HostEndpointName, NodeName},
    resource::{HostEndpoint, HostEndpointState, HostInterface, Node},
    settings::Switch,
};

/// What automatic host endpoints depend on.
#[derive(Debug, Default)]
pub(in crate::resolve) struct AutomaticHostEndpoints {
    switch: Switch,
    /// Every object, with its node if it is for all interfaces.
    objects: BTreeMap<HostEndpointName, Option<NodeName>>,
    /// How many objects a node has that are for all interfaces.
    others: BTreeMap<NodeName, usize>,
    changed: BTreeSet<NodeName>,
}

impl AutomaticHostEndpoints {
    /// The object is now this; `None` if there is none.
    pub(in crate::resolve) fn set_object(&mut self, name: &HostEndpointName, object: Option<&HostEndpoint>) {
        let place = object.map(|object| match &object.interface {
            HostInterface::Others if object.state == HostEndpointState::Active => Some(object.node.clone()),
            HostInterface::Others | HostInterface::Named(_) | HostInterface::ByAddress => None,
        });
        let old = match place.clone() {
            Some(place) => self.objects.insert(name.clone(), place),
            None => self.objects.remove(name),
        };
        if let Some(node) = old.flatten()
            && let Some(count) = self.others.get_mut(&node)
        {
            *count -= 1;
            if *count == 0 {
                self.others.remove(&node);
            }
            self.changed.insert(node);
        }
        if let Some(node) = place.flatten() {
            *self.others.entry(node.clone()).or_default() += 1;
            self.changed.insert(node);
        }
        self.changed.extend(name.as_str().strip_suffix(SUFFIX).map(NodeName::new));
    }

    /// A Node object changed.
    pub(in crate::resolve) fn node_changed(&mut self, node: &NodeName) {
        self.changed.insert(node.clone());
    }

    /// The automatic host endpoint of each node for which that may have changed.
    pub(in crate::resolve) fn take_changes(
        &mut self,
        switch: Switch,
        nodes: &BTreeMap<NodeName, Node>,
    ) -> Vec<(NodeName, Option<HostEndpoint>)> {
        let mut changed = std::mem::take(&mut self.changed);
        match (std::mem::replace(&mut self.switch, switch), switch) {
            (Switch::Disabled, Switch::Disabled) => return Vec::new(),
            (Switch::Enabled, Switch::Enabled) => {}
            (Switch::Enabled, Switch::Disabled) | (Switch::Disabled, Switch::Enabled) => {
                changed.extend(nodes.keys().cloned());
            }
        }
        let automatic = |name: NodeName| {
            let endpoint = nodes.get(&name).and_then(|node| self.of_node(node));
            (name, endpoint)
        };
        changed.into_iter().map(automatic).collect()
    }

    fn of_node(&self, node: &Node) -> Option<HostEndpoint> {
        let name = HostEndpointName::new(format!("{}{SUFFIX}", node.name));
        let is_free = !self.others.contains_key(&node.name) && !self.objects.contains_key(&name);
        (self.switch == Switch::Enabled && is_free).then(|| HostEndpoint {
            name,
            node: node.name.clone(),
            interface: HostInterface::Others,
            expected_addresses: node.addresses.clone(),
            labels: without_reserved(&node.labels),
            profiles: vec!["projectcalico-default-allow".into()],
            ports: Vec::new(),
            state: HostEndpointState::Active,
        })
    }
}

/// How the name of an automatic host endpoint ends.
const SUFFIX: &str = "-auto-hep";

/// Labels less those by which a node would pass for a pod.
fn without_reserved(labels: &Labels) -> Labels {
    const RESERVED: [&str; 3] =
        ["projectcalico.org/namespace", "projectcalico.org/orchestrator", "projectcalico.org/serviceaccount"];
    let mut labels = labels.clone();
    labels.retain(|key| !key.starts_with("pcns.") && !key.starts_with("pcsa.") && !RESERVED.contains(&key));
    labels
}
