//! The thread that writes.

use std::{io, thread};

use ferrule_ruleset::{
    address::Family,
    diff::{Batch, Operation, Transaction},
    nft::Ruleset,
    tenancy::Tenancy,
};
use nix::errno::Errno;
use tokio::sync::{mpsc, oneshot};

use super::{
    adopt::adopt,
    kernel_time::KernelTime,
    monitor::Ear,
    refusal::{CommitError, Refusal},
    tenancy::tenancy,
};
use crate::{
    allocator,
    netlink::{self, Fault, Generation, Handles, ListedTable, PortId, Sealed, Socket, element_at, encode},
};

/// How often a batch is encoded anew because somebody else, such as kube-proxy, wrote to a table of theirs in the meantime.
const ATTEMPTS: usize = 10;

/// From how many bytes on a batch is large: it takes longer to make notifications of it than to leave the group and join again.
const LARGE: usize = 64 << 10;

/// From how many bytes on a transaction leaves so much room behind that it is given back: that of a start in a large cluster.
const HUGE: usize = 4 << 20;

/// What the thread is asked to do, and where the answer goes. Nobody may wait for the answer any more.
#[derive(Debug)]
pub(super) enum Order {
    /// Carry out a transaction.
    Commit(Transaction, oneshot::Sender<Result<Generation, CommitError>>),
    /// Read back, with the help of what is desired.
    Adopt(Ruleset, oneshot::Sender<io::Result<Option<Ruleset>>>),
    /// Tell who holds which address, as far as what was read back does not say it.
    Tenancy(Option<Ruleset>, oneshot::Sender<io::Result<Tenancy>>),
    /// Remove our tables.
    Cleanup(oneshot::Sender<Result<(), CommitError>>),
    /// Tell whether a table of ours exists.
    HasTables(oneshot::Sender<io::Result<bool>>),
    /// Tell the generation.
    Generation(oneshot::Sender<io::Result<Generation>>),
}

/// The state of the thread.
#[derive(Debug)]
pub(super) struct Worker {
    socket: Socket,
    ear: Ear,
    /// The generation in which our tables were last read or written. Before the first time nothing is expected.
    left: Option<Generation>,
    /// The bytes of the batches of the present transaction.
    sent: usize,
    time: KernelTime,
}

impl Worker {
    /// Starts the thread in the network namespace of the caller; the address of its socket, and what hears of others, since now.
    pub(super) fn spawn(mut orders: mpsc::Receiver<Order>, time: KernelTime) -> io::Result<(PortId, Ear)> {
        let (opened, started) = std::sync::mpsc::sync_channel(1);
        let work = move || {
            // The socket is bound to the thread that opens it.
            let (mut worker, shared) = match Self::open(time) {
                Ok(worker) => worker,
                Err(error) => return opened.send(Err(error)).unwrap_or(()),
            };
            opened.send(Ok((worker.socket.port(), shared))).unwrap_or(());
            while let Some(order) = orders.blocking_recv() {
                worker.obey(order);
            }
        };
        thread::Builder::new().name("nf_tables".to_owned()).spawn(work)?;
        started.recv().map_err(|_| io::Error::other("the thread that writes nf_tables did not start"))?
    }

