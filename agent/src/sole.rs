//! One agent per network namespace: two with different input would undo each other's rules for ever, each of them convinced that its own are in force.
//!
//! A name in the abstract namespace of Unix sockets is what two processes can contend for here: the kernel keeps these names per network namespace
//! (unix(7)), needs neither a directory nor a right for them, and gives the name up in the moment its holder ends, however it ends.

use std::{
    io,
    os::{
        linux::net::SocketAddrExt as _,
        unix::net::{SocketAddr, UnixDatagram},
    },
    time::Duration,
};

use tokio::time::{Instant, sleep};

/// The name that is contended for.
const NAME: &str = "ferrule-agent";
/// How often it is asked for while another holds it.
const PACE: Duration = Duration::from_millis(100);

/// The right to be the agent of this network namespace, until it is dropped.
#[derive(Debug)]
pub struct Sole(#[expect(dead_code, reason = "held for as long as it is bound")] UnixDatagram);

/// Why this process is not the agent of its network namespace.
#[derive(Debug, thiserror::Error)]
pub enum SoleError {
    /// Another process is.
    #[error("another ferrule-agent is at work in this network namespace; end it first")]
    Taken,
    /// Nobody can tell.
    #[error("cannot bind the abstract Unix socket {NAME}: {0}")]
    Failed(#[from] io::Error),
}

impl Sole {
    /// Claims the right. A predecessor that is about to end is given this long for it.
    pub async fn claim(patience: Duration) -> Result<Self, SoleError> {
        let deadline = Instant::now() + patience;
        let address = SocketAddr::from_abstract_name(NAME)?;
        loop {
            match UnixDatagram::bind_addr(&address) {
                Ok(socket) => return Ok(Self(socket)),
                Err(error) if error.kind() != io::ErrorKind::AddrInUse => return Err(error.into()),
                Err(_) if Instant::now() >= deadline => return Err(SoleError::Taken),
                Err(_) => sleep(PACE).await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In a network namespace of its own, so that neither an agent of this machine nor another test is in the way.
    #[test]
    fn there_is_one_at_a_time() {
        std::thread::spawn(|| {
            nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let first = Sole::claim(Duration::ZERO).await.unwrap();
                assert!(matches!(Sole::claim(Duration::ZERO).await, Err(SoleError::Taken)));
                let (second, ()) = tokio::join!(Sole::claim(Duration::from_secs(60)), async {
                    sleep(PACE).await;
                    drop(first);
                });
                second.unwrap();
            });
        })
        .join()
        .unwrap();
    }
}
