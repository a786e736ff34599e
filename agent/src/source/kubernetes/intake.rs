//! Objects to events.

use std::sync::Arc;

use ferrule_ruleset::{
    convert::{self, Conversion},
    event::Event,
    resource::{Resource, ResourceKey},
};

use super::{
    hub::Hub,
    mirror::Name,
    object::Object,
};

impl Hub {
    pub(super) fn present(&mut self, index: usize, object: &Object) {
        let kind = &mut self.kinds[index];
        let Some(following) = &kind.follower else { return };
        let implied = Some((following.served.api_version, following.served.kind));
        let Some(key) = convert::identity(&object.tree, implied) else {
            let subject = subject(&following.served.resource, object);
            if let Conversion::Unidentified(remark) = convert::convert(&object.tree, implied) {
                self.outbox.set_remarks(&subject, None, vec![remark]);
            }
            return;
        };
        kind.example.get_or_insert_with(|| key.clone());
        let digest = object.digest(&self.digests);
        let known = kind.mirror.note_known(&key.place(), digest);
        if known == Some(false) {
            return;
        }
        let Conversion::Object(converted) = convert::convert(&object.tree, implied) else { return };
        let convert::Converted { key, resource, remarks } = *converted;
        if known.is_none() {
            // The name of what is sent, so that it stands in memory once.
            kind.mirror.note(key.place(), digest);
        }
        self.outbox.set_remarks(&key.to_string(), Some(&key), remarks);
        self.outbox.push(match resource {
            Some(resource) => Event::Upsert(resource),
            None => Event::Delete(key),
        });
    }

    pub(super) fn deleted(&mut self, index: usize, object: &Object) {
        let kind = &mut self.kinds[index];
        let Some(following) = &kind.follower else { return };
        let implied = Some((following.served.api_version, following.served.kind));
        match convert::identity(&object.tree, implied) {
            Some(key) => {
                if kind.mirror.forget(&key.place()) {
                    self.gone(key);
                }
            }
            None => {
                let subject = subject(&following.served.resource, object);
                self.outbox.set_remarks(&subject, None, Vec::new());
            }
        }
    }

    /// An object that was sent is not there any more.
    pub(super) fn delete(&mut self, index: usize, (namespace, name): &Name) {
        if let Some(example) = &self.kinds[index].example {
            self.gone(example.at(namespace.clone(), Arc::clone(name)));
        }
    }

    fn gone(&mut self, key: ResourceKey) {
        self.outbox.set_remarks(&key.to_string(), None, Vec::new());
        let built_in = if let ResourceKey::Tier(name) = &key { convert::built_in_tier(name.as_str()) } else { None };
        self.outbox.push(match built_in {
            Some(tier) => Event::Upsert(Resource::Tier(tier)),
            None => Event::Delete(key),
        });
    }
}

/// What an object without identity is called.
fn subject(resource: &str, object: &Object) -> String {
    let part = |name| object.metadata(name).unwrap_or_default();
    format!("{resource} {}/{}", part("namespace"), part("name"))
}
