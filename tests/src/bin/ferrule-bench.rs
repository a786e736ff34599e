//! `make bench`: what things cost, as ratios to the physical limit measured in the same run. Needs root for network namespaces.
//!
//! With names of figures as arguments, only these.

use anyhow::{Result, bail};
use ferrule_tests::bench;

/// Measures and prints.
type Figure = fn() -> Result<()>;

/// The figures by name.
const FIGURES: [(&str, Figure); 7] = [
    ("programming", bench::programming::run),
    ("member", bench::member::run),
    ("paths", bench::paths::run),
    ("services", bench::services::run),
    ("start", bench::start::run),
    ("scale", bench::scale::run),
    ("cluster", bench::cluster::run),
];

fn main() -> Result<()> {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let known = |name: &String| FIGURES.iter().any(|(figure, _)| figure == name);
    if let Some(unknown) = wanted.iter().find(|name| !known(name)) {
        bail!("no figure {unknown:?}; there are {}", FIGURES.map(|(figure, _)| figure).join(", "));
    }
    let chosen =
        FIGURES.iter().filter(|(figure, _)| wanted.is_empty() || wanted.iter().any(|name| name == figure));
    chosen.into_iter().try_for_each(|(_, run)| run())
}
