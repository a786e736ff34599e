//! What manifests for a directory leave out and an API server demands.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

/// The objects as an API server admits them: pods have a container with an image, run, and name their first address twice; services with two addresses
/// say that they are of two families; namespaces and service
/// accounts that are only named exist. What is wrong otherwise stays wrong.
pub fn admissible(objects: &[Value]) -> Vec<Value> {
    let mut complete: Vec<Value> = implied(objects);
    complete.extend(objects.iter().cloned().map(|mut object| {
        match object["kind"].as_str() {
            Some("Pod") => complete_pod(&mut object),
            Some("Service") => complete_service(&mut object),
            Some(_) | None => {}
        }
        object
    }));
    complete
}

/// Namespaces and service accounts that objects name and nobody defines.
fn implied(objects: &[Value]) -> Vec<Value> {
    let defined: BTreeSet<_> = objects.iter().map(key).collect();
    let mut implied = BTreeSet::new();
    for object in objects {
        let Some(namespace) = object["metadata"]["namespace"].as_str() else { continue };
        implied.insert(("Namespace".to_owned(), None, namespace.to_owned()));
        if let Some(account) =
            object["spec"]["serviceAccountName"].as_str().filter(|account| *account != "default")
        {
            implied.insert(("ServiceAccount".to_owned(), Some(namespace.to_owned()), account.to_owned()));
        }
    }
    let missing = implied.into_iter().filter(|key| !defined.contains(key));
    missing
        .map(|(kind, namespace, name)| match namespace {
            Some(namespace) => {
                json!({"apiVersion": "v1", "kind": kind, "metadata": {"namespace": namespace, "name": name}})
            }
            None => json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}}),
        })
        .collect()
}

fn key(object: &Value) -> (String, Option<String>, String) {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let metadata = &object["metadata"];
    (
        text(&object["kind"]).unwrap_or_default(),
        text(&metadata["namespace"]),
        text(&metadata["name"]).unwrap_or_default(),
    )
}

fn complete_pod(pod: &mut Value) {
    if pod["spec"].is_null() {
        pod["spec"] = Value::Object(Map::new());
    }
    let spec = &mut pod["spec"];
    if spec["containers"].as_array().is_none_or(Vec::is_empty) {
        spec["containers"] = json!([{}]);
    }
    for (number, container) in spec["containers"].as_array_mut().into_iter().flatten().enumerate() {
        if container["name"].is_null() {
            container["name"] = format!("c{number}").into();
        }
        container["image"] = "none".into();
    }
    let status = &mut pod["status"];
    if status["phase"].is_null() {
        status["phase"] = "Running".into();
    }
    if status["podIP"].is_null() && !status["podIPs"][0]["ip"].is_null() {
        status["podIP"] = status["podIPs"][0]["ip"].clone();
    }
}

fn complete_service(service: &mut Value) {
    let spec = &mut service["spec"];
    if spec["clusterIPs"].as_array().is_some_and(|addresses| addresses.len() > 1)
        && spec["ipFamilyPolicy"].is_null()
    {
        spec["ipFamilyPolicy"] = "PreferDualStack".into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_only_named_exists_and_pods_run() {
        let objects = [
            json!({"kind": "Namespace", "metadata": {"name": "there"}}),
            json!({"kind": "Pod", "metadata": {"namespace": "there", "name": "a"}, "spec": {"serviceAccountName": "sa"}, "status": {"podIPs": [{"ip": "10.0.0.1"}]}}),
            json!({"kind": "Pod", "metadata": {"namespace": "named", "name": "b"}, "spec": {"containers": [{"name": "x"}]}, "status": {"phase": "Failed"}}),
        ];
        let complete = admissible(&objects);
        let keys: Vec<_> = complete.iter().map(key).collect();
        let named = ("Namespace".to_owned(), None, "named".to_owned());
        let account = ("ServiceAccount".to_owned(), Some("there".to_owned()), "sa".to_owned());
        assert_eq!(keys[..2], [named, account]);
        assert_eq!(complete[2], objects[0]);
        assert_eq!(
            complete[3]["status"],
            json!({"podIPs": [{"ip": "10.0.0.1"}], "phase": "Running", "podIP": "10.0.0.1"})
        );
        assert_eq!(complete[3]["spec"]["containers"], json!([{"name": "c0", "image": "none"}]));
        assert_eq!(complete[4]["spec"]["containers"], json!([{"name": "x", "image": "none"}]));
        assert_eq!(complete[4]["status"]["phase"], "Failed");
    }
}
