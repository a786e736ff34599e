//! `metav1.LabelSelector`.

use serde_json::Value;

use crate::reference::{
    field::{has_only, text},
    labels::Labels,
    truth::Truth,
};

/// A label selector; all requirements are ANDed, and none match everything.
#[derive(Clone, Debug)]
pub struct LabelSelector {
    requirements: Vec<Requirement>,
}

#[derive(Clone, Debug)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    DoesNotExist(String),
    /// Not understood: it could demand anything.
    Doubtful,
}

impl LabelSelector {
    /// Reads a selector; `None` if it is none at all.
    pub fn read(value: &Value) -> Option<Self> {
        if !has_only(value, &["matchLabels", "matchExpressions"]) {
            return None;
        }
        let mut requirements = Vec::new();
        match &value["matchLabels"] {
            Value::Null => {}
            Value::Object(labels) => {
                for (key, wanted) in labels {
                    let requirement = text(wanted).map(|wanted| Requirement::In(key.clone(), vec![wanted]));
                    requirements.push(requirement.unwrap_or(Requirement::Doubtful));
                }
            }
            _ => requirements.push(Requirement::Doubtful),
        }
        match &value["matchExpressions"] {
            Value::Null => {}
            Value::Array(expressions) => {
                requirements
                    .extend(expressions.iter().map(|it| expression(it).unwrap_or(Requirement::Doubtful)));
            }
            _ => requirements.push(Requirement::Doubtful),
        }
        Some(Self { requirements })
    }

    /// Whether labels meet every requirement. As in the API, `NotIn` is met by an absent label.
    pub fn matches(&self, labels: &Labels) -> Truth {
        Truth::all(self.requirements.iter().map(|requirement| match requirement {
            Requirement::In(key, values) => {
                labels.get(key).is_some_and(|value| values.contains(value)).into()
            }
            Requirement::NotIn(key, values) => {
                labels.get(key).is_none_or(|value| !values.contains(value)).into()
            }
            Requirement::Exists(key) => labels.contains_key(key).into(),
            Requirement::DoesNotExist(key) => (!labels.contains_key(key)).into(),
            Requirement::Doubtful => Truth::Maybe,
        }))
    }

    /// Whether a requirement could not be understood.
    pub fn is_doubtful(&self) -> bool {
        self.requirements.iter().any(|requirement| matches!(requirement, Requirement::Doubtful))
    }
}

/// One of `matchExpressions`: `In` and `NotIn` need values, the others have none (API validation).
fn expression(value: &Value) -> Option<Requirement> {
    if !has_only(value, &["key", "operator", "values"]) {
        return None;
    }
    let key = text(&value["key"])?;
    let values = match &value["values"] {
        Value::Null => Vec::new(),
        Value::Array(values) => values.iter().map(text).collect::<Option<Vec<_>>>()?,
        _ => return None,
    };
    match (value["operator"].as_str()?, values.is_empty()) {
        ("In", false) => Some(Requirement::In(key, values)),
        ("NotIn", false) => Some(Requirement::NotIn(key, values)),
        ("Exists", true) => Some(Requirement::Exists(key)),
        ("DoesNotExist", true) => Some(Requirement::DoesNotExist(key)),
        _ => None,
    }
}
