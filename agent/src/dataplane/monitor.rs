//! Changes that others make to our tables.

use std::{
    io,
    os::fd::{AsFd, AsRawFd, OwnedFd},
    sync::Arc,
};

use ferrule_ruleset::{address::Family, nft::TABLE};
use nix::{
    errno::Errno,
    sys::socket::{MsgFlags, recv},
};
use tokio::{io::unix::AsyncFd, sync::Notify};

use crate::netlink::{
    Membership, Message, Messages, PortId, attribute, listen, message, open_monitor, protocol_family, text,
    watch,
};

/// What is read at once; notifications of a transaction come in datagrams of up to this size.
const DATAGRAM: usize = 64 << 10;

/// Hears of changes by others, on a socket in the notification group of nf_tables (`NFNLGRP_NFTABLES`).
///
/// What we write ourselves is dropped in the kernel by a filter on the writer's port, so that it neither fills the buffer nor wakes anybody. What others
/// write to tables of theirs is read and passed over.
#[derive(Debug)]
pub struct Monitor {
    socket: AsyncFd<OwnedFd>,
    missed: Arc<Notify>,
    buffer: Vec<u8>,
}

/// The same socket in the hands of the thread that writes.
///
/// While anybody is in the group, the kernel makes a message of every rule and element that is committed, which doubles the time of a large commit. So the
/// thread leaves the group for that time. What others do in between shows in the generation, and is then told as a change that may concern us.
#[derive(Debug)]
pub(super) struct Ear {
    socket: OwnedFd,
    missed: Arc<Notify>,
}

impl Ear {
    /// Begins to listen, in the network namespace of the caller, to all but the owner of this port.
    pub(super) fn open(own: PortId) -> io::Result<Self> {
        Ok(Self { socket: open_monitor(own)?, missed: Arc::default() })
    }

    /// Another hand on the same socket.
    pub(super) fn share(&self) -> io::Result<Self> {
        Ok(Self { socket: self.socket.try_clone()?, missed: Arc::clone(&self.missed) })
    }

    /// Does something without hearing of changes. What others change in the meantime is for the caller to find out.
    pub(super) fn deaf<T>(&self, work: impl FnOnce() -> T) -> io::Result<T> {
        listen(self.socket.as_fd(), Membership::Leave)?;
        let result = work();
        if let Err(error) = listen(self.socket.as_fd(), Membership::Join) {
            self.assume_change();
            return Err(error);
        }
        Ok(result)
    }

    /// Tells of a change that was not heard.
    pub(super) fn assume_change(&self) {
        self.missed.notify_one();
    }
}

impl Monitor {
    /// Takes the socket over. Needs a tokio runtime around the caller.
    pub(super) fn new(ear: Ear) -> io::Result<Self> {
        tokio::runtime::Handle::try_current().map_err(io::Error::other)?;
        Ok(Self { socket: watch(ear.socket)?, missed: ear.missed, buffer: vec![0; DATAGRAM] })
    }

    /// Waits until somebody else has changed our tables, or may have. May be dropped while it waits. Changes that belong together are told once.
    pub async fn changed(&mut self) -> io::Result<()> {
        loop {
            let mut ready = tokio::select! {
                () = self.missed.notified() => return Ok(()),
                ready = self.socket.readable() => ready?,
            };
            let mut concerned = false;
            loop {
                let received = ready
                    .try_io(|socket| Ok(recv(socket.as_raw_fd(), &mut self.buffer, MsgFlags::MSG_DONTWAIT)?));
                match received {
                    Ok(Ok(length)) => {
                        concerned |= Messages(&self.buffer[..length]).any(|event| concerns_us(&event))
                    }
                    // Events were lost; one may have been about our tables.
                    Ok(Err(error)) if error.raw_os_error() == Some(Errno::ENOBUFS as i32) => concerned = true,
                    Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                    Ok(Err(error)) => return Err(error),
                    Err(_would_block) => break,
                }
            }
            if concerned {
                return Ok(());
            }
        }
    }
}

/// Whether an event is about a table of ours or something in it.
fn concerns_us(event: &Message<'_>) -> bool {
    event.kind != message::NEWGEN
        && Family::ALL.into_iter().any(|family| protocol_family(family) == event.family())
        && event.attributes().find(attribute::TABLE).and_then(text) == Some(TABLE)
}
