//! FelixConfigurations of Calico: settings for nodes.
//!
//! A value that is not understood costs its own field only:
//!
//! | not understood | counts as |
//! |---|---|
//! | `defaultEndpointToHostAction`, `nftablesFilterDenyAction`, `serviceLoopPrevention` | `Drop` |
//! | `disableConntrackInvalidCheck`, `allow…PacketsFromWorkloads` | false |
//! | `workloadSourceSpoofing`, `floatingIPs` | `Disabled` |
//! | an item of `externalNodesList` | missing |
//! | failsafe ports, and all others | not given: what a weaker layer says, at last the default |
//! | `nodeSelector` | nobody's settings |
//!
//! Failsafe ports are not given rather than none, so that a slip of the pen locks nobody out of a node. Fields that are known and not heeded pass without a
//! word unless they would change a verdict; see [`known`].

mod known;
mod setting;
mod value;

use std::sync::Arc;

use super::{
    field::{Field, Fields, Problem, Problems},
    remark::Remarks,
};
use crate::{
    name::NodeName,
    resource::{Configuration, ConfigurationScope},
    selector::Selector,
};

/// The name of everybody's settings.
const DEFAULT: &str = "default";
/// Before the name of a node, in the name of its settings.
const NODE_PREFIX: &str = "node.";

/// Reads the settings of one object.
pub(super) fn convert(name: Arc<str>, object: &Fields<'_>, remarks: &mut Remarks) -> Configuration {
    let mut problems = Problems::default();
    let metadata = problems.map_or_empty(object, "metadata");
    let spec = problems.map_or_empty(object, "spec");
    remarks.errors(problems, "these settings are not in force");
    known::review(&spec, remarks);
    let scope = scope(&name, &metadata, &spec, remarks);
    Configuration { scope, layer: setting::layer(&spec, remarks), name }
}

fn scope(name: &str, metadata: &Fields<'_>, spec: &Fields<'_>, remarks: &mut Remarks) -> ConfigurationScope {
    let selector = selector(spec);
    let by_name = match (name, name.strip_prefix(NODE_PREFIX)) {
        (DEFAULT, _) => Some(ConfigurationScope::Cluster),
        (_, Some(node)) => Some(ConfigurationScope::Node(NodeName::new(node))),
        (_, None) => None,
    };
    match (by_name, selector) {
        (Some(scope), Ok(None)) => scope,
        (Some(scope), Ok(Some((field, _))) | Err((field, _))) => {
            let problem = field.problem("the name says already whose settings these are");
            remarks.warning(problem, "nodeSelector has no effect");
            scope
        }
        (None, Ok(Some((_, selector)))) => {
            ConfigurationScope::Selected { selector, created: created(metadata, remarks) }
        }
        (None, Err((_, problem))) => {
            remarks.error(problem, "these settings are in force nowhere");
            ConfigurationScope::Nobody
        }
        (None, Ok(None)) => {
            let message = "neither name nor nodeSelector says whose settings these are";
            remarks.warning(spec.problem(message), "they are in force nowhere");
            ConfigurationScope::Nobody
        }
    }
}

/// `nodeSelector`, if there is one.
fn selector<'a>(spec: &Fields<'a>) -> Result<Option<(Field<'a>, Selector)>, (Field<'a>, Problem)> {
    let Some(field) = spec.field("nodeSelector") else { return Ok(None) };
    match field.text().map(Selector::parse) {
        Ok(_) if field.text() == Ok("") => Ok(None),
        Ok(Ok(selector)) => Ok(Some((field, selector))),
        Ok(Err(error)) => {
            let problem = field.problem(format!("not a selector: {error}"));
            Err((field, problem))
        }
        Err(problem) => Err((field, problem)),
    }
}

/// When the object was created; empty where that is not known, which is before all others.
fn created(metadata: &Fields<'_>, remarks: &mut Remarks) -> Arc<str> {
    let mut problems = Problems::default();
    let created = problems.or_default(metadata.text("creationTimestamp")).unwrap_or_default().into();
    remarks.errors(problems, "among settings of the same nodes these count as the oldest");
    created
}
