//! What is under `deploy/`, as `kubectl apply -k` would send it.
//!
//! The overlays use the part of kustomize that is read here, and no more: `resources` (files and folders) and `patches` with a `path`, which merge maps
//! field by field and lists of `{name, …}` by name. Anything else in a `kustomization.yaml` is an error, so that a test never judges less than is applied.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use kube::{
    Client,
    api::PostParams,
    core::{DynamicObject, GroupVersionKind, Request},
    discovery::{Scope, pinned_kind},
};
use serde::Deserialize;
use serde_json::Value;

use crate::objects;

/// The folder `deploy`.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy")
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Kustomization {
    #[serde(rename = "apiVersion")]
    _api_version: String,
    #[serde(rename = "kind")]
    _kind: String,
    resources: Vec<PathBuf>,
    #[serde(default)]
    patches: Vec<Patch>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Patch {
    path: PathBuf,
}

/// The objects of a folder with a `kustomization.yaml`.
pub fn render(folder: &Path) -> Result<Vec<Value>> {
    let file = folder.join("kustomization.yaml");
    let text = fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
    let kustomization: Kustomization =
        serde_norway::from_str(&text).with_context(|| format!("parse {}", file.display()))?;
    let mut found = Vec::new();
    for resource in kustomization.resources {
        let path = folder.join(resource);
        found.extend(if path.is_dir() { render(&path)? } else { read(&path)? });
    }
    for Patch { path } in kustomization.patches {
        for patch in read(&folder.join(path))? {
            let target = found.iter_mut().find(|object| identity(object) == identity(&patch));
            merge(target.with_context(|| format!("nothing to patch: {patch}"))?, &patch);
        }
    }
    Ok(found)
}

fn read(file: &Path) -> Result<Vec<Value>> {
    let text = fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
    objects::from_yaml(&text).with_context(|| format!("parse {}", file.display()))
}

fn identity(object: &Value) -> [&Value; 4] {
    let metadata = &object["metadata"];
    [&object["apiVersion"], &object["kind"], &metadata["namespace"], &metadata["name"]]
}

fn merge(base: &mut Value, patch: &Value) {
    match (base, patch) {
        (Value::Object(base), Value::Object(patch)) => {
            for (name, value) in patch {
                merge(base.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        (Value::Array(base), Value::Array(patch)) if patch.iter().all(|item| item["name"].is_string()) => {
            for item in patch {
                match base.iter_mut().find(|known| known["name"] == item["name"]) {
                    Some(known) => merge(known, item),
                    None => base.push(item.clone()),
                }
            }
        }
        (base, patch) => *base = patch.clone(),
    }
}

/// What a server says against the creation of an object, with strict validation of fields.
///
/// # Errors
/// If it would not admit it.
pub async fn admit(client: Client, object: Value) -> Result<()> {
    let text = |name: &str| object[name].as_str().with_context(|| format!("{name} of {object}"));
    let (group, version) = text("apiVersion")?.split_once('/').unwrap_or(("", text("apiVersion")?));
    let kind = GroupVersionKind::gvk(group, version, text("kind")?);
    let (resource, capabilities) =
        pinned_kind(&client, &kind).await.with_context(|| format!("{kind:?} is not served"))?;
    let namespace = match (capabilities.scope, object["metadata"]["namespace"].as_str()) {
        (Scope::Cluster, None) => None,
        (Scope::Namespaced, Some(namespace)) => Some(namespace),
        (scope, namespace) => bail!("{scope:?}, but namespace {namespace:?}: {object}"),
    };
    let path = <DynamicObject as kube::Resource>::url_path(&resource, namespace);
    let parameters = PostParams { dry_run: true, field_manager: None };
    let mut request = Request::new(path).create(&parameters, serde_json::to_vec(&object)?)?;
    *request.uri_mut() = format!("{}&fieldValidation=Strict", request.uri()).parse()?;
    let admitted: Value = client.request(request).await.with_context(|| format!("{object}"))?;
    ensure!(admitted["metadata"]["uid"].is_string(), "{admitted}");
    Ok(())
}

/// A right: to do this with the objects of a kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    /// The group, empty for the core.
    pub group: String,
    /// The name of the kind in the API, in plural, with `/status` behind it for that part of the objects.
    pub resource: String,
    /// What may be done.
    pub verb: String,
    /// The only object with which it may be done; none for any.
    pub name: Option<String>,
}

impl Right {
    /// The right of these words.
    pub fn new(group: &str, resource: &str, verb: &str) -> Self {
        Self { group: group.to_owned(), resource: resource.to_owned(), verb: verb.to_owned(), name: None }
    }

    /// The same with one object only.
    #[must_use]
    pub fn with_only(self, name: &str) -> Self {
        Self { name: Some(name.to_owned()), ..self }
    }

    /// What the kind is called in readiness.
    pub fn subject(&self) -> String {
        if self.group.is_empty() {
            self.resource.clone()
        } else {
            format!("{}.{}", self.resource, self.group)
        }
    }
}

/// The rights that the agent's role grants, one by one.
pub fn rights() -> Result<BTreeSet<Right>> {
    let objects = render(&folder().join("base"))?;
    let role = objects.iter().find(|object| object["kind"] == "ClusterRole").context("no ClusterRole")?;
    let texts = |list: &Value| -> Result<Vec<String>> { Ok(serde_json::from_value(list.clone())?) };
    let mut rights = BTreeSet::new();
    for rule in role["rules"].as_array().context("rules")? {
        let fields: Vec<_> = rule.as_object().context("rule")?.keys().cloned().collect();
        let expected = ["apiGroups", "resources", "verbs"];
        ensure!(fields.iter().filter(|field| *field != "resourceNames").eq(expected), "{rule}");
        let name = match rule.get("resourceNames").map(texts).transpose()?.as_deref() {
            None => None,
            Some([name]) => Some(name.clone()),
            Some(_) => bail!("one name at most: {rule}"),
        };
        for group in texts(&rule["apiGroups"])? {
            for resource in texts(&rule["resources"])? {
                for verb in texts(&rule["verbs"])? {
                    ensure!(![&group, &resource, &verb].iter().any(|word| word.contains('*')), "{rule}");
                    let right = Right { name: name.clone(), ..Right::new(&group, &resource, &verb) };
                    ensure!(rights.insert(right), "{verb} {resource}.{group} is granted twice");
                }
            }
        }
    }
    Ok(rights)
}

/// Rules that grant these rights.
pub fn rules<'a>(rights: impl IntoIterator<Item = &'a Right>) -> Value {
    let rule = |right: &Right| {
        let mut rule = serde_json::json!({"apiGroups": [right.group], "resources": [right.resource], "verbs": [right.verb]});
        if let Some(name) = &right.name {
            rule["resourceNames"] = serde_json::json!([name]);
        }
        rule
    };
    rights.into_iter().map(rule).collect()
}
