//! The socket that writes and reads nf_tables.

use std::{
    fmt, io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
};

use nix::{
    errno::Errno,
    sys::socket::{MsgFlags, NetlinkAddr, recv, sendto, setsockopt, sockopt},
};

use super::{
    batch::Sealed,
    ffi::{self, Membership, NetlinkOption},
    read::{Attributes, Message, Messages, be32, host32, text},
    uapi::{attribute, flag, message},
    write::{Header, Writer},
};

/// Largest batch that is sent; only a limit, memory is taken as needed.
const SEND_BUFFER: usize = 1 << 30;

/// Room for the answers to a batch: about 850 bytes for each failing message that is to be heard of.
const RECEIVE_BUFFER: usize = 32 << 20;

/// Room for the notifications of a transaction of 20,000 rules.
const MONITOR_BUFFER: usize = 8 << 20;

/// What is read at once. The kernel fills dumps up to the size that it is offered, to 32 KiB.
const DATAGRAM: usize = 64 << 10;

/// How often a dump is begun again that a change has interrupted.
const DUMPS: usize = 20;

/// `NFNLGRP_NFTABLES`.
const GROUP_NFTABLES: i32 = 7;

/// The generation of the rules of a network namespace. Each transaction of anybody makes a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(pub u32);

impl Generation {
    /// The one that the next transaction makes.
    pub fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The address of a netlink socket; notifications bear that of the writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortId(pub u32);

/// How a batch begins.
#[derive(Clone, Copy, Debug)]
pub struct Opening {
    /// The generation in which it is valid.
    pub generation: Generation,
    /// The sequence number of its first message.
    pub sequence: u32,
}

/// An answer to a message that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The sequence number of the message.
    pub sequence: u32,
    /// What is wrong, as an error number.
    pub errno: Errno,
    /// What is wrong, in the kernel's words.
    pub text: Option<String>,
    /// Offset in the message of the attribute that is wrong.
    pub offset: Option<usize>,
}

/// What is asked of the kernel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    /// The message type.
    pub kind: u16,
    /// `NLM_F_DUMP` for a list, nothing for one object.
    pub flags: u16,
    /// The address family, 0 for all.
    pub family: u8,
}

/// A socket on the netfilter bus of the network namespace that it was opened in. Its user sends and receives in turn.
pub struct Socket {
    socket: mnl::Socket,
    sequence: u32,
    buffer: Vec<u8>,
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").field("port", &self.port()).finish_non_exhaustive()
    }
}

impl Socket {
    /// Opens a socket. Needs CAP_NET_ADMIN to be of use.
    pub fn open() -> io::Result<Self> {
        let socket = mnl::Socket::new(mnl::Bus::Netfilter)?;
        ffi::enable(&socket, NetlinkOption::ExtAck)?;
        ffi::enable(&socket, NetlinkOption::CapAck)?;
        let descriptor = ffi::descriptor(&socket);
        if setsockopt(&descriptor, sockopt::SndBufForce, &SEND_BUFFER).is_err() {
            setsockopt(&descriptor, sockopt::SndBuf, &SEND_BUFFER)?;
        }
        enlarge_receive_buffer(&socket, RECEIVE_BUFFER)?;
        Ok(Self { socket, sequence: 0, buffer: vec![0; DATAGRAM] })
    }

    /// The socket's address, by which its writes can be told from those of others.
    pub fn port(&self) -> PortId {
        PortId(self.socket.portid())
    }

    /// How a batch for this generation begins.
    pub fn opening(&self, generation: Generation) -> Opening {
        Opening { generation, sequence: self.sequence.wrapping_add(1) }
    }

