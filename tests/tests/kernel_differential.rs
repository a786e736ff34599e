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

const FLOWS: usize = 400;
/// What holds of every lock here.
const SOUND: &str = "nobody panics with the lock held";

/// A flow as a packet, and what should become of it.
struct Question {
    flow: Flow,
    expected: Verdict,
    probe: Probe,
}

#[test]
fn packets_are_treated_as_specified() {
    let tally = judge_all(2_000_000, 200, Validity::Valid);
    let least = [tally.allowed, tally.denied, tally.by_rule].into_iter().min();
    let enough = tally.verdicts() >= 10_000 && least >= Some(tally.verdicts() / 10);
    assert!(enough || universes().is_some(), "{tally:?}");
}

#[test]
fn packets_are_treated_as_specified_beside_what_cannot_be_understood() {
    judge_all(3_000_000, 40, Validity::Mixed);
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// How many universes are judged, if the environment says.
fn universes() -> Option<u64> {
    number("FERRULE_UNIVERSES")
}

/// Judges universes, two at a time, and fails with all that went wrong.
fn judge_all(first: u64, count: u64, validity: Validity) -> Tally {
    let first = number("FERRULE_SEED").unwrap_or(first);
    let last = first + universes().unwrap_or(count);
    let (begin, next) = (Instant::now(), AtomicU64::new(first));
    let (tally, failures) = (Mutex::new(Tally::default()), Mutex::new(BTreeMap::new()));
    let work = || {
        let seeds = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
        for seed in seeds.take_while(|seed| *seed < last) {
            match judge(seed, validity) {
                Ok(universe) => tally.lock().expect(SOUND).add(universe),
                Err(error) => {
                    drop(failures.lock().expect(SOUND).insert(seed, format!("seed {seed}: {error:#}")))
                }
            }
        }
    };
    thread::scope(|scope| (0..2).for_each(|_| drop(scope.spawn(work))));
    let failures = failures.into_inner().expect(SOUND);
    let reports: Vec<_> = failures.values().map(String::as_str).collect();
    assert!(reports.is_empty(), "{} universes failed:\n\n{}", reports.len(), reports.join("\n\n"));
    let tally = tally.into_inner().expect(SOUND);
    println!("{validity:?}: {} verdicts in {:?}: {tally:?}", tally.verdicts(), begin.elapsed());
    tally
}

/// Sends what a universe asks; the error is every difference.
fn judge(seed: u64, validity: Validity) -> Result<Tally> {
    let Universe { objects, flows, .. } = Universe::of(seed, validity, FLOWS);
    let (reference, cluster) = (Reference::new(&objects), Cluster::from_objects(&objects));
    let questions = questions(&reference, &cluster, &flows)?;
    let mut rig = Rig::start(&format!("s{seed}"), &to_yaml(&objects)?, "", &outside(&cluster, &questions))?;
    let probes: Vec<_> = questions.iter().map(|question| question.probe.clone()).collect();
    let deliveries = Prober::new(&rig.topology).deliver(&probes)?;
    let (right, wrong): (Vec<_>, Vec<_>) = questions
        .iter()
        .zip(deliveries)
        .partition(|(question, delivery)| question.probe.expected == *delivery);
    if !wrong.is_empty() {
        pause(&rig);
    }
    let mut pipeline = Pipeline::default();
    pipeline.load(&objects);
    let reports: Vec<_> = wrong
        .iter()
        .map(|(question, delivery)| report(&rig.topology.cluster, &mut pipeline, question, *delivery))
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
    end_agents(&mut rig, validity)?;
    let mut tally = Tally::default();
    right.iter().for_each(|(question, _)| tally.count(&reference, &question.flow));
    Ok(tally)
}

/// Ends the agents, which may have logged errors only if there was something that could not be understood.
fn end_agents(rig: &mut Rig, validity: Validity) -> Result<()> {
    let foreseen = match validity {
        Validity::Valid => Vec::new(),
        Validity::Mixed => vec![" ERROR ".to_owned()],
    };
    let nodes: Vec<_> = rig.topology.cluster.nodes.keys().cloned().collect();
    nodes.iter().try_for_each(|node| rig.take_agent(node)?.end_with(&foreseen))
}

/// The flows that a packet can express and an agent can see, each once; without those on whose outcome the readings differ.
fn questions(reference: &Reference, cluster: &Cluster, flows: &[Flow]) -> Result<Vec<Question>> {
    let mut questions: Vec<Question> = Vec::new();
    for flow in flows.iter().filter(|flow| reference.is_askable(flow)) {
        let read = |reading| reference.read(flow, reading).map_err(anyhow::Error::msg);
        let expected = read(Reading::Least)?;
        if read(Reading::Most)?.outcome != expected.outcome {
            continue;
        }
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
fn report(cluster: &Cluster, pipeline: &mut Pipeline, question: &Question, delivery: Delivery) -> String {
    let Question { flow, expected, probe } = question;
    let evaluator = pipeline.verdict(flow).map_or_else(|error| error, |verdict| verdict.to_string());
    let node_of = |address| match cluster.owner(address) {
        Place::Pod(pod) => cluster.pods[&pod].node.clone(),
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
