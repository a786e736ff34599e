//! The name and namespace of an object. Without them there is nothing that a stand-in could stand for.

use std::sync::Arc;

use super::field::{Fields, Problem};
use crate::name::{NamespaceName, ObjectName};

/// The namespace of namespaced objects that name none (API default of every client).
const DEFAULT_NAMESPACE: &str = "default";

/// The longest name of an object, in bytes (RFC 1123 subdomain).
const MAX_NAME: usize = 253;

/// The longest name of a namespace, in bytes (RFC 1123 label).
const MAX_LABEL: usize = 63;

/// `metadata.name`.
pub(super) fn name(metadata: &Fields<'_>) -> Result<Arc<str>, Problem> {
    let Some(field) = metadata.field("name") else { return Err(metadata.problem("the object has no name")) };
    let name = field.text()?;
    if !is_subdomain(name, MAX_NAME) {
        return Err(field
            .problem(format!("{name:?} is no name of an object: lower-case letters, digits, '-' and '.'")));
    }
    Ok(name.into())
}

/// `metadata.namespace`, by default `default`.
pub(super) fn namespace(metadata: &Fields<'_>) -> Result<NamespaceName, Problem> {
    let Some(field) = metadata.field("namespace") else { return Ok(NamespaceName::new(DEFAULT_NAMESPACE)) };
    let name = field.text()?;
    if name.is_empty() {
        return Ok(NamespaceName::new(DEFAULT_NAMESPACE));
    }
    if name.contains('.') || !is_subdomain(name, MAX_LABEL) {
        return Err(
            field.problem(format!("{name:?} is no name of a namespace: lower-case letters, digits and '-'"))
        );
    }
    Ok(NamespaceName::new(name))
}

/// Namespace and name.
pub(super) fn object_name(metadata: &Fields<'_>) -> Result<ObjectName, Problem> {
    Ok(ObjectName { namespace: namespace(metadata)?, name: name(metadata)? })
}

/// RFC 1123: labels of lower-case letters, digits and inner hyphens, set apart by dots.
fn is_subdomain(name: &str, longest: usize) -> bool {
    let is_alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_label = |label: &str| {
        let ends = [label.bytes().next(), label.bytes().next_back()];
        ends.iter().all(|end| end.is_some_and(is_alphanumeric))
            && label.bytes().all(|byte| is_alphanumeric(byte) || byte == b'-')
    };
    name.len() <= longest && name.split('.').all(is_label)
}

/// `metadata.name` of a namespace.
pub(super) fn namespace_name(metadata: &Fields<'_>) -> Result<NamespaceName, Problem> {
    let name = name(metadata)?;
    if name.contains('.') || name.len() > MAX_LABEL {
        return Err(metadata
            .problem(format!("{name:?} is no name of a namespace: lower-case letters, digits and '-'")));
    }
    Ok(NamespaceName::new(name))
}
