//! Requests about objects as trees.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context, Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use kube::{
    Api, Client,
    api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams},
    core::GroupVersionKind,
    discovery::{ApiCapabilities, ApiResource, Scope, pinned_kind},
};
use serde_json::{Value, json};

use super::client::refusal;

/// How many requests are under way at a time where many are made.
const WIDTH: usize = 16;

/// What the server said of kinds, by `apiVersion` and `kind`.
type Kinds = BTreeMap<(String, String), (ApiResource, ApiCapabilities)>;

/// A client that remembers what the server said of kinds.
#[derive(Clone)]
pub(super) struct Requests {
    client: Client,
    kinds: Arc<Mutex<Kinds>>,
}

/// The interface to the objects of a kind in a namespace, and whether they have a status of their own.
struct Kind {
    api: Api<DynamicObject>,
    status: bool,
}

impl Requests {
    pub(super) fn new(client: Client) -> Self {
        Self { client, kinds: Arc::default() }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) async fn create(&self, object: &Value, dry_run: bool) -> Result<Value> {
        let kind = self.kind(object).await?;
        let body: DynamicObject = serde_json::from_value(object.clone()).with_context(|| describe(object))?;
        let parameters = PostParams { dry_run, field_manager: None };
        let created = kind
            .api
            .create(&parameters, &body)
            .await
            .with_context(|| format!("create {}", describe(object)))?;
        Ok(serde_json::to_value(created)?)
    }

    pub(super) async fn apply(&self, object: &Value) -> Result<Value> {
        let applied = match self.create(object, false).await {
            Err(error) if refusal(&error).is_some_and(|status| status.is_already_exists()) => {
                self.change(object).await?
            }
            created => created?,
        };
        let has_status = object["status"].as_object().is_some_and(|status| !status.is_empty());
        if has_status && self.kind(object).await?.status {
            self.patch_status(object).await
        } else {
            Ok(applied)
        }
    }

    pub(super) async fn apply_all(&self, objects: Vec<Value>) -> Result<()> {
        let mut stages: BTreeMap<u8, Vec<Value>> = BTreeMap::new();
        for object in objects {
            stages.entry(stage(&object)).or_default().push(object);
        }
        for objects in stages.into_values() {
            let applied =
                objects.into_iter().map(|object| async move { self.apply(&object).await.map(drop) });
            stream::iter(applied).buffer_unordered(WIDTH).try_collect::<()>().await?;
        }
        Ok(())
    }

