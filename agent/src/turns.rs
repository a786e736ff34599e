//! Who is heard where not everybody can be.

use std::collections::{BTreeMap, BTreeSet};

use ferrule_ruleset::{name::NamespaceName, resource::ResourceKey};

/// So many of what there is to say about objects, in turns: the first of every namespace in their order, then the second of each, and so on, so that
/// nobody who may write in one namespace only can silence the others. An object without a namespace, and what is about no object, stands for itself.
pub fn in_turns<T: Ord>(
    all: BTreeSet<T>,
    limit: usize,
    object: impl Fn(&T) -> Option<ResourceKey>,
) -> Vec<T> {
    let mut turns: BTreeMap<_, usize> = BTreeMap::new();
    let ranked: BTreeSet<(usize, T)> = all
        .into_iter()
        .map(|item| {
            let speaker = object(&item).map(|object| match object.place() {
                (Some(namespace), _) => Speaker::Namespace(namespace),
                (None, _) => Speaker::Object(object),
            });
            let turn = turns.entry(speaker).or_default();
            *turn += 1;
            (*turn, item)
        })
        .collect();
    ranked.into_iter().take(limit).map(|(_, item)| item).collect()
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Speaker {
    Namespace(NamespaceName),
    Object(ResourceKey),
}

#[cfg(test)]
mod tests {
    use ferrule_ruleset::name::ObjectName;

    use super::*;

    fn pod(namespace: &str, name: &str) -> ResourceKey {
        ResourceKey::Pod(ObjectName { namespace: NamespaceName::from(namespace), name: name.into() })
    }

    #[test]
    fn one_namespace_does_not_silence_another() {
        let tier = |name: &str| ResourceKey::Tier(name.into());
        let names: Vec<String> = (0..1000).map(|number| format!("p{number:04}")).collect();
        let mut all: BTreeSet<ResourceKey> = names.iter().map(|name| pod("a", name)).collect();
        all.extend([pod("b", "x"), pod("c", "y"), tier("one"), tier("two")]);
        let heard = in_turns(all, 8, |key| Some(key.clone()));
        let expected = [
            pod("a", "p0000"),
            pod("b", "x"),
            pod("c", "y"),
            tier("one"),
            tier("two"),
            pod("a", "p0001"),
            pod("a", "p0002"),
            pod("a", "p0003"),
        ];
        assert_eq!(heard, expected);
    }
}
