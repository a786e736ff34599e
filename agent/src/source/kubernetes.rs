//! The API server of a cluster, watched and told to the loop as events.
//!
//! Works in a thread of its own with a runtime of its own, so that neither a large list nor a slow server keeps the loop from repairing the kernel.

use std::{io, thread};

use tokio::sync::mpsc;

use super::{Alive, Ended, Message};
use crate::api_server::Access;

/// Starts the source. A server that cannot be reached (yet) is waited for.
pub fn start(access: Access, sender: mpsc::Sender<Message>) -> io::Result<Ended> {
    let (alive, ended) = Ended::watch();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    thread::Builder::new()
        .name("kubernetes".to_owned())
        .spawn(move || runtime.block_on(run(access, sender, alive)))?;
    Ok(ended)
}

async fn run(_access: Access, _sender: mpsc::Sender<Message>, _alive: Alive) {}
