//! The truth table, measured: every question in both modes of kube-proxy and both families, without policy and with each.
//!
//! What is measured has to be what the model says, in every mode and family alike; a table is what is left when all of them agree.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use ferrule_ruleset::{address::Family, settings::NodePortPolicy};

use super::{
    Mode,
    bed::{Bed, Question, Regime},
    cell::{self, Cell},
    expectation::{self, End, Story},
    policy::Policy,
};

/// How many differences from the model an error spells out.
const SHOWN: usize = 12;

/// What became of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Where nothing is enforced.
    pub open: Story,
    /// How it ends under each policy.
    pub ends: BTreeMap<Policy, End>,
}

/// Every question.
pub type Table = BTreeMap<Cell, Row>;

/// Measures everything on a bed with kube-proxy in one mode, and compares it with the model. Further objects, such as host endpoints that should change
/// nothing here, are read by the agents too. An error names what differs.
pub fn measure(
    bed: &mut Bed,
    mode: Mode,
    node_ports: NodePortPolicy,
    further_objects: &str,
) -> Result<Table> {
    bed.install(mode)?;
    let cells = cell::all();
    let mut differences = Vec::new();
    let open =
        bed_answers(bed, &cells, expectation::story, &mut differences, &format!("{mode:?}, no agents"))?;
    let mut table: Table =
        open.into_iter().map(|(cell, open)| (cell, Row { open, ends: BTreeMap::new() })).collect();
    for policy in [None].into_iter().chain(Policy::ALL.map(Some)) {
        let expect = |cell| {
            let open = expectation::story(cell);
            policy.map_or(open, |policy| policy.story(node_ports, cell, open))
        };
        let policies = policy.map(|policy| format!("---\n{}", policy.manifest()));
        let policies = format!("{further_objects}{}", policies.unwrap_or_default());
        bed.enforce(&Regime::new(node_ports, policies))?;
        let answers = bed_answers(bed, &cells, expect, &mut differences, &format!("{mode:?}, {policy:?}"))?;
        bed.relax()?;
        for (cell, story) in answers {
            if let (Some(policy), Some(row)) = (policy, table.get_mut(&cell)) {
                row.ends.insert(policy, story.end);
            }
        }
    }
    if !differences.is_empty() {
        let shown: Vec<_> = differences.iter().take(SHOWN).map(String::as_str).collect();
        bail!("{} answers differ from the model:\n{}", differences.len(), shown.join("\n"));
    }
    Ok(table)
}

/// Asks every question in both families; the answers of the first, with what differs from the expectation noted down.
fn bed_answers(
    bed: &mut Bed,
    cells: &[Cell],
    expect: impl Fn(Cell) -> Story,
    differences: &mut Vec<String>,
    when: &str,
) -> Result<BTreeMap<Cell, Story>> {
    let in_families = |cell: &Cell| {
        let (cell, expected) = (*cell, expect(*cell).end);
        Family::ALL.map(|family| Question { cell, family, expected })
    };
    let questions: Vec<_> = cells.iter().flat_map(in_families).collect();
    let mut answers = BTreeMap::new();
    for (question, story) in questions.iter().zip(bed.ask(&questions)?) {
        let expected = expect(question.cell);
        if story != expected {
            let (cell, family) = (question.cell, question.family);
            differences.push(format!("{when}, {family}: {cell:?}\n  saw  {story:?}\n  want {expected:?}"));
        }
        answers.entry(question.cell).or_insert(story);
    }
    Ok(answers)
}
