//! Every case of `tests/cases` once more, as a cluster has it: the objects in a real API server, the agents following it, judged by real packets.
//! `CASE=text` picks cases by name.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use ferrule_tests::{
    agent::{Agent, Input},
    api_server::{ApiServer, admissible, definitions, refusal},
    case::{Case, verdict},
    probe::Prober,
    service::Mode,
};
use serde_json::Value;

/// How many servers work side by side: most of a case is waiting.
const SERVERS: usize = 2;

/// How long a change may take to be followed before the test gives up.
const PATIENCE: Duration = Duration::from_secs(180);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// An object of a case that the definitions of an API refuse, by kind and name, and what the server says of it. Such a case is of a directory only.
struct Refused {
    case: &'static str,
    object: (&'static str, &'static str),
    reason: &'static str,
}

/// Published definitions want `namespaces` of the older kinds to hold something, and no release serves `v1beta1`; the server looks closer at its own kinds.
const REFUSED: [Refused; 14] = [
    Refused {
        case: "admin-network-policy",
        object: ("AdminNetworkPolicy", "admin"),
        reason: "spec.ingress[0].from[0].namespaces in body should have at least 1 properties",
    },
    Refused {
        case: "admin-network-policy",
        object: ("BaselineAdminNetworkPolicy", "default"),
        reason: "spec.ingress[0].from[0].namespaces in body should have at least 1 properties",
    },
    Refused {
        case: "cluster-policy-empty-peer",
        object: ("ClusterNetworkPolicy", "accept"),
        reason: "spec.ingress[0].from[1] in body should have at least 1 properties",
    },
    Refused {
        case: "cluster-policy-empty-peer",
        object: ("ClusterNetworkPolicy", "deny"),
        reason: "spec.ingress[1].from[0] in body should have at least 1 properties",
    },
    Refused {
        case: "cluster-policy-empty-peer",
        object: ("ClusterNetworkPolicy", "pass"),
        reason: "spec.egress[0].to[1] in body should have at least 1 properties",
    },
    Refused {
        case: "cluster-policy-named-ports",
        object: ("AdminNetworkPolicy", "probe"),
        reason: "spec.egress[0].to[0].namespaces in body should have at least 1 properties",
    },
    Refused {
        case: "cluster-policy-priority",
        object: ("ClusterNetworkPolicy", "fifty"),
        reason: "404 page not found",
    },
    Refused {
        case: "cluster-policy-priority",
        object: ("AdminNetworkPolicy", "same-aa"),
        reason: "spec.ingress[0].from[0].namespaces in body should have at least 1 properties",
    },
    Refused {
        case: "ip-block-nested-exceptions",
        object: ("NetworkPolicy", "a"),
        reason: "must not have bits set beyond the prefix length",
    },
    Refused {
        case: "ip-block-nested-exceptions",
        object: ("NetworkPolicy", "b"),
        reason: "must be a strict subset of `cidr`",
    },
    Refused {
        case: "named-ports-of-one-pod",
        object: ("Pod", "a"),
        reason: "cannot be set for an Ephemeral Container",
    },
    Refused {
        case: "null-is-absent",
        object: ("AdminNetworkPolicy", "f"),
        reason: "spec.ingress[0].from[0].namespaces in body should have at least 1 properties",
    },
    Refused {
        case: "ports-that-are-not-understood",
        object: ("AdminNetworkPolicy", "d"),
        reason: "spec.ingress[0].from[0].namespaces in body should have at least 1 properties",
    },
    Refused { case: "ports-that-are-not-understood", object: ("NetworkPolicy", "a"), reason: "must be" },
];

/// Judges a case on a server that has nothing of another, and leaves nothing on it.
fn judge(server: &ApiServer, case: &Case) -> Result<Vec<String>> {
    let mut objects = admissible(&case.objects);
    // Calico's definitions have kinds that only suggest a policy; ours have those that somebody enforces.
    objects.retain(|object| !object["kind"].as_str().is_some_and(|kind| kind.starts_with("Staged")));
    let refused: Vec<_> = REFUSED.iter().filter(|refused| refused.case == case.name).collect();
    let judged = if refused.is_empty() {
        judge_objects(server, case, &objects)
    } else {
        refuse(server, &objects, &refused).map(|()| Vec::new())
    };
    server.client().clear(&objects).context("clear")?;
    judged
}

