//! What the rules about observations have to know of a compile.

use std::path::{Path, PathBuf};

use crate::action::observed::ObservationContext;
use crate::invocation::SearchKind;
use crate::key::context::KeyContext;
use crate::key::link::reads_closure;
use crate::run::call::Call;
use crate::run::miss::asked_variables::TEMPORARY_VARIABLES;
use crate::run::miss::before::stems;
use crate::sys::env::Env;
use crate::sys::{dirs, fs, os};

/// What the rules about observations must know. `incremental` is the directory that was made for this compile.
pub fn observation_context(
    context: &KeyContext<'_>,
    call: &Call<'_>,
    incremental: Option<&Path>,
) -> ObservationContext {
    let (build_dirs, invocation) = (context.build_dirs, context.invocation);
    let cwd = &build_dirs.cwd;
    let roots = build_dirs.with_canonical_spellings();
    let compiler = os::find_program(call.program, context.env.get("PATH"), cwd);
    let rustup = rustup_home(context.env, cwd);
    let arguments = call.args.iter().filter_map(|argument| os::bytes(argument).strip_prefix(b"@"));
    let workspace = build_dirs.member.then(|| real_path(cwd));
    ObservationContext {
        outputs: context.outputs.iter().map(|this| real_output(&cwd.join(&this.path))).collect(),
        out_dir: real_path(&cwd.join(&invocation.out_dir)),
        stems: stems(invocation),
        own_dirs: Vec::new(),
        incremental: incremental.map(real_path),
        linked: context.outputs.iter().any(|this| reads_closure(this.role)),
        compiler: compiler.map(|path| real_path(&path)).unwrap_or_default(),
        sysroot: real_path(&context.toolchain.sysroot),
        covered: context.toolchain.covered(),
        rustup,
        jobservers: jobserver_pipes(context.env),
        arguments: arguments.filter_map(os::path).map(|path| real_path(&cwd.join(path))).collect(),
        externs: invocation
            .externs
            .iter()
            .filter_map(|this| Some(real_path(&cwd.join(this.path.as_deref()?))))
            .collect(),
        crate_dirs: search_dirs(context, &[SearchKind::Crate, SearchKind::All]).collect(),
        dependency_dirs: search_dirs(context, &[SearchKind::Dependency]).collect(),
        loader_dirs: os::path_dirs(context.env.get("LD_LIBRARY_PATH"), cwd)
            .iter()
            .map(|path| real_path(path))
            .collect(),
        generated: dir_in_variable(context, "OUT_DIR"),
        turned_down: Vec::new(),
        build_dirs: workspace
            .into_iter()
            .chain(build_dirs.target.as_deref().map(real_path))
            .chain(dir_in_variable(context, "CARGO_MANIFEST_DIR"))
            .collect(),
        path: os::path_dirs(context.env.get("PATH"), cwd),
        roots: roots.spellings().filter_map(|(path, _)| os::path(path)).collect(),
        temporary: temporary_dirs(context.env, cwd),
    }
}

/// `path` without symbolic links, or as it is where it leads to nothing.
pub fn real_path(path: &Path) -> PathBuf {
    fs::canonical(path).unwrap_or_else(|_| path.to_path_buf())
}

/// An output in its real directory. The output itself may be a link, or not there.
fn real_output(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default();
    path.parent().map_or_else(|| path.to_path_buf(), |dir| real_path(dir).join(name))
}

/// The real directories of `-L` for these kinds of libraries.
fn search_dirs(context: &KeyContext<'_>, kinds: &[SearchKind]) -> impl Iterator<Item = PathBuf> {
    let paths = context.invocation.search_paths.iter().filter(|path| kinds.contains(&path.kind));
    paths.map(|path| real_path(&context.build_dirs.cwd.join(&path.path)))
}

/// The real directory that a variable names.
fn dir_in_variable(context: &KeyContext<'_>, name: &str) -> Option<PathBuf> {
    context.env.get(name).map(|dir| real_path(&context.build_dirs.cwd.join(dir)))
}

/// Where rustup keeps toolchains and settings.
pub fn rustup_home(env: &Env, cwd: &Path) -> Option<PathBuf> {
    let named = env.get("RUSTUP_HOME").map(|dir| cwd.join(dir));
    named.or_else(|| Some(dirs::home(env)?.join(".rustup"))).map(|dir| real_path(&dir))
}

/// Where programs put temporary files: what the environment says, or where they do it if that says nothing. Each
/// directory as it is spelled and without links.
pub fn temporary_dirs(env: &Env, cwd: &Path) -> Vec<PathBuf> {
    let named = TEMPORARY_VARIABLES.iter().filter_map(|name| env.get(name));
    let mut named: Vec<&Path> = named.filter(|dir| !dir.is_empty()).map(Path::new).collect();
    if named.is_empty() {
        named.push(Path::new("/tmp"));
    }
    named.into_iter().map(|dir| cwd.join(dir)).flat_map(|dir| [real_path(&dir), dir]).collect()
}

/// The pipes of all jobservers that the environment names.
pub fn jobserver_pipes(env: &Env) -> Vec<PathBuf> {
    let flags = ["CARGO_MAKEFLAGS", "MAKEFLAGS", "MFLAGS"].iter().filter_map(|name| env.get(name));
    let pipes = flags.filter_map(|flags| os::path(jobserver_pipe(os::bytes(flags))?));
    pipes.map(|path| real_path(&path)).collect()
}

/// The path in `--jobserver-auth=fifo:PATH`, of which the last one counts.
fn jobserver_pipe(flags: &[u8]) -> Option<&[u8]> {
    let words = flags.split(|byte| *byte == b' ');
    words.filter_map(|word| word.strip_prefix(b"--jobserver-auth=fifo:")).next_back()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pipe_of_a_jobserver_is_the_last_one_named() {
        let pipe = |flags: &str| jobserver_pipe(flags.as_bytes()).map(|path| path.to_vec());
        assert_eq!(
            pipe("-j --jobserver-auth=fifo:/tmp/a --jobserver-auth=fifo:/tmp/b"),
            Some(b"/tmp/b".to_vec())
        );
        assert_eq!(pipe("-j --jobserver-fds=3,4 --jobserver-auth=3,4"), None);
    }
}