    fn open(time: KernelTime) -> io::Result<(Self, Ear)> {
        let socket = Socket::open()?;
        let ear = Ear::open(socket.port())?;
        let shared = ear.share()?;
        Ok((Self { socket, ear, left: None, sent: 0, time }, shared))
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Commit(transaction, answer) => {
                let committed = self.commit(&transaction);
                answer.send(committed).ok();
                // A large transaction is freed after the answer, and here instead of on the thread that waits for it.
                drop(transaction);
                if std::mem::take(&mut self.sent) >= HUGE {
                    allocator::give_back();
                }
            }
            Order::Adopt(desired, answer) => {
                let adopted = adopt(&mut self.socket, &desired).map(|(generation, adopted)| {
                    self.left = Some(generation);
                    adopted
                });
                answer.send(adopted).ok();
            }
            Order::Tenancy(held, answer) => {
                answer.send(tenancy(&mut self.socket, held.as_ref())).ok();
            }
            Order::Cleanup(answer) => {
                let operations =
                    Family::ALL.map(|family| [Operation::AddTable(family), Operation::DeleteTable(family)]);
                let batch = Batch { operations: operations.concat() };
                answer.send(self.commit(&Transaction { batches: vec![batch] }).map(drop)).ok();
            }
            Order::HasTables(answer) => {
                let mut tables = Family::ALL.into_iter().map(|family| self.socket.table(family));
                let exists = |table| table != ListedTable::Absent;
                let found = tables.try_fold(false, |found, table| Ok(found || exists(table?)));
                answer.send(found).ok();
            }
            Order::Generation(answer) => {
                answer.send(self.socket.generation()).ok();
            }
        }
    }

    fn commit(&mut self, transaction: &Transaction) -> Result<Generation, CommitError> {
        for (index, batch) in transaction.batches.iter().enumerate() {
            self.commit_batch(index, &batch.operations)?;
        }
        match self.left {
            Some(generation) => Ok(generation),
            None => Ok(self.socket.generation()?),
        }
    }

    fn commit_batch(&mut self, index: usize, operations: &[Operation]) -> Result<(), CommitError> {
        let mut found = self.socket.generation()?;
        let expected = self.left.unwrap_or(found);
        for _ in 0..ATTEMPTS {
            let batch = self.encode(index, operations, found)?;
            self.sent += batch.bytes().len();
            let faults = self.send(&batch, found)?;
            if faults.is_empty() {
                self.left = Some(self.made_after(found)?);
                return Ok(());
            }
            if !faults.iter().any(|fault| is_stale(&batch, fault)) {
                // Refused in a generation that nobody but us has touched: it is the object itself.
                if expected != found {
                    self.left = None;
                    return Err(CommitError::Stale { expected, found });
                }
                return Err(CommitError::Refused(refusals(index, operations, &batch, &faults)));
            }
            found = self.socket.generation()?;
        }
        Err(CommitError::Stale { expected, found })
    }

    /// Sends a batch that is valid in this generation only, without hearing of changes if it is large.
    fn send(&mut self, batch: &Sealed, generation: Generation) -> io::Result<Vec<Fault>> {
        if batch.bytes().len() < LARGE {
            return self.time.measure(|| self.socket.commit(batch));
        }
        // The generation was read before leaving the group, and is read again after joining it: nothing falls between.
        let (socket, time) = (&mut self.socket, &self.time);
        let faults = self.ear.deaf(|| time.measure(|| socket.commit(batch)))??;
        let ours = if faults.is_empty() { generation.next() } else { generation };
        let now = self.socket.generation()?;
        if now != ours && now != generation {
            self.ear.assume_change();
        }
        Ok(faults)
    }

    /// The generation that a commit has made; a batch that changes nothing makes none. What came after it is not ours.
    fn made_after(&mut self, before: Generation) -> io::Result<Generation> {
        let now = self.socket.generation()?;
        Ok(if now == before { before } else { before.next() })
    }

    fn encode(
        &mut self,
        index: usize,
        operations: &[Operation],
        generation: Generation,
    ) -> Result<Sealed, CommitError> {
        let handles = self.handles(operations)?;
        let mut batch = netlink::Batch::new(self.socket.opening(generation));
        let mut refused = Vec::new();
        for (place, operation) in operations.iter().enumerate() {
            if let Err((place, unencodable)) = encode(&mut batch, place, operation, &handles) {
                let refusal = Refusal::new(index, operations, place, Errno::EINVAL);
                refused.extend(
                    refusal.map(|refusal| Refusal { message: Some(unencodable.to_string()), ..refusal }),
                );
            }
        }
        if refused.is_empty() { Ok(batch.finish()) } else { Err(CommitError::Refused(refused)) }
    }

    /// The handles of the rules of all chains that are edited.
    fn handles(&mut self, operations: &[Operation]) -> Result<Handles, CommitError> {
        let mut handles = Handles::new();
        for operation in operations {
            let Operation::EditRules { family, chain, length, .. } = operation else { continue };
            let rules = match self.socket.rules(*family, Some(chain)) {
                Err(error) if error.raw_os_error() == Some(Errno::ENOENT as i32) => Vec::new(),
                rules => rules?,
            };
            if rules.len() != *length {
                let (family, chain) = (*family, chain.clone());
                return Err(CommitError::Drift { family, chain, expected: *length, found: rules.len() });
            }
            handles.insert((*family, chain.clone()), rules.iter().map(|rule| rule.handle).collect());
        }
        Ok(handles)
    }
}

/// Whether a fault says that the generation has moved on.
fn is_stale(batch: &Sealed, fault: &Fault) -> bool {
    fault.errno == Errno::ERESTART && batch.is_begin(fault.sequence)
}

fn refusals(index: usize, operations: &[Operation], batch: &Sealed, faults: &[Fault]) -> Vec<Refusal> {
    let refusal = |fault: &Fault| {
        let (mut place, message) = batch.place(fault.sequence)?;
        if let Operation::AddElements(..) | Operation::DeleteElements(..) = operations.get(place.operation)? {
            place.part += element_at(message, fault.offset.unwrap_or(0));
        }
        let refusal = Refusal::new(index, operations, place, fault.errno)?;
        Some(Refusal { message: fault.text.clone(), offset: fault.offset, ..refusal })
    };
    faults.iter().filter_map(refusal).collect()
}
