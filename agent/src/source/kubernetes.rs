//! The API server of a cluster, watched and told to the loop as events.
//!
//! Works in a thread of its own with a runtime of its own, so that neither a large list nor a slow server keeps the loop from repairing the kernel.

mod departure;
mod discovery;
mod errands;
pub mod failure;
#[cfg(test)]
mod fake;
mod hub;
mod inquiry;
mod intake;
mod lines;
pub mod mirror;
mod namespaces;
pub mod object;
mod outbox;
mod pause;
mod presence;
mod rounds;
mod schedule;
mod standing;
mod watching;

use std::{io, thread};

use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep},
};

use super::{Alive, Ended, Message, Report};
use crate::api_server::{Access, Connection};
use hub::Hub;
use outbox::Outbox;
use pause::Pause;
use standing::Standing;
use watching::NobodyListens;

/// Where the API server is, `host:port`; none while that is not known.
pub type Address = watch::Receiver<Option<String>>;

/// Starts the source. A server that cannot be reached (yet) is waited for.
pub fn start(access: Access, sender: mpsc::Sender<Message>) -> io::Result<(Address, Ended)> {
    let (alive, ended) = Ended::watch();
    let (address, addresses) = watch::channel(None);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    thread::Builder::new()
        .name("kubernetes".to_owned())
        .spawn(move || runtime.block_on(run(access, address, sender, alive)))?;
    Ok((addresses, ended))
}

async fn run(
    access: Access,
    address: watch::Sender<Option<String>>,
    sender: mpsc::Sender<Message>,
    _alive: Alive,
) {
    if let Ok(connection) = connect(&access, &sender).await {
        let Err(NobodyListens) = Hub::new(access, connection, address, sender).run().await;
    }
}

/// Waits for credentials that can be used.
async fn connect(access: &Access, sender: &mpsc::Sender<Message>) -> Result<Connection, NobodyListens> {
    let mut standing = Standing::new("(address not known yet)".to_owned());
    let mut pause = Pause::new();
    loop {
        match access.connect().await {
            Ok(connection) => return Ok(connection),
            Err(error) => standing.note_server_failure(&error.into(), Instant::now()),
        }
        if let Some(obstacles) = standing.news(Instant::now()) {
            Outbox::new(sender.clone()).send(Report::Obstacles(obstacles)).await?;
        }
        sleep(pause.next()).await;
    }
}
