//! The API server of a cluster, watched and told to the loop as events.
//!
//! Works in a thread of its own with a runtime of its own, so that neither a large list nor a slow server keeps the loop from repairing the kernel.

mod discovery;
pub mod failure;
mod hub;
mod intake;
pub mod mirror;
pub mod object;
mod outbox;
mod pause;
mod standing;
mod watch;

use std::{io, thread};

use tokio::{
    sync::mpsc,
    time::{Instant, sleep},
};

use super::{Alive, Ended, Message, Report};
use crate::api_server::{Access, Connection};
use hub::Hub;
use outbox::Outbox;
use pause::Pause;
use standing::Standing;
use watch::NobodyListens;

/// Starts the source. A server that cannot be reached (yet) is waited for.
pub fn start(access: Access, sender: mpsc::Sender<Message>) -> io::Result<Ended> {
    let (alive, ended) = Ended::watch();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    thread::Builder::new()
        .name("kubernetes".to_owned())
        .spawn(move || runtime.block_on(run(access, sender, alive)))?;
    Ok(ended)
}

async fn run(access: Access, sender: mpsc::Sender<Message>, _alive: Alive) {
    if let Ok(connection) = connect(&access, &sender).await {
        let Err(NobodyListens) = Hub::new(access, connection, sender).run().await;
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
