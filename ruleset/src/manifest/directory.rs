//! A directory of manifest files to events.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    file::{File, Placed, Version},
    review,
};
use crate::{
    convert::{namespace, tier},
    event::Event,
    finding::{Finding, Location},
    labels::Labels,
    name::NamespaceName,
    resource::{Resource, ResourceKey},
};

/// Endings of the names of files that hold manifests.
const EXTENSIONS: [&str; 3] = [".yaml", ".yml", ".json"];

/// The contents of a directory of manifests, file by file.
///
/// Pure: whoever watches the directory hands over names and texts. Holds the last good version of the objects of a file that can no longer be read; but
/// for that, everything here is a function of the present texts:
/// * an object that stands in several places is the one in the first of them, by file name and place in the file;
/// * a namespace that objects name but none defines is implied, with its automatic labels;
/// * a built-in tier that policies name but none defines is what it is in every cluster.
#[derive(Debug, Default)]
pub struct Directory {
    files: BTreeMap<Arc<str>, File>,
    /// Where each object stands.
    claims: BTreeMap<ResourceKey, BTreeSet<Claim>>,
    /// By which objects namespaces and tiers are named.
    named: BTreeMap<ResourceKey, BTreeSet<Claim>>,
}

/// The place of an object: file, and place among the objects of the file.
type Claim = (Arc<str>, usize);

impl Directory {
    /// Whether a file of this name takes part: `*.yaml`, `*.yml`, `*.json`, and neither hidden nor in a hidden folder.
    pub fn admits(file: &str) -> bool {
        let is_hidden = |part: &str| part.starts_with('.') && part != ".";
        let name = file.rsplit('/').next().unwrap_or(file);
        let is_manifest =
            EXTENSIONS.iter().any(|extension| name.len() > extension.len() && name.ends_with(extension));
        is_manifest && !file.split('/').any(is_hidden)
    }

    /// The file now holds this text; `None` if it is gone. Returns what that changes, implied namespaces and built-in tiers included.
    pub fn update(&mut self, file: &str, text: Option<&str>) -> Vec<Event> {
        let name: Arc<str> = file.into();
        let earlier = self.files.get(&name);
        let next = text.map(|text| File::read(&name, text, earlier));
        let keys = |file: &File| {
            file.objects.iter().flat_map(|placed| names(placed).chain([placed.key.clone()])).collect()
        };
        let mut touched: BTreeSet<ResourceKey> = earlier.map(keys).unwrap_or_default();
        touched.extend(next.as_ref().map(keys).unwrap_or_default());
        let before: Vec<_> = touched.iter().map(|key| self.effective(key)).collect();

        self.withdraw(&name);
        if let Some(next) = next {
            self.claim(&name, next);
        }
        let changes =
            touched.into_iter().zip(before).filter_map(|(key, before)| match self.effective(&key) {
                after if after == before => None,
                Some(resource) => Some(Event::Upsert(resource)),
                None => Some(Event::Delete(key)),
            });
        changes.collect()
    }

    /// Every finding about the present contents, in order of file and line.
    pub fn findings(&self) -> Vec<Finding> {
        let mut findings: Vec<_> =
            self.files.values().flat_map(|file| file.findings.iter().cloned()).collect();
        for claims in self.claims.values() {
            let places = claims.iter().filter_map(|claim| self.placed(claim));
            findings.extend(review::duplicates(places));
        }
        for (key, claims) in &self.named {
            if let (ResourceKey::Namespace(_), false) = (key, self.claims.contains_key(key)) {
                let namer = claims.first().and_then(|claim| self.placed(claim));
                findings.extend(namer.map(|namer| review::implied_namespace(key, namer)));
            }
        }
        let policies = self.claims.values().filter_map(|claims| self.placed(claims.first()?));
        let policies = policies.filter(|placed| placed.is_understood);
        findings.extend(review::policies(
            policies,
            &|key| self.effective(key),
            self.has_namespace_label("name"),
        ));
        findings.sort();
        findings
    }

    /// Files whose present text cannot be read as a whole; the findings say why, and what of them is in force.
    pub fn unreadable_files(&self) -> impl Iterator<Item = &str> {
        self.files.iter().filter_map(|(name, file)| (file.version != Version::Present).then_some(&**name))
    }

