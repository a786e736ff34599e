//! `make demo`: what Ferrule does, on one machine, in a minute. Needs root for network namespaces; leaves nothing behind, not even when interrupted.

use std::process::ExitCode;

use ferrule_tests::{demo, namespace};
use nix::sys::signal::{SigSet, Signal};

fn main() -> ExitCode {
    if let Err(error) = clean_up_when_interrupted() {
        eprintln!("demo: {error:#}");
        return ExitCode::from(3);
    }
    match demo::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("demo: {error:#}");
            ExitCode::from(3)
        }
    }
}

/// A signal ends the demonstration, and the namespaces with it. Agents die with the process.
fn clean_up_when_interrupted() -> anyhow::Result<()> {
    let signals: SigSet = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP].into_iter().collect();
    // Before any other thread starts, so that all inherit the mask and only the one below takes the signals.
    signals.thread_block()?;
    std::thread::spawn(move || {
        let signal = signals.wait();
        namespace::remove_own();
        eprintln!("demo: interrupted ({signal:?}); cleaned up");
        std::process::exit(130);
    });
    Ok(())
}
