//! Asks the API server whether a namespace is under deletion.

use std::time::Duration;

use ferrule_ruleset::{
    manifest::{node::Node, pruned::Keep},
    name::NamespaceName,
};
use kube::{
    Client,
    api::{GetParams, ListParams},
};
use tokio::time::timeout;

use super::{
    departure::{Answer, Life},
    failure::Failure,
    object::{self, Page, field, text},
};

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// Where namespaces are.
const PATH: &str = "/api/v1/namespaces";
/// What is read of a namespace.
const KEEP: Keep = Keep::Fields(&[
    ("metadata", Keep::Fields(&[("deletionTimestamp", Keep::All)])),
    ("status", Keep::Fields(&[("phase", Keep::All)])),
]);

/// Whether a namespace is under deletion, by its object.
pub fn life(namespace: &Node) -> Life {
    let is_marked =
        field(namespace, "metadata").is_some_and(|metadata| text(metadata, "deletionTimestamp").is_some());
    let phase = field(namespace, "status").and_then(|status| text(status, "phase"));
    if is_marked || phase == Some("Terminating") { Life::Terminating } else { Life::Active }
}

/// Asks now: the answer is at least as new as the question.
pub async fn ask(client: &Client, namespace: &NamespaceName) -> Result<Answer, Failure> {
    let request = kube::core::Request::new(PATH).get(namespace.as_str(), &GetParams::default());
    let answer = client.request_text(request.map_err(kube::Error::BuildRequest)?);
    match timeout(PATIENCE, answer).await.map_err(|_| Failure::Silent)?.map_err(Failure::from) {
        Ok(text) => Ok(Answer::There(life(&object::read(text.as_bytes(), KEEP)?))),
        Err(failure) if failure.is_not_found() => Ok(Answer::Gone),
        Err(failure) => Err(failure),
    }
}

/// The version of what the server holds now. It counts every write to any object, and only servers with an older state have a smaller one.
pub async fn version(client: &Client) -> Result<u64, Failure> {
    let parameters = ListParams { limit: Some(1), ..ListParams::default() };
    let request = kube::core::Request::new(PATH).list(&parameters);
    let answer = client.request_text(request.map_err(kube::Error::BuildRequest)?);
    let text = timeout(PATIENCE, answer).await.map_err(|_| Failure::Silent)??;
    let page = Page::read(text.as_bytes(), KEEP)?;
    page.version.parse().map_err(|_| Failure::Unintelligible(format!("{:?} is no number", page.version)))
}
