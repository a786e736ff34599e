//! API objects as text.

use serde::Deserialize;
use serde_json::Value;

/// Reads the objects of a YAML stream; items of a `List` count one by one, empty documents not at all.
pub fn from_yaml(text: &str) -> Result<Vec<Value>, serde_norway::Error> {
    let mut objects = Vec::new();
    for document in serde_norway::Deserializer::from_str(text) {
        match Value::deserialize(document)? {
            Value::Null => {}
            Value::Object(mut list) if list.get("kind").is_some_and(|kind| kind == "List") => {
                if let Some(Value::Array(items)) = list.remove("items") {
                    objects.extend(items);
                }
            }
            object => objects.push(object),
        }
    }
    Ok(objects)
}

/// The objects as a YAML stream.
pub fn to_yaml(objects: &[Value]) -> Result<String, serde_norway::Error> {
    let documents = objects.iter().map(serde_norway::to_string).collect::<Result<Vec<_>, _>>()?;
    Ok(documents.join("---\n"))
}
