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

/// The document: the measurements under `nodeport_policy: standard` and, where it is there, under `consistent`.
pub fn render(measured: &Measurements, consistent: Option<&Measurements>) -> Result<String> {
    let mut text = TEMPLATE.to_owned();
    let changed = consistent.map_or_else(
        || "Nothing of this has been measured yet.\n".to_owned(),
        |consistent| changes(measured, consistent),
    );
    for (place, table) in [
        ("{{node ports}}", node_ports(&measured.node_ports)),
        ("{{sources}}", sources(&measured.table)),
        ("{{exceptions}}", exceptions(&measured.exceptions)),
        ("{{consistent}}", changed),
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
            None => "",
        });
        if reached == ["", ""] {
            continue;
        }
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
            for (traffic_policy, ends) in by_traffic_policy(cluster, local) {
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

/// What other measurements say otherwise.
fn changes(standard: &Measurements, other: &Measurements) -> String {
    let differing = other.table.iter().filter(|(cell, row)| standard.table.get(*cell) != Some(*row));
    let table: Table = differing.map(|(cell, row)| (*cell, row.clone())).collect();
    let rows = match table.is_empty() {
        true => "No line of the whole truth table changes.\n".to_owned(),
        false => format!("The lines of the whole truth table that change:\n\n{}", truth(&table)),
    };
    format!("{}\n{rows}", node_ports(&other.node_ports))
}

/// Everything that a table holds.
fn truth(table: &Table) -> String {
    let mut text = String::new();
    for entrance in
        Entrance::ALL.into_iter().filter(|entrance| table.keys().any(|cell| cell.entrance == *entrance))
    {
        let _ = writeln!(text, "### {entrance}\n");
        let of_backend = |backend: &Backend| {
            table.keys().any(|cell| (cell.entrance, cell.backend) == (entrance, *backend))
        };
        for backend in Backend::ALL.into_iter().filter(of_backend) {
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
                for (traffic_policy, cells) in by_traffic_policy(cluster, local) {
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

/// One line where `externalTrafficPolicy` makes no difference, else two.
fn by_traffic_policy<T: PartialEq>(cluster: T, local: T) -> Vec<(&'static str, T)> {
    match cluster == local {
        true => vec![("either", cluster)],
        false => vec![("Cluster", cluster), ("Local", local)],
    }
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

#[cfg(test)]
mod tests {
    use ferrule_ruleset::settings::NodePortPolicy;

    use super::*;
    use crate::service::{cell, expectation};

    /// What would be measured if the model is right.
    fn foreseen(mode: NodePortPolicy) -> Measurements {
        let row = |cell: Cell| {
            let open = expectation::story(cell);
            let ends = Policy::ALL.map(|policy| (policy, policy.story(mode, cell, open).end));
            Row { open, ends: ends.into() }
        };
        Measurements {
            table: cell::all().into_iter().map(|cell| (cell, row(cell))).collect(),
            node_ports: NodePorts::new(),
            exceptions: Exceptions::new(),
        }
    }

    #[test]
    fn a_second_mode_shows_what_it_changes() {
        let [standard, consistent] = [NodePortPolicy::Standard, NodePortPolicy::Consistent].map(foreseen);
        let text = changes(&standard, &consistent);
        assert!(text.contains("### NodePort") && !text.contains("### ClusterIP"), "{text}");
        let own = "| pod on worker-1 | Cluster | client → server:targetPort | client → server:targetPort | worker-1 | pass | pass | pass |";
        assert!(text.contains(own), "{text}");
        assert!(!text.contains("outside"), "ingress stays as it is: {text}");
        assert!(changes(&standard, &standard).contains("No line"));
    }
}
