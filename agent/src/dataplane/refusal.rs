//! Why a transaction was not carried out, in words that name the object at fault.

use std::{fmt, io, sync::Arc};

use ferrule_ruleset::{
    address::Family,
    diff::{Operation, RuleEdit},
    name::{ChainName, SetName},
    nft::{Element, Rule},
    origin::Origin,
};
use nix::errno::Errno;

use crate::{
    agent::Culprit,
    netlink::{Generation, Place},
};

/// Why a transaction was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The kernel refuses objects, in the order of the batch. The first is at fault; what follows may fail only because it refers to that.
    #[error("{}", Listed(.0))]
    Refused(Vec<Refusal>),
    /// Somebody else wrote since our tables were last read or written, so that the failure may be theirs.
    #[error("nf_tables was changed by somebody else: generation {found}, expected {expected}")]
    Stale {
        /// The generation that we left.
        expected: Generation,
        /// The generation that we found.
        found: Generation,
    },
    /// A chain does not have the rules that are to be edited.
    #[error("chain {family} {chain} has {found} rules, expected {expected}")]
    Drift {
        /// The family.
        family: Family,
        /// The chain.
        chain: ChainName,
        /// How many rules it should have.
        expected: usize,
        /// How many it has.
        found: usize,
    },
    /// The socket failed. Whether the batch was carried out is not known.
    #[error("cannot talk to nf_tables: {0}")]
    Transport(#[from] io::Error),
}

/// An object that the kernel refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The batch, by its place in the transaction; those before it are carried out.
    pub batch: usize,
    /// The operation, by its place in the batch.
    pub operation: usize,
    /// The family.
    pub family: Family,
    /// What of it.
    pub object: Object,
    /// The kernel's reason.
    pub errno: Errno,
    /// The same in words, of the kernel or of the encoder.
    pub message: Option<String>,
    /// The offset of the attribute at fault in the message.
    pub offset: Option<usize>,
}

/// What a refused message stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Object {
    /// Our table.
    Table,
    /// A chain as such.
    Chain(ChainName),
    /// A rule.
    Rule {
        /// Its chain.
        chain: ChainName,
        /// Its place in the chain.
        index: usize,
        /// Why it stands there; not known of a rule that is to be deleted.
        origin: Option<Arc<Origin>>,
    },
    /// A set or map as such.
    Set(SetName),
    /// An element.
    Element(SetName, Element),
}

impl Object {
    /// What of an operation a place means.
    pub fn of(operation: &Operation, part: usize) -> (Family, Self) {
        match operation {
            Operation::AddTable(family) | Operation::DeleteTable(family) => (*family, Self::Table),
            Operation::AddChain(family, chain) => (*family, Self::Chain(chain.name.clone())),
            Operation::DeleteChain(family, chain) | Operation::FlushChain(family, chain) => {
                (*family, Self::Chain(chain.clone()))
            }
            Operation::AppendRules(family, chain) => {
                (*family, Self::rule(&chain.name, part, chain.rules.get(part)))
            }
            Operation::EditRules { family, chain, edits, .. } => {
                let (index, rule) = match edits.get(part) {
                    Some(RuleEdit::Insert(index, rule) | RuleEdit::Replace(index, rule)) => {
                        (*index, Some(rule))
                    }
                    Some(RuleEdit::Delete(index)) => (*index, None),
                    None => return (*family, Self::Chain(chain.clone())),
                };
                (*family, Self::rule(chain, index, rule))
            }
            Operation::AddSet(family, set) => (*family, Self::Set(set.name.clone())),
            Operation::DeleteSet(family, set) => (*family, Self::Set(set.clone())),
            Operation::AddElements(family, set, elements)
            | Operation::DeleteElements(family, set, elements) => {
                let object = match elements.get(part) {
                    Some(element) => Self::Element(set.name.clone(), element.clone()),
                    None => Self::Set(set.name.clone()),
                };
                (*family, object)
            }
        }
    }

    fn rule(chain: &ChainName, index: usize, rule: Option<&Rule>) -> Self {
        Self::Rule { chain: chain.clone(), index, origin: rule.map(|rule| Arc::clone(&rule.origin)) }
    }
}

impl Refusal {
    /// A refusal of what a place in a batch stands for.
    pub fn new(batch: usize, operations: &[Operation], place: Place, errno: Errno) -> Option<Self> {
        let (family, object) = Object::of(operations.get(place.operation)?, place.part);
        Some(Self { batch, operation: place.operation, family, object, errno, message: None, offset: None })
    }

    /// Who is to answer for it; nobody if it is our table as a whole.
    pub fn culprit(&self) -> Option<Culprit> {
        match &self.object {
            Object::Table => None,
            Object::Chain(chain) | Object::Rule { chain, origin: None, .. } => {
                Some(Culprit::Chain(self.family, chain.clone()))
            }
            Object::Rule { origin: Some(origin), .. } => Some(Culprit::Rule(origin.clone())),
            Object::Set(set) | Object::Element(set, _) => Some(Culprit::Set(self.family, set.clone())),
        }
    }

    /// What is wrong with it.
    pub fn reason(&self) -> String {
        let hint = hint(self.errno, &self.object);
        match &self.message {
            Some(message) => format!("{message} ({})", self.errno),
            None if hint.is_empty() => self.errno.to_string(),
            None => format!("{hint} ({})", self.errno),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of table {} ferrule: {}", self.object, self.family, self.reason())
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table => f.write_str("the whole"),
            Self::Chain(chain) => write!(f, "chain {chain}"),
            Self::Rule { chain, index, origin: None } => write!(f, "rule {index} of chain {chain}"),
            Self::Rule { chain, index, origin: Some(origin) } => {
                write!(f, "rule {index} ({origin}) of chain {chain}")
            }
            Self::Set(set) => write!(f, "set {set}"),
            Self::Element(set, element) => write!(f, "element {element:?} of set {set}"),
        }
    }
}

/// What an error number of the kernel means for an object. Empty where its own text says it all.
fn hint(errno: Errno, object: &Object) -> &'static str {
    let element = matches!(object, Object::Element(..));
    if errno == Errno::ENFILE && element {
        "the set is full"
    } else if errno == Errno::ENOENT {
        "it is not there, or refers to something that is not there"
    } else if errno == Errno::EBUSY {
        "something still refers to it"
    } else if errno == Errno::EMLINK || errno == Errno::ELOOP {
        "jumps lead in a circle, or more than 15 deep"
    } else if errno == Errno::EEXIST {
        "it is there already"
    } else if errno == Errno::EOPNOTSUPP {
        "this kernel lacks what it needs"
    } else {
        ""
    }
}

/// How many refusals are written out.
const LISTED: usize = 5;

struct Listed<'a>(&'a [Refusal]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the kernel refused ")?;
        for (index, refusal) in self.0.iter().take(LISTED).enumerate() {
            write!(f, "{}{refusal}", if index == 0 { "" } else { "; " })?;
        }
        match self.0.len().saturating_sub(LISTED) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}
