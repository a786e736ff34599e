//! What becomes of a ruleset while something is done, change by change: also what did not last.

use std::{fs, process::Child};

use anyhow::{Context, Result, ensure};

use crate::{call::until, namespace::Namespace};

/// Tables that show what the monitor has come to.
const FIRST: &str = "probe-1";
const LAST: &str = "probe-2";

/// Killed on drop, by its process id.
struct Monitor(Child);

impl Drop for Monitor {
    fn drop(&mut self) {
        // It may have ended already, which is as good.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Does something, and says what `nft monitor` showed of it in the namespace: lines such as `create chain ip ferrule input`.
pub fn monitored(namespace: &Namespace, work: impl FnOnce() -> Result<()>) -> Result<String> {
    let log = tempfile::NamedTempFile::new().context("log of nft monitor")?;
    let seen = || fs::read_to_string(log.path()).context("log of nft monitor");
    let mut command = namespace.command("nft")?;
    let _monitor =
        Monitor(command.arg("monitor").stdout(log.reopen()?).spawn().context("start nft monitor")?);
    // It shows that it listens by showing a table of ours.
    until(|| {
        namespace.execute("nft", &[&format!("add table inet {FIRST}; delete table inet {FIRST}")], "")?;
        ensure!(seen()?.contains(FIRST), "nft monitor shows nothing");
        Ok(())
    })?;
    work()?;
    namespace.execute("nft", &["add", "table", "inet", LAST], "")?;
    namespace.execute("nft", &["delete", "table", "inet", LAST], "")?;
    until(|| {
        let seen = seen()?;
        ensure!(seen.contains(&format!("delete table inet {LAST}")), "nft monitor shows only:\n{seen}");
        Ok(())
    })?;
    let seen = seen()?;
    let changes = seen.lines().filter(|line| !line.contains("probe-") && !line.starts_with('#'));
    Ok(changes.collect::<Vec<_>>().join("\n"))
}
