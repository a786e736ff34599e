//! Operations as messages.

use std::{collections::BTreeMap, ffi::CString};

use ferrule_ruleset::{
    address::Family,
    diff::{Operation, RuleEdit},
    name::ChainName,
    nft::{BaseChain, Chain, ChainKind, Element, Hook, TABLE},
};
use nftnl::{ChainType, MsgType, Policy, ProtoFamily, Table};

use super::{
    batch::{Batch, Place},
    element::{self, Change, Target, write_elements},
    rule::{self, Position},
    set,
    uapi::{attribute, flag, message},
};

/// The longest name of an object (`NFT_NAME_MAXLEN` less the terminator).
const NAME: usize = 255;

/// The handles of the rules of chains, in order, as the kernel had them before the batch.
pub type Handles = BTreeMap<(Family, ChainName), Vec<u64>>;

/// What no message can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unencodable {
    /// A name is empty or too long.
    #[error("a name must have 1 to 255 bytes")]
    Name,
    /// A text ends early.
    #[error("a text contains a NUL byte")]
    Nul,
    /// No link can have that name.
    #[error("an interface name must have 1 to 15 bytes")]
    InterfaceName,
    /// An address of the other family.
    #[error("an address is not of the family of its table")]
    Family,
    /// A rule is too long.
    #[error("a rule must have at most 128 expressions")]
    TooManyExpressions,
    /// A rule looks into nothing.
    #[error("an anonymous set must have an element")]
    EmptySet,
    /// An edit names a rule that is not there.
    #[error("an edit is beyond the end of its chain")]
    Place,
}

/// Appends what an operation is made of. The handles are those of the chains that are edited. After an error the batch must not be sent; the place says
/// what of the operation is at fault.
pub fn encode(
    batch: &mut Batch,
    index: usize,
    operation: &Operation,
    handles: &Handles,
) -> Result<(), (Place, Unencodable)> {
    let place = Place { operation: index, part: 0 };
    let at = |unencodable| (place, unencodable);
    match operation {
        Operation::AddTable(family) => {
            batch.object(place, &table(*family), MsgType::Add, flag::CREATE, |_| {})
        }
        Operation::DeleteTable(family) => batch.object(place, &table(*family), MsgType::Del, 0, |_| {}),
        Operation::AddChain(family, chain) => add_chain(batch, place, *family, chain).map_err(at)?,
        Operation::DeleteChain(family, chain) => {
            let (table, name) = (table(*family), name(chain.as_str()).map_err(at)?);
            batch.object(place, &nftnl::Chain::new(&name, &table), MsgType::Del, 0, |_| {});
        }
        Operation::AppendRules(family, chain) => append_rules(batch, place, *family, chain)?,
        Operation::FlushChain(family, chain) => {
            name(chain.as_str()).map_err(at)?;
            batch.message(place, message::DELRULE, 0, *family, |writer| {
                writer.text(attribute::TABLE, TABLE);
                writer.text(attribute::rule::CHAIN, chain.as_str());
            });
        }
        Operation::EditRules { family, chain, edits, .. } => {
            let handles = handles.get(&(*family, chain.clone())).ok_or((place, Unencodable::Place))?;
            edit_rules(batch, place, *family, chain, handles, edits)?;
        }
        Operation::AddSet(family, set) => {
            name(set.name.as_str()).map_err(at)?;
            let id = batch.next_set();
            batch.message(place, message::NEWSET, flag::CREATE | flag::EXCLUSIVE, *family, |writer| {
                set::write(writer, *family, set, id);
            });
        }
        Operation::DeleteSet(family, set) => {
            name(set.as_str()).map_err(at)?;
            batch.message(place, message::DELSET, 0, *family, |writer| {
                writer.text(attribute::TABLE, TABLE);
                writer.text(attribute::set::NAME, set.as_str());
            });
        }
        Operation::AddElements(family, set, elements) => {
            let target = Target { family: *family, set: set.name.as_str(), id: None };
            change_elements(batch, place, target, Change::Add, elements)?;
        }
        Operation::DeleteElements(family, set, elements) => {
            let target = Target { family: *family, set: set.name.as_str(), id: None };
            change_elements(batch, place, target, Change::Delete, elements)?;
        }
    }
    Ok(())
}

