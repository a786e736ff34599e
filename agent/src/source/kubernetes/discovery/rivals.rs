//! Calico's two groups: which of them is followed where a cluster serves both.
//!
//! Beside Calico's own API server they are views of the same objects, as that server keeps what it is told in the other group. Where both are custom
//! resources, they are two stores, of which one is half empty, left over, or not in use at all: while Calico moves its objects from one to the other, after
//! that, or where somebody has installed definitions that are not used. Then that group is followed which holds all that there is. Where neither does, nobody
//! but a person knows what is to be enforced, and what an agent did not read would be open.

use std::collections::BTreeSet;

use ferrule_ruleset::{
    convert::{Followed, Remark},
    finding::Severity,
    manifest::{
        node::{Node, Value},
        pruned::Keep,
    },
};
use kube::{
    Client,
    api::{GetParams, ListParams},
    core::Request,
};

use super::{
    super::{
        failure::Failure,
        object::{self, Page, field},
        watching::LIST_METADATA,
    },
    Known, asked, path,
};

/// The group that people write.
const WRITTEN: &str = "projectcalico.org/v3";
/// The group in which Calico's API server stores what they write.
const STORED: &str = "crd.projectcalico.org/v1";
/// Who serves the group that people write: the definitions of custom resources, or a server of its own behind `spec.service` (APIService of
/// apiregistration.k8s.io).
const REGISTRATION: &str = "/apis/apiregistration.k8s.io/v1/apiservices";
const REGISTERED: &str = "v3.projectcalico.org";
const SERVICE: Keep = Keep::Fields(&[("spec", Keep::Fields(&[("service", Keep::All)]))]);
/// `spec.datastoreReady` of ClusterInformation `default`, which Calico takes back in the store that it leaves.
const LOCK: Keep = Keep::Fields(&[("spec", Keep::Fields(&[("datastoreReady", Keep::All)]))]);
/// What is read of objects to tell them apart.
const NAMES: Keep =
    Keep::Fields(&[("metadata", Keep::Fields(&[("name", Keep::All), ("namespace", Keep::All)]))]);
/// Objects in a page.
const PAGE: u32 = 500;
/// What Calico put before the names of policies of the default tier.
const OLD_PREFIX: &str = "default.";
/// How many objects are named in a text.
const NAMED: usize = 3;

/// What both groups together are called.
pub(super) const BOTH: &str = "projectcalico.org/v3 and crd.projectcalico.org/v1";

/// Which group is followed for the kinds that are in both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// They are views of the same objects.
    Same,
    /// This one, as it holds all there is.
    Follow(&'static str, Option<Remark>),
    /// Nobody knows, for this reason.
    Contested(String),
}

/// Where a kind is in both groups: its names in the APIs, first in the one that people write.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pair {
    plural: String,
    written: String,
    stored: String,
    is_policy: bool,
}

/// Objects by the name of their kind, namespace and name.
type Names = BTreeSet<(String, String, String)>;

/// Whether a kind is in both groups.
pub(super) fn is_paired(kind: &Followed, known: &Known) -> bool {
    pair(kind, known).is_some()
}

fn pair(kind: &Followed, known: &Known) -> Option<Pair> {
    let found = |api: &'static str| {
        let (_, name) = kind.apis.iter().find(|(api_version, _)| *api_version == api)?;
        let plural = known.get(api)?.as_ref().ok()?.get(*name)?;
        Some((*name, plural))
    };
    let ((name, plural), (_, stored)) = (found(WRITTEN)?, found(STORED)?);
    Some(Pair {
        plural: plural.clone(),
        written: path(WRITTEN, plural),
        stored: path(STORED, stored),
        is_policy: name.ends_with("NetworkPolicy"),
    })
}

/// Finds out which group is to be followed.
pub(super) async fn judge(
    client: &Client,
    kinds: impl Iterator<Item = &Followed>,
    known: &Known,
) -> Result<Verdict, Failure> {
    let pairs: Vec<Pair> = kinds.filter_map(|kind| pair(kind, known)).collect();
    if pairs.is_empty() || is_aggregated(client).await? {
        return Ok(Verdict::Same);
    }
    if let (Some(false), Some(true)) = (is_open(client, STORED).await?, is_open(client, WRITTEN).await?) {
        return Ok(Verdict::Follow(WRITTEN, None));
    }
    let (mut written, mut stored) = (Names::new(), Names::new());
    for pair in &pairs {
        for (group, collection, found) in
            [(WRITTEN, &pair.written, &mut written), (STORED, &pair.stored, &mut stored)]
        {
            match names(client, pair, collection, found).await {
                Ok(()) => {}
                Err(failure) if failure.is_of_server() => return Err(failure),
                Err(failure) => {
                    let (group, _) = group.split_once('/').unwrap_or((group, ""));
                    return Ok(Verdict::Contested(failure.text(&format!("{}.{group}", pair.plural))));
                }
            }
        }
    }
    Ok(weigh(&written, &stored))
}

