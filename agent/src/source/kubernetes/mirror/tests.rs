use std::collections::{BTreeMap, BTreeSet};

use proptest::{collection::vec, prelude::*};

use super::*;

fn name(number: u8) -> Name {
    (Some(NamespaceName::new(format!("n{}", number % 3))), number.to_string().into())
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Note(u8, u64),
    Forget(u8),
    BeginList,
    EndList,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..12u8, 0..3u64).prop_map(|(number, content)| Step::Note(number, content)),
        2 => (0..12u8).prop_map(Step::Forget),
        1 => Just(Step::BeginList),
        2 => Just(Step::EndList),
    ];
    vec(step, 0..80)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// Against a map of contents and a set of what the last list has held.
    #[test]
    fn the_mirror_knows_what_is_news_and_what_is_missing(steps in steps()) {
        let mut mirror = Mirror::default();
        let mut contents: BTreeMap<Name, u64> = BTreeMap::new();
        let mut unseen: BTreeSet<Name> = BTreeSet::new();
        for step in steps {
            match step {
                Step::Note(number, content) => {
                    let is_news = contents.insert(name(number), content) != Some(content);
                    unseen.remove(&name(number));
                    prop_assert_eq!(mirror.note(name(number), content << 1), is_news);
                }
                Step::Forget(number) => {
                    unseen.remove(&name(number));
                    prop_assert_eq!(mirror.forget(&name(number)), contents.remove(&name(number)).is_some());
                }
                Step::BeginList => {
                    mirror.begin_list();
                    unseen = contents.keys().cloned().collect();
                }
                Step::EndList => {
                    contents.retain(|name, _| !unseen.contains(name));
                    let missing: Vec<Name> = std::mem::take(&mut unseen).into_iter().collect();
                    prop_assert_eq!(mirror.end_list(), missing);
                }
            }
            let has_any = contents.keys().any(|(namespace, _)| *namespace == name(0).0);
            prop_assert_eq!(mirror.has_any_in(&NamespaceName::new("n0")), has_any);
        }
        prop_assert_eq!(mirror.clear(), contents.into_keys().collect::<Vec<_>>());
    }
}
