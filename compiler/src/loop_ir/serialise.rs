//! Turns vector loops into serial ones: for comparing the two. The order of folds changes.

use super::{Kernel, LoopKind, Stmt};

/// Makes every loop of a kernel serial.
pub fn serialise(kernel: &mut Kernel) {
    loops(&mut kernel.body);
}

fn loops(stmts: &mut [Stmt]) {
    for stmt in stmts {
        if let Stmt::For(l) = stmt {
            l.kind = LoopKind::Serial;
            loops(&mut l.body);
        }
    }
}