fn weigh(written: &Names, stored: &Names) -> Verdict {
    let unwritten: Vec<_> = stored.difference(written).collect();
    if unwritten.is_empty() {
        return Verdict::Follow(WRITTEN, None);
    }
    if written.is_empty() {
        let remark = Remark {
            line: 1,
            severity: Severity::Warning,
            field: String::new(),
            message: format!(
                "{WRITTEN} and {STORED} are custom resources both, and all objects are in {STORED}"
            ),
            consequence: format!(
                "{STORED} is followed; what is created in {WRITTEN} has no effect before all objects are there"
            ),
        };
        return Verdict::Follow(STORED, Some(remark));
    }
    let unstored: Vec<_> = written.difference(stored).collect();
    Verdict::Contested(format!(
        "both are custom resources, and neither holds all objects: only in {STORED} {}; only in {WRITTEN} {}. What is known stays enforced, and nothing new \
         of these kinds is enforced by an agent that starts: create what is missing, delete what is left over, or remove the definitions of the group that is \
         not in use",
        count(&unwritten),
        count(&unstored)
    ))
}

/// `3 (globalnetworkpolicies deny-all, …)`.
fn count(objects: &[&(String, String, String)]) -> String {
    let name = |(plural, namespace, name): &&(String, String, String)| {
        let namespace = if namespace.is_empty() { String::new() } else { format!("{namespace}/") };
        format!("{plural} {namespace}{name}")
    };
    let named: Vec<String> = objects.iter().take(NAMED).map(name).collect();
    let more = if objects.len() > NAMED { ", …" } else { "" };
    if named.is_empty() {
        "none".to_owned()
    } else {
        format!("{} ({}{more})", objects.len(), named.join(", "))
    }
}

/// Whether a server of its own stands behind the group that people write. Who may not ask has to compare.
async fn is_aggregated(client: &Client) -> Result<bool, Failure> {
    let service = fetch(client, REGISTRATION, REGISTERED, SERVICE).await?;
    let service = service.as_ref().and_then(|spec| field(spec, "service"));
    Ok(service.is_some_and(|service| service.value != Value::Null))
}

/// Whether Calico works on a store; none if that is not known.
async fn is_open(client: &Client, group: &str) -> Result<Option<bool>, Failure> {
    let spec = fetch(client, &path(group, "clusterinformations"), "default", LOCK).await?;
    let ready = spec.as_ref().and_then(|spec| field(spec, "datastoreReady"));
    Ok(ready.and_then(|ready| if let Value::Bool(ready) = ready.value { Some(ready) } else { None }))
}

/// The `spec` of an object; none where it is not there or may not be read.
async fn fetch(client: &Client, collection: &str, name: &str, keep: Keep) -> Result<Option<Node>, Failure> {
    let request =
        Request::new(collection).get(name, &GetParams::default()).map_err(kube::Error::BuildRequest)?;
    match asked(client.request_text(request)).await {
        Ok(text) => Ok(field(&object::read(text.as_bytes(), keep)?, "spec").cloned()),
        Err(failure) if failure.is_of_server() => Err(failure),
        Err(_) => Ok(None),
    }
}

/// Adds the names of a collection.
async fn names(client: &Client, pair: &Pair, collection: &str, names: &mut Names) -> Result<(), Failure> {
    let mut parameters = ListParams { limit: Some(PAGE), ..ListParams::default() };
    loop {
        let mut request = Request::new(collection).list(&parameters).map_err(kube::Error::BuildRequest)?;
        request.headers_mut().insert(http::header::ACCEPT, http::HeaderValue::from_static(LIST_METADATA));
        let page = Page::read(asked(client.request_text(request)).await?.as_bytes(), NAMES)?;
        for object in &page.items {
            let part = |name| object.metadata(name).unwrap_or_default();
            let name = part("name");
            let name = if pair.is_policy { name.strip_prefix(OLD_PREFIX).unwrap_or(name) } else { name };
            names.insert((pair.plural.clone(), part("namespace").to_owned(), name.to_owned()));
        }
        parameters.continue_token = page.next;
        if parameters.continue_token.is_none() {
            return Ok(());
        }
    }
}
