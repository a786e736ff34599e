//! The text of a table without what nft may write in several ways, so that what was loaded and what is listed can be compared.
//!
//! Reads both our text and `nft -n list table`. Evens out: counters, names of protocols, states and priorities, where the compare of the protocol
//! stands, networks and ranges, and the order of elements. Everything else has to be the same text.

use std::{collections::BTreeMap, net::IpAddr};

use ipnet::IpNet;

/// Blocks by their heading (`chain forward`), each with its lines.
pub type Blocks = BTreeMap<String, Vec<String>>;

/// The blocks of the tables in a text.
pub fn blocks(text: &str) -> Blocks {
    let mut blocks = Blocks::new();
    let mut table = String::new();
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    while let Some(line) = lines.next() {
        match line.strip_suffix(" {") {
            Some(heading) if heading.starts_with("table ") => table = heading.to_owned(),
            Some(heading) => {
                let body = lines.by_ref().take_while(|line| *line != "}").collect::<Vec<_>>();
                blocks.insert(format!("{table}: {heading}"), statements(&body));
            }
            None => {}
        }
    }
    blocks
}

/// The lines of a block; elements that span several are one.
fn statements(body: &[&str]) -> Vec<String> {
    let mut statements = Vec::new();
    let mut elements: Option<String> = None;
    let mut properties = Vec::new();
    for line in body {
        match (&mut elements, line.strip_prefix("elements = {")) {
            (Some(elements), _) => elements.push_str(&format!(" {line}")),
            (None, Some(rest)) => elements = Some(rest.to_owned()),
            (None, None) if is_property(line) => properties.push(property(line)),
            // nft 1.0.6 has names for types of addresses only where they are not negated.
            (None, None) => {
                statements.push(rule(&line.replace("fib daddr type != 1 ", "fib daddr type != unicast ")))
            }
        }
    }
    let mut elements: Vec<String> = elements.iter().flat_map(|list| split_elements(list)).collect();
    elements.sort();
    properties.sort();
    properties.into_iter().chain(elements).chain(statements).collect()
}

fn is_property(line: &str) -> bool {
    ["type ", "size ", "flags ", "comment "].iter().any(|property| line.starts_with(property))
}

/// A property, its priority by number.
fn property(line: &str) -> String {
    let Some((head, priority)) = line.split_once(" priority ") else { return line.to_owned() };
    let (priority, rest) = priority.split_once(';').unwrap_or((priority, ""));
    let words: Vec<&str> = priority.split(' ').collect();
    let (named, distance) = words.split_first().expect("a split has a first part");
    let named = match *named {
        "raw" => -300,
        "mangle" => -150,
        "dstnat" => -100,
        "filter" => 0,
        "security" => 50,
        "srcnat" => 100,
        number => number.parse().unwrap_or(i32::MAX),
    };
    let distance: i32 = distance.concat().parse().unwrap_or(0);
    format!("{head} priority {}; {}", named + distance, rest.trim())
}

fn split_elements(list: &str) -> Vec<String> {
    let list = list.trim().trim_end_matches('}');
    list.split(',')
        .map(|element| element.split_whitespace().map(even).collect::<Vec<_>>().join(" "))
        .collect()
}

