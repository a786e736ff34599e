//! Namespaces and service accounts (`v1`): what endpoints inherit labels from.

use std::sync::Arc;

use super::{
    field::Fields,
    labels::{self, METADATA_NAME, NAME},
    remark::Remarks,
};
use crate::{
    labels::Labels,
    name::{NamespaceName, ObjectName},
    resource::{Namespace, ServiceAccount},
};

/// A namespace with the labels that every namespace has.
pub(crate) fn with_automatic_labels(name: NamespaceName, mut labels: Labels) -> Namespace {
    let text: Arc<str> = name.as_str().into();
    labels.insert(METADATA_NAME, Arc::clone(&text));
    labels.insert(NAME, text);
    Namespace { name, labels }
}

/// Reads a namespace. Without its labels it counts as absent: they could keep it out of what is allowed.
pub(super) fn convert(
    name: NamespaceName,
    metadata: &Fields<'_>,
    remarks: &mut Remarks,
) -> Option<Namespace> {
    match labels::read(metadata) {
        Ok(labels) => Some(with_automatic_labels(name, labels)),
        Err(problem) => {
            remarks.error(
                problem,
                "the namespace counts as absent: its pods have only what policies allow them",
            );
            None
        }
    }
}

/// Reads a service account.
pub(super) fn convert_account(
    name: ObjectName,
    metadata: &Fields<'_>,
    remarks: &mut Remarks,
) -> Option<ServiceAccount> {
    match labels::read(metadata) {
        Ok(mut labels) => {
            labels.insert(NAME, Arc::clone(&name.name));
            Some(ServiceAccount { name, labels })
        }
        Err(problem) => {
            remarks
                .error(problem, "the service account counts as absent: its pods inherit no labels from it");
            None
        }
    }
}
