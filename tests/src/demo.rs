//! The demonstration: a three-tier application on two nodes, before and after its policies.

mod matrix;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

use crate::{
    agent::{Agent, program, replace},
    cluster::Cluster,
    topology::Topology,
};
use matrix::Matrix;

const CLUSTER: &str = include_str!("../demo/cluster.yaml");
const POLICIES: &str = include_str!("../demo/policies.yaml");

/// How long a change of the manifests may take to reach the kernel of a busy machine.
const CHANGE: Duration = Duration::from_secs(120);

/// Runs the demonstration and tells it on standard output.
pub fn run() -> Result<()> {
    let directory = tempfile::tempdir().context("directory of manifests")?;
    fs::write(directory.path().join("cluster.yaml"), CLUSTER)?;
    let cluster = Cluster::read(directory.path())?;
    println!(
        "Two nodes in network namespaces, three pods each, joined by veth as a CNI plug-in would; one agent per node.\n"
    );
    let topology = Topology::build("demo", &cluster, &BTreeSet::new())?;
    let mut agents = BTreeMap::new();
    for (name, namespace) in topology.nodes() {
        let mut agent = Agent::start(namespace, name, directory.path(), &[])?;
        agent.wait_ready(namespace)?;
        agents.insert(name, agent);
    }
    let mut matrix = Matrix::new(&topology);
    println!("Without policies everybody reaches everybody:\n\n{}", matrix.probe()?);

    println!("$ cp policies.yaml {}/\n", directory.path().display());
    replace(&directory.path().join("policies.yaml"), POLICIES)?;
    let begin = Instant::now();
    let mut enforced = matrix.probe()?;
    while !enforced.is_isolated("shop/frontend", "shop/db") {
        ensure!(begin.elapsed() < CHANGE, "the policies are not enforced after {CHANGE:?}:\n{enforced}");
        enforced = matrix.probe()?;
    }
    // The other node may be a moment behind the one that was looked at.
    std::thread::sleep(Duration::from_millis(300));
    println!(
        "With policies each tier reaches only the next, and all of the application reaches DNS:\n\n{}",
        matrix.probe()?
    );

    show(&topology, "node-b", &["list", "chain", "ip", "ferrule", "to/shop/db"])?;
    show(&topology, "node-b", &["list", "chain", "ip", "ferrule", "ingress/knp/shop/db"])?;
    explain(directory.path(), "shop/frontend", "shop/db", "5432")?;
    agents.into_values().try_for_each(Agent::end)
}

/// Shows a listing of nft as a person on the node would see it.
fn show(topology: &Topology, node: &str, arguments: &[&str]) -> Result<()> {
    println!("{node}$ nft {}", arguments.join(" "));
    println!("{}", topology.node(node)?.execute("nft", arguments, "")?);
    Ok(())
}

/// Asks the command line tool why a flow is denied.
fn explain(manifests: &Path, from: &str, to: &str, port: &str) -> Result<()> {
    let arguments = ["--from", from, "--to", to, "--protocol", "tcp", "--port", port];
    println!("$ ferrule eval --manifests {} {}", manifests.display(), arguments.join(" "));
    let tool = program("ferrule", "FERRULE")?;
    let answer = Command::new(tool).arg("eval").arg("--manifests").arg(manifests).args(arguments).output()?;
    // Exit code 1 is the answer "denied".
    ensure!(answer.status.code() == Some(1), "ferrule eval: {}", String::from_utf8_lossy(&answer.stderr));
    println!("{}", String::from_utf8_lossy(&answer.stdout));
    Ok(())
}
