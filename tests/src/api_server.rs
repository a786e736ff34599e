//! A real API server (`tests/apiserver`) in a network namespace of its own, joined to every node of a topology by a link of its own.
//!
//! ```text
//! [node  api0 198.18.x.y]──veth──[api-N   198.18.0.1:6443]   one link for each node, by which only the agent speaks
//! ```
//!
//! The port is one that failsafe rules of host endpoints spare, as with a real cluster. The link is beside the underlay, so that topologies with equal
//! addresses can be joined to one server at the same time, and so that no probe meets what the agent says. Deliberately absent: a kubelet, a scheduler,
//! and IPv6 towards the server.

mod admission;
mod client;
pub mod definitions;
mod given;
mod process;
mod requests;

use std::{
    net::Ipv4Addr,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU16, Ordering},
};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::{namespace::Namespace, topology::Topology};

pub use admission::admissible;
pub use client::{ApiClient, refusal};
pub use given::Server;
pub use process::fixture;

use process::Process;

/// Where the server listens in its namespace.
const ADDRESS: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);
/// The port of API servers.
pub const PORT: u16 = 6443;
/// The interface of a node towards the server.
pub const LINK: &str = "api0";
/// The service addresses, wide enough for those of all cases. The first one is that of the service `kubernetes`, which no case uses.
const SERVICES: &str = "10.64.0.0/10,fd00:96::/108";

/// A running API server. Killed on drop, with its state.
#[derive(Debug)]
pub struct ApiServer {
    // Dropped first to last: the process, then what it works on.
    process: Option<Process>,
    client: ApiClient,
    state: TempDir,
    arguments: Vec<String>,
    namespace: Namespace,
    joined: AtomicU16,
}

impl ApiServer {
    /// Starts a server and waits until it can be used. The calling thread has to outlive it. Arguments are those of the fixture's README; behind `--`
    /// those of kube-apiserver.
    pub fn start(label: &str, arguments: &[&str]) -> Result<Self> {
        static STARTED: AtomicU16 = AtomicU16::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let namespace = Namespace::create(&format!("{number}{label}-api"))?;
        namespace.execute(
            "ip",
            &["-batch", "-"],
            &format!("link set lo up\naddress add {ADDRESS}/32 dev lo\n"),
        )?;
        // The state holds unix sockets, whose paths are short by nature.
        let state =
            tempfile::Builder::new().prefix("fe-api-").tempdir_in("/tmp").context("state of the server")?;
        let arguments: Vec<_> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let process = Process::start(&namespace, state.path(), &arguments)?;
        let client = ApiClient::connect(Some(&namespace), &state.path().join("kubeconfig"))?;
        Ok(Self { process: Some(process), client, state, arguments, namespace, joined: AtomicU16::new(0) })
    }

    /// The administrator's client.
    pub fn client(&self) -> &ApiClient {
        &self.client
    }

    /// The administrator's kubeconfig, good in every namespace that is joined.
    pub fn kubeconfig(&self) -> PathBuf {
        self.state.path().join("kubeconfig")
    }

    /// Where the server listens, as the agent names it.
    pub fn address(&self) -> String {
        format!("{ADDRESS}:{PORT}")
    }

    /// The state on disk: etcd's data, credentials, the file of static tokens.
    pub fn state(&self) -> &Path {
        self.state.path()
    }

    /// The namespace in which the server listens.
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// A further client, in the server's namespace.
    pub fn connect(&self, kubeconfig: &Path) -> Result<ApiClient> {
        ApiClient::connect(Some(&self.namespace), kubeconfig)
    }

    /// Joins every node of a topology. The links go with the topology.
    pub fn join(&self, topology: &Topology) -> Result<()> {
        for (_, node) in topology.nodes() {
            let number = self.joined.fetch_add(1, Ordering::Relaxed) + 1;
            let own = Ipv4Addr::from_bits(ADDRESS.to_bits() + 0x100 + u32::from(number));
            let script = format!(
                "link add api-{number} type veth peer name {LINK} netns {}\nlink set api-{number} up\nroute add {own}/32 dev api-{number}\n",
                node.name()
            );
            self.namespace.execute("ip", &["-batch", "-"], &script)?;
            let script = format!(
                "address add {own}/32 dev {LINK}\nlink set {LINK} up\nroute add {ADDRESS}/32 dev {LINK} src {own}\n"
            );
            node.execute("ip", &["-batch", "-"], &script)?;
            node.wait_links()?;
        }
        self.namespace.wait_links()
    }

    /// Kills it without a chance to do anything (SIGKILL). The state stays.
    pub fn kill(&mut self) -> Result<()> {
        self.process.take().context("the server does not run")?.kill()
    }

    /// Starts it again on its state, at its address, and waits until it can be used. Every watch from before is then too old for it (410).
    pub fn start_again(&mut self) -> Result<()> {
        ensure!(self.process.is_none(), "the server runs");
        self.process = Some(Process::start(&self.namespace, self.state.path(), &self.arguments)?);
        Ok(())
    }

    /// Starts it again on its objects with a new authority, serving certificate, signing key of accounts and administrator's token. The kubeconfig is
    /// written anew; no token from before is good any more.
    pub fn start_again_with_other_credentials(&mut self) -> Result<()> {
        ensure!(self.process.is_none(), "the server runs");
        // Whose presence says that there are credentials.
        std::fs::remove_file(self.state.path().join("tokens.csv")).context("the tokens")?;
        self.start_again()?;
        self.client = ApiClient::connect(Some(&self.namespace), &self.kubeconfig())?;
        Ok(())
    }

    /// Holds it (SIGSTOP): connections stay, nobody is answered.
    pub fn hold(&self) -> Result<()> {
        self.process.as_ref().context("the server does not run")?.hold()
    }

    /// Lets it go on after [`Self::hold`].
    pub fn release(&self) -> Result<()> {
        self.process.as_ref().context("the server does not run")?.release()
    }

    /// A copy of the state, to be put back by [`Self::put_back`]. The server must not run.
    pub fn copy_state(&self) -> Result<TempDir> {
        ensure!(self.process.is_none(), "the server runs");
        let copy = tempfile::tempdir().context("copy of the state")?;
        copy_folder(&self.state.path().join("etcd"), &copy.path().join("etcd"))?;
        Ok(copy)
    }

    /// Puts an earlier state back. The server must not run.
    pub fn put_back(&self, copy: &TempDir) -> Result<()> {
        ensure!(self.process.is_none(), "the server runs");
        let data = self.state.path().join("etcd");
        std::fs::remove_dir_all(&data).context("remove the newer state")?;
        copy_folder(&copy.path().join("etcd"), &data)
    }
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir(to).with_context(|| format!("create {}", to.display()))?;
    for entry in std::fs::read_dir(from).with_context(|| format!("read {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), &target).with_context(|| format!("copy to {}", target.display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
