//! Figure: an agent in a cluster of 20,000 pods, 2,000 policies and 500 namespaces, behind a real API server: its start to the first full enforcement, beside
//! bare lists of the same kinds, and its memory.
//!
//! The lists are what a controller without any work of its own would do: typed objects of `k8s-openapi`, in pages as large as the agent's, all kinds at the
//! same time, over a connection of their own.

use std::time::Instant;

use anyhow::{Context, Result};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::api::{
    core::v1::{Namespace, Node, Pod, Service, ServiceAccount},
    discovery::v1::EndpointSlice,
    networking::v1::NetworkPolicy,
};
use kube::{
    Api, Client, Resource,
    api::{ListParams, Patch, PatchParams, PostParams},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{
    memory::Memory,
    population::{NODE, Population},
    ratio::Ratios,
};
use crate::{
    agent::{Agent, Input},
    api_server::{ApiClient, ApiServer},
};

const POPULATION: Population = Population { namespaces: 500, pods: 20_000, local_pods: 50, policies: 2_000 };
const ROUNDS: usize = 5;
/// Requests under way at the same time while the server is filled.
const WRITERS: usize = 16;
/// Objects in a page.
const PAGE: u32 = 500;

/// Measures and prints.
pub fn run() -> Result<()> {
    let population = POPULATION.scaled();
    println!(
        "{} pods ({} here), {} policies, {} namespaces behind a real API server",
        population.pods, population.local_pods, population.policies, population.namespaces
    );
    let server = ApiServer::start("scale", &[])?;
    let began = Instant::now();
    server.client().run(move |client| fill(client, population))?;
    println!("  filled in {:.1} s", began.elapsed().as_secs_f64());
    let mut times = Ratios::new(2);
    let mut memory = Vec::new();
    for _ in 0..ROUNDS {
        let client = server.connect(&server.kubeconfig())?;
        let began = Instant::now();
        bare_lists(&client)?;
        let listed = began.elapsed();
        let began = Instant::now();
        let mut agent = Agent::start(server.namespace(), NODE, Input::Kubernetes(&server.kubeconfig()), &[])?;
        agent.wait_ready(server.namespace())?;
        times.round([listed, began.elapsed()].map(|time| time.as_secs_f64() * 1e3).to_vec());
        memory.push(Memory::of(agent.process())?);
        agent.end()?;
    }
    for (index, name) in ["bare lists with kube", "ferrule-agent, process start to ready"].iter().enumerate()
    {
        println!("  {name:45} {:7.1} ms x{:.2}", times.median(index), times.ratio(index));
    }
    memory.iter().for_each(|memory| println!("  the agent when ready: {memory}"));
    Ok(())
}

fn bare_lists(client: &ApiClient) -> Result<()> {
    client.run(|client| async move {
        futures::try_join!(
            list::<Pod>(&client),
            list::<Namespace>(&client),
            list::<ServiceAccount>(&client),
            list::<Node>(&client),
            list::<Service>(&client),
            list::<EndpointSlice>(&client),
            list::<NetworkPolicy>(&client),
        )
        .map(drop)
    })
}

/// All objects of a kind, kept until the last page is there.
async fn list<K>(client: &Client) -> Result<usize>
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned,
{
    let api: Api<K> = Api::all(client.clone());
    let mut parameters = ListParams::default().limit(PAGE);
    let mut objects = Vec::new();
    loop {
        let page = api.list(&parameters).await?;
        objects.extend(page.items);
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => parameters.continue_token = Some(token),
            None => return Ok(objects.len()),
        }
    }
}

async fn fill(client: Client, population: Population) -> Result<()> {
    let client = &client;
    let write = |objects: Vec<Value>| async move {
        let writes = stream::iter(objects).map(|object| create(client, object)).buffer_unordered(WRITERS);
        writes.try_collect::<Vec<()>>().await
    };
    write((0..population.namespaces).map(|index| population.namespace(index)).collect()).await?;
    let account = |index| json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": format!("namespace-{index}")}});
    write((0..population.namespaces).map(account).collect()).await?;
    write((0..population.policies).map(|index| population.policy(index)).collect()).await?;
    let pods = stream::iter(0..population.pods).map(|index| create(client, population.pod(index)));
    pods.buffer_unordered(WRITERS).try_collect::<Vec<()>>().await?;
    Ok(())
}

/// Creates an object as far as a client may, then writes its status.
async fn create(client: &Client, mut object: Value) -> Result<()> {
    let status = object.as_object_mut().and_then(|fields| fields.remove("status"));
    if let Some(metadata) = object["metadata"].as_object_mut() {
        ["uid", "resourceVersion", "creationTimestamp", "managedFields", "generateName"]
            .iter()
            .for_each(|field| drop(metadata.remove(*field)));
    }
    match object["kind"].as_str() {
        Some("Namespace") => put::<Namespace>(Api::all(client.clone()), object, None).await,
        Some("ServiceAccount") => put::<ServiceAccount>(within(client, &object), object, None).await,
        Some("NetworkPolicy") => put::<NetworkPolicy>(within(client, &object), object, None).await,
        Some("Pod") => put::<Pod>(within(client, &object), object, status).await,
        other => anyhow::bail!("no way to create {other:?}"),
    }
}

fn within<K>(client: &Client, object: &Value) -> Api<K>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>,
{
    Api::namespaced(client.clone(), object["metadata"]["namespace"].as_str().unwrap_or("default"))
}

async fn put<K>(api: Api<K>, object: Value, status: Option<Value>) -> Result<()>
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned + serde::Serialize,
{
    let name = object["metadata"]["name"].as_str().context("a name")?.to_owned();
    match api.create(&PostParams::default(), &serde_json::from_value(object)?).await {
        Ok(_) => {}
        // A controller was faster.
        Err(kube::Error::Api(refusal)) if refusal.code == 409 => {}
        Err(error) => return Err(error).with_context(|| format!("create {name}")),
    }
    if let Some(status) = status {
        api.patch_status(&name, &PatchParams::default(), &Patch::Merge(json!({"status": status}))).await?;
    }
    Ok(())
}
