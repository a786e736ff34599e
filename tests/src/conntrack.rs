//! Forgetting tracked connections, over ctnetlink.

use std::os::fd::{AsRawFd, OwnedFd};

use anyhow::{Context, Result, ensure};
use nix::{
    errno::Errno,
    sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket},
};

use crate::namespace::Namespace;

/// `NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE`.
const DELETE: u16 = 1 << 8 | 2;
/// `NLM_F_REQUEST | NLM_F_ACK`.
const FLAGS: u16 = 1 | 4;
/// `struct nlmsghdr` and `struct nfgenmsg`.
const LENGTH: u32 = 20;
/// Where `struct nlmsgerr` holds its error number.
const ERROR: std::ops::Range<usize> = 16..20;

/// Forgets every tracked connection of a namespace: a delete request without attributes.
pub fn flush(namespace: &Namespace) -> Result<()> {
    let socket = namespace.run(open).with_context(|| format!("ctnetlink in {}", namespace.name()))?;
    let mut request = Vec::with_capacity(LENGTH as usize);
    request.extend(LENGTH.to_ne_bytes());
    request.extend(DELETE.to_ne_bytes());
    request.extend(FLAGS.to_ne_bytes());
    request.resize(LENGTH as usize, 0);
    send(socket.as_raw_fd(), &request, MsgFlags::empty()).context("send to ctnetlink")?;
    let mut answer = [0; 256];
    let length =
        recv(socket.as_raw_fd(), &mut answer, MsgFlags::empty()).context("receive from ctnetlink")?;
    ensure!(length >= ERROR.end, "short answer of ctnetlink");
    let error = i32::from_ne_bytes(answer[ERROR].try_into()?);
    ensure!(error == 0, "flush connection tracking of {}: {}", namespace.name(), Errno::from_raw(-error));
    Ok(())
}

fn open() -> nix::Result<OwnedFd> {
    socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkNetFilter)
}
