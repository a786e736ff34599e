//! A batch as bare bytes: what programming costs at the least, for benchmarks to hold the whole against.

use std::io;

use ferrule_ruleset::diff::Batch;

use crate::netlink::{self, Handles, Sealed, Socket, encode};

/// An encoded batch and the socket to send it by. Belongs to the thread and the network namespace that prepared it.
#[derive(Debug)]
pub struct BareBatch {
    socket: Socket,
    sealed: Sealed,
}

impl BareBatch {
    /// Encodes a batch that edits no rules, for the present generation of the kernel's rules.
    pub fn prepare(batch: &Batch) -> io::Result<Self> {
        let mut socket = Socket::open()?;
        let generation = socket.generation()?;
        let mut encoded = netlink::Batch::new(socket.opening(generation));
        for (place, operation) in batch.operations.iter().enumerate() {
            encode(&mut encoded, place, operation, &Handles::new())
                .map_err(|(_, unencodable)| io::Error::other(unencodable.to_string()))?;
        }
        Ok(Self { socket, sealed: encoded.finish() })
    }

    /// Sends it in one system call and reads the kernel's answer.
    pub fn send(&mut self) -> io::Result<()> {
        match self.socket.commit(&self.sealed)?.len() {
            0 => Ok(()),
            refused => Err(io::Error::other(format!("the kernel refused {refused} messages"))),
        }
    }

    /// How many bytes it has.
    pub fn length(&self) -> usize {
        self.sealed.bytes().len()
    }
}