    /// Files of which no text could be read as a whole yet, so that nobody knows what objects they should hold.
    pub fn unknown_files(&self) -> impl Iterator<Item = &str> {
        self.files.iter().filter_map(|(name, file)| (file.version == Version::Partial).then_some(&**name))
    }

    /// Where an object stands; `None` for one that is implied.
    pub fn location(&self, key: &ResourceKey) -> Option<&Location> {
        self.placed(self.claims.get(key)?.first()?).map(|placed| &placed.location)
    }

    fn placed(&self, (file, place): &Claim) -> Option<&Placed> {
        self.files.get(file)?.objects.get(*place)
    }

    /// What an object is after all files have had their say.
    fn effective(&self, key: &ResourceKey) -> Option<Resource> {
        if let Some(claim) = self.claims.get(key).and_then(BTreeSet::first) {
            return self.placed(claim)?.resource.clone();
        }
        self.named.contains_key(key).then(|| implied(key))?
    }

    fn has_namespace_label(&self, label: &str) -> bool {
        let objects = self.files.values().flat_map(|file| file.objects.iter());
        let mut namespaces = objects.filter_map(|placed| match &placed.resource {
            Some(Resource::Namespace(namespace)) => Some(namespace),
            _ => None,
        });
        namespaces.any(|namespace| namespace.labels.get(label).is_some())
    }

    fn claim(&mut self, name: &Arc<str>, file: File) {
        for (place, placed) in file.objects.iter().enumerate() {
            let claim = (Arc::clone(name), place);
            for key in names(placed) {
                self.named.entry(key).or_default().insert(claim.clone());
            }
            self.claims.entry(placed.key.clone()).or_default().insert(claim);
        }
        self.files.insert(Arc::clone(name), file);
    }

    fn withdraw(&mut self, name: &Arc<str>) {
        let Some(file) = self.files.remove(name) else { return };
        for (place, placed) in file.objects.iter().enumerate() {
            let claim = (Arc::clone(name), place);
            for key in names(placed) {
                remove(&mut self.named, &key, &claim);
            }
            remove(&mut self.claims, &placed.key, &claim);
        }
    }
}

fn remove(index: &mut BTreeMap<ResourceKey, BTreeSet<Claim>>, key: &ResourceKey, claim: &Claim) {
    if let Some(claims) = index.get_mut(key) {
        claims.remove(claim);
        if claims.is_empty() {
            index.remove(key);
        }
    }
}

/// The namespace and tier that an object names.
fn names(placed: &Placed) -> impl Iterator<Item = ResourceKey> + use<> {
    let namespace = match &placed.key {
        ResourceKey::Pod(name) | ResourceKey::ServiceAccount(name) => Some(&name.namespace),
        ResourceKey::Policy(key) => key.namespace.as_ref(),
        ResourceKey::NetworkSet(key) => key.namespace.as_ref(),
        ResourceKey::Namespace(_)
        | ResourceKey::Node(_)
        | ResourceKey::Tier(_)
        | ResourceKey::HostEndpoint(_)
        | ResourceKey::Service(_)
        | ResourceKey::EndpointSlice(_)
        | ResourceKey::IpPool(_)
        | ResourceKey::ServiceRanges(_)
        | ResourceKey::Configuration(_) => None,
    };
    let tier = match &placed.resource {
        Some(Resource::Policy(policy)) => Some(policy.tier.clone()),
        _ => None,
    };
    namespace.cloned().map(ResourceKey::Namespace).into_iter().chain(tier.map(ResourceKey::Tier))
}

/// What is there without a definition once it is named.
fn implied(key: &ResourceKey) -> Option<Resource> {
    match key {
        ResourceKey::Namespace(name) => {
            let name: NamespaceName = name.clone();
            Some(Resource::Namespace(namespace::with_automatic_labels(name, Labels::new())))
        }
        ResourceKey::Tier(name) => tier::built_in(name.as_str()).map(Resource::Tier),
        ResourceKey::Pod(_)
        | ResourceKey::ServiceAccount(_)
        | ResourceKey::Node(_)
        | ResourceKey::Policy(_)
        | ResourceKey::NetworkSet(_)
        | ResourceKey::HostEndpoint(_)
        | ResourceKey::Service(_)
        | ResourceKey::EndpointSlice(_)
        | ResourceKey::IpPool(_)
        | ResourceKey::ServiceRanges(_)
        | ResourceKey::Configuration(_) => None,
    }
}
