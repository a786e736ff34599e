//! Tracked connections over ctnetlink: forgetting, counting and making them.

use std::{
    net::IpAddr,
    os::fd::{AsRawFd, OwnedFd},
};

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

/// `NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW`, `IPCTNL_MSG_CT_GET`.
const NEW: u16 = 1 << 8;
const GET: u16 = 1 << 8 | 1;
/// `NLM_F_REQUEST | NLM_F_DUMP`, `NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL`.
const DUMP: u16 = 1 | 0x300;
const CREATE: u16 = 1 | 0x400 | 0x200;
/// `NLMSG_DONE`.
const DONE: u16 = 3;

/// How many tracked connections of a namespace an address stands in, on whatever side.
pub fn count(namespace: &Namespace, address: IpAddr) -> Result<usize> {
    let socket = namespace.run(open).with_context(|| format!("ctnetlink in {}", namespace.name()))?;
    let (family, wanted) = octets(address);
    send(socket.as_raw_fd(), &message(GET, DUMP, family, &[]), MsgFlags::empty()).context("ask ctnetlink")?;
    let mut count = 0;
    let mut buffer = vec![0; 64 << 10];
    loop {
        let length =
            recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty()).context("hear from ctnetlink")?;
        let mut rest = &buffer[..length];
        while rest.len() >= LENGTH as usize {
            let (size, kind) = (
                u32::from_ne_bytes(rest[..4].try_into()?) as usize,
                u16::from_ne_bytes(rest[4..6].try_into()?),
            );
            if kind == DONE {
                return Ok(count);
            }
            count +=
                usize::from(rest[LENGTH as usize..size].windows(wanted.len()).any(|bytes| bytes == wanted));
            rest = &rest[size.next_multiple_of(4).min(rest.len())..];
        }
    }
}

/// Makes so many tracked UDP connections from one address to another, whose ports count up.
pub fn fill(namespace: &Namespace, from: IpAddr, to: IpAddr, number: u32) -> Result<()> {
    let socket = namespace.run(open).with_context(|| format!("ctnetlink in {}", namespace.name()))?;
    for chunk in (0..number).collect::<Vec<_>>().chunks(100) {
        let entry = |number: &u32| {
            let ports = [(number >> 14) as u16 + 1, (number & 0x3fff) as u16 + 1];
            let tuple = |from, to, [source, destination]: [u16; 2]| {
                let ((family, from), (_, to)) = (octets(from), octets(to));
                let first = if family == 2 { 1 } else { 3 };
                let addresses = [attribute(first, &from), attribute(first + 1, &to)].concat();
                let ports = [
                    attribute(1, &[17]),
                    attribute(2, &source.to_be_bytes()),
                    attribute(3, &destination.to_be_bytes()),
                ];
                [attribute(NESTED | 1, &addresses), attribute(NESTED | 2, &ports.concat())].concat()
            };
            let original = attribute(NESTED | 1, &tuple(from, to, ports));
            let reply = attribute(NESTED | 2, &tuple(to, from, [ports[1], ports[0]]));
            let timeout = attribute(7, &600_u32.to_be_bytes());
            message(NEW, CREATE, octets(from).0, &[original, reply, timeout].concat())
        };
        let requests: Vec<u8> = chunk.iter().flat_map(entry).collect();
        send(socket.as_raw_fd(), &requests, MsgFlags::empty()).context("send to ctnetlink")?;
    }
    let mut refusal = [0; 256];
    let answered = recv(socket.as_raw_fd(), &mut refusal, MsgFlags::MSG_DONTWAIT);
    ensure!(answered == Err(Errno::EAGAIN), "ctnetlink refused an entry");
    Ok(())
}

/// `NLA_F_NESTED`.
const NESTED: u16 = 0x8000;

/// The number of the family and the bytes of an address.
fn octets(address: IpAddr) -> (u8, Vec<u8>) {
    match address {
        IpAddr::V4(address) => (2, address.octets().to_vec()),
        IpAddr::V6(address) => (10, address.octets().to_vec()),
    }
}

fn message(kind: u16, flags: u16, family: u8, attributes: &[u8]) -> Vec<u8> {
    let mut message = (LENGTH + attributes.len() as u32).to_ne_bytes().to_vec();
    message.extend(kind.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
    message.extend([0; 8]);
    message.extend([family, 0, 0, 0]);
    message.extend(attributes);
    message
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut attribute = (4 + value.len() as u16).to_ne_bytes().to_vec();
    attribute.extend(kind.to_ne_bytes());
    attribute.extend(value);
    attribute.resize(attribute.len().next_multiple_of(4), 0);
    attribute
}
