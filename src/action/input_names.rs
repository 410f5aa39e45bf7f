//! Names for the files that an observed action read, as they mean the same in every checkout.

use std::path::{Path, PathBuf};

use crate::action::input_list::InputList;
use crate::action::observed::ObservedInputs;
use crate::action::portable::{Portable, Root};
use crate::action::roots::BuildDirs;
use crate::outcome::Unstored;
use crate::sys::{defence, os};

/// The list with what was observed.
pub fn named(
    build_dirs: &BuildDirs,
    observed_inputs: &ObservedInputs,
    sources: &[PathBuf],
    list: InputList,
) -> Result<InputList, Unstored> {
    let mut read = Vec::new();
    for (path, _) in observed_inputs.read.iter().filter(|(path, _)| !sources.contains(path)) {
        read.push(portable_name(build_dirs, path)?);
        if defence::stands("files-beside-the-workspace") {
            read.extend(beside_workspace(build_dirs, path));
        }
    }
    read.extend(sources.iter().filter_map(|path| beside_workspace(build_dirs, path)));
    let mut listed = Vec::new();
    for (path, _) in &observed_inputs.listed {
        listed.push(portable_name(build_dirs, path)?);
        listed.extend(beside_workspace(build_dirs, path));
    }
    let mut probed = Vec::new();
    for path in observed_inputs.absent.iter().chain(observed_inputs.kinds.iter().map(|(path, _)| path)) {
        probed.push(portable_name(build_dirs, path)?);
        if defence::stands("files-above-any-checkout") {
            probed.extend(above_workspace(build_dirs, path).or_else(|| beside_workspace(build_dirs, path)));
        }
    }
    probed.sort();
    probed.dedup();
    let programs = observed_inputs.programs.clone();
    Ok(InputList {
        programs,
        read: read.into_iter().collect(),
        listed: listed.into_iter().collect(),
        probed: probed.into_iter().collect(),
        ..list
    })
}

/// The portable name of a file, which must be UTF-8.
fn portable_name(build_dirs: &BuildDirs, path: &Path) -> Result<Portable, Unstored> {
    let name = build_dirs.roots.tokenize(os::bytes(path));
    if std::str::from_utf8(name.as_bytes()).is_err() {
        return Err(Unstored::InputsUnknown(format!("{}: the name is not UTF-8", path.display())));
    }
    Ok(name)
}

/// A file that was looked for in the directories above the workspace stands for the same one above any checkout.
fn above_workspace(build_dirs: &BuildDirs, path: &Path) -> Option<Portable> {
    let workspace = os::path(build_dirs.roots.value(Root::Workspace)?)?;
    let directory = path.parent().filter(|directory| directory.parent().is_some())?;
    let is_above = workspace != directory && workspace.starts_with(directory);
    is_above.then(|| from_workspace(build_dirs, workspace.clone(), directory, path)).flatten()
}

/// What lies in a checkout of which the workspace is a part may have been found from there, even if it was named from
/// the root: a repository that git finds, a parent directory, links resolved. So both that very file and the one in the
/// same place of the checkout at hand count.
fn beside_workspace(build_dirs: &BuildDirs, path: &Path) -> Option<Portable> {
    let name = build_dirs.roots.tokenize(os::bytes(path));
    let has_root = [Root::Workspace, Root::Target, Root::CargoHome].iter().any(|root| name.is_under(*root));
    let spellings = build_dirs.roots.spellings().filter(|(_, root)| *root == Root::Workspace && !has_root);
    spellings.filter_map(|(spelling, _)| os::path(spelling)).find_map(|workspace| {
        let checkout = build_dirs.checkouts(&workspace).find(|directory| path.starts_with(directory))?;
        from_workspace(build_dirs, workspace.clone(), checkout, path)
    })
}

/// `path` in `directory`, as it is reached from the workspace, which is in there too.
fn from_workspace(
    build_dirs: &BuildDirs,
    mut workspace: PathBuf,
    directory: &Path,
    path: &Path,
) -> Option<Portable> {
    let n_up = workspace.strip_prefix(directory).ok()?.components().count();
    workspace.extend(std::iter::repeat_n("..", n_up));
    workspace.push(path.strip_prefix(directory).ok()?);
    Some(build_dirs.roots.tokenize(os::bytes(&workspace)))
}
