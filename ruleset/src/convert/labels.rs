//! Labels of objects, and what of them selectors may see.

use super::field::{Fields, Problem};
use crate::labels::Labels;

pub(super) use crate::labels::NAMESPACE;
/// Where an endpoint comes from: `k8s` for every pod.
pub(super) const ORCHESTRATOR: &str = "projectcalico.org/orchestrator";
/// The service account of a pod.
pub(super) const SERVICE_ACCOUNT: &str = "projectcalico.org/serviceaccount";
/// The name of a namespace or service account, as its own label.
pub(super) const NAME: &str = "projectcalico.org/name";
/// The name of a namespace, as Kubernetes labels it.
pub(super) const METADATA_NAME: &str = "kubernetes.io/metadata.name";
/// Before the labels that an endpoint inherits from its namespace.
pub(super) const NAMESPACE_PREFIX: &str = "pcns.";
/// Before the labels that a pod inherits from its service account.
pub(super) const SERVICE_ACCOUNT_PREFIX: &str = "pcsa.";

/// `metadata.labels` of an object, as they are written.
pub(super) fn read(metadata: &Fields<'_>) -> Result<Labels, Problem> {
    let text =
        |(name, value): (&str, super::field::Field<'_>)| Ok((name.to_owned(), value.text()?.to_owned()));
    metadata.map("labels")?.entries().map(text).collect()
}

/// Takes away what only the object's place may say about it. An author who could write these would pass for another namespace or service account
/// (policy-model §1.3, §4.1).
pub(super) fn strip_reserved(labels: &mut Labels) {
    labels.retain(|name| {
        let is_inherited = name.starts_with(NAMESPACE_PREFIX) || name.starts_with(SERVICE_ACCOUNT_PREFIX);
        !is_inherited && ![NAMESPACE, ORCHESTRATOR, SERVICE_ACCOUNT].contains(&name)
    });
}
