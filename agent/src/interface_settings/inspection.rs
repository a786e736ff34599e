//! Looking at settings, and setting them.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use ferrule_ruleset::{
    finding::{Finding, Severity},
    links::InterfacePrefix,
    name::InterfaceName,
};

use super::{
    Interfaces, IpForwarding,
    setting::{Care, Setting, Weight, of_interface, of_node},
};

/// How many values are spelled out in a finding.
const LISTED: usize = 5;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How many settings were changed.
    pub applied: usize,
    /// What is not as it should be now.
    pub deviations: Vec<Deviation>,
}

/// A setting that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deviation {
    /// Its file below `/proc/sys`.
    pub path: String,
    /// What it should hold.
    pub wanted: String,
    /// What it holds.
    pub found: String,
    /// Why it could not be set; none if that was not tried, or had no effect.
    pub error: Option<String>,
    /// What was to be done about it.
    pub care: Care,
}

/// Whoever looks.
#[derive(Debug)]
pub(super) struct Inspector {
    root: PathBuf,
    ours: Care,
    forwarding: IpForwarding,
    prefixes: Vec<InterfacePrefix>,
    reverse_path: Option<String>,
}

impl Inspector {
    /// Notes the reverse path filter of new interfaces as it is now.
    pub fn new(root: &Path, ours: Care, forwarding: IpForwarding, prefixes: Vec<InterfacePrefix>) -> Self {
        let default = root.join("net/ipv4/conf/default/rp_filter");
        let reverse_path = fs::read_to_string(default).ok().map(|text| text.trim().to_owned());
        Self { root: root.to_owned(), ours, forwarding, prefixes, reverse_path }
    }

    /// Looks at the node and at these interfaces.
    pub fn inspect(&self, interfaces: &Interfaces) -> Report {
        let mut report = Report::default();
        match self.forwarding {
            IpForwarding::Enabled => {
                of_node().iter().for_each(|setting| self.treat(setting, self.ours, &mut report));
            }
            IpForwarding::Disabled => {}
        }
        for (interface, spoofing) in interfaces {
            // `all` and `default` are files of the kernel's, whatever a link is called.
            if matches!(interface.as_str(), "all" | "default") {
                continue;
            }
            for setting in of_interface(interface, *spoofing, self.reverse_path.as_deref()) {
                self.treat(&setting, self.care(interface), &mut report);
            }
        }
        report
    }

    fn care(&self, interface: &InterfaceName) -> Care {
        let ours = self.prefixes.iter().any(|prefix| interface.as_str().starts_with(prefix.as_str()));
        if ours { self.ours } else { Care::Check }
    }

    fn treat(&self, setting: &Setting, care: Care, report: &mut Report) {
        let path = self.root.join(&setting.path);
        let read = || fs::read_to_string(&path).map(|text| text.trim().to_owned());
        // No file: the interface is not there yet or any more, or the family is not in use.
        let Ok(mut found) = read() else { return };
        if found == setting.value {
            return;
        }
        let mut error = None;
        match care {
            Care::Apply => {
                error = fs::write(&path, &setting.value).err();
                // An interface that has just gone has no settings to be wrong.
                let Ok(now) = read() else { return };
                found = now;
                if found == setting.value {
                    report.applied += 1;
                    return;
                }
            }
            Care::Check => {}
        }
        match setting.weight {
            Weight::Needed => report.deviations.push(Deviation {
                path: setting.path.clone(),
                wanted: setting.value.clone(),
                found,
                error: error.as_ref().map(io::Error::to_string),
                care,
            }),
            Weight::BestEffort => {}
        }
    }
}

impl Report {
    /// What a person should know: at most one finding of what could not be set, and one of what is not ours to set.
    pub fn findings(&self) -> Vec<Finding> {
        [Care::Apply, Care::Check].into_iter().filter_map(|care| self.finding(care)).collect()
    }

    fn finding(&self, care: Care) -> Option<Finding> {
        let deviations = || self.deviations.iter().filter(|deviation| deviation.care == care);
        // Without the names of interfaces, so that a pod that comes or goes is no news.
        let values: BTreeSet<String> = deviations().map(Deviation::value).collect();
        if values.is_empty() {
            return None;
        }
        let mut list = values.iter().take(LISTED).cloned().collect::<Vec<_>>().join(", ");
        if values.len() > LISTED {
            list.push_str(", …");
        }
        let error = deviations().find_map(|deviation| deviation.error.clone());
        let message = match (care, error) {
            (Care::Apply, Some(error)) => {
                format!("settings under /proc/sys cannot be written ({error}): {list}")
            }
            (Care::Apply, None) => format!("settings under /proc/sys do not take effect: {list}"),
            (Care::Check, _) => {
                format!("settings under /proc/sys are not what workloads of ours need: {list}")
            }
        };
        let consequence = match care {
            Care::Apply => {
                "pods may be cut off; mount /proc/sys writable, or set `interface-settings: check` where somebody else sets them"
            }
            Care::Check => {
                "nothing is changed, as they belong to another CNI plug-in or `interface-settings` is `check`"
            }
        };
        Some(Finding {
            location: None,
            severity: Severity::Warning,
            object: None,
            field: String::new(),
            message,
            consequence: consequence.to_owned(),
        })
    }
}

impl Deviation {
    /// `ipv4 proxy_arp is 0, not 1`.
    fn value(&self) -> String {
        let (_, below_net) = self.path.split_once('/').unwrap_or_default();
        let (family, rest) = below_net.split_once('/').unwrap_or_default();
        let (_, name) = rest.rsplit_once('/').unwrap_or(("", rest));
        format!("{family} {name} is {}, not {}", self.found, self.wanted)
    }
}

#[cfg(test)]
mod tests;
