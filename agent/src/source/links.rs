//! The node's links, host routes and own addresses, as rtnetlink tells of them.
//!
//! Subscribes first and dumps then, so that nothing falls between; notifications older than the dump do no harm, as the last one about each link and route
//! is the truth. When the kernel had to drop notifications (ENOBUFS), and every [`REFRESH`] in any case, the dump is taken again.

mod address;
mod table;

use std::{collections::BTreeSet, io, time::Duration};

use ferrule_ruleset::{event::Event, links::Links, name::InterfaceName};
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _, channel::mpsc::UnboundedReceiver};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage, route::RouteMessage};
use rtnetlink::{
    Handle, MulticastGroup, new_multicast_connection,
    packet_core::{NLM_F_REPLACE, NetlinkMessage, NetlinkPayload},
    sys::{AsyncSocket as _, SocketAddr},
};
use tokio::{sync::mpsc, time::Instant};

use super::{Alive, Ended, Message, Report, Source};
use table::{Replaces, Table};

/// How often the dump is taken again although nothing seems to be missing.
const REFRESH: Duration = Duration::from_secs(90);
/// How long to wait before another attempt after the socket failed.
const RETRY: Duration = Duration::from_millis(500);
/// The socket's receive buffer: a burst of some thousands of links.
const RECEIVE_BUFFER: usize = 4 << 20;

const GROUPS: [MulticastGroup; 3] =
    [MulticastGroup::Link, MulticastGroup::Ipv4Route, MulticastGroup::Ipv6Route];

/// Starts the source in the network namespace of the calling thread. Addresses of the excluded links are left out.
///
/// # Errors
/// If there is no rtnetlink socket to be had.
pub fn start(excluded: BTreeSet<InterfaceName>, sender: mpsc::Sender<Message>) -> io::Result<Ended> {
    let session = Session::open()?;
    let (alive, ended) = Ended::watch();
    tokio::spawn(run(session, excluded, sender, alive));
    Ok(ended)
}

async fn run(
    mut session: Session,
    excluded: BTreeSet<InterfaceName>,
    sender: mpsc::Sender<Message>,
    _alive: Alive,
) {
    let mut reporter = Reporter { sender, last: None };
    loop {
        match session.follow(&excluded, &mut reporter).await {
            Ok(NobodyListens) => return,
            Err(error) => tracing::warn!(%error, "lost track of links and routes; reading them again"),
        }
        session = loop {
            tokio::time::sleep(RETRY).await;
            match Session::open() {
                Ok(session) => break session,
                Err(error) => tracing::warn!(%error, "cannot open an rtnetlink socket"),
            }
        };
    }
}

/// The loop of this source is gone: the process is about to end.
struct NobodyListens;

/// Why links and routes cannot be followed any further on this socket.
#[derive(Debug, thiserror::Error)]
enum LinksError {
    #[error("the rtnetlink socket was closed")]
    Closed,
    #[error("cannot dump links and routes: {0}")]
    Dump(#[from] rtnetlink::Error),
}

/// What to do after a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Continue,
    DumpAgain,
}

type Notifications = UnboundedReceiver<(NetlinkMessage<RouteNetlinkMessage>, SocketAddr)>;

struct Session {
    handle: Handle,
    notifications: Notifications,
}

impl Session {
    fn open() -> io::Result<Self> {
        let (mut connection, handle, notifications) = new_multicast_connection(&GROUPS)?;
        // A smaller buffer works too; it overflows sooner.
        let _ = connection.socket_mut().socket_mut().set_rx_buf_sz(RECEIVE_BUFFER);
        tokio::spawn(connection);
        Ok(Self { handle, notifications })
    }

    async fn follow(
        &mut self,
        excluded: &BTreeSet<InterfaceName>,
        reporter: &mut Reporter,
    ) -> Result<NobodyListens, LinksError> {
        loop {
            let mut table = self.dump(Table::new(excluded.clone())).await?;
            let refresh_at = Instant::now() + REFRESH;
            if self.take_ready(&mut table)? == Next::DumpAgain {
                continue;
            }
            loop {
                if reporter.tell(&table).await.is_err() {
                    return Ok(NobodyListens);
                }
                let next = tokio::select! {
                    notification = self.notifications.next() => {
                        note(&mut table, notification.ok_or(LinksError::Closed)?)
                    }
                    () = tokio::time::sleep_until(refresh_at) => Next::DumpAgain,
                };
                if next == Next::DumpAgain || self.take_ready(&mut table)? == Next::DumpAgain {
                    break;
                }
            }
        }
    }

    /// Takes in all that has arrived, so that a burst is one event.
    fn take_ready(&mut self, table: &mut Table) -> Result<Next, LinksError> {
        while let Some(notification) = self.notifications.next().now_or_never() {
            if note(table, notification.ok_or(LinksError::Closed)?) == Next::DumpAgain {
                return Ok(Next::DumpAgain);
            }
        }
        Ok(Next::Continue)
    }

    /// Puts what there is into an empty table.
    async fn dump(&self, mut table: Table) -> Result<Table, rtnetlink::Error> {
        let mut links = self.handle.link().get().execute();
        while let Some(link) = links.try_next().await? {
            table.set_link(&link);
        }
        for family in [AddressFamily::Inet, AddressFamily::Inet6] {
            let mut request = RouteMessage::default();
            request.header.address_family = family;
            let mut routes = self.handle.route().get(request).execute();
            while let Some(route) = routes.try_next().await? {
                table.add_route(&route, Replaces::Nothing);
            }
        }
        Ok(table)
    }
}

fn note(table: &mut Table, (message, _): (NetlinkMessage<RouteNetlinkMessage>, SocketAddr)) -> Next {
    let replaces =
        if message.header.flags & NLM_F_REPLACE == 0 { Replaces::Nothing } else { Replaces::SameKey };
    let NetlinkPayload::InnerMessage(inner) = message.payload else {
        return if matches!(message.payload, NetlinkPayload::Overrun(_)) {
            Next::DumpAgain
        } else {
            Next::Continue
        };
    };
    if let RouteNetlinkMessage::NewLink(link) = &inner {
        table.set_link(link);
    } else if let RouteNetlinkMessage::DelLink(link) = &inner {
        table.remove_link(link);
    } else if let RouteNetlinkMessage::NewRoute(route) = &inner {
        table.add_route(route, replaces);
    } else if let RouteNetlinkMessage::DelRoute(route) = &inner {
        table.remove_route(route);
    }
    Next::Continue
}

struct Reporter {
    sender: mpsc::Sender<Message>,
    last: Option<Links>,
}

impl Reporter {
    /// Sends what is known now, unless it was sent last time.
    async fn tell(&mut self, table: &Table) -> Result<(), NobodyListens> {
        let links = Links::Observed(table.observed().clone());
        if self.last.as_ref() == Some(&links) {
            return Ok(());
        }
        let first = self.last.replace(links.clone()).is_none();
        self.send(Report::Events(vec![Event::Links(links)])).await?;
        if first { self.send(Report::InSync).await } else { Ok(()) }
    }

    async fn send(&self, report: Report) -> Result<(), NobodyListens> {
        let message = Message { source: Source::Links, report };
        self.sender.send(message).await.map_err(|_| NobodyListens)
    }
}

#[cfg(test)]
mod tests;
