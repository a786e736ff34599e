//! Random universes in the kernel: what arrives through rules that agents have programmed is what the reference model says.
//!
//! `FERRULE_SEED` names the universe to begin with, `FERRULE_UNIVERSES` how many to judge. `PAUSE=60` leaves a universe that failed as it is for so many
//! seconds.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use ferrule_ruleset::protocol::Protocol;
use ferrule_tests::{
    case::{line::Line, verdict},
    cluster::{Cluster, Place},
    compare::Tally,
    compiled::Pipeline,
    flow::Flow,
    generate::{Universe, Validity},
    objects::to_yaml,
    probe::{Delivery, Probe, Prober, Request},
    reference::{Reading, Reference},
    rig::Rig,
    verdict::{Judge, Verdict},
};

const UNIVERSES: u64 = 100;
const FLOWS: usize = 400;

/// A flow as a packet, and what should become of it.
struct Question {
    flow: Flow,
    expected: Verdict,
    probe: Probe,
}

#[test]
fn packets_are_treated_as_specified() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let first = number("FERRULE_SEED").unwrap_or(2_000_000);
    let universes = number("FERRULE_UNIVERSES");
    let (begin, next) = (Instant::now(), AtomicU64::new(first));
    let (tally, failures) = (Mutex::new(Tally::default()), Mutex::new(BTreeMap::new()));
    let work = || {
        let seeds = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
        for seed in seeds.take_while(|seed| *seed < first + universes.unwrap_or(UNIVERSES)) {
            match judge(seed) {
                Ok(universe) => tally.lock().unwrap().add(universe),
                Err(error) => drop(failures.lock().unwrap().insert(seed, format!("seed {seed}: {error:#}"))),
            }
        }
    };
    thread::scope(|scope| (0..2).for_each(|_| drop(scope.spawn(work))));
    let failures = failures.into_inner().unwrap();
    let reports: Vec<_> = failures.values().map(String::as_str).collect();
    assert!(reports.is_empty(), "{} universes failed:\n\n{}", reports.len(), reports.join("\n\n"));
    let tally = tally.into_inner().unwrap();
    println!("{} verdicts in {:?}: {tally:?}", tally.verdicts(), begin.elapsed());
    if universes.is_none() {
        assert!(tally.verdicts() >= 10_000, "{tally:?}");
        let least = [tally.allowed, tally.denied, tally.by_rule].into_iter().min();
        assert!(least >= Some(tally.verdicts() / 10), "{tally:?}");
    }
}

/// Sends what a universe asks; the error is every difference.
fn judge(seed: u64) -> Result<Tally> {
    let Universe { objects, flows } = Universe::of(seed, Validity::Valid, FLOWS);
    let (reference, cluster) = (Reference::new(&objects), Cluster::from_objects(&objects));
    let questions = questions(&reference, &cluster, &flows)?;
    let mut rig = Rig::start(&format!("s{seed}"), &to_yaml(&objects)?, "", &outside(&cluster, &questions))?;
    let probes: Vec<_> = questions.iter().map(|question| question.probe.clone()).collect();
    let deliveries = Prober::new(&rig.topology).deliver(&probes)?;
    let (mut tally, mut differences) = (Tally::default(), Vec::new());
    for (question, delivery) in questions.iter().zip(deliveries) {
        if delivery == question.probe.expected {
            tally.count(&reference, &question.flow);
        } else {
            differences.push((question, delivery));
        }
    }
    if !differences.is_empty() {
        pause(&rig);
    }
    let mut pipeline = Pipeline::default();
    pipeline.load(&objects);
    let reports: Vec<_> = differences
        .iter()
        .map(|(question, delivery)| report(&rig, &mut pipeline, question, *delivery))
        .collect();
    ensure!(
        reports.is_empty(),
        "{} of {} packets went wrong\n{}\nto look around: PAUSE=60 FERRULE_SEED={seed} FERRULE_UNIVERSES=1 \
         cargo test -p ferrule-tests --test kernel_differential\nobjects.yaml:\n{}",
        reports.len(),
        questions.len(),
        reports.join("\n"),
        to_yaml(&objects)?
    );
    rig.end_agents()?;
    Ok(tally)
}

/// The flows that a packet can express and an agent can see, each once.
fn questions(reference: &Reference, cluster: &Cluster, flows: &[Flow]) -> Result<Vec<Question>> {
    let mut questions: Vec<Question> = Vec::new();
    for flow in flows.iter().filter(|flow| reference.is_askable(flow)) {
        let [expected, most] = [Reading::Least, Reading::Most].map(|reading| reference.read(flow, reading));
        let expected = expected.map_err(anyhow::Error::msg)?;
        ensure!(most.as_ref() == Ok(&expected), "{flow}: the reference is in doubt");
        let lines = Line::parse(&format!("{flow} {}", expected.outcome))?;
        let probes = lines.first().with_context(|| format!("{flow}: no line"))?.probes(cluster)?;
        let [probe] = probes.as_slice() else { continue };
        if is_seen(cluster, probe) && !questions.iter().any(|question| question.probe == *probe) {
            questions.push(Question { flow: flow.clone(), expected, probe: probe.clone() });
        }
    }
    Ok(questions)
}

/// Whether a packet passes a node, by more than its loopback interface, and connection tracking takes it for the beginning of something: other ICMP messages
/// are invalid without a request before them (`icmp_new` in nf_conntrack_proto_icmp.c), or untracked in IPv6.
fn is_seen(cluster: &Cluster, probe: &Probe) -> bool {
    let begins = match probe.request {
        Request::Icmp { protocol: Protocol::ICMP, kind, .. } => kind == 8,
        Request::Icmp { kind, .. } => matches!(kind, 128 | 133..=136),
        Request::Ports { .. } | Request::Other(_) => true,
    };
    begins && probe.sender != cluster.owner(probe.destination)
}

/// Addresses that belong to no pod and no node.
fn outside(cluster: &Cluster, questions: &[Question]) -> BTreeSet<std::net::IpAddr> {
    let ends = questions.iter().flat_map(|question| [question.probe.source, question.probe.destination]);
    ends.filter(|address| cluster.owner(*address) == Place::Outside).collect()
}

/// A difference in words.
fn report(rig: &Rig, pipeline: &mut Pipeline, question: &Question, delivery: Delivery) -> String {
    let Question { flow, expected, probe } = question;
    let evaluator = pipeline.verdict(flow).map_or_else(|error| error, |verdict| verdict.to_string());
    let node_of = |address| match rig.topology.cluster.owner(address) {
        Place::Pod(pod) => rig.topology.cluster.pods[&pod].node.clone(),
        Place::Node(node) => node,
        Place::Outside => "outside".to_owned(),
    };
    format!(
        "{flow} {}\n  {} ({}) -> {} ({}): expected {expected}; packet: {}; evaluator: {evaluator}",
        expected.outcome,
        probe.source,
        node_of(probe.source),
        probe.destination,
        node_of(probe.destination),
        verdict(delivery)
    )
}

/// Leaves the namespaces as they are for PAUSE seconds, for a person to look around.
fn pause(rig: &Rig) {
    if let Some(seconds) = std::env::var("PAUSE").ok().and_then(|seconds| seconds.parse().ok()) {
        for (node, namespace) in rig.topology.nodes() {
            println!("{node}: ip netns exec {} nft list ruleset", namespace.name());
        }
        thread::sleep(Duration::from_secs(seconds));
    }
}
