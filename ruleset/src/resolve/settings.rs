//! The settings of this node, from the layers that concern it.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    labels::Labels,
    name::NodeName,
    resource::{Configuration, ConfigurationScope},
    settings::{Layer, Settings},
};

/// All layers of settings, and what they come to.
#[derive(Debug, Default)]
pub(super) struct NodeSettings {
    agent: Layer,
    configurations: BTreeMap<Arc<str>, Configuration>,
    stale: bool,
    current: Arc<Settings>,
}

impl NodeSettings {
    /// The agent's own layer.
    pub(super) fn set_agent(&mut self, layer: &Layer) {
        self.agent = layer.clone();
        self.current = Arc::new(layer.clone().settings());
        self.stale = !self.configurations.is_empty();
    }

    /// The configuration of this name is now this; `None` if there is none.
    pub(super) fn set(&mut self, name: &Arc<str>, configuration: Option<Configuration>) {
        self.stale = true;
        match configuration {
            Some(configuration) => drop(self.configurations.insert(Arc::clone(name), configuration)),
            None => drop(self.configurations.remove(name)),
        }
    }

    /// The labels of the node, by which configurations select it, changed.
    pub(super) fn labels_changed(&mut self) {
        self.stale |= !self.configurations.is_empty();
    }

    /// The settings as they were last resolved.
    pub(super) fn current(&self) -> &Arc<Settings> {
        &self.current
    }

    /// The settings; what was given out before while they are equal. A node without a Node object has no labels.
    pub(super) fn resolve(&mut self, node: &NodeName, labels: &Labels) {
        if !std::mem::take(&mut self.stale) {
            return;
        }
        let layers = self.layers(node, labels);
        let settings =
            layers.fold(self.agent.clone(), |stronger, weaker| stronger.over(weaker.clone())).settings();
        if *self.current != settings {
            self.current = Arc::new(settings);
        }
    }

    /// The layers of objects that concern the node, strongest first. One selected configuration counts: the oldest, then the least name.
    fn layers<'a>(&'a self, node: &'a NodeName, labels: &'a Labels) -> impl Iterator<Item = &'a Layer> {
        let of_scope = |wanted: fn(&ConfigurationScope, &NodeName) -> bool| {
            let configurations = self.configurations.values();
            configurations.filter(move |it| wanted(&it.scope, node)).map(|it| &it.layer)
        };
        let selected = self.configurations.values().filter_map(|it| match &it.scope {
            ConfigurationScope::Selected { selector, created } => {
                let selects = selector.matches(&|key| labels.get(key).map(|value| &**value));
                selects.then_some((created, &it.name, &it.layer))
            }
            ConfigurationScope::Cluster | ConfigurationScope::Node(_) | ConfigurationScope::Nobody => None,
        });
        let selected = selected.min_by_key(|(created, name, _)| (*created, *name)).map(|(.., layer)| layer);
        of_scope(|scope, node| matches!(scope, ConfigurationScope::Node(name) if name == node))
            .chain(selected)
            .chain(of_scope(|scope, _| matches!(scope, ConfigurationScope::Cluster)))
    }
}
