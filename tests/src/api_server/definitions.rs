//! Definitions of kinds that an API server does not know by itself.
//!
//! Those here let every field through as it is: what a case says reaches the agent, and the agent has to judge it. They are what a cluster looks like
//! whose definitions are older or laxer than the agent.

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{ApiClient, fixture};
use crate::objects;

/// Calico's kinds that are read, by their names in paths, and whether they are of a namespace.
pub const CALICO: [(&str, &str, bool); 9] = [
    ("NetworkPolicy", "networkpolicies", true),
    ("GlobalNetworkPolicy", "globalnetworkpolicies", false),
    ("NetworkSet", "networksets", true),
    ("GlobalNetworkSet", "globalnetworksets", false),
    ("Tier", "tiers", false),
    ("HostEndpoint", "hostendpoints", false),
    ("IPPool", "ippools", false),
    ("FelixConfiguration", "felixconfigurations", false),
    ("BGPConfiguration", "bgpconfigurations", false),
];

/// Lax definitions of Calico's kinds in the form that people write, `projectcalico.org/v3`.
pub fn calico() -> Vec<Value> {
    CALICO.iter().map(|kind| lax("projectcalico.org", "v3", kind)).collect()
}

/// The same in the form that Calico's own API server stores, `crd.projectcalico.org/v1`.
pub fn calico_stored() -> Vec<Value> {
    CALICO.iter().map(|kind| lax("crd.projectcalico.org", "v1", kind)).collect()
}

/// The definitions of AdminNetworkPolicy, BaselineAdminNetworkPolicy and ClusterNetworkPolicy as their authors publish them. They come with the fixture.
pub fn policy_api() -> Result<Vec<Value>> {
    let folder = fixture()?.with_file_name("definitions");
    let mut found = Vec::new();
    for release in fs::read_dir(&folder).with_context(|| format!("read {}", folder.display()))? {
        found.extend(objects::from_folder(&release?.path())?);
    }
    ensure!(found.len() == 3, "{} definitions in {}", found.len(), folder.display());
    Ok(found)
}

/// The definitions of a folder of this repository, such as `deploy/crds`.
pub fn of_folder(folder: &Path) -> Result<Vec<Value>> {
    objects::from_folder(folder)
}

/// Installs definitions and waits until their kinds are served.
pub fn install(client: &ApiClient, definitions: &[Value]) -> Result<()> {
    client.apply_all(definitions)?;
    for definition in definitions {
        client.wait_until(definition, |definition| definition.is_some_and(is_established))?;
    }
    Ok(())
}

/// Whether the server serves the kind.
fn is_established(definition: &Value) -> bool {
    let conditions = definition["status"]["conditions"].as_array();
    conditions
        .into_iter()
        .flatten()
        .any(|condition| condition["type"] == "Established" && condition["status"] == "True")
}

fn lax(group: &str, version: &str, &(kind, plural, namespaced): &(&str, &str, bool)) -> Value {
    let schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.{group}")},
        "spec": {
            "group": group,
            "scope": if namespaced { "Namespaced" } else { "Cluster" },
            "names": {"kind": kind, "plural": plural, "singular": kind.to_lowercase(), "listKind": format!("{kind}List")},
            "versions": [{"name": version, "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}],
        },
    })
}
