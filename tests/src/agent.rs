//! The agent as a process in a node's namespace.

use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::namespace::Namespace;

/// Where the agent answers `/readiness`, in the namespace of its node.
const HEALTH: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9099);
/// How long an agent may take to become ready on a busy machine. One that waits for an API server may pause for half a minute.
const START: Duration = Duration::from_secs(180);
/// How long one answer of the agent is waited for.
const ANSWER: Duration = Duration::from_secs(60);

/// How many lines of its log are shown where a test fails.
const SHOWN: usize = 30;

/// Where an agent has its objects from.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// A directory of manifests.
    Manifests(&'a Path),
    /// The API server that a kubeconfig names.
    Kubernetes(&'a Path),
}

impl<'a> From<&'a Path> for Input<'a> {
    fn from(directory: &'a Path) -> Self {
        Self::Manifests(directory)
    }
}

impl<'a> From<&'a PathBuf> for Input<'a> {
    fn from(directory: &'a PathBuf) -> Self {
        Self::Manifests(directory)
    }
}

/// A running agent. Killed on drop, by its process id.
#[derive(Debug)]
pub struct Agent {
    child: Child,
    log: tempfile::NamedTempFile,
    node: String,
}

impl Agent {
    /// Starts an agent for a node in the node's namespace. The calling thread has to outlive it.
    pub fn start<'a>(
        namespace: &Namespace,
        node: &str,
        input: impl Into<Input<'a>>,
        arguments: &[String],
    ) -> Result<Self> {
        let program = program("ferrule-agent", "FERRULE_AGENT")?;
        let log = tempfile::NamedTempFile::new().context("log file")?;
        let mut command = namespace.command(&program)?;
        command.args(["--node-name", node]);
        match input.into() {
            Input::Manifests(directory) => command.arg("--manifests").arg(directory),
            Input::Kubernetes(kubeconfig) => command.args(["--kubernetes", "--kubeconfig"]).arg(kubeconfig),
        };
        // The machine on which tests run may have been started just now.
        command.args(arguments).env("NO_COLOR", "1").env("FERRULE_BOOT_WINDOW", "0");
        command.stdin(Stdio::null()).stdout(Stdio::from(log.reopen()?)).stderr(Stdio::from(log.reopen()?));
        let child = command.spawn().with_context(|| format!("start {}", program.display()))?;
        Ok(Self { child, log, node: node.to_owned() })
    }

    /// Waits until the kernel holds what its input says; with the agent's log as the error if it ends or takes too long.
    pub fn wait_ready(&mut self, namespace: &Namespace) -> Result<()> {
        let begin = Instant::now();
        let mut last = String::new();
        while begin.elapsed() < START {
            if let Some(status) = self.child.try_wait()? {
                bail!("agent of {} ended ({status}):\n{}", self.node, self.log_text()?);
            }
            match namespace.run(|| ask("/readiness")) {
                Ok((200, _)) => return Ok(()),
                Ok((code, body)) => last = format!("{code}: {body}"),
                Err(error) => last = format!("{error:#}"),
            }
            thread::sleep(Duration::from_millis(5));
        }
        bail!("agent of {} is not ready after {START:?} ({last}):\n{}", self.node, self.log_text()?)
    }

    /// Kills it without a chance to do anything (SIGKILL).
    pub fn kill(mut self) -> Result<()> {
        self.child.kill().context("kill the agent")?;
        self.child.wait().context("wait for the agent")?;
        self.check_log()
    }

    /// Holds it (SIGSTOP), as a node without any time for it does.
    pub fn hold(&self) -> Result<()> {
        self.signal(Signal::SIGSTOP)
    }

    /// Lets it go on after [`Self::hold`].
    pub fn release(&self) -> Result<()> {
        self.signal(Signal::SIGCONT)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        kill(Pid::from_raw(self.child.id().try_into()?), signal)
            .with_context(|| format!("{signal} to the agent"))
    }

    /// Ends it (SIGTERM) and waits; an error if it does not end well, or if it logged an error.
    pub fn end(self) -> Result<()> {
        self.end_with(&[])
    }

    /// The same for an agent of which errors are expected: each line at level ERROR has to contain one of these texts.
    pub fn end_with(mut self, expected: &[String]) -> Result<()> {
        self.signal(Signal::SIGTERM)?;
        let status = self.child.wait().context("wait for the agent")?;
        ensure!(status.success(), "agent of {} ended with {status}:\n{}", self.node, self.log_text()?);
        self.check_log_but(expected)
    }

    /// Its process id.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// The most memory that it has held so far, in MiB (`VmHWM`).
    pub fn peak_memory(&self) -> Result<f64> {
        let status =
            fs::read_to_string(format!("/proc/{}/status", self.child.id())).context("status of the agent")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("VmHWM")?;
        let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse().context("VmHWM")?;
        Ok(kilobytes / 1024.0)
    }

    /// What it has logged so far.
    pub fn log_text(&self) -> Result<String> {
        fs::read_to_string(self.log.path()).context("read the agent's log")
    }

    /// An error if it logged one.
    pub fn check_log(&self) -> Result<()> {
        self.check_log_but(&[])
    }

    fn check_log_but(&self, expected: &[String]) -> Result<()> {
        let log = self.log_text()?;
        let error = |line: &&str| line.contains("ERROR") || line.contains("panicked");
        let foreseen = |line: &&str| expected.iter().any(|text| line.contains(text));
        let errors: Vec<_> = log.lines().filter(error).filter(|line| !foreseen(line)).collect();
        ensure!(errors.is_empty(), "agent of {} logged errors:\n{}", self.node, errors.join("\n"));
        Ok(())
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if thread::panicking() {
            // Whoever reads of the failure has nothing else of it.
            let log = self.log_text().unwrap_or_default();
            let lines: Vec<_> = log.lines().collect();
            let last = lines.len().saturating_sub(SHOWN);
            eprintln!("the agent of {} said last:\n{}", self.node, lines[last..].join("\n"));
        }
        // It may have ended already, which is as good.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Asks the agent of the current namespace; status code and body.
pub fn ask(path: &str) -> Result<(u16, String)> {
    let mut stream = TcpStream::connect_timeout(&HEALTH, ANSWER).context("connect to the agent")?;
    stream.set_read_timeout(Some(ANSWER))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: agent\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).context("read the agent's answer")?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let code = head
        .split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok())
        .with_context(|| format!("no status in {head:?}"))?;
    Ok((code, body.to_owned()))
}

/// Replaces a file of a manifest directory in one step, as a reader of the directory should see it.
pub fn replace(file: &Path, text: &str) -> Result<()> {
    let directory = file.parent().context("a file in a directory")?;
    let hidden = directory.join(format!(".{}.new", file.file_name().unwrap_or_default().to_string_lossy()));
    File::create(&hidden)?.write_all(text.as_bytes())?;
    fs::rename(&hidden, file).with_context(|| format!("replace {}", file.display()))
}

/// A program of this workspace: named by an environment variable, else beside this executable or, as test executables have a folder of their own,
/// beside that folder.
pub fn program(name: &str, variable: &str) -> Result<PathBuf> {
    if let Some(path) = std::env::var_os(variable) {
        return Ok(path.into());
    }
    let own = std::env::current_exe().context("path of this executable")?;
    let found = own.ancestors().skip(1).take(2).map(|folder| folder.join(name)).find(|path| path.exists());
    found.with_context(|| format!("{name} is missing: cargo build --workspace --bins, or set {variable}"))
}
