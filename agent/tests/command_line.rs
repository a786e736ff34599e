//! The program as it is started: where settings come from, exit codes, and what a signal does. Each runs in a network namespace of its own, which goes
//! with the last process in it.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, ChildStderr, Command, Output, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use nix::{
    sched::{CloneFlags, unshare},
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// How long the agent may take for what it is started for.
const PATIENCE: Duration = Duration::from_secs(180);

/// The program without the surroundings of the test's own environment.
fn agent() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ferrule-agent"));
    command.env_clear().stderr(Stdio::piped()).stdout(Stdio::piped());
    command
}

fn code_and_complaint(command: &mut Command) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = command.output().expect("the program can be run");
    (status.code(), String::from_utf8(stderr).expect("the log is UTF-8"))
}

fn in_namespace(test: impl FnOnce() + Send + 'static) {
    let body = move || {
        unshare(CloneFlags::CLONE_NEWNET).expect("CAP_SYS_ADMIN is needed to make a network namespace");
        test();
    };
    if let Err(panic) = thread::spawn(body).join() {
        std::panic::resume_unwind(panic);
    }
}

/// A running agent; ends with the test whatever becomes of it.
struct Running {
    child: Child,
    log: BufReader<ChildStderr>,
}

impl Running {
    fn start(manifests: &Path) -> Self {
        let mut command = agent();
        command.args(["--node-name", "node-1", "--manifests"]).arg(manifests);
        // Otherwise what an empty directory asks for may be there before it has been read.
        command.args(["--startup-protection", "open"]);
        let mut child = command.spawn().expect("the program can be run");
        let log = BufReader::new(child.stderr.take().expect("its standard error is a pipe"));
        Self { child, log }
    }

    /// Reads the log up to a line that has this in it. An agent that takes too long for that is ended, and its log with it.
    fn read_until(&mut self, text: &str) {
        let process = Pid::from_raw(self.child.id().try_into().expect("a process id"));
        let (found, end) = mpsc::channel::<()>();
        let watch = thread::spawn(move || {
            if end.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
                kill(process, Signal::SIGKILL).expect("the agent is ours to end");
            }
        });
        let (begun, mut log) = (Instant::now(), String::new());
        loop {
            let before = log.len();
            let length = self.log.read_line(&mut log).expect("the log is UTF-8");
            assert_ne!(length, 0, "the log ended after {:?} without `{text}`:\n{log}", begun.elapsed());
            if log[before..].contains(text) {
                break;
            }
        }
        drop(found);
        watch.join().expect("the watch does not panic");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Either may fail because it has ended already, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_flag_precedes_the_environment_and_that_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("agent.yaml");
    std::fs::write(&file, "dataplane: nftables\n").unwrap();
    let from_environment = || {
        let mut command = agent();
        command.env("FERRULE_CONFIG", &file).env("FERRULE_DATAPLANE", "iptables");
        command
    };
    let (code, complaint) = code_and_complaint(&mut from_environment());
    assert_eq!(
        (code, complaint.contains("--dataplane iptables: not supported yet")),
        (Some(2), true),
        "{complaint}"
    );
    let (code, complaint) = code_and_complaint(from_environment().args(["--dataplane", "nftables"]));
    assert_eq!((code, complaint.contains("--node-name is required")), (Some(2), true), "{complaint}");
}

#[test]
fn usage_errors_exit_2_and_help_exits_0() {
    assert_eq!(code_and_complaint(agent().arg("--bogus")).0, Some(2));
    let help = agent().arg("--help").output().unwrap();
    assert_eq!(help.status.code(), Some(0));
    assert!(String::from_utf8(help.stdout).unwrap().contains("Examples:"));
}

#[test]
fn a_signal_ends_it_with_the_rules_in_force_and_cleanup_removes_them() {
    in_namespace(|| {
        let directory = tempfile::tempdir().unwrap();
        for expected in ["reconciled", "in step"] {
            let mut running = Running::start(directory.path());
            running.read_until(expected);
            kill(Pid::from_raw(running.child.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
            running.read_until("the rules stay in force");
            assert_eq!(running.child.wait().unwrap().code(), Some(0));
        }
        assert_eq!(code_and_complaint(agent().arg("--cleanup")).0, Some(0));
        Running::start(directory.path()).read_until("reconciled");
    });
}

#[test]
fn a_second_agent_refuses_to_start() {
    in_namespace(|| {
        let directory = tempfile::tempdir().unwrap();
        let mut running = Running::start(directory.path());
        running.read_until("reconciled");
        let mut second = agent();
        let (code, complaint) =
            code_and_complaint(second.args(["--node-name", "node-1", "--manifests"]).arg(directory.path()));
        assert_eq!((code, complaint.contains("is another agent at work")), (Some(3), true), "{complaint}");

        // Nor does it with an address of its own, or to clean up behind the back of the first.
        let mut aside = agent();
        aside.args(["--node-name", "node-1", "--health-address", "127.0.0.1:9100", "--manifests"]);
        for command in [aside.arg(directory.path()), agent().arg("--cleanup")] {
            let (code, complaint) = code_and_complaint(command);
            assert_eq!((code, complaint.contains("end it first")), (Some(3), true), "{complaint}");
        }
    });
}
