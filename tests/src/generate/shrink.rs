//! Failures made small.

use serde_json::Value;

/// The objects with everything taken away, piece by piece, without which the failure remains: whole objects, then rules, list entries and fields.
pub fn shrink(objects: &[Value], mut fails: impl FnMut(&[Value]) -> bool) -> Vec<Value> {
    let mut smallest = objects.to_vec();
    loop {
        let before = smallest.clone();
        shrink_objects(&mut smallest, &mut fails);
        for index in 0..smallest.len() {
            shrink_fields(&mut smallest, index, &mut fails);
        }
        if smallest == before {
            return smallest;
        }
    }
}

fn shrink_objects(objects: &mut Vec<Value>, fails: &mut impl FnMut(&[Value]) -> bool) {
    let mut index = objects.len();
    while index > 0 {
        index -= 1;
        let removed = objects.remove(index);
        if !fails(objects) {
            objects.insert(index, removed);
        }
    }
}

/// Takes one node after the other out of an object, outer nodes first; what names the object stays.
fn shrink_fields(objects: &mut [Value], index: usize, fails: &mut impl FnMut(&[Value]) -> bool) {
    let mut next = 0;
    loop {
        let mut paths = Vec::new();
        paths_of(&objects[index], "", &mut paths);
        let Some(path) = paths.get(next) else { return };
        let whole = objects[index].clone();
        remove(&mut objects[index], path);
        if !fails(objects) {
            objects[index] = whole;
            next += 1;
        }
    }
}

/// JSON pointers of everything that may go, outer nodes before inner ones, later entries of lists before earlier ones.
fn paths_of(value: &Value, path: &str, paths: &mut Vec<String>) {
    const KEPT: [&str; 6] =
        ["/apiVersion", "/kind", "/metadata", "/metadata/name", "/metadata/namespace", "/spec/node"];
    if !path.is_empty() && !KEPT.contains(&path) {
        paths.push(path.to_owned());
    }
    match value {
        Value::Object(fields) => {
            for (key, field) in fields {
                paths_of(field, &format!("{path}/{}", key.replace('~', "~0").replace('/', "~1")), paths);
            }
        }
        Value::Array(entries) => {
            for (index, entry) in entries.iter().enumerate().rev() {
                paths_of(entry, &format!("{path}/{index}"), paths);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn remove(object: &mut Value, path: &str) {
    let Some((parent, last)) = path.rsplit_once('/') else { return };
    match object.pointer_mut(parent) {
        Some(Value::Object(fields)) => drop(fields.shift_remove(&last.replace("~1", "/").replace("~0", "~"))),
        Some(Value::Array(entries)) => {
            if let Some(index) = last.parse().ok().filter(|index| *index < entries.len()) {
                entries.remove(index);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::shrink;

    #[test]
    fn what_the_failure_does_not_need_goes() {
        let objects = [
            json!({"kind": "A", "metadata": {"name": "a", "labels": {"x/y": "1"}}}),
            json!({"kind": "B", "metadata": {"name": "b"}, "spec": {"rules": [{"n": 1}, {"n": 2, "m": 3}, {"n": 4}], "order": 5}}),
        ];
        let has_two = |value: &serde_json::Value| {
            value["spec"]["rules"].as_array().is_some_and(|rules| rules.iter().any(|rule| rule["n"] == 2))
        };
        let smallest = shrink(&objects, |objects| objects.iter().any(has_two));
        assert_eq!(
            smallest,
            [json!({"kind": "B", "metadata": {"name": "b"}, "spec": {"rules": [{"n": 2}]}})]
        );
    }
}
