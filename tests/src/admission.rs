//! Two judges of one object: the conversion, and an API server that has the definitions of `deploy/crds`.
//!
//! `tests/admission` holds objects at the border, and the two lists of classes in which the judges differ by design. The law: whatever object, if they differ,
//! everything that the one that refuses says belongs to its list.

pub mod mutation;

use std::path::Path;

use anyhow::{Context, Result, bail};
use ferrule_ruleset::{finding::Severity, manifest::Directory};
use kube::{Client, api::PostParams, core::Request};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api_server::definitions::CALICO;

/// The API of Calico's kinds.
pub const API: &str = "projectcalico.org/v3";

/// A namespace in which objects are judged.
pub const NAMESPACE: &str = "default";

/// An object at the border.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// The rule that it shows.
    pub why: String,
    kind: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    spec: Option<Value>,
    #[serde(default)]
    repeat: Option<Repeat>,
    /// Part of what the judge that refuses says.
    #[serde(default)]
    pub says: String,
}

/// An item that stands many times in a list of the spec.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Repeat {
    /// The list, as a JSON pointer below the spec.
    list: String,
    item: Value,
    times: usize,
}

impl Example {
    /// The examples of a file of `tests/admission`.
    pub fn of(file: &str) -> Result<Vec<Self>> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("admission").join(file);
        let text = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        serde_norway::from_str(&text).with_context(|| format!("parse {}", path.display()))
    }

    /// The object.
    pub fn object(&self) -> Result<Value> {
        let mut object = json!({"apiVersion": API, "kind": self.kind, "metadata": {"name": self.name.as_deref().unwrap_or("x")}});
        if is_namespaced(&self.kind)? {
            object["metadata"]["namespace"] = NAMESPACE.into();
        }
        if let Some(spec) = &self.spec {
            object["spec"] = spec.clone();
        }
        if let Some(Repeat { list, item, times }) = &self.repeat {
            let list = object.pointer_mut(&format!("/spec{list}")).context("list to fill")?;
            *list = vec![item.clone(); *times].into();
        }
        Ok(object)
    }
}

fn place(kind: &str) -> Result<(&'static str, bool)> {
    let known = CALICO.iter().find(|(known, ..)| *known == kind);
    known.map(|(_, plural, namespaced)| (*plural, *namespaced)).with_context(|| format!("kind {kind:?}"))
}

/// Whether objects of a kind are of a namespace.
pub fn is_namespaced(kind: &str) -> Result<bool> {
    Ok(place(kind)?.1)
}

/// What the conversion calls errors, each as `field: message`.
pub fn errors(object: &Value) -> Vec<String> {
    let mut directory = Directory::default();
    directory.update("object.json", Some(&object.to_string()));
    let errors = directory.findings().into_iter().filter(|finding| finding.severity == Severity::Error);
    errors.map(|finding| format!("{}: {}", finding.field, finding.message)).collect()
}

/// What an API server says against the creation of an object, with strict validation of fields, each as `field: message`; nothing if it would admit it.
pub async fn refusals(client: Client, object: Value) -> Result<Vec<String>> {
    let (plural, namespaced) = place(object["kind"].as_str().context("kind")?)?;
    let namespace = if namespaced {
        format!("/namespaces/{}", object["metadata"]["namespace"].as_str().context("namespace")?)
    } else {
        String::new()
    };
    let path = format!("/apis/{API}{namespace}/{plural}");
    let parameters = PostParams { dry_run: true, field_manager: None };
    let mut request = Request::new(path).create(&parameters, serde_json::to_vec(&object)?)?;
    *request.uri_mut() = format!("{}&fieldValidation=Strict", request.uri()).parse()?;
    match client.request::<Value>(request).await {
        Ok(_) => Ok(Vec::new()),
        Err(kube::Error::Api(status)) if [400, 422].contains(&status.code) => {
            let causes = status.details.iter().flat_map(|details| &details.causes);
            let causes: Vec<_> = causes.map(|cause| format!("{}: {}", cause.field, cause.message)).collect();
            Ok(if causes.is_empty() { vec![status.message.clone()] } else { causes })
        }
        Err(error) => bail!("{object}: {error}"),
    }
}
