//! The definitions of `deploy/crds` refuse what the conversion calls an error, and the reverse, but for two lists that are exact (`tests/admission`).

#![allow(clippy::unwrap_used, reason = "tests")]

use std::{collections::BTreeSet, path::Path};

use ferrule_tests::{
    admission::{API, Example, NAMESPACE, errors, is_namespaced, mutation::mutate, refusals},
    api_server::{ApiClient, ApiServer, definitions},
    generate::{Rng, Universe, Validity},
};
use futures::{StreamExt as _, stream};
use serde_json::Value;

/// How many universes objects are taken from.
const UNIVERSES: u64 = 128;
/// How many changed objects are made of each.
const CHANGES: usize = 3;
/// How many objects the server judges at a time.
const WIDTH: usize = 8;

fn server(label: &str) -> ApiServer {
    let server = ApiServer::start(label, &[]).unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/crds");
    definitions::install(server.client(), &definitions::of_folder(&folder).unwrap()).unwrap();
    server
}

/// An object, what the conversion has against it, and what the server has.
type Judged = (Value, Vec<String>, Vec<String>);

fn judge(client: &ApiClient, objects: Vec<Value>) -> Vec<Judged> {
    let refused = client.run(|client| {
        let asked = objects.clone().into_iter().map(move |object| refusals(client.clone(), object));
        stream::iter(asked).buffered(WIDTH).collect::<Vec<_>>()
    });
    let judged = objects.into_iter().zip(refused);
    judged.map(|(object, refused)| (object.clone(), errors(&object), refused.unwrap())).collect()
}

/// The examples of a file, judged.
fn examples(client: &ApiClient, file: &str) -> Vec<(Example, Judged)> {
    let examples = Example::of(file).unwrap();
    let objects = examples.iter().map(|example| example.object().unwrap()).collect();
    examples.into_iter().zip(judge(client, objects)).collect()
}

fn says(what: &[String], part: &str) -> bool {
    what.iter().any(|said| said.contains(part))
}

#[test]
fn both_refuse_or_admit_what_stands_at_the_border() {
    let server = server("border");
    let mut wrong = Vec::new();
    for (file, expected) in [
        ("both_refuse.yaml", (true, true)),
        ("both_admit.yaml", (false, false)),
        ("conversion_only.yaml", (true, false)),
        ("server_only.yaml", (false, true)),
    ] {
        for (example, (_, ours, theirs)) in examples(server.client(), file) {
            let found = (!ours.is_empty(), !theirs.is_empty());
            let said = match expected {
                (_, true) => says(&theirs, &example.says),
                (true, false) => says(&ours, &example.says),
                (false, false) => true,
            };
            if found != expected || !said {
                wrong.push(format!("{file}: {}\n  conversion: {ours:?}\n  server: {theirs:?}", example.why));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Objects of Calico's kinds from random universes, and the same with something about them changed.
fn generated() -> Vec<Value> {
    let mut objects = Vec::new();
    for seed in 0..UNIVERSES {
        let mut rng = Rng::new(seed);
        let universe =
            if seed % 2 == 0 { Universe::of(seed, Validity::Mixed, 0) } else { Universe::of_nodes(seed, 0) };
        // Kinds that nobody enforces stand in every universe; the definitions are of those that somebody does.
        let is_defined = |object: &Value| {
            object["apiVersion"] == API
                && object["kind"].as_str().is_some_and(|kind| is_namespaced(kind).is_ok())
        };
        for mut object in universe.objects.into_iter().filter(is_defined) {
            if is_namespaced(object["kind"].as_str().unwrap()).unwrap() {
                object["metadata"]["namespace"] = NAMESPACE.into();
            }
            for _ in 0..CHANGES {
                let mut changed = object.clone();
                mutate(&mut rng, &mut changed["spec"]);
                // A field that nobody knows and that says nothing is a class of its own.
                if let Some(spec) = changed["spec"].as_object_mut() {
                    spec.retain(|name, value| name != "unheardOf" || !value.is_null());
                }
                objects.push(changed);
            }
            objects.push(object);
        }
    }
    objects
}

#[test]
fn whatever_one_refuses_alone_is_on_its_list() {
    let server = server("lists");
    let classes = |file| -> Vec<String> {
        Example::of(file).unwrap().into_iter().map(|example| example.says).collect()
    };
    let (ours_alone, theirs_alone) = (classes("conversion_only.yaml"), classes("server_only.yaml"));
    let is_listed = |said: &[String], classes: &[String]| {
        said.iter().all(|said| classes.iter().any(|class| said.contains(class)))
    };
    let mut wrong = BTreeSet::new();
    let (mut admitted, mut refused) = (0, 0);
    for (object, ours, theirs) in judge(server.client(), generated()) {
        // The server says besides that it has not looked at everything.
        let theirs: Vec<_> = theirs
            .into_iter()
            .filter(|said| !said.contains("some validation rules were not checked"))
            .collect();
        let explained = match (ours.is_empty(), theirs.is_empty()) {
            (true, true) => {
                admitted += 1;
                true
            }
            (false, false) => {
                refused += 1;
                true
            }
            (false, true) => is_listed(&ours, &ours_alone),
            (true, false) => is_listed(&theirs, &theirs_alone),
        };
        if !explained {
            wrong.insert(format!("{object}\n  conversion: {ours:?}\n  server: {theirs:?}"));
        }
    }
    let shown: Vec<_> = wrong.iter().take(20).cloned().collect();
    assert!(wrong.is_empty(), "{} objects:\n{}", wrong.len(), shown.join("\n"));
    assert!(admitted > 300 && refused > 300, "{admitted} admitted, {refused} refused");
}
