//! Whom a policy governs: the pods of namespaces, or pods. Those that share the network of their node are never among them, nor is anything but pods.

use super::Api;
use crate::{
    convert::{
        field::{Field, Fields, Problem, Problems},
        label_selector,
        pods::{in_namespaces, of_pods},
    },
    selector::Selector,
};

/// The subject. What is not understood is left out, so that the subject is as wide as it could be.
pub(super) fn subject(api: Api, spec: &Fields<'_>, problems: &mut Problems) -> Selector {
    if spec.field("subject").is_none() {
        problems.0.push(spec.problem("subject is missing"));
        return of_pods([]);
    }
    let fields = problems.map_or_empty(spec, "subject");
    problems.0.extend(fields.unknown(&["namespaces", "pods"]));
    let terms = match (fields.field("namespaces"), fields.field("pods")) {
        (Some(namespaces), None) => problems.or_default(in_namespaces(&namespaces)),
        (None, Some(pods)) => problems.or_default(namespaced_pods(api, &pods)),
        (Some(_), Some(_)) => {
            problems.0.push(fields.problem("namespaces and pods cannot stand beside each other"));
            Vec::new()
        }
        (None, None) => {
            problems.0.push(fields.problem("it needs namespaces or pods"));
            Vec::new()
        }
    };
    of_pods(terms)
}

/// `{namespaceSelector, podSelector}`. The namespaces may be absent in ClusterNetworkPolicy only, and are then all.
pub(super) fn namespaced_pods(api: Api, field: &Field<'_>) -> Result<Vec<Selector>, Problem> {
    let fields = field.fields()?;
    if let Some(problem) = fields.unknown(&["namespaceSelector", "podSelector"]).pop() {
        return Err(problem);
    }
    let mut terms = match (fields.field("namespaceSelector"), api) {
        (Some(namespaces), _) => in_namespaces(&namespaces)?,
        (None, Api::Cluster) => Vec::new(),
        (None, Api::Admin | Api::Baseline) => {
            return Err(fields.problem("namespaceSelector is missing; {} selects every namespace"));
        }
    };
    let pods = fields.field("podSelector");
    let pods = pods.ok_or_else(|| fields.problem("podSelector is missing; {} selects every pod"))?;
    terms.extend(label_selector::terms(&pods)?);
    Ok(terms)
}
