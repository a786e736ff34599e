//! The directory of the files, and what is known of it.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use super::{Endpoints, file};

/// The directory below the prefix.
const DIRECTORY: &str = "endpoint-status";
/// Where a file is written before it is put in its place: beside the directory, so that whoever watches that sees each file appear once, as a whole and under
/// its own name.
const DRAFT: &str = ".endpoint-status.draft";

/// The directory.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    draft: PathBuf,
    /// The pods' files in it and what they say; none if that has to be looked up.
    held: Option<BTreeMap<String, String>>,
}

impl Directory {
    /// One that has yet to be looked at.
    pub fn new(prefix: &Path) -> Self {
        Self { path: prefix.join(DIRECTORY), draft: prefix.join(DRAFT), held: None }
    }

    /// Somebody else may have been at it.
    pub fn distrust(&mut self) {
        self.held = None;
    }

    /// Whether what it holds is known.
    pub fn is_known(&self) -> bool {
        self.held.is_some()
    }

    /// Gives these endpoints their files, and nobody else any. Returns what could not be done; the rest is.
    pub fn bring_in_step(&mut self, endpoints: &Endpoints) -> Vec<String> {
        let mut held = match self.held.take().map_or_else(|| self.read(), Ok) {
            Ok(held) => held,
            Err(error) => return vec![format!("{}: {error}", self.path.display())],
        };
        let wanted: BTreeMap<String, String> =
            endpoints.iter().map(|(pod, status)| (file::name(pod), status.json())).collect();
        let mut problems = Vec::new();
        let stale: Vec<String> = held.keys().filter(|name| !wanted.contains_key(*name)).cloned().collect();
        for name in stale {
            match self.remove(&name) {
                Ok(()) => drop(held.remove(&name)),
                Err(error) => {
                    problems.push(format!("cannot remove {}: {error}", self.path.join(&name).display()))
                }
            }
        }
        for (name, content) in wanted {
            if held.get(&name) == Some(&content) {
                continue;
            }
            match self.write(&name, &content) {
                Ok(()) => drop(held.insert(name, content)),
                Err(error) => {
                    problems.push(format!("cannot write {}: {error}", self.path.join(&name).display()))
                }
            }
        }
        // After a failure the directory itself has the last word.
        self.held = problems.is_empty().then_some(held);
        problems
    }

