//! What followers say, to events.

use std::sync::Arc;

use ferrule_ruleset::{
    convert::{self, Conversion, Converted, Remark},
    event::Event,
    finding::Severity,
    resource::{Resource, ResourceKey},
};
use tokio::time::Instant;

use super::{
    failure::Failure,
    hub::{Hub, Loss, Speaker, Subject},
    mirror::Name,
    object::Object,
    outbox::Remarked,
    watching::News,
};

/// An API that a server of its own may stand behind.
const AGGREGATED: &str = "projectcalico.org/v3";

impl Hub {
    pub(super) fn take(&mut self, (subject, epoch): Speaker, news: News) {
        let now = Instant::now();
        match subject {
            Subject::Definitions => self.take_of_definitions(&news, now),
            Subject::Kind(index) if self.kinds[index].epoch == epoch => self.take_of_kind(index, news, now),
            Subject::Kind(_) => {}
        }
    }

    fn take_of_definitions(&mut self, news: &News, now: Instant) {
        match news {
            News::Present(definition) | News::Deleted(definition)
                if self.are_definitions_followed && self.concerns_us(definition) =>
            {
                self.note_definitions(now);
            }
            News::ListEnded(_) => {
                self.are_definitions_followed = true;
                self.schedule.discovery.hasten(now);
            }
            News::Failed(failure) => {
                tracing::debug!(?failure, "the definitions of custom resources are not followed");
                if !failure.is_of_server() {
                    self.are_definitions_followed = false;
                    self.note_answer(now);
                }
                return;
            }
            News::ListBegan | News::Present(_) | News::Deleted(_) | News::Alive(_) => {}
        }
        self.note_answer(now);
    }

    fn take_of_kind(&mut self, index: usize, news: News, now: Instant) {
        self.kinds[index].is_missing = matches!(&news, News::Failed(failure) if failure.is_not_found());
        match news {
            News::Failed(failure) => return self.note_failure(index, &failure, now),
            News::ListBegan => {
                self.kinds[index].loss = Loss::Certain;
                self.kinds[index].mirror.begin_list();
                self.note_unlisted(index);
            }
            News::Present(object) => {
                self.present(index, &object);
                self.note_newest(index, &object.version);
            }
            News::Deleted(object) => {
                self.deleted(index, &object);
                self.note_newest(index, &object.version);
            }
            News::ListEnded(version) => {
                self.note_list_ended(index, now);
                self.note_followed(index);
                self.note_newest(index, &version);
            }
            News::Alive(version) => {
                self.note_followed(index);
                self.note_newest(index, &version);
            }
        }
        self.note_answer(now);
    }

    /// Whether a definition is one of a kind that takes part in policy, or could be.
    fn concerns_us(&self, definition: &Object) -> bool {
        let Some((_, group)) = definition.metadata("name").and_then(|name| name.split_once('.')) else {
            return false;
        };
        let mut apis = self.kinds.iter().flat_map(|kind| &kind.followed.apis);
        apis.any(|(api_version, _)| api_version.split('/').next() == Some(group))
    }

    /// Versions of an API server of another kind behind this one count something else.
    fn note_newest(&mut self, index: usize, version: &str) {
        let Some(following) = &self.kinds[index].following else { return };
        if following.served.api_version != AGGREGATED {
            self.newest = self.newest.max(version.parse().unwrap_or_default());
        }
    }

    fn note_followed(&mut self, index: usize) {
        if let Some(following) = &self.kinds[index].following {
            self.standing.note_success(&following.served.resource);
        }
    }

    fn note_failure(&mut self, index: usize, failure: &Failure, now: Instant) {
        if !failure.is_of_server() {
            self.note_answer(now);
        }
        let Some(following) = &self.kinds[index].following else { return };
        self.standing.note_failure(&following.served.resource, failure, now);
        if failure.is_not_found() {
            self.schedule.discovery.hasten(now);
        }
    }

