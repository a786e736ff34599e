//! API objects as text.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::Value;

/// Reads the objects of a YAML stream; items of a `List` count one by one, empty documents not at all.
pub fn from_yaml(text: &str) -> std::result::Result<Vec<Value>, serde_norway::Error> {
    let mut objects = Vec::new();
    for document in serde_norway::Deserializer::from_str(text) {
        let object = Value::deserialize(document)?;
        if object["kind"] == "List" {
            objects.extend(object["items"].as_array().into_iter().flatten().cloned());
        } else if !object.is_null() {
            objects.push(object);
        }
    }
    Ok(objects)
}

/// Reads every `*.yaml` of a folder.
pub fn from_folder(folder: &Path) -> Result<Vec<Value>> {
    let mut objects = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))? {
        let file = entry?.path();
        if file.extension().is_some_and(|extension| extension == "yaml") {
            let text = fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
            objects.extend(from_yaml(&text).with_context(|| format!("parse {}", file.display()))?);
        }
    }
    Ok(objects)
}

/// The objects as a YAML stream.
pub fn to_yaml(objects: &[Value]) -> std::result::Result<String, serde_norway::Error> {
    let documents =
        objects.iter().map(serde_norway::to_string).collect::<std::result::Result<Vec<_>, _>>()?;
    Ok(documents.join("---\n"))
}
