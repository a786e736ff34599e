//! Against a real directory. What counts is what a store knows after the events, never how many there were.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
};

use ferrule_ruleset::{
    name::{NamespaceName, ObjectName},
    resource::Resource,
    store::Store,
};
use tempfile::TempDir;

use super::*;

/// A directory with the source at work on it.
struct Tree {
    directory: TempDir,
    root: PathBuf,
    inbox: mpsc::Receiver<Message>,
    store: Store,
    /// Errors only.
    findings: Vec<Finding>,
    in_sync: bool,
    unknown: BTreeSet<String>,
    locations: Locations,
    _ended: Ended,
}

impl Tree {
    /// Starts the source on the subdirectory `manifests` after it was prepared.
    async fn start(prepare: impl FnOnce(&Path)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("manifests");
        fs::create_dir(&root).unwrap();
        prepare(&root);
        let mut tree = Self::watch(directory, root);
        tree.until("in sync", |tree| tree.in_sync).await;
        tree
    }

    fn watch(directory: TempDir, root: PathBuf) -> Self {
        let (sender, inbox) = mpsc::channel(64);
        let (locations, ended) = start(&root, sender).unwrap();
        let (store, findings) = (Store::default(), Vec::new());
        Self {
            directory,
            root,
            inbox,
            store,
            findings,
            in_sync: false,
            unknown: BTreeSet::new(),
            locations,
            _ended: ended,
        }
    }

    async fn until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) {
        let heard = tokio::time::timeout(Duration::from_secs(120), async {
            while !holds(self) {
                match self.inbox.recv().await.unwrap().report {
                    Report::Events(events) => events.into_iter().for_each(|event| self.store.apply(event)),
                    Report::Findings(findings) => {
                        let is_error = |finding: &Finding| finding.severity == Severity::Error;
                        self.findings = findings.into_iter().filter(is_error).collect();
                    }
                    Report::InSync => self.in_sync = true,
                    Report::Unknown(unknown) => self.unknown = unknown,
                    Report::Obstacles(obstacles) => panic!("{obstacles:?}"),
                    Report::Judgements(judgements) => panic!("{judgements:?}"),
                }
            }
        });
        assert!(heard.await.is_ok(), "{what}: still {:?} with {:?}", self.pods(), self.findings);
    }

    /// The pods that are known, each with what its label `is` says.
    fn pods(&self) -> Vec<String> {
        let describe = |resource: &Resource| {
            let Resource::Pod(pod) = resource else { return None };
            Some(format!("{}={}", pod.name.name, pod.labels.get("is").map_or("", |label| label)))
        };
        self.store.resources().filter_map(describe).collect()
    }

    async fn until_pods(&mut self, expected: &[&str]) {
        self.until(&format!("{expected:?}"), |tree| tree.pods() == expected).await;
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.root.join(file), text).unwrap();
    }

    /// In one step: who writes piece by piece may be read in between, if he takes his time.
    fn replace(&self, file: &str, bytes: &[u8]) {
        let new = self.directory.path().join("new");
        fs::write(&new, bytes).unwrap();
        fs::rename(new, self.root.join(file)).unwrap();
    }
}

fn pod(name: &str, is: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: default, labels: {{is: {is}}}}}\n\
         spec: {{nodeName: node-1}}\nstatus: {{podIP: 10.0.0.1}}\n---\n"
    )
}

#[tokio::test]
async fn what_is_there_at_the_start_is_told_before_in_sync() {
    let tree = Tree::start(|root| {
        fs::write(root.join("a.yaml"), pod("a", "old")).unwrap();
        fs::create_dir(root.join("sub")).unwrap();
        fs::write(root.join("sub/b.yml"), pod("b", "old")).unwrap();
        fs::write(root.join("notes.txt"), "no manifest").unwrap();
        fs::write(root.join(".hidden.yaml"), pod("hidden", "old")).unwrap();
    })
    .await;
    assert_eq!(tree.pods(), ["a=old", "b=old"]);
    assert_eq!(tree.findings, Vec::new());
    let key = ResourceKey::Pod(ObjectName::new("default", "b"));
    assert_eq!(tree.locations.of(&key).unwrap().to_string(), "sub/b.yml:1");
}

