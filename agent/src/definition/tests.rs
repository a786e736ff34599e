//! The committed files are what the types say.

use std::{fs, path::Path};

use super::all;

#[test]
fn the_files_of_deploy_are_those_of_the_types() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/crds");
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut expected: Vec<String> = Vec::new();
    for definition in all() {
        let name = format!("{}.yaml", definition.metadata.name.as_deref().unwrap());
        let text = format!(
            "# Written by `make crds` from agent/src/definition.\n{}",
            serde_norway::to_string(&definition).unwrap()
        );
        if update {
            fs::write(folder.join(&name), &text).unwrap();
        }
        let found = fs::read_to_string(folder.join(&name)).unwrap_or_default();
        assert!(found == text, "{name} is not what the types say; `make crds` writes it anew");
        expected.push(name);
    }
    let kustomization = "kustomization.yaml".to_owned();
    let files = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut files: Vec<_> = files.filter(|file| *file != kustomization).collect();
    files.sort();
    assert_eq!(files, expected);
}
