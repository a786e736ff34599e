//! The committed files are what the types say.

use std::{collections::BTreeSet, fs, path::Path};

use super::all;

/// Definitions of kinds of our own go with the agent; those of Calico's kinds only where Calico has not brought its own.
fn folder(group: &str) -> &'static str {
    if group == "projectcalico.org" { "crds" } else { "base" }
}

#[test]
fn the_files_of_deploy_are_those_of_the_types() {
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy");
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut expected = BTreeSet::new();
    for definition in all() {
        let name = format!("{}.yaml", definition.metadata.name.as_deref().unwrap());
        let folder = folder(&definition.spec.group);
        let text = serde_norway::to_string(&definition).unwrap();
        let text = format!("# Written by `make crds` from agent/src/definition.\n{text}");
        let path = deploy.join(folder).join(&name);
        if update {
            fs::write(&path, &text).unwrap();
        }
        let found = fs::read_to_string(&path).unwrap_or_default();
        assert!(found == text, "{folder}/{name} is not what the types say; `make crds` writes it anew");
        if folder == "crds" {
            expected.insert(name);
        }
    }
    let files = fs::read_dir(deploy.join("crds")).unwrap();
    let files: BTreeSet<_> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(files, expected);
}
