//! TCP connections to Services, many at a time, and servers that tell each client which address they see it at.
//!
//! A connection's first sequence number is chosen, so that it can be told from all others wherever its packets are seen; and no source port is used
//! twice, because a connection that is still tracked looks like one that is allowed.

use std::{
    collections::{BTreeMap, VecDeque},
    io::{ErrorKind, Read as _, Write as _},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream},
    os::fd::{AsRawFd, OwnedFd, RawFd},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, ensure};
use ferrule_ruleset::address::Family;
use nix::{
    errno::Errno,
    sys::socket::{AddressFamily, SockFlag, SockType, SockaddrStorage, bind, connect, socket},
};

use crate::{backlog, namespace::Namespace};

/// How long a connection that should be answered is waited for where its first packet has come to nothing: it may have waited for a neighbour to be found,
/// and is sent again after one second and after three.
const PATIENCE: Duration = Duration::from_secs(4);
/// How long a server is waited for whose kernel has taken the connection on: it is a thread that may have to wait for its turn.
const SERVER: Duration = Duration::from_secs(60);
/// How many connections are under way at once.
const BURST: usize = 128;
/// How often sockets without news are looked at again.
const TICK: Duration = Duration::from_millis(2);
/// Connections that a server holds open for its clients to end: whoever ends one remembers its ports for a minute.
const HELD: usize = 512;

/// A connection to be tried.
#[derive(Clone, Copy, Debug)]
pub struct Dial<'a> {
    /// Where the client is.
    pub from: &'a Namespace,
    /// The client's address.
    pub source: IpAddr,
    /// Whom it calls.
    pub to: SocketAddr,
    /// Whether an answer should come: only whether it is waited for depends on this.
    pub expected: Expected,
}

/// Whether an answer should come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Expected {
    /// From a server, or a refusal.
    Answer,
    /// None.
    Silence,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// A server answered, and saw the client at this address.
    Answered(SocketAddr),
    /// Somebody refused: a reset, or an ICMP error.
    Refused,
    /// Nothing: a client would time out.
    Silent,
}

/// Whoever dials.
#[derive(Debug, Default)]
pub struct Dialler {
    last_name: u32,
    last_port: BTreeMap<IpAddr, u16>,
}

