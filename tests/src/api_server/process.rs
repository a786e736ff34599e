//! The server as a process.

use std::{
    fs::File,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, PoisonError, mpsc},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{ADDRESS, PORT, SERVICES};
use crate::namespace::Namespace;

/// How long a server may take to become ready on a busy machine.
const START: Duration = Duration::from_secs(300);
/// The end of the log that an error shows, in bytes.
const TAIL: usize = 4000;

/// A running server. Killed on drop, by its process id; it also ends by itself when this process ends, as its standard input closes then.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a server and waits until it says that it is ready; with the end of its log as the error otherwise.
    pub(super) fn start(namespace: &Namespace, state: &Path, arguments: &[String]) -> Result<Self> {
        // A start takes all the time that there is, and some of its steps must not take too long: one after the other.
        static STARTING: Mutex<()> = Mutex::new(());
        let _turn = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
        let program = fixture()?;
        let log = state.join("log");
        let mut command = namespace.command(&program)?;
        command.arg("-dir").arg(state).arg("-kubeconfig").arg(state.join("kubeconfig"));
        command
            .args(["-leash", "-listen", &format!("{ADDRESS}:{PORT}"), "-service-cidr", SERVICES])
            .args(arguments);
        let written = File::create(&log).context("log of the API server")?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::from(written));
        let child = command.spawn().with_context(|| format!("start {}", program.display()))?;
        let mut process = Self { child, log };
        if let Err(error) = process.wait_ready() {
            return Err(error.context(format!("the API server is not ready:\n{}", process.log_end())));
        }
        Ok(process)
    }

    fn wait_ready(&mut self) -> Result<()> {
        let output = self.child.stdout.take().context("standard output of the API server")?;
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            let read = BufReader::new(output).read_line(&mut line).map(|_| line);
            // Nobody listens any more once the wait is over.
            sender.send(read).ok();
        });
        match receiver.recv_timeout(START) {
            Ok(line) if line.as_ref().is_ok_and(|line| line.starts_with("READY")) => Ok(()),
            Ok(line) => bail!("it said {line:?} and {:?}", self.child.try_wait()?),
            Err(_) => bail!("nothing after {START:?}"),
        }
    }

    fn log_end(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&text[text.len().saturating_sub(TAIL)..]).into_owned()
    }

    pub(super) fn kill(mut self) -> Result<()> {
        self.child.kill().context("kill the API server")?;
        self.child.wait().context("wait for the API server").map(drop)
    }

    pub(super) fn hold(&self) -> Result<()> {
        self.signal(Signal::SIGSTOP)
    }

    pub(super) fn release(&self) -> Result<()> {
        self.signal(Signal::SIGCONT)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        kill(Pid::from_raw(self.child.id().try_into()?), signal)
            .with_context(|| format!("{signal} to the API server"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("the API server said last:\n{}", self.log_end());
        }
        // It may have ended already, which is as good.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The fixture's executable: named by FERRULE_APISERVER, else where `.ci/apiserver` puts it.
pub fn fixture() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("FERRULE_APISERVER") {
        return Ok(path.into());
    }
    let builder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.ci/apiserver");
    let said = Command::new(&builder)
        .arg("--where")
        .output()
        .with_context(|| format!("run {}", builder.display()))?;
    ensure!(said.status.success(), "{}: {}", builder.display(), String::from_utf8_lossy(&said.stderr));
    let path = PathBuf::from(String::from_utf8_lossy(&said.stdout).trim());
    ensure!(
        path.exists(),
        "the API server for tests is not built ({} is missing): run .ci/apiserver, which needs Go (make setup installs it) and takes some minutes once; \
         or name one by FERRULE_APISERVER",
        path.display()
    );
    Ok(path)
}
