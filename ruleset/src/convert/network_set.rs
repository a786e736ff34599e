//! NetworkSet and GlobalNetworkSet of Calico.

use super::{
    field::{Fields, Problems},
    labels::{self, NAMESPACE},
    nets,
    remark::Remarks,
};
use crate::resource::{NetworkSet, NetworkSetKey};

/// Reads a network set. Without its labels it is in no rule; a network that is not understood is missing, the others are not.
pub(super) fn convert(key: NetworkSetKey, object: &Fields<'_>, remarks: &mut Remarks) -> Option<NetworkSet> {
    let mut problems = Problems::default();
    problems.0.extend(object.unknown(&super::OBJECT_FIELDS));
    let spec = problems.map_or_empty(object, "spec");
    problems.0.extend(spec.unknown(&["nets"]));
    remarks.errors(problems, "the set holds nothing by this field");

    let mut members = Vec::new();
    let mut unread = Problems::default();
    for item in unread.or_default(spec.items("nets")) {
        members.extend(unread.or_default(nets::net(&item).map(Some)));
    }
    remarks.errors(unread, "the set does not hold this");
    members.sort();
    members.dedup();

    let mut labels = match object.map("metadata").and_then(|metadata| labels::read(&metadata)) {
        Ok(labels) => labels,
        Err(problem) => {
            remarks.error(problem, "no selector matches the set");
            return None;
        }
    };
    labels::strip_reserved(&mut labels);
    if let Some(namespace) = &key.namespace {
        labels.insert(NAMESPACE, namespace.as_str());
    }
    Some(NetworkSet { key, labels, nets: members })
}
