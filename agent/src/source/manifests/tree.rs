//! The tree below the directory: which files take part.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::Path,
};

use ferrule_ruleset::manifest::Directory;

/// What a walk found. Names are relative to the directory, with `/` between the parts.
#[derive(Debug, Default)]
pub struct Listing {
    /// The files that take part, whether or not they can be read.
    pub files: BTreeSet<String>,
    /// Subdirectories and names that could not be read, and why.
    pub unreadable: BTreeMap<String, String>,
    /// Links that lead nowhere and are not named like a manifest, and why. They count only where they led to a directory before.
    pub dangling: BTreeMap<String, String>,
}

/// Whether a name, relative to the directory, is hidden or below something hidden, such as the `..data` of a ConfigMap volume.
pub fn is_hidden(name: &str) -> bool {
    name.split('/').any(|part| part.starts_with('.'))
}

/// Walks the tree, symbolic links followed. Fails only if the directory itself cannot be read.
pub fn list(root: &Path) -> io::Result<Listing> {
    let mut listing = Listing::default();
    let mut ancestors = vec![identity(root)?];
    walk(root, "", &mut ancestors, &mut listing)?;
    Ok(listing)
}

/// The identity of a directory, by which a link back up is recognised.
pub fn identity(directory: &Path) -> io::Result<(u64, u64)> {
    fs::metadata(directory).map(|metadata| (metadata.dev(), metadata.ino()))
}

fn walk(
    directory: &Path,
    prefix: &str,
    ancestors: &mut Vec<(u64, u64)>,
    listing: &mut Listing,
) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let Ok(file_name) = entry.file_name().into_string() else {
            let name = format!("{prefix}{}", entry.file_name().display());
            listing.unreadable.insert(name, "its name is not UTF-8".to_owned());
            continue;
        };
        if is_hidden(&file_name) {
            continue;
        }
        let name = format!("{prefix}{file_name}");
        let metadata = match fs::metadata(entry.path()) {
            Ok(metadata) => metadata,
            Err(_) if Directory::admits(&name) => {
                // Gone, or a link that leads nowhere: a look at the file tells which.
                listing.files.insert(name);
                continue;
            }
            Err(error) => {
                listing.dangling.insert(name, error.to_string());
                continue;
            }
        };
        if !metadata.is_dir() {
            if Directory::admits(&name) {
                listing.files.insert(name);
            }
            continue;
        }
        let identity = (metadata.dev(), metadata.ino());
        if ancestors.contains(&identity) {
            continue;
        }
        ancestors.push(identity);
        if let Err(error) = walk(&entry.path(), &format!("{name}/"), ancestors, listing)
            && error.kind() != io::ErrorKind::NotFound
        {
            listing.unreadable.insert(name, error.to_string());
        }
        ancestors.pop();
    }
    Ok(())
}
