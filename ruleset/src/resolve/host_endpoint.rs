//! The host endpoints of this node and the interfaces they have.

mod automatic;
mod placement;

pub(super) use automatic::AutomaticHostEndpoints;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

use super::labelled::Parent;
use crate::{
    ir::{HostInterface, Profile},
    links::{InterfacePrefix, Links},
    name::{HostEndpointName, NamespaceName, ObjectName},
    resource::{HostEndpoint, HostEndpointState},
};

/// The host endpoints of this node. There are few, so that places are found for all of them anew when anything changes.
#[derive(Debug)]
pub(super) struct HostEndpoints {
    prefixes: Vec<InterfacePrefix>,
    links: Links,
    objects: BTreeMap<HostEndpointName, HostEndpoint>,
    /// The one that nobody had to write. Its name is never that of an object.
    automatic: Option<HostEndpoint>,
    places: BTreeMap<HostEndpointName, HostInterface>,
    /// Those that changed since places were last found, and whether anything did.
    changed: BTreeSet<HostEndpointName>,
    stale: bool,
}

impl HostEndpoints {
    /// No host endpoints yet, and links assumed.
    pub(super) fn new(prefixes: Vec<InterfacePrefix>) -> Self {
        Self {
            prefixes,
            links: Links::default(),
            objects: BTreeMap::new(),
            automatic: None,
            places: BTreeMap::new(),
            changed: BTreeSet::new(),
            stale: false,
        }
    }

    /// The object is now this; `None` if there is none, or it is another node's.
    pub(super) fn set(&mut self, name: &HostEndpointName, object: Option<HostEndpoint>) {
        if self.objects.get(name) == object.as_ref() {
            return;
        }
        match object {
            Some(object) => drop(self.objects.insert(name.clone(), object)),
            None => drop(self.objects.remove(name)),
        }
        self.changed.insert(name.clone());
        self.stale = true;
    }

    /// The automatic one is now this, if there is one.
    pub(super) fn set_automatic(&mut self, automatic: Option<HostEndpoint>) {
        if self.automatic == automatic {
            return;
        }
        let old = std::mem::replace(&mut self.automatic, automatic);
        self.changed.extend(old.into_iter().chain(self.automatic.clone()).map(|endpoint| endpoint.name));
        self.stale = true;
    }

    /// The links are now these.
    pub(super) fn set_links(&mut self, links: Links) {
        self.stale |= !self.objects.is_empty();
        self.links = links;
    }

    /// The addresses of the node, which count while links are assumed, changed.
    pub(super) fn addresses_changed(&mut self) {
        self.stale |= !self.objects.is_empty();
    }

    /// Finds a place for each. Returns those that changed, or whose place did. `own_addresses` are those of the Node object.
    pub(super) fn place(&mut self, own_addresses: &[IpAddr]) -> BTreeSet<HostEndpointName> {
        if !std::mem::take(&mut self.stale) {
            return BTreeSet::new();
        }
        let places = placement::places(self.all(), &self.links, &self.prefixes, own_addresses);
        let mut affected = std::mem::take(&mut self.changed);
        let moved = |(name, place): &(&HostEndpointName, &HostInterface)| places.get(*name) != Some(*place);
        affected.extend(self.places.iter().filter(moved).map(|(name, _)| name.clone()));
        affected.extend(places.keys().filter(|name| !self.places.contains_key(*name)).cloned());
        self.places = places;
        affected
    }

    /// A host endpoint and its interface, if it has one.
    pub(super) fn placed(&self, name: &HostEndpointName) -> Option<(&HostEndpoint, &HostInterface)> {
        let automatic = self.automatic.as_ref().filter(|endpoint| endpoint.name == *name);
        Some((self.objects.get(name).or(automatic)?, self.places.get(name)?))
    }

    /// Those that have no interface.
    pub(super) fn idle(&self) -> impl Iterator<Item = &HostEndpointName> {
        self.all().map(|endpoint| &endpoint.name).filter(|name| !self.places.contains_key(*name))
    }

    /// Those that have the profile of a namespace.
    pub(super) fn of_namespace(&self, namespace: &NamespaceName) -> impl Iterator<Item = &HostEndpointName> {
        let wanted = Parent::Namespace(namespace.clone());
        let has = move |endpoint: &&HostEndpoint| parents(&endpoint.profiles).contains(&wanted);
        self.all().filter(has).map(|endpoint| &endpoint.name)
    }

    fn all(&self) -> impl Iterator<Item = &HostEndpoint> {
        self.objects.values().chain(&self.automatic)
    }
}

/// What a profile is.
enum KnownProfile {
    /// It admits everything.
    DefaultAllow,
    /// It lends the labels of a namespace, and admits everything if there is one.
    Namespace(NamespaceName),
    /// It lends the labels of a service account, and has no rules.
    ServiceAccount(ObjectName),
}

impl KnownProfile {
    fn of(profile: &str) -> Option<Self> {
        if profile == "projectcalico-default-allow" {
            return Some(Self::DefaultAllow);
        }
        if let Some(namespace) = profile.strip_prefix("kns.") {
            return Some(Self::Namespace(namespace.into()));
        }
        // The name of a namespace holds no dot, that of a service account may.
        let (namespace, account) = profile.strip_prefix("ksa.")?.split_once('.')?;
        Some(Self::ServiceAccount(ObjectName::new(namespace, account)))
    }
}

/// Where a host endpoint with these profiles inherits labels from, in order of precedence.
pub(super) fn parents(profiles: &[Arc<str>]) -> Vec<Parent> {
    let mut parents = Vec::new();
    for profile in profiles {
        let parent = match KnownProfile::of(profile) {
            Some(KnownProfile::Namespace(namespace)) => Parent::Namespace(namespace),
            Some(KnownProfile::ServiceAccount(account)) => Parent::ServiceAccount(account),
            Some(KnownProfile::DefaultAllow) | None => continue,
        };
        if !parents.contains(&parent) {
            parents.push(parent);
        }
    }
    parents
}

/// What the profiles of a host endpoint say: the first that decides. One that is not known, or whose namespace does not exist, denies; so does having none,
/// and an object that could not be understood.
pub(super) fn profile(endpoint: &HostEndpoint, namespaces: &BTreeSet<NamespaceName>) -> Profile {
    match endpoint.state {
        HostEndpointState::Active => {}
        HostEndpointState::Doubtful | HostEndpointState::Unintelligible => return Profile::Deny,
    }
    let verdict = |profile: &Arc<str>| match KnownProfile::of(profile) {
        Some(KnownProfile::DefaultAllow) => Some(Profile::Allow),
        Some(KnownProfile::Namespace(namespace)) if namespaces.contains(&namespace) => Some(Profile::Allow),
        Some(KnownProfile::ServiceAccount(_)) => None,
        Some(KnownProfile::Namespace(_)) | None => Some(Profile::Deny),
    };
    endpoint.profiles.iter().find_map(verdict).unwrap_or(Profile::Deny)
}