    fn present(&mut self, index: usize, object: &Object) {
        let kind = &mut self.kinds[index];
        let Some(following) = &kind.following else { return };
        let implied = Some((following.served.api_version, following.served.kind));
        let api_version = following.served.api_version;
        let Some(key) = convert::identity(&object.tree, implied) else {
            let nameless = nameless(&following.served.resource, object);
            if let Conversion::Unidentified(remark) = convert::convert(&object.tree, implied) {
                self.outbox.set_remarks(nameless, vec![remark]);
            }
            return;
        };
        kind.example.get_or_insert_with(|| key.clone());
        let digest = object.digest(&self.digests);
        let known = kind.mirror.note_known(&key.place(), digest);
        if let ResourceKey::Namespace(name) = &key {
            self.note_namespace(name, object);
        }
        self.departures.note_present(&key);
        if known == Some(false) {
            self.outbox.note_judged(&key, api_version, object);
            return;
        }
        let Conversion::Object(converted) = convert::convert(&object.tree, implied) else { return };
        let Converted { key, resource, remarks } = *converted;
        let remarks = match &object.unread {
            Some(reason) => unread(reason, remarks),
            None => remarks,
        };
        if known.is_none() {
            // The name of what is sent, so that it stands in memory once.
            self.kinds[index].mirror.note(key.place(), digest);
        }
        self.outbox.set_remarks(Remarked::Object(key.clone()), remarks);
        self.outbox.note_judged(&key, api_version, object);
        self.outbox.push(match resource {
            Some(resource) => Event::Upsert(resource),
            None => Event::Delete(key),
        });
    }

    fn deleted(&mut self, index: usize, object: &Object) {
        let kind = &mut self.kinds[index];
        let Some(following) = &kind.following else { return };
        let implied = Some((following.served.api_version, following.served.kind));
        match convert::identity(&object.tree, implied) {
            Some(key) if kind.mirror.forget(&key.place()) => self.note_deleted(key),
            Some(_) => {}
            None => self.outbox.set_remarks(nameless(&following.served.resource, object), Vec::new()),
        }
    }

    /// An object that was sent is not in the list any more.
    pub(super) fn note_missing(&mut self, index: usize, (namespace, name): &Name) {
        if let Some(example) = &self.kinds[index].example {
            self.note_deleted(example.at(namespace.clone(), Arc::clone(name)));
        }
    }

    fn note_deleted(&mut self, key: ResourceKey) {
        let ask_at = self.ask_at();
        if let ResourceKey::Namespace(name) = &key {
            self.departures.note_namespace_gone(name, ask_at);
        }
        if self.departures.note_deleted(&key, ask_at) {
            self.pass_on_deletion(key);
        }
    }

    pub(super) fn pass_on_deletion(&mut self, key: ResourceKey) {
        self.outbox.set_remarks(Remarked::of(&key), Vec::new());
        self.outbox.forget(&key);
        let built_in =
            if let ResourceKey::Tier(name) = &key { convert::built_in_tier(name.as_str()) } else { None };
        self.outbox.push(match built_in {
            Some(tier) => Event::Upsert(Resource::Tier(tier)),
            None => Event::Delete(key),
        });
    }
}

/// What is said of an object of which only the metadata could be read, instead of what its stand-in lacks.
fn unread(reason: &str, remarks: Vec<Remark>) -> Vec<Remark> {
    let consequence = remarks.into_iter().find(|remark| remark.severity == Severity::Error);
    vec![Remark {
        line: 1,
        severity: Severity::Error,
        field: String::new(),
        message: format!("the object cannot be read: {reason}"),
        consequence: consequence.map_or_else(|| "it counts as empty".to_owned(), |remark| remark.consequence),
    }]
}

/// What an object without identity is called.
fn nameless(resource: &str, object: &Object) -> Remarked {
    let part = |name| object.metadata(name).unwrap_or_default();
    Remarked::Nameless(format!("{resource} {}/{}", part("namespace"), part("name")))
}