    /// Sends a batch and waits for its end. No fault means that it was committed.
    ///
    /// The kernel works on the batch inside of `sendmsg`, so that every answer is there when it returns; those that do not fit are counted as one fault
    /// without a place.
    pub fn commit(&mut self, batch: &Sealed) -> io::Result<Vec<Fault>> {
        self.sequence = self.sequence.wrapping_add(batch.sequences());
        self.send(batch.bytes()).map_err(|error| oversized(error, batch.bytes().len()))?;
        let mut faults = Vec::new();
        loop {
            match recv(self.socket.as_raw_fd(), &mut self.buffer, MsgFlags::MSG_DONTWAIT) {
                Ok(length) => {
                    faults.extend(Messages(&self.buffer[..length]).filter_map(|answer| fault(&answer)))
                }
                Err(Errno::EAGAIN) => break,
                Err(Errno::EINTR) => {}
                Err(Errno::ENOBUFS) => {
                    let text = Some("more answers than the receive buffer holds".to_owned());
                    faults.push(Fault { sequence: self.sequence, errno: Errno::ENOBUFS, text, offset: None });
                }
                Err(error) => return Err(error.into()),
            }
        }
        // Lost acknowledgements are no failure.
        if faults.iter().all(|fault| fault.errno == Errno::ENOBUFS) && !faults.is_empty() {
            return Err(Errno::ENOBUFS.into());
        }
        Ok(faults)
    }

    /// The present generation.
    pub fn generation(&mut self) -> io::Result<Generation> {
        let request = Request { kind: message::GETGEN, flags: 0, family: 0 };
        let generations = self.request(
            request,
            |_| {},
            |answer, found| {
                found.extend(answer.attributes().find(attribute::GENERATION).and_then(be32).map(Generation));
            },
        )?;
        generations.first().copied().ok_or_else(|| io::Error::other("the kernel tells no generation"))
    }

