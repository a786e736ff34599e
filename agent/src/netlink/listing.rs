//! What the kernel lists of our tables.

use std::io;

use ferrule_ruleset::{
    address::Family,
    name::{ChainName, SetName},
    nft::{BaseChain, ChainKind, Hook, TABLE},
};
use nix::errno::Errno;

use super::{
    element::{ListedElement, read_elements},
    read::{Attributes, Message, be32, be64, text, userdata},
    set::Kind,
    socket::{Request, Socket},
    uapi::{attribute, flag, message, protocol_family, set_flag, userdata as kind},
    write::Writer,
};

/// A chain without its rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListedChain {
    /// Its name.
    pub name: ChainName,
    /// Where it is hooked in.
    pub base: Option<BaseChain>,
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListedRule {
    /// The chain it is in.
    pub chain: ChainName,
    /// Its number in the table.
    pub handle: u64,
    /// The digest that it was written with, if we wrote it.
    pub digest: Option<[u8; 8]>,
}

/// A named set without its elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListedSet {
    /// Its name.
    pub name: SetName,
    /// What it holds.
    pub kind: Kind,
    /// How many it can hold.
    pub capacity: Option<u32>,
    /// Its comment.
    pub comment: String,
}

/// What the kernel says of our table of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ListedTable {
    /// There is none.
    Absent,
    /// It is as we make it.
    Plain,
    /// It is switched off, or somebody's own.
    Flagged,
}

impl Socket {
    /// Our table.
    pub(crate) fn table(&mut self, family: Family) -> io::Result<ListedTable> {
        let request = Request { kind: message::GETTABLE, flags: 0, family: protocol_family(family) };
        let flags = self.request(request, in_table, |answer, found| {
            found.push(answer.attributes().find(attribute::table::FLAGS).and_then(be32).unwrap_or(0));
        });
        match flags {
            Ok(flags) if flags.iter().all(|flags| *flags == 0) => Ok(ListedTable::Plain),
            Ok(_) => Ok(ListedTable::Flagged),
            Err(error) if error.raw_os_error() == Some(Errno::ENOENT as i32) => Ok(ListedTable::Absent),
            Err(error) => Err(error),
        }
    }

    /// The chains of our table. None in the place of one that we would not make.
    pub(crate) fn chains(&mut self, family: Family) -> io::Result<Vec<Option<ListedChain>>> {
        // Kernels do not select chains by table.
        self.request(
            list(message::GETCHAIN, family),
            |_| {},
            |answer, found| {
                if is_ours(answer) {
                    found.push(read_chain(answer.attributes()));
                }
            },
        )
    }

    /// The rules of our table, or of one of its chains, in order.
    pub(crate) fn rules(&mut self, family: Family, chain: Option<&ChainName>) -> io::Result<Vec<ListedRule>> {
        let body = |writer: &mut Writer| {
            in_table(writer);
            if let Some(chain) = chain {
                writer.text(attribute::rule::CHAIN, chain.as_str());
            }
        };
        self.request(list(message::GETRULE, family), body, |answer, found| {
            if is_ours(answer) {
                found.extend(read_rule(answer.attributes()));
            }
        })
    }

    /// The named sets of our table. None in the place of one that we would not make.
    pub(crate) fn sets(&mut self, family: Family) -> io::Result<Vec<Option<ListedSet>>> {
        self.request(list(message::GETSET, family), in_table, |answer, found| {
            let flags = answer.attributes().find(attribute::set::FLAGS).and_then(be32).unwrap_or(0);
            if is_ours(answer) && flags & set_flag::ANONYMOUS == 0 {
                found.push(read_set(family, flags, answer.attributes()));
            }
        })
    }

    /// The elements of a set of our table. None in the place of one that we would not make.
    pub(crate) fn elements(
        &mut self,
        family: Family,
        set: &SetName,
    ) -> io::Result<Vec<Option<ListedElement>>> {
        let body = |writer: &mut Writer| {
            in_table(writer);
            writer.text(attribute::elements::SET, set.as_str());
        };
        self.request(list(message::GETSETELEM, family), body, |answer, found| {
            found.extend(read_elements(answer.attributes()));
        })
    }

    /// How many objects there are in our table of kinds that we do not use.
    pub(crate) fn strangers(&mut self, family: Family) -> io::Result<usize> {
        let mut count = 0;
        for kind in [message::GETOBJ, message::GETFLOWTABLE] {
            let found = self.request(list(kind, family), in_table, |answer, found| {
                if is_ours(answer) {
                    found.push(());
                }
            })?;
            count += found.len();
        }
        Ok(count)
    }
}

fn list(kind: u16, family: Family) -> Request {
    Request { kind, flags: flag::DUMP, family: protocol_family(family) }
}

fn in_table(writer: &mut Writer) {
    writer.text(attribute::TABLE, TABLE);
}

fn is_ours(answer: &Message<'_>) -> bool {
    answer.attributes().find(attribute::TABLE).and_then(text) == Some(TABLE)
}

fn read_chain(attributes: Attributes<'_>) -> Option<ListedChain> {
    let name = ChainName::from(attributes.find(attribute::chain::NAME).and_then(text)?);
    let Some(hook) = attributes.find(attribute::chain::HOOK).map(Attributes) else {
        return Some(ListedChain { name, base: None });
    };
    let number = hook.find(attribute::chain::HOOK_NUMBER).and_then(be32)?;
    let hook_point = Hook::ALL.into_iter().find(|hook| hook.number() == number)?;
    let priority = hook.find(attribute::chain::HOOK_PRIORITY).and_then(be32)?.cast_signed();
    let policy = attributes.find(attribute::chain::POLICY).and_then(be32)?.cast_signed();
    let kind = match attributes.find(attribute::chain::TYPE).and_then(text)? {
        "filter" => ChainKind::Filter,
        "nat" => ChainKind::Nat,
        "route" => ChainKind::Route,
        _ => return None,
    };
    (policy == libc::NF_ACCEPT)
        .then_some(ListedChain { name, base: Some(BaseChain { hook: hook_point, priority, kind }) })
}

fn read_rule(attributes: Attributes<'_>) -> Option<ListedRule> {
    let bytes = attributes.find(attribute::rule::USERDATA).unwrap_or(&[]);
    let digest = userdata(bytes).find(|(entry, _)| *entry == kind::RULE_DIGEST);
    Some(ListedRule {
        chain: attributes.find(attribute::rule::CHAIN).and_then(text)?.into(),
        handle: attributes.find(attribute::rule::HANDLE).and_then(be64)?,
        digest: digest.and_then(|(_, value)| value.try_into().ok()),
    })
}

fn read_set(family: Family, flags: u32, attributes: Attributes<'_>) -> Option<ListedSet> {
    let key_type = attributes.find(attribute::set::KEY_TYPE).and_then(be32)?;
    let key_length = attributes.find(attribute::set::KEY_LENGTH).and_then(be32)?;
    let description = Attributes(attributes.find(attribute::set::DESCRIPTION).unwrap_or(&[]));
    let bytes = attributes.find(attribute::set::USERDATA).unwrap_or(&[]);
    let comment = userdata(bytes).find(|(entry, _)| *entry == kind::SET_COMMENT);
    Some(ListedSet {
        name: attributes.find(attribute::set::NAME).and_then(text)?.into(),
        kind: Kind::recognise(family, flags, key_type, key_length)?,
        capacity: description.find(attribute::set::DESCRIPTION_SIZE).and_then(be32),
        comment: comment.and_then(|(_, value)| text(value)).unwrap_or_default().to_owned(),
    })
}
