//! Every case of `tests/cases`, judged by the rule evaluator, by nft, and by real packets; by the reference model in `reference_cases.rs`. `CASE=text` picks cases by name.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::{
    collections::BTreeMap,
    fs,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use ferrule_ruleset::{
    address::Family,
    manifest::Directory,
    store::Store,
    verdict::{Cluster, Flow, Peer},
};
use ferrule_tests::{
    agent::{Agent, program},
    case::{Case, Question, verdict},
    cluster::manifests,
    compiled::Hooks,
    decider::of_answer,
    namespace::Namespace,
    probe::{Prober, Request},
    service::Mode,
    topology::Topology,
    verdict::Judge,
};

/// Judges every case, two at a time, and fails with all that went wrong.
fn judge_all(judge: impl Fn(&Case) -> Result<Vec<String>> + Sync) {
    let cases = Case::all().unwrap();
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(BTreeMap::new());
    let work = || {
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            let found = judge(case).unwrap_or_else(|error| vec![format!("{}: {error:#}", case.name)]);
            if !found.is_empty() {
                failures.lock().unwrap().insert(case.name.clone(), found);
            }
        }
    };
    thread::scope(|scope| (0..2).for_each(|_| drop(scope.spawn(work))));
    let failures = failures.into_inner().unwrap();
    let text: Vec<_> = failures.values().flatten().cloned().collect();
    let verdicts: usize = cases.iter().map(|case| case.questions.len()).sum();
    assert!(
        text.is_empty(),
        "{} of {} cases failed:\n\n{}\n\nto look around in one: PAUSE=60 CASE=name cargo test -p ferrule-tests --test cases packets",
        failures.len(),
        cases.len(),
        text.join("\n\n")
    );
    println!("{} cases, {verdicts} verdicts", cases.len());
}

#[test]
fn cases_say_what_they_show() {
    judge_all(|case| {
        let policies = fs::read_to_string(case.directory.join("policies.yaml")).context("policies.yaml")?;
        ensure!(
            policies.starts_with("# "),
            "policies.yaml begins with a line that says what is shown and why"
        );
        Ok(Vec::new())
    });
}

#[test]
fn evaluator() {
    judge_all(|case| {
        if has_nodes_in_play(case) {
            return evaluator_of_nodes(case);
        }
        let cluster = Cluster::new(store(case)?, case.options()?);
        Ok(ask(case, "evaluator", |question| {
            let answer = cluster.verdict(&flow_of_evaluator(question)).map_err(|error| error.to_string())?;
            Ok((answer.verdict.to_string(), of_answer(&answer)))
        }))
    });
}

/// Whether the nodes themselves are in play, so that packets pass more hooks than those that judge pods.
fn has_nodes_in_play(case: &Case) -> bool {
    let kinds = ["HostEndpoint", "Service", "EndpointSlice", "FelixConfiguration"];
    case.objects.iter().any(|object| kinds.iter().any(|kind| object["kind"] == *kind))
}

/// The evaluator at every hook. Whoever said something on the way may be what decided.
fn evaluator_of_nodes(case: &Case) -> Result<Vec<String>> {
    let mut hooks = Hooks::with(case.options()?);
    hooks.load(&case.objects);
    Ok(ask(case, "evaluator", |question| {
        let (outcome, trail) = hooks.trail(&question.flow())?;
        let mut deciders: Vec<_> = trail.iter().map(ToString::to_string).collect();
        if deciders.is_empty() {
            deciders.push("no-policy".to_owned());
        }
        Ok((outcome.to_string(), deciders))
    }))
}

/// Asks a judge who can say what decided: reports of all that he sees otherwise than the case.
fn ask(
    case: &Case,
    judge: &str,
    verdict: impl Fn(&Question) -> Result<(String, Vec<String>), String>,
) -> Vec<String> {
    let mut failures = Vec::new();
    for question in &case.questions {
        let said = match verdict(question) {
            Ok((outcome, deciders)) => {
                let by = deciders.iter().any(|decider| question.line.is_by(decider));
                if outcome == question.expected() && by {
                    continue;
                }
                format!("{outcome} by {}", deciders.join(", "))
            }
            Err(error) => error,
        };
        failures.push(case.report(judge, question, &said));
    }
    failures
}

