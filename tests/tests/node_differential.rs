//! Random universes in which the nodes themselves are in play, in the kernel: host endpoints, services by kube-proxy's rules in either mode, settings.
//! What arrives through the compiled rules is what the reference model says.
//!
//! `FERRULE_SEED` names the universe to begin with, `FERRULE_UNIVERSES` how many to judge. `PAUSE=60` leaves a universe that failed as it is for so many
//! seconds.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use ferrule_ruleset::{compile::Options, protocol::Protocol, render::render, settings::NodePortPolicy};
use ferrule_tests::{
    case::{line::Line, verdict},
    cluster::{Cluster, Place},
    compare::Tally,
    compiled::Hooks,
    flow::{Flow, Peer},
    generate::Universe,
    objects::to_yaml,
    probe::{Delivery, Probe, Prober, Request},
    proxy::Proxy,
    reference::{Reading, Reference},
    service::Mode,
    topology::Topology,
    verdict::{Judge, Verdict},
};

const FLOWS: usize = 500;

/// A flow as a packet, and what should become of it.
struct Question {
    flow: Flow,
    expected: Verdict,
    probe: Probe,
}

#[test]
fn packets_are_treated_as_specified_with_the_nodes_in_play() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let first = number("FERRULE_SEED").unwrap_or(5_000_000);
    let last = first + number("FERRULE_UNIVERSES").unwrap_or(60);
    let (begin, next) = (Instant::now(), AtomicU64::new(first));
    let (tally, failures) = (Mutex::new(Tally::default()), Mutex::new(BTreeMap::new()));
    let work = || {
        let seeds = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
        for seed in seeds.take_while(|seed| *seed < last) {
            match judge(seed) {
                Ok(universe) => tally.lock().unwrap().add(universe),
                Err(error) => drop(failures.lock().unwrap().insert(seed, format!("seed {seed}: {error:#}"))),
            }
        }
    };
    thread::scope(|scope| (0..2).for_each(|_| drop(scope.spawn(work))));
    let failures = failures.into_inner().unwrap();
    let reports: Vec<_> = failures.values().map(String::as_str).collect();
    let tally = tally.into_inner().unwrap();
    println!("{} verdicts in {:?}: {tally:?}", tally.verdicts(), begin.elapsed());
    assert!(reports.is_empty(), "{} universes failed:\n\n{}", reports.len(), reports.join("\n\n"));
    let least = [tally.allowed, tally.denied, tally.by_rule].into_iter().min();
    let enough = tally.verdicts() >= 10_000 && least >= Some(tally.verdicts() / 10);
    assert!(enough || number("FERRULE_UNIVERSES").is_some(), "{tally:?}");
}

/// Sends what a universe asks; the error is every difference.
fn judge(seed: u64) -> Result<Tally> {
    let universe = Universe::of_nodes(seed, FLOWS);
    let (reference, cluster) =
        (universe.reference(&universe.objects), Cluster::from_objects(&universe.objects));
    let mut options = Options::default();
    options.layer.node_ports = universe.is_consistent.then_some(NodePortPolicy::Consistent);
    let mut hooks = Hooks::with(options);
    hooks.load(&universe.objects);
    let questions = questions(&universe, &reference, &cluster)?;
    let mode = if seed.is_multiple_of(2) { Mode::Nftables } else { Mode::Iptables };
    let topology = topology(seed, &cluster, &questions)?;
    for (node, namespace) in topology.nodes() {
        let ruleset = hooks.ruleset(node).context("a node without rules")?;
        namespace.execute("nft", &["--file", "-"], &render(ruleset))?;
    }
    Proxy::of(&universe.objects, &cluster).install(&topology, mode)?;
    let probes: Vec<_> = questions.iter().map(|question| question.probe.clone()).collect();
    let deliveries = Prober::new(&topology).deliver(&probes)?;
    let answered = questions.iter().zip(deliveries);
    let (right, wrong): (Vec<_>, Vec<_>) =
        answered.partition(|(question, delivery)| question.probe.expected == *delivery);
    if !wrong.is_empty() {
        pause(&topology);
    }
    let reports: Vec<_> =
        wrong.iter().map(|(question, delivery)| report(&hooks, question, *delivery)).collect();
    ensure!(
        reports.is_empty(),
        "{} of {} packets went wrong ({mode:?}, consistent: {})\n{}\nobjects.yaml:\n{}",
        reports.len(),
        questions.len(),
        universe.is_consistent,
        reports.join("\n"),
        to_yaml(&universe.objects)?
    );
    let mut tally = Tally::default();
    right.iter().for_each(|(question, _)| tally.count(&reference, &question.flow));
    Ok(tally)
}

