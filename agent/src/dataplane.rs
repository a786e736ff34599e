//! The kernel as the dataplane: transactions into nf_tables, reading back what is there, and hearing of what others change.
//!
//! One thread owns the socket that writes, because a commit blocks until the kernel is done with it (10 ms to a second for a whole ruleset). It works in
//! the network namespace of the thread that called [`Kernel::start`].
//!
//! Deliberately absent: ownership of our tables (`NFT_TABLE_F_OWNER`). People can remove them with `nft`; what they change is seen and repaired.

mod adopt;
mod bare;
mod kernel_time;
mod monitor;
mod refusal;
mod tenancy;
mod worker;

use std::io;

use ferrule_ruleset::{diff::Transaction, nft::Ruleset, tenancy::Tenancy};
use tokio::sync::{mpsc, oneshot};

use crate::{
    agent::{self, Dataplane},
    netlink::{Generation, PortId},
};

pub use bare::BareBatch;
pub use kernel_time::KernelTime;
pub use monitor::Monitor;
pub use refusal::{CommitError, Object, Refusal};
use worker::{Order, Worker};

/// The kernel of the network namespace that this was started in. Dropping it changes nothing in the kernel.
#[derive(Debug)]
pub struct Kernel {
    orders: mpsc::Sender<Order>,
    port: PortId,
    monitor: Monitor,
    time: KernelTime,
}

impl Kernel {
    /// Opens the sockets and starts the thread. Needs CAP_NET_ADMIN, and a tokio runtime around the caller.
    pub fn start() -> io::Result<Self> {
        let (orders, inbox) = mpsc::channel(1);
        let time = KernelTime::default();
        let (port, ear) = Worker::spawn(inbox, time.clone())?;
        Ok(Self { orders, port, monitor: Monitor::new(ear)?, time })
    }

    /// How long the kernel itself takes, for those who ask what is ours.
    pub fn time(&self) -> KernelTime {
        self.time.clone()
    }

    /// The address of the socket that writes.
    pub fn port(&self) -> PortId {
        self.port
    }

    /// Carries out a transaction, batch by batch, and tells the generation that it made. Stops at the first batch that fails, of which nothing is carried
    /// out.
    pub async fn commit(&self, transaction: Transaction) -> Result<Generation, CommitError> {
        self.order(|answer| Order::Commit(transaction, answer)).await.map_err(CommitError::Transport)?
    }

    /// What the kernel holds of ours. Rules are recognised by their digests among those of the desired ruleset; one that is not stands there as a
    /// rule without statements, which equals no rule of ours. None if our tables are not both there, or hold what we would not make.
    pub async fn adopt(&self, desired: &Ruleset) -> io::Result<Option<Ruleset>> {
        self.order(|answer| Order::Adopt(desired.clone(), answer)).await?
    }

    /// Who holds which address according to our tables. What was not recognised in `held`, such as the chain of a pod that is gone, is read rule by rule.
    pub async fn tenancy(&self, held: Option<&Ruleset>) -> io::Result<Tenancy> {
        self.order(|answer| Order::Tenancy(held.cloned(), answer)).await?
    }

    /// Removes our tables, if there are any.
    pub async fn cleanup(&self) -> Result<(), CommitError> {
        self.order(Order::Cleanup).await.map_err(CommitError::Transport)?
    }

    /// The present generation of the rules of the network namespace.
    pub async fn generation(&self) -> io::Result<Generation> {
        self.order(Order::Generation).await?
    }

    /// What tells of changes by others. It listens since the start.
    pub fn monitor(&mut self) -> &mut Monitor {
        &mut self.monitor
    }

    async fn order<T>(&self, order: impl FnOnce(oneshot::Sender<T>) -> Order) -> io::Result<T> {
        let ended = || io::Error::other("the thread that writes nf_tables has ended");
        let (answer, answered) = oneshot::channel();
        self.orders.send(order(answer)).await.map_err(|_| ended())?;
        answered.await.map_err(|_| ended())
    }
}

impl Dataplane for Kernel {
    async fn commit(&mut self, transaction: Transaction) -> Result<(), agent::CommitError> {
        match Kernel::commit(self, transaction).await {
            Ok(_) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn adopt(&mut self, desired: &Ruleset) -> io::Result<Option<Ruleset>> {
        Kernel::adopt(self, desired).await
    }

    async fn has_tables(&mut self) -> io::Result<bool> {
        self.order(Order::HasTables).await?
    }

    async fn tenancy(&mut self, held: Option<&Ruleset>) -> io::Result<Tenancy> {
        Kernel::tenancy(self, held).await
    }

    async fn foreign_change(&mut self) -> io::Result<()> {
        self.monitor.changed().await
    }
}

impl From<CommitError> for agent::CommitError {
    fn from(error: CommitError) -> Self {
        let text = error.to_string();
        match error {
            CommitError::Stale { .. } | CommitError::Drift { .. } => Self::Stale(text),
            CommitError::Refused(refusals) => {
                // What follows the first refusal may fail only because it refers to what failed there.
                let refusal = refusals.first();
                match refusal.and_then(|refusal| Some((refusal.culprit()?, refusal.reason()))) {
                    Some((culprit, reason)) => Self::Refused { culprit, reason },
                    None => Self::Failed(text),
                }
            }
            CommitError::Transport(_) => Self::Failed(text),
        }
    }
}