impl Dialler {
    /// Tries all connections. For each in order its name, which is the sequence number of its first packet, and what came of it.
    pub fn dial(&mut self, dials: &[Dial<'_>]) -> Result<Vec<(u32, Outcome)>> {
        let mut outcomes = Vec::with_capacity(dials.len());
        for burst in dials.chunks(BURST) {
            outcomes.extend(self.dial_burst(burst)?);
        }
        Ok(outcomes)
    }

    fn dial_burst(&mut self, dials: &[Dial<'_>]) -> Result<Vec<(u32, Outcome)>> {
        let mut calls = Vec::new();
        for dial in dials {
            self.last_name += 1;
            let port = self.last_port.entry(dial.source).or_insert(10_000);
            ensure!(*port < 32_000, "{} has used every source port: wire a new bed up", dial.source);
            *port += 1;
            calls.push((self.last_name, SocketAddr::new(dial.source, *port)));
        }
        let begun = dials.iter().zip(&calls).map(|(dial, (name, source))| {
            let stream = dial.from.run(|| begin(*name, *source, dial.to));
            let stream = stream.with_context(|| format!("{source} calls {}", dial.to))?;
            Ok(Call { stream: Some(stream), said: String::new(), outcome: Outcome::Silent })
        });
        let mut under_way = begun.collect::<Result<Vec<_>>>()?;
        let begin = Instant::now();
        loop {
            backlog::drain()?;
            for call in &mut under_way {
                call.listen()?;
            }
            let passed = begin.elapsed();
            let is_awaited = |(dial, call): (&Dial<'_>, &Call)| {
                anyhow::Ok(match (call.stage()?, dial.expected) {
                    (Stage::Over, _) | (Stage::Calling, Expected::Silence) => false,
                    (Stage::Calling, Expected::Answer) => passed < PATIENCE,
                    (Stage::Connected, _) => passed < SERVER,
                })
            };
            let awaited = dials.iter().zip(&under_way).map(is_awaited).collect::<Result<Vec<_>>>()?;
            if !awaited.contains(&true) {
                break;
            }
            thread::sleep(TICK);
        }
        Ok(calls.into_iter().zip(under_way).map(|((name, _), call)| (name, call.outcome)).collect())
    }
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nobody has answered its first packet.
    Calling,
    /// A kernel has, and a server will.
    Connected,
    /// What came of it is known.
    Over,
}

/// A connection under way.
struct Call {
    stream: Option<TcpStream>,
    said: String,
    outcome: Outcome,
}

impl Call {
    /// Takes in what has come.
    fn listen(&mut self) -> Result<()> {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        let mut buffer = [0; 128];
        match stream.read(&mut buffer) {
            Ok(0) => self.close(Outcome::Refused),
            Ok(length) => {
                self.said.push_str(&String::from_utf8_lossy(&buffer[..length]));
                if let Some(line) = self.said.strip_suffix('\n') {
                    let peer = line.parse().with_context(|| format!("a server said {line:?}"))?;
                    self.close(Outcome::Answered(peer));
                }
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => {}
            Err(_) => self.close(Outcome::Refused),
        }
        Ok(())
    }

    fn stage(&self) -> Result<Stage> {
        /// `TCP_SYN_SENT` of net/tcp_states.h.
        const SYN_SENT: u8 = 2;
        Ok(match &self.stream {
            None => Stage::Over,
            Some(stream) if state(stream)? == SYN_SENT => Stage::Calling,
            Some(_) => Stage::Connected,
        })
    }

    fn close(&mut self, outcome: Outcome) {
        self.outcome = outcome;
        self.stream = None;
    }
}

/// Opens a socket in the current namespace and sends the first packet of a connection.
fn begin(name: u32, source: SocketAddr, to: SocketAddr) -> Result<TcpStream> {
    let family = match Family::of(&to.ip()) {
        Family::V4 => AddressFamily::Inet,
        Family::V6 => AddressFamily::Inet6,
    };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket: OwnedFd = socket(family, SockType::Stream, flags, None).context("socket")?;
    bind(socket.as_raw_fd(), &SockaddrStorage::from(source)).context("bind")?;
    number(socket.as_raw_fd(), name).context("choose a sequence number")?;
    match connect(socket.as_raw_fd(), &SockaddrStorage::from(to)) {
        Ok(()) | Err(Errno::EINPROGRESS) => Ok(TcpStream::from(socket)),
        Err(error) => Err(error).context("connect"),
    }
}

/// Chooses the first sequence number of a socket that has not been connected, by the means of those who move sockets between machines (tcp(7) has none;
/// `TCP_REPAIR` in linux/tcp.h).
fn number(socket: RawFd, name: u32) -> Result<()> {
    /// `TCP_SEND_QUEUE` of linux/tcp.h.
    const SEND_QUEUE: u32 = 2;
    /// `TCP_REPAIR_OFF_NO_WP` of linux/tcp.h: without a probe of the peer's window.
    const OFF: u32 = u32::MAX;
    for (option, value) in [
        (libc::TCP_REPAIR, 1),
        (libc::TCP_REPAIR_QUEUE, SEND_QUEUE),
        (libc::TCP_QUEUE_SEQ, name),
        (libc::TCP_REPAIR, OFF),
    ] {
        // SAFETY: setsockopt(2) reads four bytes of a value that lives until it returns.
        let failed = unsafe {
            libc::setsockopt(
                socket,
                libc::IPPROTO_TCP,
                option,
                (&raw const value).cast(),
                size_of::<u32>() as u32,
            )
        };
        ensure!(failed == 0, "setsockopt {option}: {}", std::io::Error::last_os_error());
    }
    Ok(())
}

/// The state of a connection, which is the first byte of `struct tcp_info`.
fn state(stream: &TcpStream) -> Result<u8> {
    let (mut state, mut length) = (0_u8, 1);
    // SAFETY: getsockopt(2) writes as many bytes as it is told, one, to a value that lives until it returns.
    let failed = unsafe {
        libc::getsockopt(
            stream.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            (&raw mut state).cast(),
            &raw mut length,
        )
    };
    ensure!(failed == 0 && length == 1, "getsockopt TCP_INFO: {}", std::io::Error::last_os_error());
    Ok(state)
}

/// A server on one address.
#[derive(Debug)]
pub struct Server {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Server {
    /// Listens in a namespace and answers every connection with the address of its client.
    pub fn start(namespace: &Namespace, address: SocketAddr) -> Result<Self> {
        let listener =
            namespace.run(|| TcpListener::bind(address)).with_context(|| format!("listen on {address}"))?;
        listener.set_nonblocking(true)?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        Ok(Self { stop, thread: Some(thread::spawn(move || serve(&listener, &stopped))) })
    }

    /// Stops it; an error if it could not serve.
    pub fn stop(mut self) -> Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.take().context("a server stops once")?;
        thread.join().map_err(|_| anyhow!("a server panicked"))?
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn serve(listener: &TcpListener, stop: &AtomicBool) -> Result<()> {
    let mut held = VecDeque::new();
    while !stop.load(Ordering::Relaxed) {
        match listener.accept() {
            Ok((mut stream, client)) => {
                // A client that has gone is the test's to notice.
                stream.write_all(format!("{client}\n").as_bytes()).ok();
                held.push_back(stream);
                if held.len() > HELD {
                    held.pop_front();
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(TICK),
            Err(error) => return Err(error).context("accept"),
        }
    }
    Ok(())
}
