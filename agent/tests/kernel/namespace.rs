//! A network namespace without a name, which is gone with its thread.

use std::{
    io::Write,
    process::{Command, Stdio},
    thread,
};

use ferrule_agent::dataplane::Kernel;
use ferrule_ruleset::{
    diff::{Transaction, diff},
    nft::Ruleset,
};
use nix::sched::{CloneFlags, unshare};

/// Runs a test in a namespace of its own. Programs that it starts are in it too.
pub fn isolated(test: impl AsyncFnOnce() + Send) {
    let body = || {
        unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace of our own (are you root?)");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(test());
    };
    if let Err(panic) = thread::scope(|scope| scope.spawn(body).join()) {
        std::panic::resume_unwind(panic);
    }
}

/// What `nft` prints; a failure is a panic with what it said.
pub fn nft(arguments: &[&str]) -> String {
    nft_reads(arguments, "")
}

/// The same, with a script as its input.
pub fn nft_reads(arguments: &[&str], script: &str) -> String {
    let mut child = Command::new("nft")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("nft is installed");
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "nft {}: {said}\n{script}", arguments.join(" "));
    String::from_utf8(output.stdout).unwrap()
}

/// What leads from nothing known to a ruleset.
pub fn replacement(ruleset: &Ruleset) -> Transaction {
    diff(None, ruleset)
}

/// A kernel that holds a ruleset.
pub async fn programmed(ruleset: &Ruleset) -> Kernel {
    let kernel = Kernel::start().unwrap();
    kernel.commit(replacement(ruleset)).await.unwrap_or_else(|error| panic!("{error}"));
    kernel
}