/// A rule: the protocol it asks for, then its other parts.
fn rule(line: &str) -> String {
    let mut protocol = None;
    let mut parts: Vec<String> = Vec::new();
    let tokens = tokens(line);
    let mut rest = tokens.as_slice();
    loop {
        rest = match rest {
            [] => break,
            ["packets", _, "bytes", _, rest @ ..] => rest,
            // nft 1.0.6 does not list the burst that it takes where none is given.
            ["burst", "5", "packets", rest @ ..] => rest,
            ["ct", "status", rest @ ..] => {
                let (not, rest) = rest.strip_prefix(&["!"]).map_or(("", rest), |rest| ("! ", rest));
                let (status, rest) = rest.split_first().unwrap_or((&"", rest));
                parts.push(format!("ct status {not}{}", if *status == "dnat" { "0x20" } else { status }));
                rest
            }
            ["reject", "with", "tcp", "reset", rest @ ..] => {
                // nft leaves it to these words to say which protocol.
                protocol = Some(even("tcp"));
                parts.push("reject with reset".to_owned());
                rest
            }
            ["reject", "with", "icmp", "13" | "admin-prohibited", rest @ ..]
            | ["reject", "with", "icmpv6", "1" | "admin-prohibited", rest @ ..] => {
                parts.push("reject as prohibited".to_owned());
                rest
            }
            ["meta", "l4proto", number, rest @ ..] if *number != "." && *number != "!=" => {
                protocol = Some(even(number));
                rest
            }
            [header @ ("tcp" | "udp" | "sctp" | "udplite"), side @ ("sport" | "dport"), rest @ ..] => {
                protocol = Some(even(header));
                parts.extend(["th".to_owned(), (*side).to_owned()]);
                rest
            }
            [header @ ("icmp" | "icmpv6"), field @ ("type" | "code"), rest @ ..] => {
                protocol = Some(even(header));
                parts.push((*field).to_owned());
                rest
            }
            [token, rest @ ..] => {
                parts.push(even(token));
                rest
            }
        };
    }
    format!("{protocol:?} {}", ports_in_order(parts).join(" "))
}

/// With compares of ports by side and value: nft merges some of them and lists the source first.
fn ports_in_order(parts: Vec<String>) -> Vec<String> {
    let mut ports: Vec<Vec<String>> = Vec::new();
    let mut others: Vec<String> = Vec::new();
    let mut parts = parts.into_iter().peekable();
    while let Some(part) = parts.next() {
        if part != "th" || others.last().is_some_and(|before| before == ".") {
            others.push(part);
            continue;
        }
        let mut port = vec![part];
        port.extend(parts.by_ref().take(1));
        port.extend(parts.next_if(|operator| operator == "!="));
        let first = parts.next().unwrap_or_default();
        let mut open = first == "{";
        port.push(first);
        while open && let Some(part) = parts.next() {
            open = part != "}";
            port.push(part);
        }
        ports.push(port);
    }
    ports.sort();
    ports.into_iter().flatten().chain(others).collect()
}

/// Words, and texts in quotes as one.
fn tokens(line: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let end = match rest.strip_prefix('"').and_then(|text| text.find('"')) {
            Some(close) => close + 2,
            None => rest.find(' ').unwrap_or(rest.len()),
        };
        tokens.push(&rest[..end]);
        rest = rest[end..].trim_start();
    }
    tokens
}

/// A word in the one way of many.
fn even(word: &str) -> String {
    let (word, comma) = word.strip_suffix(',').map_or((word, ""), |word| (word, ","));
    let evened = match word {
        "tcp" => "6".to_owned(),
        "udp" => "17".to_owned(),
        "sctp" => "132".to_owned(),
        "udplite" => "136".to_owned(),
        "icmp" => "1".to_owned(),
        "icmpv6" | "ipv6-icmp" => "58".to_owned(),
        "established,related" => "0x2,0x4".to_owned(),
        "invalid" => "0x1".to_owned(),
        "new" => "0x8".to_owned(),
        "untracked" => "0x40".to_owned(),
        "local" => "2".to_owned(),
        word => network(word).or_else(|| range(word)).unwrap_or_else(|| word.to_owned()),
    };
    evened + comma
}

fn network(word: &str) -> Option<String> {
    let net: IpNet = word.parse().ok()?;
    Some(format!("{}-{}", net.network(), net.broadcast()))
}

fn range(word: &str) -> Option<String> {
    let (first, last) = word.split_once('-').unwrap_or((word, word));
    let (first, last): (IpAddr, IpAddr) = (first.parse().ok()?, last.parse().ok()?);
    Some(format!("{first}-{last}"))
}