    /// Asks for one object or a list, and reads the answers into values. A list that changed while it was read is read again.
    pub(crate) fn request<T>(
        &mut self,
        request: Request,
        body: impl Fn(&mut Writer),
        read: impl Fn(&Message<'_>, &mut Vec<T>),
    ) -> io::Result<Vec<T>> {
        for _ in 0..DUMPS {
            if let Some(values) = self.attempt(request, &body, &read)? {
                return Ok(values);
            }
        }
        Err(io::Error::new(io::ErrorKind::ResourceBusy, "rules change faster than they can be read"))
    }

    /// None if a change came in between.
    fn attempt<T>(
        &mut self,
        request: Request,
        body: impl Fn(&mut Writer),
        read: impl Fn(&Message<'_>, &mut Vec<T>),
    ) -> io::Result<Option<Vec<T>>> {
        self.sequence = self.sequence.wrapping_add(1);
        let Request { kind, flags, family } = request;
        // An acknowledgement is the end of an answer that is not a list.
        let flags = if flags & flag::DUMP == 0 { flags | flag::ACK } else { flags };
        let mut writer = Writer::default();
        writer.message(Header { kind, flags, sequence: self.sequence, family, resource: 0 }, body);
        self.send(writer.bytes())?;
        let mut values = Vec::new();
        let mut interrupted = false;
        loop {
            let length = match recv(self.socket.as_raw_fd(), &mut self.buffer, MsgFlags::empty()) {
                Err(Errno::EINTR) => continue,
                length => length?,
            };
            for answer in Messages(&self.buffer[..length]) {
                if answer.sequence != self.sequence {
                    continue;
                }
                interrupted |= answer.flags & flag::MULTI != 0 && answer.flags & flag::DUMP_INTERRUPTED != 0;
                match (answer.kind, fault(&answer)) {
                    (_, Some(fault)) if fault.errno == Errno::EINTR => return Ok(None),
                    (_, Some(fault)) => return Err(fault.errno.into()),
                    (message::ERROR | message::DONE, None) => return Ok((!interrupted).then_some(values)),
                    (_, None) => read(&answer, &mut values),
                }
            }
        }
    }

    /// Sends requests of one kind, which answer only if they fail; the reasons of those that did.
    pub(super) fn carry_out(
        &mut self,
        header: Header,
        bodies: impl ExactSizeIterator<Item = impl FnOnce(&mut Writer)>,
    ) -> io::Result<Vec<Errno>> {
        let mut writer = Writer::default();
        let mut left = bodies.len();
        if left == 0 {
            return Ok(Vec::new());
        }
        for body in bodies {
            left -= 1;
            self.sequence = self.sequence.wrapping_add(1);
            // The acknowledgement of the last is the end of all answers.
            let flags = if left == 0 { header.flags | flag::ACK } else { header.flags };
            writer.message(Header { flags, sequence: self.sequence, ..header }, body);
        }
        self.send(writer.bytes())?;
        let mut failed = Vec::new();
        loop {
            let length = match recv(self.socket.as_raw_fd(), &mut self.buffer, MsgFlags::empty()) {
                Err(Errno::EINTR) => continue,
                length => length?,
            };
            for answer in Messages(&self.buffer[..length]) {
                failed.extend(fault(&answer).map(|fault| fault.errno));
                if answer.sequence == self.sequence {
                    return Ok(failed);
                }
            }
        }
    }

    fn send(&self, bytes: &[u8]) -> io::Result<()> {
        loop {
            match sendto(self.socket.as_raw_fd(), bytes, &NetlinkAddr::new(0, 0), MsgFlags::empty()) {
                Err(Errno::EINTR) => {}
                sent => return Ok(sent.map(drop)?),
            }
        }
    }
}

/// Opens a socket that hears of every change of nf_tables but those of one other socket.
pub(crate) fn open_monitor(own: PortId) -> io::Result<OwnedFd> {
    let socket = mnl::Socket::open(mnl::Bus::Netfilter)?;
    enlarge_receive_buffer(&socket, MONITOR_BUFFER)?;
    ffi::ignore_port(&socket, own.0)?;
    socket.bind(0, 0)?;
    listen(ffi::descriptor(&socket), Membership::Join)?;
    // The socket of libmnl is bound to its thread, its descriptor is not.
    ffi::descriptor(&socket).as_fd().try_clone_to_owned()
}

/// Makes a socket hear, or not hear any more, of changes of nf_tables.
pub(crate) fn listen(monitor: BorrowedFd<'_>, membership: Membership) -> io::Result<()> {
    ffi::change_membership(monitor, membership, GROUP_NFTABLES)
}

fn enlarge_receive_buffer(socket: &mnl::Socket, size: usize) -> io::Result<()> {
    let descriptor = ffi::descriptor(socket);
    if setsockopt(&descriptor, sockopt::RcvBufForce, &size).is_err() {
        setsockopt(&descriptor, sockopt::RcvBuf, &size)?;
    }
    Ok(())
}

fn oversized(error: io::Error, length: usize) -> io::Error {
    if error.raw_os_error() == Some(libc::EMSGSIZE) {
        let text = format!(
            "a batch of {length} bytes is larger than the send buffer: raise net.core.wmem_max, or run with CAP_NET_ADMIN \
             in the initial user namespace"
        );
        return io::Error::other(text);
    }
    error
}

/// The fault that an answer tells of; none if it is no error, or an acknowledgement.
fn fault(answer: &Message<'_>) -> Option<Fault> {
    if answer.kind != message::ERROR && answer.kind != message::DONE {
        return None;
    }
    let code = answer.payload.get(..4).and_then(host32)?.cast_signed();
    if code >= 0 {
        return None;
    }
    let fault = Fault {
        sequence: answer.sequence,
        errno: Errno::from_raw(code.wrapping_neg()),
        text: None,
        offset: None,
    };
    if answer.kind != message::ERROR || answer.flags & flag::ACK_ATTRIBUTES == 0 {
        return Some(fault);
    }
    // The message that is answered follows the error number, without its body if the socket asked for that.
    let original = answer.payload.get(4..8).and_then(host32).unwrap_or(0) as usize;
    let skipped = if answer.flags & flag::CAPPED != 0 { super::read::MESSAGE_HEADER } else { original };
    let details = Attributes(answer.payload.get(4 + skipped..).unwrap_or(&[]));
    Some(Fault {
        text: details.find(attribute::extended_ack::MESSAGE).and_then(text).map(str::to_owned),
        offset: details.find(attribute::extended_ack::OFFSET).and_then(host32).map(|offset| offset as usize),
        ..fault
    })
}
