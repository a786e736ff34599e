//! One Event: its name and its content.
//!
//! The name follows from what is told, of which object, and by whom if that matters, so that many nodes with the same to tell meet at one Event. (The
//! recorder of the `kube` crate names an Event after the time, and takes two findings about one object for the same.)

use ferrule_ruleset::name::NodeName;
use k8s_openapi::{
    api::{core::v1::ObjectReference, events::v1::Event},
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta},
};
use sha2::{Digest, Sha256};

use super::{
    MANAGER,
    concern::{Concern, Reason, Scope, shorten},
};

/// Where Events about objects without a namespace are kept.
const CLUSTER_NAMESPACE: &str = "default";
/// How long the name of an Event may be, less its digest.
const LONGEST_STEM: usize = 230;
/// How long the name of a reporting instance may be.
const LONGEST_INSTANCE: usize = 128;

/// The Event that tells of a concern about an object.
pub(super) fn event(
    concern: &Concern,
    regarding: &ObjectReference,
    node: &NodeName,
    time: MicroTime,
) -> Event {
    let namespace = regarding.namespace.clone().unwrap_or_else(|| CLUSTER_NAMESPACE.to_owned());
    Event {
        metadata: ObjectMeta {
            name: Some(name(concern, regarding, node)),
            namespace: Some(namespace),
            ..ObjectMeta::default()
        },
        regarding: Some(regarding.clone()),
        type_: Some("Warning".to_owned()),
        reason: Some(concern.reason.as_str().to_owned()),
        action: Some(action(concern.reason).to_owned()),
        note: Some(concern.note.clone()),
        event_time: Some(time),
        reporting_controller: Some(MANAGER.to_owned()),
        reporting_instance: Some(shorten(node.to_string(), LONGEST_INSTANCE)),
        ..Event::default()
    }
}

/// What was tried.
fn action(reason: Reason) -> &'static str {
    match reason {
        Reason::NotUnderstood | Reason::Questionable => "Understand",
        Reason::Refused => "Enforce",
        Reason::RolledBack => "RollBack",
    }
}

fn name(concern: &Concern, regarding: &ObjectReference, node: &NodeName) -> String {
    let ObjectReference { api_version, kind, name, namespace, uid, .. } = regarding;
    let object = name.clone().unwrap_or_default();
    let teller = match concern.scope {
        Scope::Cluster => "",
        Scope::Node => node.as_str(),
    };
    let mut digest = Sha256::new();
    for part in [api_version, kind, namespace, name, uid] {
        digest.update(part.as_deref().unwrap_or_default());
        digest.update([0]);
    }
    for part in [concern.reason.as_str(), &concern.note, teller] {
        digest.update(part);
        digest.update([0]);
    }
    let hex: String = digest.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let stem: String = object.chars().take(LONGEST_STEM).collect();
    // A stem that was cut may end in a mark that has to stand between letters.
    format!("{}.{hex}", stem.trim_end_matches(['.', '-']))
}

#[cfg(test)]
mod tests {
    use ferrule_ruleset::resource::ResourceKey;

    use super::*;

    fn concern(scope: Scope, note: &str) -> Concern {
        let object = ResourceKey::Namespace("default".into());
        Concern { reason: Reason::NotUnderstood, object, scope, note: note.to_owned() }
    }

    fn policy(name: &str, uid: &str) -> ObjectReference {
        ObjectReference {
            api_version: Some("networking.k8s.io/v1".to_owned()),
            kind: Some("NetworkPolicy".to_owned()),
            namespace: Some("shop".to_owned()),
            name: Some(name.to_owned()),
            uid: Some(uid.to_owned()),
            ..ObjectReference::default()
        }
    }

    fn named(concern: &Concern, object: &ObjectReference, node: &str) -> String {
        name(concern, object, &NodeName::from(node))
    }

    #[test]
    fn all_nodes_have_one_name_for_what_all_of_them_see() {
        let (everywhere, here) = (concern(Scope::Cluster, "x"), concern(Scope::Node, "x"));
        let web = policy("web", "1");
        assert_eq!(named(&everywhere, &web, "a"), named(&everywhere, &web, "b"));
        assert_ne!(named(&here, &web, "a"), named(&here, &web, "b"));
    }

    #[test]
    fn what_differs_has_another_name() {
        let first = named(&concern(Scope::Cluster, "x"), &policy("web", "1"), "a");
        assert!(first.starts_with("web."));
        assert_ne!(first, named(&concern(Scope::Cluster, "y"), &policy("web", "1"), "a"));
        assert_ne!(first, named(&concern(Scope::Cluster, "x"), &policy("web", "2"), "a"));
    }

    #[test]
    fn a_name_fits_whatever_the_object_is_called() {
        let long = format!("{}.{}", "a".repeat(LONGEST_STEM - 1), "b".repeat(30));
        let name = named(&concern(Scope::Cluster, "x"), &policy(&long, "1"), "a");
        assert!(name.len() <= 253 && !name.contains(".."), "{name}");
    }

    #[test]
    fn an_object_without_a_namespace_has_its_events_in_the_default_one() {
        let object = ObjectReference { namespace: None, ..policy("n", "1") };
        let event =
            event(&concern(Scope::Node, "x"), &object, &NodeName::from("n"), MicroTime(Default::default()));
        assert_eq!(event.metadata.namespace.as_deref(), Some("default"));
        assert_eq!(event.reporting_instance.as_deref(), Some("n"));
    }
}
