use std::io::Write as _;

use super::*;

/// The settings of these flags in front of those of this file.
fn config(flags: &[&str], file: &str) -> Result<Config, ConfigError> {
    let mut config = tempfile::NamedTempFile::new().unwrap();
    config.write_all(file.as_bytes()).unwrap();
    let path = config.path().to_str().unwrap();
    let arguments = ["ferrule-agent", "--config", path].into_iter().chain(flags.iter().copied());
    match Task::parse(arguments.map(OsString::from))?.0 {
        Task::Run(config) => Ok(*config),
        Task::Cleanup => panic!("nobody asked for a cleanup"),
    }
}

fn error(flags: &[&str], file: &str) -> String {
    config(flags, file).unwrap_err().to_string()
}

const LEAST: &str = "node-name: node-1\nmanifests: /m\n";

#[test]
fn defaults_fill_what_nobody_says() {
    let config = config(&[], LEAST).unwrap();
    assert_eq!(config.node, NodeName::from("node-1"));
    assert_eq!(config.manifests, PathBuf::from("/m"));
    assert_eq!(config.options, Options::default());
    assert_eq!(config.health_address, "127.0.0.1:9099".parse().unwrap());
    assert_eq!(config.metrics_address, None);
}

#[test]
fn a_flag_precedes_the_file() {
    let file =
        format!("{LEAST}health-address: 127.0.0.1:1\nmetrics-address: 127.0.0.1:2\ninterface-prefix: tap\n");
    let config = config(&["--health-address", "[::1]:3", "--interface-prefix", "veth"], &file).unwrap();
    assert_eq!(config.health_address, "[::1]:3".parse().unwrap());
    assert_eq!(config.metrics_address, Some("127.0.0.1:2".parse().unwrap()));
    assert_eq!(config.options.prefixes, [InterfacePrefix::new("veth").unwrap()]);
}

#[test]
fn every_key_of_the_file_is_heard() {
    let file = format!(
        "{LEAST}interface-prefix: [cali, tap]\ndataplane: nftables\ndefault-endpoint-to-host-action: drop\n\
         conntrack-invalid: Judge\nlog-level: debug\nlog-format: json\n"
    );
    let config = config(&[], &file).unwrap();
    assert_eq!(config.options.prefixes.len(), 2);
    assert_eq!(config.options.layer.endpoint_to_host, Some(EndpointToHost::Drop));
    assert_eq!(config.options.layer.invalid, Some(InvalidPackets::Judge));
}

#[test]
fn repeated_prefixes_are_all_kept() {
    let config = config(&["--interface-prefix", "cali", "--interface-prefix", "tap"], LEAST).unwrap();
    assert_eq!(config.options.prefixes.len(), 2);
}

#[test]
fn an_empty_file_says_nothing() {
    assert!(config(&["--node-name", "a", "--manifests", "/m"], "# nothing\n").is_ok());
}

#[test]
fn errors_name_the_setting() {
    assert!(error(&[], "manifests: /m\n").contains("--node-name is required (or FERRULE_NODE_NAME"));
    assert!(error(&[], "node-name: a\n").contains("--manifests is required"));
    assert!(error(&["--dataplane", "iptables"], LEAST).contains("not supported yet"));
    assert!(error(&["--interface-prefix", "toolong"], LEAST).contains("--interface-prefix toolong"));
    assert!(error(&["--health-address", "9099"], LEAST).contains("--health-address 9099"));
    assert!(error(&[], "node-name: a\nmanifest: /m\n").contains("unknown field `manifest`"));
    assert!(error(&[], &format!("{LEAST}log-format: xml\n")).contains("`xml` is none of text, json"));
    assert!(error(&["--log-level", "=,="], LEAST).contains("--log-level"));
}

#[test]
fn cleanup_needs_no_other_setting() {
    let (task, _) = Task::parse(["ferrule-agent", "--cleanup"].map(OsString::from)).unwrap();
    assert!(matches!(task, Task::Cleanup));
}

#[test]
fn rust_log_gives_way_to_the_flag() {
    let said = Settings { log_level: Some("warn".to_owned()), ..Settings::default() };
    assert_eq!(logging(&said, Some("trace".to_owned())).unwrap().filter.to_string(), "warn");
    assert_eq!(logging(&Settings::default(), Some("trace".to_owned())).unwrap().filter.to_string(), "trace");
    assert_eq!(logging(&Settings::default(), None).unwrap().filter.to_string(), "info");
}