    /// Makes an object that exists what is asked for. Next to nothing of a pod can be replaced but its labels.
    async fn change(&self, object: &Value) -> Result<Value> {
        if object["kind"] == "Pod" {
            let metadata = &object["metadata"];
            return self.patch(&json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata})).await;
        }
        let kind = self.kind(object).await?;
        let present = kind.api.get(name(object)?).await.with_context(|| describe(object))?;
        let mut body: DynamicObject =
            serde_json::from_value(object.clone()).with_context(|| describe(object))?;
        body.metadata.resource_version = present.metadata.resource_version;
        let replaced = kind.api.replace(name(object)?, &PostParams::default(), &body).await;
        Ok(serde_json::to_value(replaced.with_context(|| format!("replace {}", describe(object)))?)?)
    }

    pub(super) async fn patch(&self, patch: &Value) -> Result<Value> {
        let kind = self.kind(patch).await?;
        let patched = kind.api.patch(name(patch)?, &PatchParams::default(), &Patch::Merge(patch)).await;
        Ok(serde_json::to_value(patched.with_context(|| format!("patch {}", describe(patch)))?)?)
    }

    pub(super) async fn patch_status(&self, patch: &Value) -> Result<Value> {
        let kind = self.kind(patch).await?;
        let status = json!({"status": patch["status"]});
        let patched =
            kind.api.patch_status(name(patch)?, &PatchParams::default(), &Patch::Merge(status)).await;
        Ok(serde_json::to_value(
            patched.with_context(|| format!("patch the status of {}", describe(patch)))?,
        )?)
    }

    pub(super) async fn find(&self, object: &Value) -> Result<Option<Value>> {
        let kind = self.kind(object).await?;
        let found =
            kind.api.get_opt(name(object)?).await.with_context(|| format!("get {}", describe(object)))?;
        Ok(found.map(serde_json::to_value).transpose()?)
    }

    pub(super) async fn list(&self, api_version: &str, kind: &str) -> Result<Vec<Value>> {
        let resource = self.resource(api_version, kind).await?.0;
        let api = Api::<DynamicObject>::all_with(self.client.clone(), &resource);
        let found = api.list(&ListParams::default()).await.with_context(|| format!("list {kind}"))?;
        Ok(found.items.into_iter().map(serde_json::to_value).collect::<Result<_, _>>()?)
    }

    pub(super) async fn delete(&self, object: &Value, grace: Option<u32>) -> Result<()> {
        let kind = self.kind(object).await?;
        let parameters = DeleteParams { grace_period_seconds: grace, ..DeleteParams::background() };
        let deleted = kind.api.delete(name(object)?, &parameters).await;
        deleted.map(drop).with_context(|| format!("delete {}", describe(object)))
    }

    pub(super) async fn clear(&self, objects: Vec<Value>) -> Result<()> {
        let cleared = objects.into_iter().map(|object| async move {
            if object["kind"] == "Namespace" {
                let bare = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": object["metadata"]["name"]}});
                return self.apply(&bare).await.map(drop);
            }
            match self.delete(&object, Some(0)).await {
                // What is not there, or of a kind that is not there.
                Err(error) if refusal(&error).is_some_and(|status| status.code == 404) => Ok(()),
                deleted => deleted,
            }
        });
        stream::iter(cleared).buffer_unordered(WIDTH).try_collect().await
    }

    async fn kind(&self, object: &Value) -> Result<Kind> {
        let text = |field: &str| object[field].as_str().with_context(|| format!("{field} of {object}"));
        let (resource, capabilities) = self.resource(text("apiVersion")?, text("kind")?).await?;
        let client = self.client.clone();
        let api = match capabilities.scope {
            Scope::Cluster => Api::all_with(client, &resource),
            Scope::Namespaced => {
                let namespace = object["metadata"]["namespace"].as_str().unwrap_or("default");
                Api::namespaced_with(client, namespace, &resource)
            }
        };
        let status = capabilities.subresources.iter().any(|(resource, _)| resource.plural == "status");
        Ok(Kind { api, status })
    }

    /// What the server says of a kind; what it does not serve (yet) is asked about again.
    async fn resource(&self, api_version: &str, kind: &str) -> Result<(ApiResource, ApiCapabilities)> {
        let key = (api_version.to_owned(), kind.to_owned());
        let known = self.kinds.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let asked = GroupVersionKind::gvk(group, version, kind);
        let found = pinned_kind(&self.client, &asked)
            .await
            .with_context(|| format!("{api_version} {kind} is not served"))?;
        self.kinds.lock().unwrap_or_else(PoisonError::into_inner).insert(key, found.clone());
        Ok(found)
    }
}

/// What has to be there before what: definitions, namespaces, accounts, all else, pods.
fn stage(object: &Value) -> u8 {
    match object["kind"].as_str() {
        Some("CustomResourceDefinition") => 0,
        Some("Namespace") => 1,
        Some("ServiceAccount") => 2,
        Some("Pod") => 4,
        Some(_) | None => 3,
    }
}

fn name(object: &Value) -> Result<&str> {
    let name = object["metadata"]["name"].as_str().with_context(|| format!("no name: {object}"))?;
    ensure!(!name.is_empty(), "an empty name: {object}");
    Ok(name)
}

/// An object for error messages.
fn describe(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    let (kind, metadata) = (text(&object["kind"]), &object["metadata"]);
    match metadata["namespace"].as_str() {
        Some(namespace) => format!("{kind} {namespace}/{}", text(&metadata["name"])),
        None => format!("{kind} {}", text(&metadata["name"])),
    }
}
