//! Selectors of Calico policies, combined with what the API adds to them (policy-model §2.5, §2.6).
//!
//! Combination works on parsed expressions, never on text, so that no name or literal can change the meaning of what stands around it. An empty selector
//! counts as absent, one of blanks alone as `all()`.

use super::{
    field::{Field, Fields, Problem, Problems},
    labels::{NAMESPACE, NAMESPACE_PREFIX, SERVICE_ACCOUNT, SERVICE_ACCOUNT_PREFIX},
};
use crate::{name::NamespaceName, selector::Selector};

/// Fields of the subject of a policy.
pub(super) const SUBJECT_FIELDS: [&str; 3] = ["selector", "namespaceSelector", "serviceAccountSelector"];

/// Where a policy reaches: the endpoints of its namespace, or of the cluster.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scope<'a> {
    /// A namespaced kind.
    Namespace(&'a NamespaceName),
    /// A kind that spans the cluster.
    Cluster,
}

impl Scope<'_> {
    /// The term that holds a selector to this scope.
    pub fn term(self) -> Option<Selector> {
        match self {
            Self::Namespace(namespace) => Some(Selector::equals(NAMESPACE, namespace.as_str())),
            Self::Cluster => None,
        }
    }
}

/// The subject of a policy. What is not understood is left out, so that the subject is as wide as it could be.
pub(super) fn subject(spec: &Fields<'_>, scope: Scope<'_>, problems: &mut Problems) -> Selector {
    let selector = problems.or_default(without_global(spec, "selector"));
    let account = problems.or_default(without_global(spec, "serviceAccountSelector"));
    let account = account.map(|selector| selector.prefixed(SERVICE_ACCOUNT_PREFIX));
    match scope {
        Scope::Namespace(_) => all_of([selector, scope.term(), account]).unwrap_or_else(Selector::all),
        Scope::Cluster => {
            let namespaces = problems.or_default(without_global(spec, "namespaceSelector"));
            let namespaces = namespaces.map(|selector| selector.prefixed(NAMESPACE_PREFIX));
            // `all()` takes its meaning from what is appended to it, in the user's own selector too.
            let in_namespaces = and_rewriting_all(selector, namespaces, &Selector::has(NAMESPACE));
            let with_account = and_rewriting_all(in_namespaces, account, &Selector::has(SERVICE_ACCOUNT));
            with_account.unwrap_or_else(Selector::all)
        }
    }
}

/// Both, with `all()` in either replaced; the first alone stays as it is.
fn and_rewriting_all(first: Option<Selector>, second: Option<Selector>, all: &Selector) -> Option<Selector> {
    let Some(second) = second else { return first };
    let combined = all_of([first, Some(second)]);
    combined.map(|selector| selector.with_all_and_global(all, &Selector::all()))
}

/// The selectors of one end of a rule: positive and negative.
pub(super) fn entity(
    fields: &Fields<'_>,
    scope: Scope<'_>,
    problems: &mut Problems,
) -> (Option<Selector>, Option<Selector>) {
    let mut found = Problems::default();
    let selector = found.or_default(without_global(fields, "selector"));
    let negative = found.or_default(without_global(fields, "notSelector"));
    let namespaces = found.or_default(read(fields, "namespaceSelector"));
    let accounts = service_accounts(fields, &mut found);

    let is_understood = found.is_empty();
    problems.0.append(&mut found.0);
    let is_named = selector.is_some() || negative.is_some() || accounts.is_some();
    let namespace = match namespaces {
        Some(namespaces) => Some(in_namespaces(&namespaces)),
        // The term for the own namespace holds only where it is certain that no other was meant.
        None if is_named && is_understood => scope.term(),
        None => None,
    };
    match (all_of([selector, accounts, namespace]), negative) {
        (Some(positive), Some(negative)) => (Some(positive.and(negative.negated())), None),
        (positive, negative) => (positive, negative),
    }
}

/// A namespaceSelector of a rule as a test of endpoints: `all()` is everything in a namespace, `global()` everything in none.
fn in_namespaces(namespaces: &Selector) -> Selector {
    let in_any = Selector::has(NAMESPACE);
    namespaces.prefixed(NAMESPACE_PREFIX).with_all_and_global(&in_any, &in_any.clone().negated())
}

/// `serviceAccounts` of a rule: by name, by label, or both; neither asks nothing.
fn service_accounts(entity: &Fields<'_>, problems: &mut Problems) -> Option<Selector> {
    let fields = problems.map_or_empty(entity, "serviceAccounts");
    problems.0.extend(fields.unknown(&["names", "selector"]));
    let names =
        fields.items("names").and_then(|items| items.iter().map(Field::text).collect::<Result<Vec<_>, _>>());
    let names = problems.or_default(names);
    let by_name = (!names.is_empty()).then(|| Selector::is_in(SERVICE_ACCOUNT, names));
    let by_label = problems.or_default(without_global(&fields, "selector"));
    all_of([by_name, by_label.map(|selector| selector.prefixed(SERVICE_ACCOUNT_PREFIX))])
}

fn all_of(terms: impl IntoIterator<Item = Option<Selector>>) -> Option<Selector> {
    terms.into_iter().flatten().reduce(Selector::and)
}

/// A selector, if there is one that is not empty.
fn read(fields: &Fields<'_>, name: &str) -> Result<Option<Selector>, Problem> {
    let Some(field) = fields.field(name) else { return Ok(None) };
    match field.text()? {
        "" => Ok(None),
        text => match Selector::parse(text) {
            Ok(selector) => Ok(Some(selector)),
            Err(error) => Err(field.problem(format!("not a selector: {error}"))),
        },
    }
}

/// A selector in which `global()` would have no meaning.
fn without_global(fields: &Fields<'_>, name: &str) -> Result<Option<Selector>, Problem> {
    let selector = read(fields, name)?;
    match (&selector, fields.field(name)) {
        (Some(selector), Some(field)) if selector.mentions_global() => {
            Err(field.problem("global() has a meaning in the namespaceSelector of a rule only"))
        }
        _ => Ok(selector),
    }
}
