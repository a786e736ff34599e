//! Manifests from disk.
//!
//! Takes in what the agent would: files that [`Directory::admits`], at any depth, symbolic links followed, nothing hidden (such as the `..data` of a
//! ConfigMap volume).

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use ferrule_ruleset::{
    event::Event,
    finding::{Finding, Severity},
    manifest::Directory,
    store::Store,
};

/// Everything that a set of manifests says.
#[derive(Debug, Default)]
pub struct Manifests {
    /// The texts.
    pub directory: Directory,
    /// The objects.
    pub store: Store,
    /// Files that could not be read, as findings.
    unreadable: Vec<Finding>,
}

impl Manifests {
    /// Reads a directory. Fails if any file of it cannot be read: what is missing could be a policy.
    pub fn of_directory(root: &Path) -> anyhow::Result<Self> {
        if !fs::metadata(root).with_context(|| root.display().to_string())?.is_dir() {
            bail!("{}: not a directory", root.display());
        }
        let mut manifests = Self::default();
        manifests.read(root)?;
        match manifests.unreadable.first() {
            Some(finding) => bail!("{finding}"),
            None => manifests.refuse_unknown(),
        }
    }

    /// Fails if a file could not be understood as a whole, as what is missing could be a policy.
    fn refuse_unknown(self) -> anyhow::Result<Self> {
        let Some(unknown) = self.directory.unknown_files().next() else { return Ok(self) };
        match self
            .directory
            .findings()
            .into_iter()
            .find(|finding| finding.location.as_ref().is_some_and(|place| &*place.file == unknown))
        {
            Some(finding) => bail!("{finding}"),
            None => bail!("{unknown}: cannot be read as a whole"),
        }
    }

    /// Reads a file, whatever its name is, or all files of a directory that take part. Fails only if there is no such thing.
    pub fn read(&mut self, path: &Path) -> anyhow::Result<()> {
        let metadata = fs::metadata(path).with_context(|| path.display().to_string())?;
        if !metadata.is_dir() {
            self.read_file(path);
            return Ok(());
        }
        let mut files = Vec::new();
        self.walk(path, "", &mut Vec::new(), &mut files);
        // In the order of their names as the agent has them, where a part of the name never stands apart from the `/` behind it.
        files.sort();
        for name in files {
            self.read_file(&path.join(name));
        }
        Ok(())
    }

    /// Every finding, unreadable files first.
    pub fn findings(&self) -> Vec<Finding> {
        let mut findings = self.unreadable.clone();
        findings.extend(self.directory.findings());
        findings
    }

    fn read_file(&mut self, path: &Path) {
        match text(path) {
            Ok(text) => self.update(&path.to_string_lossy(), &text),
            Err(error) => self.skip(path, &error),
        }
    }

    fn update(&mut self, name: &str, text: &str) {
        let events: Vec<Event> = self.directory.update(name, Some(text));
        events.into_iter().for_each(|event| self.store.apply(event));
    }

    /// The names of the files below a directory, relative to where the walk began.
    fn walk(
        &mut self,
        directory: &Path,
        prefix: &str,
        ancestors: &mut Vec<PathBuf>,
        files: &mut Vec<String>,
    ) {
        let (identity, entries) =
            match fs::canonicalize(directory).and_then(|path| Ok((path, fs::read_dir(directory)?))) {
                Ok(found) => found,
                Err(error) => return self.skip(directory, &error),
            };
        // A link that leads back up.
        if ancestors.contains(&identity) {
            return;
        }
        ancestors.push(identity);
        for entry in entries {
            match entry {
                Ok(entry) => self.visit(&entry, prefix, ancestors, files),
                Err(error) => self.skip(directory, &error),
            }
        }
        ancestors.pop();
    }

    fn visit(
        &mut self,
        entry: &fs::DirEntry,
        prefix: &str,
        ancestors: &mut Vec<PathBuf>,
        files: &mut Vec<String>,
    ) {
        let path = entry.path();
        let Ok(name) = entry.file_name().into_string() else {
            return self.skip(&path, &io::Error::other("its name is not UTF-8"));
        };
        if name.starts_with('.') {
            return;
        }
        let name = format!("{prefix}{name}");
        if fs::metadata(&path).is_ok_and(|metadata| metadata.is_dir()) {
            self.walk(&path, &format!("{name}/"), ancestors, files);
        } else if Directory::admits(&name) {
            files.push(name);
        }
    }

    fn skip(&mut self, path: &Path, error: &io::Error) {
        self.unreadable.push(Finding {
            location: None,
            severity: Severity::Error,
            object: None,
            field: String::new(),
            message: format!("{}: {error}", path.display()),
            consequence: "its objects are not known".to_owned(),
        });
    }
}

/// The text of a file.
fn text(path: &Path) -> io::Result<String> {
    let bytes = fs::read(path)?;
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + good.iter().filter(|byte| **byte == b'\n').count();
        io::Error::other(format!("line {line} is not UTF-8"))
    })
}
