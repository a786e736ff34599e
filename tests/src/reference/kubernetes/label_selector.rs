//! `metav1.LabelSelector`.

use serde_json::Value;

use crate::reference::{
    field::{Field, List, has_only, text},
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
        // `None` is a requirement that could not be understood.
        let labels = Field::of(value, "matchLabels", |labels| labels.as_object().cloned());
        let equal =
            |(key, wanted): (&String, &Value)| Some(Requirement::In(key.clone(), vec![text(wanted)?]));
        let mut requirements: Vec<_> = labels.known().into_iter().flatten().map(equal).collect();
        requirements.extend(labels.is_doubtful().then_some(None));
        requirements.extend(List::of(value, "matchExpressions", expression).0);
        let requirements = requirements.into_iter().map(|it| it.unwrap_or(Requirement::Doubtful)).collect();
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
    let values = List::of(value, "values", text).0.into_iter().collect::<Option<Vec<_>>>()?;
    match (value["operator"].as_str()?, values.is_empty()) {
        ("In", false) => Some(Requirement::In(key, values)),
        ("NotIn", false) => Some(Requirement::NotIn(key, values)),
        ("Exists", true) => Some(Requirement::Exists(key)),
        ("DoesNotExist", true) => Some(Requirement::DoesNotExist(key)),
        _ => None,
    }
}