#[test]
fn nft_accepts_the_text_and_it_is_the_expected_one() {
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    judge_all(|case| {
        let namespace = Namespace::create(&format!("nft-{}", case.name))?;
        let mut text = String::new();
        for node in case.cluster.nodes.keys() {
            let rendered = render(case, node)?;
            namespace.execute("nft", &["--check", "--file", "-"], &rendered)?;
            text.push_str(&format!("# node {node}\n{rendered}"));
        }
        let golden = case.directory.join("ruleset.nft");
        if update {
            fs::write(&golden, &text)?;
        }
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        let same = expected.lines().zip(text.lines()).take_while(|(expected, now)| expected == now).count();
        ensure!(
            expected == text,
            "{} differs from line {} on; UPDATE_EXPECT=1 writes it anew",
            golden.display(),
            same + 1
        );
        Ok(Vec::new())
    });
}

/// The text, loaded by nft: what fails here is a fault of the rules, what fails only in [`packets`] is one of the agent.
#[test]
fn packets_through_the_text() {
    judge_all(|case| {
        let topology = case.topology()?;
        for (node, namespace) in topology.nodes() {
            namespace.execute("nft", &["--file", "-"], &render(case, node)?)?;
        }
        if !case.proxy.is_idle() {
            case.proxy.install(&topology, Mode::Iptables)?;
        }
        send(case, &topology, "packets through the text")
    });
}

#[test]
fn packets() {
    judge_all(|case| {
        let topology = case.topology()?;
        if !case.proxy.is_idle() {
            case.proxy.install(&topology, Mode::Nftables)?;
        }
        let mut agents = Vec::new();
        for (node, namespace) in topology.nodes() {
            agents.push((Agent::start(namespace, node, &case.directory, &case.arguments)?, namespace));
        }
        for (agent, namespace) in &mut agents {
            agent.wait_ready(namespace)?;
        }
        pause(&topology);
        let failures = send(case, &topology, "packets")?;
        for (agent, _) in agents {
            agent.end_with(&case.errors)?;
        }
        Ok(failures)
    });
}

/// Sends every flow of a case: reports of all that went otherwise than the case says.
fn send(case: &Case, topology: &Topology, judge: &str) -> Result<Vec<String>> {
    let probes: Vec<_> = case.questions.iter().map(|question| question.probe.clone()).collect();
    let deliveries = Prober::new(topology).deliver(&probes)?;
    let answered = case.questions.iter().zip(deliveries);
    let wrong = answered.filter(|(question, delivery)| question.probe.expected != *delivery);
    Ok(wrong.map(|(question, delivery)| case.report(judge, question, verdict(delivery))).collect())
}

/// Leaves the namespaces as they are for PAUSE seconds, for a person to look around.
fn pause(topology: &Topology) {
    if let Some(seconds) = std::env::var("PAUSE").ok().and_then(|seconds| seconds.parse().ok()) {
        for (node, namespace) in topology.nodes() {
            println!("{node}: ip netns exec {} nft list ruleset", namespace.name());
        }
        thread::sleep(Duration::from_secs(seconds));
    }
}

/// The objects of a case as the agent would have them.
fn store(case: &Case) -> Result<Store> {
    let (mut directory, mut store) = (Directory::default(), Store::default());
    for file in manifests(&case.directory)? {
        let text = fs::read_to_string(&file)?;
        let events = directory.update(&file.to_string_lossy(), Some(&text));
        events.into_iter().for_each(|event| store.apply(event));
    }
    Ok(store)
}

/// The question as the evaluator is asked: by address, so that each family is asked about.
fn flow_of_evaluator(question: &Question) -> Flow {
    let probe = &question.probe;
    let (from, to) = (Peer::Address(probe.source), Peer::Address(probe.destination));
    let blank = Flow { family: Some(Family::of(&probe.source)), port: None, ..Flow::tcp(from, to, 0) };
    match probe.request {
        Request::Ports { protocol, port, source } => {
            Flow { protocol, port: Some(port), source_port: source, ..blank }
        }
        Request::Icmp { protocol, kind, code } => {
            Flow { protocol, icmp_type: Some(kind), icmp_code: Some(code), ..blank }
        }
        Request::Other(protocol) => Flow { protocol, ..blank },
    }
}

/// What `ferrule render` prints for a node.
fn render(case: &Case, node: &str) -> Result<String> {
    let mut command = std::process::Command::new(program("ferrule", "FERRULE")?);
    command.args(["render", "--node", node, "--manifests"]).arg(&case.directory);
    command.args(&case.arguments);
    let output = command.output().context("run ferrule render")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "ferrule render ({}): {said}", output.status);
    String::from_utf8(output.stdout).context("output of ferrule render")
}
