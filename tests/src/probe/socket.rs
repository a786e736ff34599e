//! Raw sockets in one namespace: one to send from per family, one to watch with per family and protocol.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    io,
    net::{IpAddr, SocketAddr},
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
};

use anyhow::{Context, Result};
use ferrule_ruleset::{
    address::{Family, PerFamily},
    protocol::Protocol,
};
use nix::{
    errno::Errno,
    sys::socket::{MsgFlags, SockaddrStorage, recv, sendto, setsockopt, sockopt},
};

use crate::namespace::Namespace;

/// Room for what arrives while nobody looks, in bytes.
const BUFFER: usize = 8 << 20;

/// The sockets of one namespace.
#[derive(Debug, Default)]
pub struct Home {
    senders: PerFamily<Option<OwnedFd>>,
    watchers: BTreeMap<(Family, Protocol), OwnedFd>,
}

/// What the sender's own kernel did with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It went out.
    Out,
    /// The output hook dropped it.
    Refused,
}

impl Home {
    /// Opens the sockets to send from.
    pub fn open(namespace: &Namespace) -> Result<Self> {
        let open = || -> Result<_> {
            let mut senders = PerFamily::default();
            for family in Family::ALL {
                *senders.get_mut(family) = Some(raw(family, libc::IPPROTO_RAW)?);
            }
            Ok(senders)
        };
        Ok(Self { senders: namespace.run(open)?, watchers: BTreeMap::new() })
    }

    /// Watches for a protocol from now on.
    pub fn watch(&mut self, namespace: &Namespace, family: Family, protocol: Protocol) -> Result<()> {
        if let Entry::Vacant(place) = self.watchers.entry((family, protocol)) {
            let watcher = namespace.run(|| raw(family, protocol.0.into()))?;
            setsockopt(&watcher, sockopt::RcvBufForce, &BUFFER).context("receive buffer")?;
            place.insert(watcher);
        }
        Ok(())
    }

    /// Sends a whole IP packet.
    pub fn send(&self, destination: IpAddr, packet: &[u8]) -> Result<Sent> {
        let sender = self.senders.get(Family::of(&destination)).as_ref().context("no socket to send from")?;
        let to = SockaddrStorage::from(SocketAddr::new(destination, 0));
        match sendto(sender.as_raw_fd(), packet, &to, MsgFlags::empty()) {
            Ok(_) => Ok(Sent::Out),
            Err(Errno::EPERM) => Ok(Sent::Refused),
            Err(error) => Err(error.into()),
        }
    }

    /// What arrived since the last call: protocol, and bytes from the transport header on.
    pub fn arrivals(&mut self) -> Result<Vec<(Protocol, Vec<u8>)>> {
        let mut arrivals = Vec::new();
        let mut buffer = [0; 2048];
        for ((family, protocol), watcher) in &self.watchers {
            loop {
                let length = match recv(watcher.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) {
                    Ok(length) => length,
                    Err(Errno::EAGAIN) => break,
                    Err(error) => return Err(error).context("receive on a raw socket"),
                };
                // Raw sockets hand out the IP header in IPv4 (raw(7)) and none in IPv6 (RFC 3542 §3).
                let header = match family {
                    Family::V4 => usize::from(buffer[0] & 0xf) * 4,
                    Family::V6 => 0,
                };
                arrivals.push((*protocol, buffer.get(header..length).unwrap_or_default().to_vec()));
            }
        }
        Ok(arrivals)
    }
}

/// A raw socket. Protocol numbers are open, so that the enumeration of nix does not do.
fn raw(family: Family, protocol: i32) -> Result<OwnedFd> {
    let domain = match family {
        Family::V4 => libc::AF_INET,
        Family::V6 => libc::AF_INET6,
    };
    // SAFETY: socket(2) takes plain numbers.
    let socket = unsafe { libc::socket(domain, libc::SOCK_RAW | libc::SOCK_CLOEXEC, protocol) };
    if socket < 0 {
        return Err(io::Error::last_os_error()).with_context(|| format!("raw socket of protocol {protocol}"));
    }
    // SAFETY: the kernel has just given us this descriptor, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(socket) })
}