    /// Reads what is there. What bears no pod's name is left alone.
    fn read(&self) -> io::Result<BTreeMap<String, String>> {
        fs::create_dir_all(&self.path)?;
        let mut held = BTreeMap::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if file::is_name(&name) && !entry.file_type()?.is_dir() {
                // What cannot be read is not as it should be, and is written anew or removed.
                held.insert(name, fs::read_to_string(entry.path()).unwrap_or_default());
            }
        }
        Ok(held)
    }

    fn write(&self, name: &str, content: &str) -> io::Result<()> {
        fs::write(&self.draft, content)?;
        fs::rename(&self.draft, self.path.join(name))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.path.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use ferrule_ruleset::name::{InterfaceName, ObjectName};
    use proptest::prelude::*;

    use super::*;
    use crate::endpoint_status::EndpointStatus;

    fn endpoints(pods: &[(u8, u8)]) -> Endpoints {
        let endpoint = |(pod, address): &(u8, u8)| {
            let addresses = BTreeSet::from([format!("10.0.0.{address}").parse().unwrap()]);
            let status = EndpointStatus::new(&InterfaceName::new(format!("cali{pod}")), &addresses);
            (ObjectName::new("default", format!("web-{pod}")), status)
        };
        pods.iter().map(endpoint).collect()
    }

    fn listing(path: &Path) -> BTreeMap<String, String> {
        let read = |entry: io::Result<fs::DirEntry>| {
            let entry = entry.unwrap();
            (entry.file_name().into_string().unwrap(), fs::read_to_string(entry.path()).unwrap())
        };
        fs::read_dir(path).unwrap().map(read).collect()
    }

    fn expected(endpoints: &Endpoints) -> BTreeMap<String, String> {
        endpoints.iter().map(|(pod, status)| (file::name(pod), status.json())).collect()
    }

    /// What happens to the directory between two looks at it.
    #[derive(Clone, Debug)]
    enum Step {
        /// The pods are these.
        Keep(Vec<(u8, u8)>),
        /// Somebody else removes a file, or writes one.
        Meddle(u8, Option<&'static str>),
        /// Another agent takes over.
        Restart,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => prop::collection::vec((0..6u8, 0..3u8), 0..6).prop_map(Step::Keep),
            1 => (0..8u8, prop_oneof![Just(None), Just(Some("")), Just(Some("{}"))])
                .prop_map(|(pod, content)| Step::Meddle(pod, content)),
            1 => Just(Step::Restart),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        /// Whatever went before, the directory is what the last order says, as soon as it is looked at again where others were at it.
        #[test]
        fn the_directory_is_what_the_state_says(steps in prop::collection::vec(step(), 1..12)) {
            let prefix = tempfile::tempdir().unwrap();
            let mut directory = Directory::new(prefix.path());
            let path = prefix.path().join(DIRECTORY);
            let mut meddled = false;
            for step in steps {
                match step {
                    Step::Keep(pods) => {
                        let endpoints = endpoints(&pods);
                        if std::mem::take(&mut meddled) {
                            directory.distrust();
                        }
                        prop_assert_eq!(directory.bring_in_step(&endpoints), Vec::<String>::new());
                        prop_assert_eq!(listing(&path), expected(&endpoints));
                        prop_assert_eq!(fs::read_dir(prefix.path()).unwrap().count(), 1, "only the directory itself");
                    }
                    Step::Meddle(pod, content) => {
                        meddled = true;
                        fs::create_dir_all(&path).unwrap();
                        let file = path.join(file::name(&ObjectName::new("default", format!("web-{pod}"))));
                        match content {
                            Some(content) => fs::write(file, content).unwrap(),
                            None => drop(fs::remove_file(file)),
                        }
                    }
                    Step::Restart => directory = Directory::new(prefix.path()),
                }
            }
        }
    }

    #[test]
    fn what_is_not_a_pods_file_stays() {
        let prefix = tempfile::tempdir().unwrap();
        let path = prefix.path().join(DIRECTORY);
        fs::create_dir(&path).unwrap();
        fs::write(path.join("README"), "").unwrap();
        fs::create_dir(path.join("k8s default%2Fdirectory eth0")).unwrap();
        fs::write(path.join("k8s default%2Fgone eth0"), "{}").unwrap();
        assert_eq!(Directory::new(prefix.path()).bring_in_step(&Endpoints::new()), Vec::<String>::new());
        assert!(path.join("README").exists() && path.join("k8s default%2Fdirectory eth0").exists());
        assert!(!path.join("k8s default%2Fgone eth0").exists());
    }

    /// A name that the file system does not take is the trouble of that pod only.
    #[test]
    fn one_file_that_cannot_be_written_holds_no_other_back() {
        let prefix = tempfile::tempdir().unwrap();
        let mut directory = Directory::new(prefix.path());
        let mut pods = endpoints(&[(1, 1), (2, 2)]);
        let status = pods.values().next().unwrap().clone();
        pods.insert(ObjectName::new("a", "x".repeat(250)), status);
        let problems = directory.bring_in_step(&pods);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].starts_with("cannot write "), "{problems:?}");
        assert_eq!(listing(&prefix.path().join(DIRECTORY)), expected(&endpoints(&[(1, 1), (2, 2)])));
    }

    /// A place that cannot be written to is told, and used as soon as it can be.
    #[test]
    fn a_directory_that_cannot_be_made_is_tried_again() {
        let prefix = tempfile::tempdir().unwrap();
        let blocked = prefix.path().join("run");
        fs::write(&blocked, "a file in the way").unwrap();
        let mut directory = Directory::new(&blocked);
        assert_eq!(directory.bring_in_step(&endpoints(&[(1, 1)])).len(), 1);
        fs::remove_file(&blocked).unwrap();
        assert_eq!(directory.bring_in_step(&endpoints(&[(1, 1)])), Vec::<String>::new());
        assert_eq!(listing(&blocked.join(DIRECTORY)), expected(&endpoints(&[(1, 1)])));
    }
}
