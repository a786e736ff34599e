//! `docs/services.md`: words from a template, tables from measurements.

use std::fmt::Write as _;

use anyhow::{Result, ensure};
use ferrule_ruleset::address::Family;

use super::{
    Mode, TrafficPolicy,
    cell::{Backend, Cell, Client, Entrance},
    expectation::{End, Party, Sight},
    layout::{SERVICE_PORT, TARGET_PORT},
    policy::Policy,
    scenario::{Dialled, Exception, Exceptions, NodePorts, Reached, Rule},
    truth::{Row, Table},
};

/// The words, with the places of the tables.
const TEMPLATE: &str = include_str!("services.md");

/// All that was measured where agents are configured alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measurements {
    /// The truth table.
    pub table: Table,
    /// NodePorts of own and other nodes.
    pub node_ports: NodePorts,
    /// Where modes and families differ.
    pub exceptions: Exceptions,
}

/// The document.
pub fn render(measured: &Measurements) -> Result<String> {
    let mut text = TEMPLATE.to_owned();
    for (place, table) in [
        ("{{node ports}}", node_ports(&measured.node_ports)),
        ("{{sources}}", sources(&measured.table)),
        ("{{exceptions}}", exceptions(&measured.exceptions)),
        ("{{truth}}", truth(&measured.table)),
    ] {
        ensure!(text.matches(place).count() == 1, "the template has no place, or several, for {place}");
        text = text.replace(place, table.trim_end());
    }
    Ok(text)
}

/// How a client fares with its own node's NodePort and with another's.
pub fn node_ports(measured: &NodePorts) -> String {
    let mut text = row(&["egress rules of the client", "dials its own node", "dials another node"]);
    text.push_str(&rule_off(3));
    for rule in [Rule::Nodes, Rule::Server, Rule::Both, Rule::Swapped] {
        let reached = [Dialled::Own, Dialled::Another].map(|dialled| match measured.get(&(rule, dialled)) {
            Some(Reached::Passes) => "passes",
            Some(Reached::TimesOut) => "times out",
            None => "not measured",
        });
        text.push_str(&row(&[&rule.to_string(), reached[0], reached[1]]));
    }
    text
}

/// Which address the server sees.
fn sources(table: &Table) -> String {
    let mut text = String::new();
    for backend in Backend::ALL {
        let clients: Vec<Client> = Client::all(backend).collect();
        let titles = clients.iter().map(Client::to_string);
        let titles: Vec<String> =
            ["dialled", "externalTrafficPolicy"].map(str::to_owned).into_iter().chain(titles).collect();
        let _ = writeln!(text, "**{}**\n", where_is(backend));
        text.push_str(&row(&titles));
        text.push_str(&rule_off(titles.len()));
        for entrance in Entrance::ALL {
            let of = |traffic_policy| -> Vec<String> {
                let cell = |client: &Client| Cell { entrance, backend, traffic_policy, client: *client };
                let shown = |row: &Row| end(row.open.end);
                clients
                    .iter()
                    .map(|client| table.get(&cell(client)).map_or("never leaves".to_owned(), shown))
                    .collect()
            };
            let (cluster, local) = (of(TrafficPolicy::Cluster), of(TrafficPolicy::Local));
            let lines = if cluster == local {
                vec![("either", cluster)]
            } else {
                vec![("Cluster", cluster), ("Local", local)]
            };
            for (traffic_policy, ends) in lines {
                let cells: Vec<_> =
                    [entrance.to_string(), traffic_policy.to_owned()].into_iter().chain(ends).collect();
                text.push_str(&row(&cells));
            }
        }
        text.push('\n');
    }
    text
}