#[tokio::test]
async fn an_empty_directory_is_in_sync() {
    let tree = Tree::start(|_| {}).await;
    assert_eq!(tree.pods(), Vec::<String>::new());
}

#[tokio::test]
async fn files_that_come_change_and_go_are_followed() {
    let mut tree = Tree::start(|_| {}).await;
    tree.write("a.yaml", &pod("a", "new"));
    tree.until_pods(&["a=new"]).await;
    tree.write("a.yaml", &(pod("a", "newer") + &pod("b", "new")));
    tree.until_pods(&["a=newer", "b=new"]).await;
    tree.write("a.yaml", &pod("b", "new"));
    tree.until_pods(&["b=new"]).await;
    fs::remove_file(tree.root.join("a.yaml")).unwrap();
    tree.until_pods(&[]).await;
}

#[tokio::test]
async fn a_file_renamed_over_another_takes_its_place() {
    let mut tree = Tree::start(|root| fs::write(root.join("a.yaml"), pod("a", "old")).unwrap()).await;
    tree.write(".a.yaml.tmp", &pod("a", "new"));
    fs::rename(tree.root.join(".a.yaml.tmp"), tree.root.join("a.yaml")).unwrap();
    tree.until_pods(&["a=new"]).await;
    fs::rename(tree.root.join("a.yaml"), tree.root.join("b.yaml")).unwrap();
    let key = ResourceKey::Pod(ObjectName::new("default", "a"));
    tree.write("last.yaml", &pod("last", "new"));
    tree.until_pods(&["a=new", "last=new"]).await;
    assert_eq!(tree.locations.of(&key).unwrap().to_string(), "b.yaml:1");
}

#[test]
fn half_a_file_is_not_read_while_its_writer_is_at_work() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a.yaml");
    fs::write(&file, pod("a", "new")).unwrap();
    let mut manifests = loop {
        let (sender, _inbox) = mpsc::channel(1);
        let mut manifests = Manifests::new(directory.path().to_owned(), Locations::default(), sender);
        // As if it had been written to just now, and for a second to come.
        let (begun, future) = (Instant::now(), Duration::from_millis(900));
        let soon = std::time::SystemTime::now() + future;
        fs::File::open(&file).unwrap().set_modified(soon).unwrap();
        let seen = manifests.look("a.yaml", Writer::PerhapsBusy);
        // A machine that took longer shows nothing.
        if begun.elapsed() < future {
            assert_eq!(seen, Vec::new());
            assert!(manifests.unsettled.contains_key("a.yaml"), "it is to be looked at again");
            break manifests;
        }
    };
    assert!(!manifests.look("a.yaml", Writer::Done).is_empty(), "closed by its writer");
    assert!(manifests.unsettled.is_empty());
}

#[tokio::test]
async fn a_malformed_file_leaves_the_last_good_version_until_it_is_mended() {
    let mut tree = Tree::start(|root| {
        fs::write(root.join("a.yaml"), pod("a", "old")).unwrap();
        fs::write(root.join("b.yaml"), pod("b", "old")).unwrap();
    })
    .await;
    tree.replace("a.yaml", b"kind: [Pod\n");
    tree.until("a finding", |tree| !tree.findings.is_empty()).await;
    assert_eq!(&*tree.findings[0].location.as_ref().unwrap().file, "a.yaml");
    tree.write("b.yaml", &pod("b", "new"));
    tree.until_pods(&["a=old", "b=new"]).await;
    tree.write("a.yaml", &pod("a", "new"));
    tree.until("mended", |tree| tree.pods() == ["a=new", "b=new"] && tree.findings.is_empty()).await;
}

