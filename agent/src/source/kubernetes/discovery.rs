//! Which of the kinds that take part in policy the cluster serves, and where.
//!
//! A group that the server does not name is absent. One that it names and does not answer for is an obstacle: nobody knows what it holds. A server that is
//! starting leaves out groups of custom resources, so that nothing is absent before it says that it is ready.

use std::{collections::BTreeMap, time::Duration};

use ferrule_ruleset::{convert::Followed, manifest::pruned::Keep};
use kube::Client;
use tokio::time::timeout;

use super::failure::Failure;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(15);

/// Where the objects of a kind are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// `apiVersion` of the objects.
    pub api_version: &'static str,
    /// `kind` of the objects.
    pub kind: &'static str,
    /// The name of the kind in the API, as in `networkpolicies.networking.k8s.io`.
    pub resource: String,
    /// The path of the whole collection.
    pub path: String,
    /// What is read of the objects.
    pub keep: Keep,
    /// What is asked for.
    pub form: Form,
}

/// What the server is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Whole objects.
    Whole,
    /// The metadata of objects.
    Metadata,
}

/// Where the server says whether it has started.
const READINESS: &str = "/readyz";

/// What is known about a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It is served.
    Served(Served),
    /// The cluster does not know it.
    Absent,
    /// Its group does not say.
    Unknown {
        /// What does not answer, as in `projectcalico.org/v3`.
        subject: String,
        /// Why.
        failure: Failure,
    },
}

/// The resources of one version of a group: their names by kind.
type Resources = BTreeMap<String, String>;

/// The definitions of custom resources, whose coming and going is a reason to ask again.
pub fn definitions() -> Served {
    let keep =
        Keep::Fields(&[("metadata", Keep::Fields(&[("name", Keep::All), ("resourceVersion", Keep::All)]))]);
    let form = Form::Metadata;
    let served =
        served("apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions", keep);
    Served { form, ..served }
}

/// Whether the server says that it has started as a whole. Before that it may not know of custom resources yet.
async fn readiness(client: &Client) -> Result<(), Failure> {
    let Ok(request) = http::Request::get(READINESS).body(Vec::new()) else { return Ok(()) };
    match asked(client.request_text(request)).await {
        Ok(_) => Ok(()),
        // Who may not ask cannot know.
        Err(Failure::Refused { code: 403 | 404, .. }) => Ok(()),
        Err(Failure::Refused { code, message }) => {
            Err(Failure::Refused { code, message: failed_checks(&message) })
        }
        Err(failure) => Err(failure),
    }
}

/// Of a report on many checks those that failed, which is all that is of interest.
fn failed_checks(report: &str) -> String {
    let failed: Vec<&str> = report.lines().filter_map(|line| line.strip_prefix("[-]")).collect();
    if failed.is_empty() { report.to_owned() } else { format!("not ready yet: {}", failed.join(", ")) }
}

/// Asks for every kind, in order. An error is about the server as a whole.
pub async fn discover(client: &Client, kinds: &[Followed]) -> Result<Vec<Presence>, Failure> {
    let readiness = readiness(client).await;
    if let Err(failure) = &readiness
        && failure.is_of_server()
    {
        return Err(failure.clone());
    }
    let groups = asked(client.list_api_groups()).await?;
    let versions: Vec<&str> = groups
        .groups
        .iter()
        .flat_map(|group| group.versions.iter().map(|version| version.group_version.as_str()))
        .collect();
    let mut known: BTreeMap<&'static str, Result<Resources, Failure>> = BTreeMap::new();
    for (api_version, _) in kinds.iter().flat_map(|kind| &kind.apis) {
        let is_core = !api_version.contains('/');
        if !known.contains_key(api_version) && (is_core || versions.contains(api_version)) {
            let answer = resources(client, api_version).await;
            if let Err(failure) = &answer
                && failure.is_of_server()
            {
                return Err(failure.clone());
            }
            known.insert(api_version, answer);
        }
    }
    let presences = kinds.iter().map(|kind| match (presence(kind, &known), &readiness) {
        (Presence::Absent, Err(failure)) => Presence::Unknown {
            subject: "the readiness of the API server".to_owned(),
            failure: failure.clone(),
        },
        (presence, _) => presence,
    });
    Ok(presences.collect())
}

async fn resources(client: &Client, api_version: &str) -> Result<Resources, Failure> {
    let answer = if api_version.contains('/') {
        asked(client.list_api_group_resources(api_version)).await
    } else {
        asked(client.list_core_api_resources(api_version)).await
    };
    let list = match answer {
        Ok(list) => list,
        // It went between the two questions.
        Err(failure) if failure.is_not_found() => return Ok(Resources::new()),
        Err(failure) => return Err(failure),
    };
    let can_be_followed =
        |verbs: &[String]| ["list", "watch"].iter().all(|verb| verbs.iter().any(|v| v == verb));
    let followed = list.resources.into_iter().filter(|resource| {
        // Subresources such as `pods/status` have the kind of the object too.
        !resource.name.contains('/') && can_be_followed(&resource.verbs)
    });
    Ok(followed.map(|resource| (resource.kind, resource.name)).collect())
}

async fn asked<T>(question: impl Future<Output = kube::Result<T>>) -> Result<T, Failure> {
    match timeout(PATIENCE, question).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(Failure::Silent),
    }
}

/// The best of the APIs that serve a kind. While a better one does not answer, none is followed in its place: they may differ in age.
fn presence(kind: &Followed, known: &BTreeMap<&'static str, Result<Resources, Failure>>) -> Presence {
    for &(api_version, name) in &kind.apis {
        match known.get(api_version) {
            Some(Ok(resources)) => {
                if let Some(plural) = resources.get(name) {
                    return Presence::Served(served(api_version, name, plural, kind.keep));
                }
            }
            Some(Err(failure)) => {
                return Presence::Unknown { subject: api_version.to_owned(), failure: failure.clone() };
            }
            None => {}
        }
    }
    Presence::Absent
}

fn served(api_version: &'static str, kind: &'static str, plural: &str, keep: Keep) -> Served {
    let (path, resource) = match api_version.split_once('/') {
        Some((group, _)) => (format!("/apis/{api_version}/{plural}"), format!("{plural}.{group}")),
        None => (format!("/api/{api_version}/{plural}"), plural.to_owned()),
    };
    Served { api_version, kind, resource, path, keep, form: Form::Whole }
}
