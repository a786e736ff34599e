//! What a condition says, and the change that makes an object say it.

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::core::DynamicObject;
use serde_json::{Value, json};

use crate::{
    report::concern::{note_of, shorten},
    source::Judged,
};

/// The condition.
pub(super) const TYPE: &str = "ferrule.io/Understood";
/// How long its message may be, in bytes.
const LONGEST: usize = 2048;

/// What there is to say of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    /// `metadata.uid` of what was judged.
    pub uid: Box<str>,
    /// `metadata.generation` of what was judged.
    pub generation: Option<i64>,
    /// What is not understood; none if all of it is.
    pub message: Option<String>,
}

impl Verdict {
    /// What there is to say of an object that was judged so.
    pub fn of(judged: &Judged) -> Self {
        let notes: BTreeSet<String> = judged.errors.iter().map(note_of).collect();
        let message = notes.into_iter().collect::<Vec<_>>().join("\n");
        let message = (!judged.errors.is_empty()).then(|| shorten(message, LONGEST));
        Self { uid: judged.uid.clone(), generation: judged.generation, message }
    }

    /// Whether this is what was judged.
    pub fn is_of(&self, object: &DynamicObject) -> bool {
        let DynamicObject { metadata, .. } = object;
        metadata.uid.as_deref() == Some(&*self.uid) && metadata.generation == self.generation
    }

    /// The change that makes an object say this; none if it does.
    pub fn patch(&self, object: &DynamicObject, now: &Time) -> Option<Value> {
        let mut conditions = conditions(object);
        let place = conditions.iter().position(|one| one["type"] == TYPE);
        let known = place.map(|place| conditions.remove(place));
        let (status, reason, message) = match &self.message {
            None => ("True", "Understood", ""),
            Some(message) => ("False", "NotUnderstood", message.as_str()),
        };
        let is_said = |known: &Value| {
            (&known["status"], &known["reason"], &known["message"])
                == (&json!(status), &json!(reason), &json!(message))
                && known["observedGeneration"] == json!(self.generation)
        };
        match &known {
            Some(known) if is_said(known) => return None,
            // Nothing was ever wrong with it, and nobody asks.
            None if self.message.is_none() => return None,
            Some(_) | None => {}
        }
        let since =
            known.filter(|known| known["status"] == status).map(|known| known["lastTransitionTime"].clone());
        conditions.push(json!({
            "type": TYPE,
            "status": status,
            "reason": reason,
            "message": message,
            "observedGeneration": self.generation,
            "lastTransitionTime": since.unwrap_or_else(|| json!(now)),
        }));
        Some(json!({
            "metadata": {"resourceVersion": object.metadata.resource_version},
            "status": {"conditions": conditions},
        }))
    }
}

/// The conditions of an object.
pub(super) fn conditions(object: &DynamicObject) -> Vec<Value> {
    object.data["status"]["conditions"].as_array().cloned().unwrap_or_default()
}
