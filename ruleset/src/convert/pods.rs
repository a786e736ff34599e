//! Pods as the policies of Kubernetes select them, by their own labels and those of their namespaces.

use std::sync::LazyLock;

use super::{
    field::{Field, Problem},
    label_selector,
    labels::{NAMESPACE, NAMESPACE_PREFIX, ORCHESTRATOR},
};
use crate::selector::Selector;

/// Pods for which all terms hold: network sets bear labels too, and are none.
pub(super) fn of_pods(terms: impl IntoIterator<Item = Selector>) -> Selector {
    // Every policy has this term, and a cluster many policies.
    static POD: LazyLock<Selector> = LazyLock::new(|| Selector::equals(ORCHESTRATOR, "k8s"));
    terms.into_iter().fold(POD.clone(), Selector::and)
}

/// Terms for a selector of namespaces; the empty one selects every namespace.
pub(super) fn in_namespaces(field: &Field<'_>) -> Result<Vec<Selector>, Problem> {
    let terms = label_selector::terms(field)?;
    if terms.is_empty() {
        return Ok(vec![Selector::has(NAMESPACE)]);
    }
    Ok(terms.iter().map(|term| term.prefixed(NAMESPACE_PREFIX)).collect())
}