#[tokio::test]
async fn what_cannot_be_read_is_not_gone() {
    let mut tree = Tree::start(|root| fs::write(root.join("a.yaml"), pod("a", "old")).unwrap()).await;
    tree.replace("a.yaml", b"kind: Pod\nname: \xff\n");
    tree.until("a finding", |tree| !tree.findings.is_empty()).await;
    let text = tree.findings[0].to_string();
    assert!(text.contains("line 2 is not UTF-8 (what was last read of it stays enforced)"), "{text}");
    assert_eq!(tree.pods(), ["a=old"]);
    fs::remove_file(tree.root.join("a.yaml")).unwrap();
    symlink("nowhere", tree.root.join("a.yaml")).unwrap();
    tree.until("another", |tree| {
        tree.findings.iter().any(|finding| finding.message.contains("leads nowhere"))
    })
    .await;
    nix::unistd::mkfifo(&tree.root.join("pipe.yaml"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    tree.until("a third", |tree| {
        tree.findings.iter().any(|finding| finding.message.contains("not a regular file"))
    })
    .await;
}

#[tokio::test]
async fn subdirectories_that_come_and_go_are_followed() {
    let mut tree = Tree::start(|_| {}).await;
    let elsewhere = tree.directory.path().join("elsewhere");
    fs::create_dir_all(elsewhere.join("deep")).unwrap();
    fs::write(elsewhere.join("deep/a.yaml"), pod("a", "new")).unwrap();
    fs::rename(&elsewhere, tree.root.join("sub")).unwrap();
    tree.until_pods(&["a=new"]).await;
    tree.write("sub/deep/b.yaml", &pod("b", "new"));
    tree.until_pods(&["a=new", "b=new"]).await;
    fs::rename(tree.root.join("sub"), &elsewhere).unwrap();
    tree.until_pods(&[]).await;
}

#[tokio::test]
async fn a_subdirectory_out_of_sight_is_not_gone() {
    let mut tree = Tree::start(|root| {
        fs::create_dir(root.parent().unwrap().join("shared")).unwrap();
        fs::write(root.join("../shared/a.yaml"), pod("a", "old")).unwrap();
        symlink("../shared", root.join("sub")).unwrap();
    })
    .await;
    assert_eq!(tree.pods(), ["a=old"]);
    fs::rename(tree.directory.path().join("shared"), tree.directory.path().join("aside")).unwrap();
    tree.write("b.yaml", &pod("b", "new"));
    tree.until("a finding", |tree| !tree.findings.is_empty()).await;
    tree.until_pods(&["a=old", "b=new"]).await;
    fs::remove_file(tree.root.join("sub")).unwrap();
    tree.until("gone in earnest", |tree| tree.pods() == ["b=new"] && tree.findings.is_empty()).await;
}

#[tokio::test]
async fn a_config_map_volume_is_followed_through_its_links() {
    let mut tree = Tree::start(|root| {
        fs::create_dir(root.join("..1")).unwrap();
        fs::write(root.join("..1/a.yaml"), pod("a", "old")).unwrap();
        symlink("..1", root.join("..data")).unwrap();
        symlink("..data/a.yaml", root.join("a.yaml")).unwrap();
    })
    .await;
    assert_eq!(tree.pods(), ["a=old"]);
    fs::create_dir(tree.root.join("..2")).unwrap();
    tree.write("..2/a.yaml", &pod("a", "new"));
    symlink("..2", tree.root.join("..data_tmp")).unwrap();
    fs::rename(tree.root.join("..data_tmp"), tree.root.join("..data")).unwrap();
    fs::remove_dir_all(tree.root.join("..1")).unwrap();
    tree.until_pods(&["a=new"]).await;
}

/// A file that has just been written to is looked at by itself, when its directory may be away already.
#[tokio::test]
async fn a_file_that_changes_just_before_the_directory_goes_is_not_gone() {
    let mut tree = Tree::start(|root| fs::write(root.join("a.yaml"), pod("a", "old")).unwrap()).await;
    let aside = tree.directory.path().join("aside");
    for _ in 0..20 {
        fs::File::open(tree.root.join("a.yaml")).unwrap().set_modified(std::time::SystemTime::now()).unwrap();
        fs::rename(&tree.root, &aside).unwrap();
        tree.until("a finding", |tree| !tree.findings.is_empty()).await;
        assert_eq!(tree.pods(), ["a=old"], "what cannot be seen is not gone");
        fs::rename(&aside, &tree.root).unwrap();
        tree.until("its end", |tree| tree.findings.is_empty()).await;
        assert_eq!(tree.pods(), ["a=old"]);
    }
}

#[tokio::test]
async fn the_directory_itself_may_be_replaced() {
    let mut tree = Tree::start(|root| fs::write(root.join("a.yaml"), pod("a", "old")).unwrap()).await;
    let aside = tree.directory.path().join("aside");
    fs::rename(&tree.root, &aside).unwrap();
    tree.until("a finding", |tree| !tree.findings.is_empty()).await;
    assert_eq!(tree.pods(), ["a=old"], "what cannot be seen is not gone");
    fs::create_dir(&tree.root).unwrap();
    tree.write("b.yaml", &pod("b", "new"));
    tree.until("the new one", |tree| tree.pods() == ["b=new"] && tree.findings.is_empty()).await;
    tree.write("c.yaml", &pod("c", "new"));
    tree.until_pods(&["b=new", "c=new"]).await;
}

#[tokio::test]
async fn a_directory_that_is_a_link_may_be_led_elsewhere() {
    let directory = tempfile::tempdir().unwrap();
    for version in ["v1", "v2"] {
        fs::create_dir(directory.path().join(version)).unwrap();
        fs::write(directory.path().join(version).join("a.yaml"), pod("a", version)).unwrap();
    }
    let root = directory.path().join("current");
    symlink("v1", &root).unwrap();
    let mut tree = Tree::watch(directory, root);
    tree.until_pods(&["a=v1"]).await;
    symlink("v2", tree.directory.path().join("next")).unwrap();
    fs::rename(tree.directory.path().join("next"), &tree.root).unwrap();
    tree.until_pods(&["a=v2"]).await;
}

#[tokio::test]
async fn a_directory_that_comes_later_is_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("manifests");
    let mut tree = Tree::watch(directory, root);
    tree.until("a finding", |tree| !tree.findings.is_empty()).await;
    assert!(!tree.in_sync);
    fs::create_dir(&tree.root).unwrap();
    tree.until("in sync", |tree| tree.in_sync && tree.findings.is_empty()).await;
}

#[tokio::test]
async fn a_link_back_up_ends_the_walk() {
    let tree = Tree::start(|root| {
        fs::write(root.join("a.yaml"), pod("a", "old")).unwrap();
        symlink(".", root.join("loop")).unwrap();
    })
    .await;
    assert_eq!(tree.pods(), ["a=old"]);
}

#[tokio::test]
async fn implied_objects_come_with_the_files() {
    let tree = Tree::start(|root| fs::write(root.join("a.yaml"), pod("a", "old")).unwrap()).await;
    assert!(tree.store.get(&ResourceKey::Namespace(NamespaceName::from("default"))).is_some());
}

#[test]
fn permissions_are_no_absence() {
    // The tests may run as root, whom no permission stops, so the state is what is looked at.
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a.yaml");
    fs::write(&file, "").unwrap();
    let before = Signature::of(&file).unwrap();
    std::thread::sleep(Duration::from_millis(20));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).unwrap();
    assert_ne!(Signature::of(&file).unwrap(), before, "a change of permissions is a reason to read again");
}
