//! Labels as selectors see them (policy-model §2.1, §2.2).

use std::collections::BTreeMap;

use serde_json::Value;

/// Labels by key.
pub type Labels = BTreeMap<String, String>;

/// The label that holds an object's namespace.
pub const NAMESPACE: &str = "projectcalico.org/namespace";
/// The label that holds a pod's service account.
pub const SERVICE_ACCOUNT: &str = "projectcalico.org/serviceaccount";
/// The label that tells pods from everything else.
pub const ORCHESTRATOR: &str = "projectcalico.org/orchestrator";
/// The label that holds the name of a namespace or service account, as they pass it on.
pub const NAME: &str = "projectcalico.org/name";
/// The name of a namespace by the Kubernetes API.
pub const METADATA_NAME: &str = "kubernetes.io/metadata.name";
/// What stands before labels inherited from the namespace (§2.1).
pub const OF_NAMESPACE: &str = "pcns.";
/// What stands before labels inherited from the service account (§2.1).
pub const OF_SERVICE_ACCOUNT: &str = "pcsa.";

/// `metadata.labels` as written.
pub fn written(object: &Value) -> Labels {
    let labels = object.pointer("/metadata/labels").and_then(Value::as_object);
    let text = |(key, value): (&String, &Value)| Some((key.clone(), value.as_str()?.to_owned()));
    labels.into_iter().flatten().filter_map(text).collect()
}

/// The labels without those by which an author could pose as something else: inherited ones (§1.3, §2.2), the namespace (§1.3) and the service account
/// (§4.1 "strip it").
pub fn without_reserved(mut labels: Labels) -> Labels {
    let inherited = |key: &str| key.starts_with(OF_NAMESPACE) || key.starts_with(OF_SERVICE_ACCOUNT);
    labels.retain(|key, _| !inherited(key) && key != NAMESPACE && key != SERVICE_ACCOUNT);
    labels
}

/// Labels handed down from a namespace or service account. An endpoint's own label of the same name wins (§3).
pub fn inherit(labels: &mut Labels, prefix: &str, parent: Option<&Labels>) {
    for (key, value) in parent.into_iter().flatten() {
        labels.entry(format!("{prefix}{key}")).or_insert_with(|| value.clone());
    }
}
