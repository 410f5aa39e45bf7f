//! Compiles a unit incrementally. Nothing is observed, hashed or stored; what dependents would have to know of the outputs
//! is marked as unknown.

use std::path::PathBuf;

use crate::outcome::BypassReason;
use crate::run::edit::directory::IncrementalDir;
use crate::run::edit::last_build::LastSources;
use crate::run::miss::compile_job::not_run;
use crate::run::miss::marks::mark;
use crate::run::miss::stages::{CompileJob, CompiledUnit};
use crate::run::path_remap::PathRemap;

impl CompileJob<'_> {
    /// Compiles with the incremental directory `dir`, if there is one. Paths are mapped as in every other compile.
    ///
    /// # Errors
    /// Nothing has run: the compiler could not be started.
    pub fn compile_edit(
        &self,
        last: Option<LastSources>,
        dir: Option<IncrementalDir>,
        remap: &PathRemap,
    ) -> Result<CompiledUnit<'_>, BypassReason> {
        let earlier: Vec<PathBuf> = last.map(|last| last.files).unwrap_or_default();
        let compiled = self.run_mapped(&earlier, remap, None, None);
        let (compiled, _) = compiled.map_err(|e| not_run(&e.into()))?;
        if let Some(dir) = dir {
            dir.finish(compiled.output.status.code(), &compiled.output.stderr);
        }
        if compiled.output.status.success() {
            self.mark_outputs();
            if remap.maps {
                self.write_directory();
            }
        }
        Ok(compiled)
    }

    /// Marks what others depend on, so that they have no key.
    fn mark_outputs(&self) {
        for output in self.context.outputs.iter().filter(|output| output.role.can_be_depended_on()) {
            mark(output, self.context.build_dirs, self.context.memo);
        }
    }
}
