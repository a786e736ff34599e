//! Changes that others make to our tables.

use std::{
    io,
    os::fd::{AsRawFd, OwnedFd},
};

use ferrule_ruleset::{address::Family, nft::TABLE};
use nix::{
    errno::Errno,
    sys::socket::{MsgFlags, recv},
};
use tokio::io::unix::AsyncFd;

use crate::netlink::{
    Message, Messages, PortId, attribute, message, open_monitor, protocol_family, text, watch,
};

/// What is read at once; notifications of a transaction come in datagrams of up to this size.
const DATAGRAM: usize = 64 << 10;

/// A socket on the notification group of nf_tables (`NFNLGRP_NFTABLES`).
///
/// What we write ourselves is dropped in the kernel by a filter on the writer's port, so that a commit of 20,000 rules neither fills the buffer nor wakes
/// anybody. What others write to tables of theirs is read and passed over.
#[derive(Debug)]
pub struct Monitor {
    socket: AsyncFd<OwnedFd>,
    buffer: Vec<u8>,
}

impl Monitor {
    /// Begins to listen in the network namespace of the caller to all but the owner of this port. Needs a tokio runtime around the caller.
    pub fn open(own: PortId) -> io::Result<Self> {
        tokio::runtime::Handle::try_current().map_err(io::Error::other)?;
        let socket = watch(open_monitor(own)?)?;
        Ok(Self { socket, buffer: vec![0; DATAGRAM] })
    }

    /// Waits until somebody else has changed our tables, or may have. May be dropped while it waits. Changes that belong together are told once.
    pub async fn changed(&mut self) -> io::Result<()> {
        loop {
            let mut ready = self.socket.readable().await?;
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