/// What modes and families do not agree on.
fn exceptions(measured: &Exceptions) -> String {
    let columns = Mode::ALL.into_iter().flat_map(|mode| Family::ALL.map(|family| (mode, family)));
    let columns: Vec<_> = columns.collect();
    let titles = columns.iter().map(|(mode, family)| {
        let mode = match mode {
            Mode::Iptables => "iptables",
            Mode::Nftables => "nftables",
        };
        let family = match family {
            Family::V4 => "IPv4",
            Family::V6 => "IPv6",
        };
        format!("{mode}, {family}")
    });
    let titles: Vec<_> = ["NodePort".to_owned()].into_iter().chain(titles).collect();
    let mut text = row(&titles) + &rule_off(titles.len());
    for exception in Exception::ALL {
        let ends = columns.iter().map(|(mode, family)| {
            measured.get(&(exception, *mode, *family)).map_or("not measured".to_owned(), |ended| end(*ended))
        });
        let cells: Vec<_> = [exception.to_string()].into_iter().chain(ends).collect();
        text.push_str(&row(&cells));
    }
    text
}

/// Everything.
pub fn truth(table: &Table) -> String {
    let mut text = String::new();
    for entrance in Entrance::ALL {
        let _ = writeln!(text, "### {entrance}\n");
        for backend in Backend::ALL {
            let _ = writeln!(text, "**{}**\n", where_is(backend));
            text.push_str(&row(&[
                "client",
                "externalTrafficPolicy",
                "egress policy sees",
                "ingress policy sees",
                "server sees",
                "to nodes",
                "to server",
                "to both",
                "from nodes",
                "from clients",
                "from client pods",
            ]));
            text.push_str(&rule_off(11));
            for client in Client::all(backend) {
                let of = |traffic_policy| {
                    table.get(&Cell { entrance, backend, traffic_policy, client }).map(row_of)
                };
                let [cluster, local] = [TrafficPolicy::Cluster, TrafficPolicy::Local].map(of);
                let lines = if cluster == local {
                    vec![("either", cluster)]
                } else {
                    vec![("Cluster", cluster), ("Local", local)]
                };
                for (traffic_policy, cells) in lines {
                    let Some(cells) = cells else { continue };
                    let named = [client.to_string(), traffic_policy.to_owned()];
                    text.push_str(&row(&named.into_iter().chain(cells).collect::<Vec<_>>()));
                }
            }
            text.push('\n');
        }
    }
    text
}

/// What was measured of one question, as columns.
fn row_of(row: &Row) -> Vec<String> {
    let seen = |seen: Option<Sight>| seen.map_or("–".to_owned(), sight);
    let decided = |policy| match (row.open.end, row.ends.get(&policy)) {
        (_, None) => "not measured",
        (End::TimedOut, Some(_)) => "–",
        (End::Answered(_) | End::Refused, Some(End::TimedOut)) => "**drop**",
        (End::Answered(_) | End::Refused, Some(End::Answered(_) | End::Refused)) => "pass",
    };
    let decided = Policy::ALL.map(|policy| decided(policy).to_owned());
    [seen(row.open.egress), seen(row.open.ingress), end(row.open.end)].into_iter().chain(decided).collect()
}

fn where_is(backend: Backend) -> String {
    let whether = match backend {
        Backend::Near => "the dialled node",
        Backend::Far => "not the dialled node",
    };
    format!("Server on {}, {whether}", backend.site().node())
}

/// A packet, its port by the part that it plays.
fn sight(sight: Sight) -> String {
    let port = match (sight.destination, sight.port) {
        (_, TARGET_PORT) => "targetPort",
        (_, SERVICE_PORT) => "port",
        (_, 30_000..) => "nodePort",
        (_, _) => "hostPort",
    };
    format!("{} → {}:{port}", party(sight.source), party(sight.destination))
}

fn end(end: End) -> String {
    match end {
        End::Answered(peer) => party(peer),
        End::Refused => "refused".to_owned(),
        End::TimedOut => "times out".to_owned(),
    }
}

fn party(party: Party) -> String {
    party.to_string()
}

fn row(cells: &[impl AsRef<str>]) -> String {
    let mut text = String::from("|");
    for cell in cells {
        let _ = write!(text, " {} |", cell.as_ref());
    }
    text.push('\n');
    text
}

/// The line under the titles of a table.
fn rule_off(columns: usize) -> String {
    format!("|{}\n", "---|".repeat(columns))
}
