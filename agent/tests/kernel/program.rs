//! What is programmed is what `nft` makes of the text form, and can be read by it.

use ferrule_agent::dataplane::Kernel;
use ferrule_ruleset::render::render;

use crate::{
    namespace::{isolated, nft, nft_reads, programmed},
    sample::everything,
};

/// Lists the same as the text form that nft has loaded itself, and nft takes the listing again.
#[test]
fn lists_as_the_text_form_does() {
    let mut expected = String::new();
    isolated(async || {
        nft_reads(&["-f", "-"], &render(&everything()));
        expected = nft(&["-n", "list", "ruleset"]);
    });
    isolated(async || {
        let _kernel = programmed(&everything()).await;
        let listed = nft(&["-n", "list", "ruleset"]);
        let (listed, expected) = (blocks(&listed), blocks(&expected));
        assert!(listed.len() > 20, "{listed:#?}");
        assert_eq!(listed.len(), expected.len());
        for (listed, expected) in listed.iter().zip(&expected) {
            assert_eq!(listed, expected);
        }
        nft_reads(&["-c", "-f", "-"], &nft(&["list", "ruleset"]));
    });
}

/// The objects of a listing by table, in order of their names, with the elements of each set in order: the kernel lists objects as they were made, and
/// elements as they hash.
fn blocks(listing: &str) -> Vec<String> {
    let mut table = "";
    let mut blocks = Vec::new();
    for block in listing.split("\n\n") {
        let block = match block.lines().rev().find(|line| line.starts_with("table")) {
            Some(header) => {
                table = header;
                block.split_once(header).unwrap().1
            }
            None => block,
        };
        let block = match block.split_once("elements = {") {
            Some((head, elements)) => {
                let mut elements: Vec<&str> = elements
                    .split(['\n', ',', '{', '}'])
                    .map(str::trim)
                    .filter(|text| !text.is_empty())
                    .collect();
                elements.sort_unstable();
                format!("{head}{}", elements.join("\n"))
            }
            None => block.trim_end_matches(['}', '\n']).to_owned(),
        };
        blocks.push(format!("{table}\n{}", block.trim()));
    }
    blocks.sort();
    blocks
}

/// A few lines as a person sees them, so that not only our own text form speaks for them.
#[test]
fn lists_conditions_as_a_person_writes_them() {
    isolated(async || {
        let _kernel = programmed(&everything()).await;
        let listed = nft(&["list", "ruleset"]);
        for line in [
            "type filter hook input priority filter - 5; policy accept;",
            "iifname vmap @dispatch comment \"dispatch\"",
            "ip saddr 10.1.2.0/24 counter packets 0 bytes 0 return",
            "ip saddr 10.1.2.2/31 counter",
            "ip daddr != 10.1.2.3 counter",
            "ip saddr { 10.0.0.1, 10.0.0.2, 10.0.0.9 } counter",
            "ip daddr != @intervals counter",
            "ip saddr . meta l4proto . th sport @address-ports counter",
            "tcp dport 80-90 counter",
            "tcp dport != 80-90 counter",
            "tcp dport { 0-79, 90-99, 65530-65535 } counter",
            "icmp type . icmp code != { destination-unreachable . frag-needed } counter",
            "oifname != \"cali*\" counter",
            "iifname \"eth0\" counter",
            "ct state established,related counter",
            "fib daddr type != unicast counter",
            "log prefix \"policy web: \" jump matches/default/web comment \"knp/default/web ingress[2] tier default\"",
            "ip6 saddr fd00::/8 counter",
            "ip6 saddr fd00::/33 counter",
            "ip6 saddr fd00::/48 counter",
            "\"cali0123456789a\" : goto from/default/web",
            "10.0.1.0/24, 10.0.4.0,",
            "240.0.0.0/4 }",
            "ff00::/8 }",
            "comment \"members of addresses\"",
        ] {
            assert!(listed.contains(line), "no `{line}` in\n{listed}");
        }
    });
}

/// What the listing does not show: IPv4 addresses are loaded whole, whatever the length of the prefix.
#[test]
fn no_address_is_loaded_by_three_bytes() {
    isolated(async || {
        let _kernel = programmed(&everything()).await;
        let expressions = nft(&["--debug=netlink", "list", "table", "ip", "ferrule"]);
        let loads: Vec<&str> = expressions.lines().filter(|line| line.contains("@ network header")).collect();
        assert!(loads.len() > 20, "{expressions}");
        assert!(loads.iter().all(|load| load.contains("load 4b")), "{loads:#?}");
    });
}

/// Cleaning up takes our tables away and nobody else's, and may find nothing.
#[test]
fn cleanup_takes_away_what_is_ours() {
    isolated(async || {
        nft_reads(&["-f", "-"], "table ip other { chain c { accept\n }\n }");
        let kernel = programmed(&everything()).await;
        kernel.cleanup().await.unwrap();
        assert_eq!(nft(&["list", "tables"]).trim(), "table ip other");
        kernel.cleanup().await.unwrap();
    });
}

/// A transaction without batches writes nothing.
#[test]
fn nothing_to_do_writes_nothing() {
    isolated(async || {
        let kernel = Kernel::start().unwrap();
        let before = kernel.generation().await.unwrap();
        assert_eq!(kernel.commit(Default::default()).await.unwrap(), before);
        assert_eq!(kernel.generation().await.unwrap(), before);
    });
}