/// All objects are accepted but those that are listed, which are refused for the reason that is listed.
fn refuse(server: &ApiServer, objects: &[Value], refused: &[&Refused]) -> Result<()> {
    let mut accepted = objects.to_vec();
    for Refused { object: (kind, name), reason, .. } in refused {
        let is_it = |object: &Value| object["kind"] == *kind && object["metadata"]["name"] == *name;
        let index = accepted.iter().position(is_it).with_context(|| format!("there is no {kind} {name}"))?;
        let error = server.client().apply(&accepted.remove(index)).err();
        let error = error.with_context(|| format!("{kind} {name} was accepted"))?;
        let said = refusal(&error).with_context(|| format!("{error:#}"))?;
        ensure!(said.message.contains(reason), "{kind} {name} was refused otherwise: {}", said.message);
    }
    server.client().apply_all(&accepted)
}

fn judge_objects(server: &ApiServer, case: &Case, objects: &[Value]) -> Result<Vec<String>> {
    server.client().apply_all(objects)?;
    let topology = case.topology()?;
    server.join(&topology)?;
    if !case.proxy.is_idle() {
        case.proxy.install(&topology, Mode::Nftables)?;
    }
    let (mut agents, kubeconfig) = (Vec::new(), server.kubeconfig());
    for (node, namespace) in topology.nodes() {
        let input = Input::Kubernetes(&kubeconfig);
        agents.push((Agent::start(namespace, node, input, &case.arguments)?, namespace));
    }
    for (agent, namespace) in &mut agents {
        agent.wait_ready(namespace)?;
    }
    let mut prober = Prober::new(&topology);
    let mut failures = ask(case, &mut prober, "a cluster")?;
    if failures.is_empty() {
        failures = judge_again(server, case, objects, &mut prober)?;
    }
    agents.into_iter().try_for_each(|(agent, _)| agent.end_with(&case.errors))?;
    Ok(failures)
}

/// The policies go and come back while the agents watch. When they have followed is not known, but that they will have.
fn judge_again(
    server: &ApiServer,
    case: &Case,
    objects: &[Value],
    prober: &mut Prober<'_>,
) -> Result<Vec<String>> {
    let is_policy = |object: &&Value| {
        object["apiVersion"].as_str().is_some_and(|version| {
            version.starts_with("projectcalico.org/") || version.contains("networking.k8s.io/")
        })
    };
    let policies: Vec<_> = objects.iter().filter(is_policy).cloned().collect();
    server.client().clear(&policies)?;
    server.client().apply_all(&policies)?;
    let begin = Instant::now();
    loop {
        let failures = ask(case, prober, "a cluster whose policies were made anew")?;
        if failures.is_empty() || begin.elapsed() > PATIENCE {
            return Ok(failures);
        }
        thread::sleep(PAUSE);
    }
}

/// Sends every flow of a case: reports of all that went otherwise than the case says.
fn ask(case: &Case, prober: &mut Prober<'_>, judge: &str) -> Result<Vec<String>> {
    let probes: Vec<_> = case.questions.iter().map(|question| question.probe.clone()).collect();
    let answered = case.questions.iter().zip(prober.deliver(&probes)?);
    let wrong = answered.filter(|(question, delivery)| question.probe.expected != *delivery);
    Ok(wrong.map(|(question, delivery)| case.report(judge, question, verdict(delivery))).collect())
}

#[test]
fn packets() {
    let cases = Case::all().unwrap();
    let (next, failures, begin) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()), Instant::now());
    let work = |number: usize| {
        let server = ApiServer::start(&format!("cases{number}"), &[]).unwrap();
        definitions::install(server.client(), &definitions::calico()).unwrap();
        definitions::install(server.client(), &definitions::policy_api().unwrap()).unwrap();
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            let found =
                judge(&server, case).unwrap_or_else(|error| vec![format!("{}: {error:#}", case.name)]);
            if !found.is_empty() {
                failures.lock().unwrap().insert(case.name.clone(), found);
            }
        }
    };
    let work = &work;
    thread::scope(|scope| (0..SERVERS).for_each(|number| drop(scope.spawn(move || work(number)))));
    let failures = failures.into_inner().unwrap();
    let text: Vec<_> = failures.values().flatten().cloned().collect();
    let verdicts: usize = cases.iter().map(|case| case.questions.len()).sum();
    println!("{} cases, {verdicts} verdicts in {:?}", cases.len(), begin.elapsed());
    assert!(text.is_empty(), "{} of {} cases failed:\n\n{}", failures.len(), cases.len(), text.join("\n\n"));
}