/// A name as libnftnl takes it.
pub(super) fn name(name: &str) -> Result<CString, Unencodable> {
    if name.is_empty() || name.len() > NAME {
        return Err(Unencodable::Name);
    }
    CString::new(name).map_err(|_| Unencodable::Nul)
}

fn table(family: Family) -> Table {
    let family = match family {
        Family::V4 => ProtoFamily::Ipv4,
        Family::V6 => ProtoFamily::Ipv6,
    };
    Table::new(TABLE_NAME, family)
}

/// [`TABLE`] with its terminator.
const TABLE_NAME: &std::ffi::CStr = c"ferrule";

fn add_chain(batch: &mut Batch, place: Place, family: Family, chain: &Chain) -> Result<(), Unencodable> {
    let (table, name) = (table(family), name(chain.name.as_str())?);
    let mut object = nftnl::Chain::new(&name, &table);
    if let Some(BaseChain { hook, priority, kind }) = chain.base {
        let hook = match hook {
            Hook::Prerouting => nftnl::Hook::PreRouting,
            Hook::Input => nftnl::Hook::In,
            Hook::Forward => nftnl::Hook::Forward,
            Hook::Output => nftnl::Hook::Out,
            Hook::Postrouting => nftnl::Hook::PostRouting,
        };
        object.set_type(match kind {
            ChainKind::Filter => ChainType::Filter,
            ChainKind::Nat => ChainType::Nat,
            ChainKind::Route => ChainType::Route,
        });
        object.set_hook(hook, priority);
        object.set_policy(Policy::Accept);
    }
    batch.object(place, &object, MsgType::Add, flag::CREATE | flag::EXCLUSIVE, |_| {});
    Ok(())
}

fn append_rules(
    batch: &mut Batch,
    place: Place,
    family: Family,
    chain: &Chain,
) -> Result<(), (Place, Unencodable)> {
    let (table, name) = (table(family), name(chain.name.as_str()).map_err(|error| (place, error))?);
    let object = nftnl::Chain::new(&name, &table);
    for (part, rule) in chain.rules.iter().enumerate() {
        let place = Place { part, ..place };
        rule::write(batch, place, &object, family, rule, Position::End).map_err(|error| (place, error))?;
    }
    Ok(())
}

/// Rules are deleted last, so that handles that tell a place stay good to the end of the batch.
fn edit_rules(
    batch: &mut Batch,
    place: Place,
    family: Family,
    chain: &ChainName,
    handles: &[u64],
    edits: &[RuleEdit],
) -> Result<(), (Place, Unencodable)> {
    let (table, name) = (table(family), name(chain.as_str()).map_err(|error| (place, error))?);
    let object = nftnl::Chain::new(&name, &table);
    let mut deleted = Vec::new();
    for (part, edit) in edits.iter().enumerate() {
        let place = Place { part, ..place };
        let at = |error| (place, error);
        let handle = |index: usize| handles.get(index).copied().ok_or((place, Unencodable::Place));
        let (rule, position) = match edit {
            RuleEdit::Delete(index) => {
                deleted.push((place, handle(*index)?));
                continue;
            }
            RuleEdit::Insert(index, rule) if *index == handles.len() => (rule, Position::End),
            RuleEdit::Insert(index, rule) => (rule, Position::Before(handle(*index)?)),
            RuleEdit::Replace(index, rule) => (rule, Position::InsteadOf(handle(*index)?)),
        };
        rule::write(batch, place, &object, family, rule, position).map_err(at)?;
    }
    for (place, handle) in deleted {
        let mut rule = nftnl::Rule::new(&object);
        rule.set_handle(handle);
        batch.object(place, &rule, MsgType::Del, 0, |_| {});
    }
    Ok(())
}

fn change_elements(
    batch: &mut Batch,
    place: Place,
    target: Target<'_>,
    change: Change,
    elements: &[Element],
) -> Result<(), (Place, Unencodable)> {
    let entry = |element| element::entry(target.family, element);
    write_elements(batch, place, target, change, elements, entry).map_err(|error| {
        let part = elements.iter().position(|element| entry(element).is_err()).unwrap_or(0);
        (Place { part, ..place }, error)
    })
}
