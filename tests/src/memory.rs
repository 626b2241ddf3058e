//! The memory of a step: at most a tenth more than what of its schedule is used at the same time.

use brolga_compiler::ir::Target;

use crate::every_file::every_step;

#[test]
fn arenas_are_near_the_least_of_their_schedules() {
    let mut wasteful = vec![];
    every_step(|step| {
        let Some(compiled) = step.compiled(&Target::X86_64_V3) else { return };
        let (bytes, least) = (compiled.program.arena_bytes, compiled.program.arena_least_bytes);
        assert!(least <= bytes, "{step}: {bytes} bytes, of which {least} are used at once");
        if bytes - least > least / 10 {
            wasteful.push(format!("{step}: {bytes} bytes, of which {least} are used at once"));
        }
    });
    assert!(wasteful.is_empty(), "{}", wasteful.join("\n"));
}
