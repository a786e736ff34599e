//! Asks the API server whether namespaces are under deletion.

use std::{collections::BTreeMap, time::Duration};

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
    object::{self, Object, Page, field, text},
    watching::LIST_METADATA,
};

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// Where namespaces are.
const PATH: &str = "/api/v1/namespaces";
/// What is read of a namespace.
const KEEP: Keep = Keep::Fields(&[
    ("metadata", Keep::Fields(&[("name", Keep::All), ("deletionTimestamp", Keep::All)])),
    ("status", Keep::Fields(&[("phase", Keep::All)])),
]);

/// Namespaces in a page.
const PAGE: u32 = 500;
/// With how many questions at once one about all namespaces costs the server less.
pub(super) const MANY: usize = 4;

/// Whether a namespace is under deletion, by its object.
pub fn life(namespace: &Node) -> Life {
    let is_marked =
        field(namespace, "metadata").is_some_and(|metadata| text(metadata, "deletionTimestamp").is_some());
    let phase = field(namespace, "status").and_then(|status| text(status, "phase"));
    if is_marked || phase == Some("Terminating") { Life::Terminating } else { Life::Active }
}

/// Asks now about these: answers are at least as new as the questions.
pub async fn ask(client: &Client, namespaces: &[NamespaceName]) -> Vec<Result<Answer, Failure>> {
    if namespaces.len() < MANY {
        let questions = namespaces.iter().map(|namespace| ask_about(client, namespace));
        return futures::future::join_all(questions).await;
    }
    let all = all(client).await;
    let answer = |namespace: &NamespaceName| match &all {
        Ok(all) => Ok(all.get(namespace.as_str()).map_or(Answer::Gone, |life| Answer::There(*life))),
        Err(failure) => Err(failure.clone()),
    };
    namespaces.iter().map(answer).collect()
}

async fn ask_about(client: &Client, namespace: &NamespaceName) -> Result<Answer, Failure> {
    let request = kube::core::Request::new(PATH).get(namespace.as_str(), &GetParams::default());
    let answer = client.request_text(request.map_err(kube::Error::BuildRequest)?);
    match timeout(PATIENCE, answer).await.map_err(|_| Failure::Silent)?.map_err(Failure::from) {
        Ok(text) => Ok(Answer::There(life(&object::read(text.as_bytes(), KEEP)?))),
        Err(failure) if failure.is_not_found() => Ok(Answer::Gone),
        Err(failure) => Err(failure),
    }
}

/// The namespaces that are under deletion now.
pub async fn terminating(client: &Client) -> Result<Vec<NamespaceName>, Failure> {
    let all = all(client).await?;
    let terminating = all.into_iter().filter(|(_, life)| *life == Life::Terminating);
    Ok(terminating.map(|(name, _)| NamespaceName::new(name)).collect())
}

/// All namespaces by their metadata, which says when they are under deletion. The first page is no older than the question, and the others are of its version.
async fn all(client: &Client) -> Result<BTreeMap<String, Life>, Failure> {
    let mut parameters = ListParams { limit: Some(PAGE), ..ListParams::default() };
    let mut all = BTreeMap::new();
    loop {
        let mut request =
            kube::core::Request::new(PATH).list(&parameters).map_err(kube::Error::BuildRequest)?;
        request.headers_mut().insert(http::header::ACCEPT, http::HeaderValue::from_static(LIST_METADATA));
        let answer = timeout(PATIENCE, client.request_text(request)).await.map_err(|_| Failure::Silent)??;
        let page = Page::read(answer.as_bytes(), KEEP)?;
        let named = |object: &Object| Some((object.metadata("name")?.to_owned(), life(&object.tree)));
        all.extend(page.items.iter().filter_map(named));
        parameters.continue_token = page.next;
        if parameters.continue_token.is_none() {
            return Ok(all);
        }
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

#[cfg(test)]
mod tests;
