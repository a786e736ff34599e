//! An API server in memory, as far as what is told to people asks of one.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use ferrule_ruleset::{
    policy::{PolicyKey, PolicyKind},
    resource::ResourceKey,
};
use http::{Method, Request, Response};
use kube::{Client, client::Body};
use serde_json::{Value, json};
use tokio::time::Instant;

/// The server, in the hands of the test.
#[derive(Clone, Default)]
pub struct Server {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Value>,
    requests: Vec<Asked>,
    /// Parts of paths that are answered so.
    answers: BTreeMap<&'static str, (u16, &'static str)>,
    version: u64,
}

/// A request, and how it was answered.
#[derive(Clone, Debug)]
pub struct Asked {
    pub at: Instant,
    pub method: Method,
    pub path: String,
    pub code: u16,
}

impl Asked {
    /// Whether it changed an object.
    pub fn is_write(&self) -> bool {
        self.method != Method::GET && self.code < 300
    }
}

impl Server {
    pub fn client(&self) -> Client {
        let server = self.clone();
        let answer = move |request: Request<Body>| {
            let server = server.clone();
            async move {
                let (parts, body) = request.into_parts();
                let bytes = body.collect_bytes().await.unwrap();
                let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
                let kind = parts.headers.get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
                let path = parts.uri.path().to_owned();
                let (code, answer) = server.state().answer(&parts.method, &path, kind.as_deref(), body);
                let asked = Asked { at: Instant::now(), method: parts.method, path, code };
                server.state().requests.push(asked);
                let body = Body::from(serde_json::to_vec(&answer).unwrap());
                Ok::<_, Infallible>(Response::builder().status(code).body(body).unwrap())
            }
        };
        Client::new(tower::service_fn(answer), "default")
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Puts an object in its place.
    pub fn put(&self, path: &str, object: Value) {
        self.state().store(path, object);
    }

    pub fn forget(&self, path: &str) {
        self.state().objects.remove(path);
    }

    pub fn object(&self, path: &str) -> Option<Value> {
        self.state().objects.get(path).cloned()
    }

    /// The objects whose path has this part.
    pub fn objects(&self, part: &str) -> Vec<Value> {
        let state = self.state();
        state
            .objects
            .iter()
            .filter(|(path, _)| path.contains(part))
            .map(|(_, object)| object.clone())
            .collect()
    }

    /// The cluster's policies that there are, as far as tests know them by name.
    pub fn cluster_policies(&self) -> Vec<ResourceKey> {
        let state = self.state();
        let key = |path: &String| {
            let mut parts = path.rsplit('/');
            let (name, plural) = (parts.next()?, parts.next()?);
            let kind = match plural {
                "adminnetworkpolicies" => PolicyKind::AdminNetworkPolicy,
                "clusternetworkpolicies" => PolicyKind::ClusterNetworkPolicy,
                _ => return None,
            };
            Some(ResourceKey::Policy(PolicyKey { kind, namespace: None, name: name.into() }))
        };
        state.objects.keys().filter_map(key).collect()
    }

    /// From now on answers so wherever the path has this part; none: as usual.
    pub fn answer_with(&self, part: &'static str, answer: Option<(u16, &'static str)>) {
        match answer {
            Some(answer) => self.state().answers.insert(part, answer),
            None => self.state().answers.remove(part),
        };
    }

    /// What was asked whose path has this part.
    pub fn asked(&self, part: &str) -> Vec<Asked> {
        self.state().requests.iter().filter(|asked| asked.path.contains(part)).cloned().collect()
    }

    /// How many of these changed an object.
    pub fn writes(&self, part: &str) -> usize {
        self.asked(part).iter().filter(|asked| asked.is_write()).count()
    }

    /// The most requests to such a path in any stretch of time of this length.
    pub fn peak(&self, part: &str, span: Duration) -> usize {
        let times: Vec<Instant> = self.asked(part).iter().map(|asked| asked.at).collect();
        let within =
            |start: &Instant| times.iter().filter(|at| **at >= *start && **at < *start + span).count();
        times.iter().map(within).max().unwrap_or(0)
    }
}

impl State {
    fn answer(&mut self, method: &Method, path: &str, kind: Option<&str>, body: Value) -> (u16, Value) {
        if let Some((_, (code, reason))) = self.answers.iter().find(|(part, _)| path.contains(*part)) {
            return failure(*code, reason);
        }
        let (target, is_status) = match path.strip_suffix("/status") {
            Some(target) => (target, true),
            None => (path, false),
        };
        match (method.as_str(), kind) {
            ("GET", _) => self.read(path),
            ("POST", _) => {
                let path = format!("{path}/{}", body["metadata"]["name"].as_str().unwrap());
                if self.objects.contains_key(&path) {
                    return failure(409, "it exists");
                }
                self.store(&path, body)
            }
            ("PATCH", Some("application/apply-patch+yaml")) => match self.objects.get(target).cloned() {
                None if is_status => failure(404, "no such object"),
                None => self.store(target, body),
                Some(known) => self.store(target, merged(known, body)),
            },
            ("PATCH", _) => {
                let Some(known) = self.objects.get(target).cloned() else {
                    return failure(404, "no such object");
                };
                let expected = &body["metadata"]["resourceVersion"];
                if !expected.is_null() && *expected != known["metadata"]["resourceVersion"] {
                    return failure(409, "it is not any more as it was read");
                }
                self.store(target, merged(known, body))
            }
            other => panic!("{other:?} {path}"),
        }
    }

    fn read(&self, path: &str) -> (u16, Value) {
        if let Some(object) = self.objects.get(path) {
            return (200, object.clone());
        }
        if path.rsplit('/').next().is_some_and(|last| last.ends_with("policies")) {
            let below = format!("{path}/");
            let items: Vec<&Value> = self
                .objects
                .iter()
                .filter(|(path, _)| path.starts_with(&below))
                .map(|(_, object)| object)
                .collect();
            return (200, json!({"apiVersion": "v1", "kind": "List", "metadata": {}, "items": items}));
        }
        failure(404, "no such object")
    }

    fn store(&mut self, path: &str, mut object: Value) -> (u16, Value) {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        if object["metadata"]["uid"].is_null() {
            object["metadata"]["uid"] = json!(format!("uid-{}", self.version));
        }
        self.objects.insert(path.to_owned(), object.clone());
        (200, object)
    }
}

/// RFC 7386, which is what server-side apply comes to where one manager owns everything.
fn merged(mut known: Value, patch: Value) -> Value {
    let Value::Object(patch) = patch else { return patch };
    for (key, value) in patch {
        let before = known.get(&key).cloned().unwrap_or(Value::Null);
        known[key] = merged(before, value);
    }
    known
}

fn failure(code: u16, reason: &str) -> (u16, Value) {
    (
        code,
        json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": reason, "reason": ""}),
    )
}