/// The namespaces, in which the world outside has a route to every address of a service that it calls.
fn topology(seed: u64, cluster: &Cluster, questions: &[Question]) -> Result<Topology> {
    let ends = questions.iter().flat_map(|question| [question.probe.source, question.probe.arrives]);
    let outside: BTreeSet<IpAddr> =
        ends.filter(|address| cluster.owner(*address) == Place::Outside).collect();
    let topology = Topology::build(&format!("n{seed}"), cluster, &outside)?;
    let mut routed = BTreeSet::new();
    for Question { flow, probe, .. } in questions {
        if let (Some(node), Place::Outside) = (&flow.at, &probe.sender)
            && routed.insert(probe.destination)
        {
            topology.route(&[probe.destination], node)?;
        }
    }
    Ok(topology)
}

/// The flows that a packet can express, each once.
fn questions(universe: &Universe, reference: &Reference, cluster: &Cluster) -> Result<Vec<Question>> {
    let mut questions: Vec<Question> = Vec::new();
    for flow in universe.flows.iter().filter(|flow| reference.is_askable(flow)) {
        let expected = reference.read(flow, Reading::Least).map_err(anyhow::Error::msg)?;
        let lines = Line::parse(&format!("{flow} {}", expected.outcome))?;
        let mut probes = lines.first().with_context(|| format!("{flow}: no line"))?.probes(cluster)?;
        let (Some(mut probe), true) = (probes.pop(), probes.is_empty()) else { continue };
        probe.arrives = reference.destination(flow).map_err(anyhow::Error::msg)?;
        let known = |question: &Question| {
            (question.probe.source, question.probe.destination, question.probe.request)
                == (probe.source, probe.destination, probe.request)
        };
        let is_translated = probe.arrives != probe.destination;
        if is_translated && !is_settled(reference, flow, &expected)? {
            continue;
        }
        if is_seen(cluster, flow, &probe) && !questions.iter().any(known) {
            questions.push(Question { flow: flow.clone(), expected, probe });
        }
    }
    Ok(questions)
}

/// Whether the verdict is the same whatever port the sender has: kube-proxy masquerades with a port by chance, of the kernel's three ranges that in which
/// the sender's own port lies.
fn is_settled(reference: &Reference, flow: &Flow, expected: &Verdict) -> Result<bool> {
    let Some(own) = flow.source_port else { return Ok(true) };
    let range = match own {
        0..512 => 1..512,
        512..1024 => 600..1024,
        1024.. => 1024..65535,
    };
    let step = usize::from(range.end - range.start) / 16;
    for port in range.step_by(step) {
        let other = Flow { source_port: Some(port), ..flow.clone() };
        let verdict = reference.read(&other, Reading::Least).map_err(anyhow::Error::msg)?;
        if verdict.outcome != expected.outcome {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a packet passes a node, and connection tracking takes it for the beginning of something (see `kernel_differential.rs`).
fn is_seen(cluster: &Cluster, flow: &Flow, probe: &Probe) -> bool {
    let begins = match probe.request {
        Request::Icmp { protocol: Protocol::ICMP, kind, .. } => kind == 8,
        Request::Icmp { kind, .. } => kind == 128,
        // Connection tracking takes it for invalid, which kube-proxy drops in iptables mode.
        Request::Ports { protocol: Protocol::UDPLITE, .. } => false,
        Request::Ports { .. } | Request::Other(_) => true,
    };
    let by_address = matches!((&flow.from, &flow.to), (Peer::Address(from), Peer::Address(to)) if from == to);
    begins && !by_address && probe.sender != cluster.owner(probe.destination)
}

/// A difference in words.
fn report(hooks: &Hooks, question: &Question, delivery: Delivery) -> String {
    let Question { flow, expected, probe } = question;
    let evaluator = hooks.trail(flow).map_or_else(
        |error| error,
        |(outcome, trail)| {
            format!("{outcome} ({})", trail.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
        },
    );
    format!(
        "{flow} {}\n  {} -> {} = {}: expected {expected}; packet: {}; evaluator: {evaluator}",
        expected.outcome,
        probe.source,
        probe.destination,
        probe.arrives,
        verdict(delivery)
    )
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
