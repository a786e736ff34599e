//! Which of the kinds that take part in policy the cluster serves, and where.
//!
//! A group that the server does not name is absent. One that it names and does not answer for is an obstacle: nobody knows what it holds. A server that is
//! starting leaves out groups of custom resources, so that nothing is absent before it says that it is ready.

mod rivals;
mod versions;

use std::{collections::BTreeMap, time::Duration};

use ferrule_ruleset::{
    convert::{Followed, Remark},
    manifest::pruned::Keep,
};
use kube::Client;
use tokio::time::timeout;

use super::failure::Failure;
use rivals::{BOTH, Verdict};

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
    Served {
        /// Where it is followed.
        served: Served,
        /// Whether another group serves it too, so that this one may turn into another store.
        is_paired: bool,
    },
    /// The cluster does not know it.
    Absent,
    /// It is not clear whether it is served, or where it is to be followed.
    Unknown {
        /// What does not say, as in `projectcalico.org/v3`.
        subject: String,
        /// Why.
        reason: String,
    },
}

/// What came of asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovery {
    /// What is known about each kind, in order.
    pub presences: Vec<Presence>,
    /// What people should know about kinds.
    pub remarks: Vec<Remark>,
}

/// The resources of one version of a group: their names by kind.
type Resources = BTreeMap<String, String>;
/// The resources of the versions that were asked about.
type Known = BTreeMap<String, Result<Resources, Failure>>;

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

/// Asks for every kind, each with the API by which it is followed now, in order. An error is about the server as a whole.
pub async fn discover(
    client: &Client,
    kinds: &[(Followed, Option<&'static str>)],
) -> Result<Discovery, Failure> {
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
    let mut known = Known::new();
    for (api_version, _) in kinds.iter().flat_map(|(kind, _)| &kind.apis) {
        if !api_version.contains('/') || versions.contains(api_version) {
            learn(client, api_version, &mut known).await?;
        }
    }
    let rivals = rivals::judge(client, kinds.iter().map(|(kind, _)| kind), &known).await?;
    let mut found = Discovery { presences: Vec::new(), remarks: Vec::new() };
    for (kind, current) in kinds {
        let presence = match &rivals {
            Verdict::Follow(group, _) if rivals::is_paired(kind, &known) => {
                presence(kind, Some(group), &known)
            }
            Verdict::Contested(reason) if rivals::is_paired(kind, &known) => unknown(BOTH, reason),
            Verdict::Same | Verdict::Follow(..) | Verdict::Contested(_) => presence(kind, *current, &known),
        };
        found.presences.push(match (presence, &readiness) {
            (Presence::Absent, Err(failure)) => {
                let subject = "the readiness of the API server";
                unknown(subject, &failure.text(subject))
            }
            (Presence::Absent, Ok(())) => {
                match versions::of_strangers(client, kind, &versions, &mut known).await? {
                    Some(strangers) if current.is_some() => {
                        unknown(&strangers.subject(), &strangers.reason())
                    }
                    Some(strangers) => {
                        found.remarks.push(strangers.remark());
                        Presence::Absent
                    }
                    None => Presence::Absent,
                }
            }
            (presence, _) => presence,
        });
    }
    if let Verdict::Follow(_, Some(remark)) = rivals {
        found.remarks.push(remark);
    }
    Ok(found)
}

fn unknown(subject: &str, reason: &str) -> Presence {
    Presence::Unknown { subject: subject.to_owned(), reason: reason.to_owned() }
}

/// Asks for the resources of a version of a group, once. An error is about the server as a whole.
async fn learn(client: &Client, api_version: &str, known: &mut Known) -> Result<(), Failure> {
    if known.contains_key(api_version) {
        return Ok(());
    }
    let answer = resources(client, api_version).await;
    match answer {
        Err(failure) if failure.is_of_server() => return Err(failure),
        answer => known.insert(api_version.to_owned(), answer),
    };
    Ok(())
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

/// The best of the APIs that serve a kind, or the one that is followed already, as long as it is served.
///
/// An API that is not followed yet and does not answer is passed over for one that does: what stands behind an aggregated API may run in pods that wait for
/// us, and the custom resources beside it are its store.
fn presence(kind: &Followed, current: Option<&'static str>, known: &Known) -> Presence {
    let is_current = |(api_version, _): &&(&'static str, &'static str)| Some(*api_version) == current;
    let is_paired = rivals::is_paired(kind, known);
    let mut silence = None;
    for &(api_version, name) in kind.apis.iter().filter(is_current).chain(&kind.apis) {
        match known.get(api_version) {
            Some(Ok(resources)) => {
                if let Some(plural) = resources.get(name) {
                    return Presence::Served {
                        served: served(api_version, name, plural, kind.keep),
                        is_paired,
                    };
                }
            }
            Some(Err(failure)) => {
                let silent = unknown(api_version, &failure.text(api_version));
                if Some(api_version) == current {
                    return silent;
                }
                silence.get_or_insert(silent);
            }
            None => {}
        }
    }
    silence.unwrap_or(Presence::Absent)
}

fn served(api_version: &'static str, kind: &'static str, plural: &str, keep: Keep) -> Served {
    let resource = match api_version.split_once('/') {
        Some((group, _)) => format!("{plural}.{group}"),
        None => plural.to_owned(),
    };
    Served { api_version, kind, resource, path: path(api_version, plural), keep, form: Form::Whole }
}

/// The path of a collection.
fn path(api_version: &str, plural: &str) -> String {
    let root = if api_version.contains('/') { "apis" } else { "api" };
    format!("/{root}/{api_version}/{plural}")
}

#[cfg(test)]
mod tests;
