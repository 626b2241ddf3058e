//! What is called in place of the loops of a kernel that are functions of their own.

use cranelift_codegen::ir::FuncRef;
use rustc_hash::FxHashMap;

use crate::ir::{AxisId, DType, VarId};
use crate::loop_ir::{Run, Stmt};

/// What is called in place of runs, by their first statements.
#[derive(Debug, Default)]
pub(super) struct Outlined(FxHashMap<*const Stmt, Call>);

/// The function that a run is.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) callee: FuncRef,
    /// How many statements it stands for.
    pub(super) statements: usize,
    pub(super) axes: Vec<AxisId>,
    pub(super) vars: Vec<(VarId, DType)>,
}

impl Outlined {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn insert(&mut self, run: Run<'_>, callee: FuncRef) {
        let Run { body, axes, vars } = run;
        let call = Call { callee, statements: body.len(), axes, vars };
        self.0.insert(body.as_ptr(), call);
    }

    /// What is called from a statement of the kernel on.
    pub(super) fn at(&self, stmt: &Stmt) -> Option<Call> {
        self.0.get(&std::ptr::from_ref(stmt)).cloned()
    }
}
