//! Graphs made in Rust: values that are combined with operators and methods, each of which
//! remembers the line that called it. What they mean is what the language says: layers, losses and
//! all else that the library has are instantiated from it.
//!
//! Nothing is computed while a graph is built. What does not fit is reported when it is done, all
//! of it at once and each at its line; until then a value that could not be made stands in for
//! itself in whatever uses it, without a further error.

mod arguments;
pub mod init;
mod library;
mod loops;
mod optimizer;
#[cfg(test)]
mod tests;
mod value;

use std::cell::RefCell;
use std::panic::Location;

use brolga_compiler::ir::{DType, Dim, Module, TensorType};
use brolga_text::ast::VariableKind;
use brolga_text::{Argument, Construction, Scope, StepGroup, TensorRef, constructed};

use crate::BuildErrors;

pub use arguments::{Arguments, function};
pub use library::With;
pub use loops::Turn;
pub use optimizer::Optimizer;
pub use value::Value;

/// Calls `build` once for each mode (`training` true, then false) and returns the module. The two
/// calls must make the same variables.
///
/// # Errors
/// Everything that does not fit, each at the line that asked for it.
pub fn build_module(mut build: impl FnMut(&GraphBuilder)) -> Result<Module, BuildErrors> {
    let mut of_mode = |training: bool| {
        let builder = GraphBuilder::new(training);
        build(&builder);
        builder.construction.into_inner()
    };
    let train = of_mode(true);
    constructed(train, of_mode(false)).map_err(BuildErrors)
}

/// `f32[shape]`.
pub fn f32(shape: impl Into<Vec<Dim>>) -> TensorType {
    TensorType::new(DType::F32, shape)
}

/// `i32[shape]`.
pub fn i32(shape: impl Into<Vec<Dim>>) -> TensorType {
    TensorType::new(DType::I32, shape)
}

/// A graph that is being built in one mode.
///
/// Whatever a text says can be said here:
///
/// | in a text | in Rust |
/// | --- | --- |
/// | `input x: f32[batch, 3]` | `g.input("x", f32([g.dim("batch"), 3.into()]))` |
/// | `param w: f32[3] = zeros`, `state` | `g.param("w", f32([3.into()]), init::zeros())`, `g.state` |
/// | `x * 2 + y`, `a % b`, `a @ b`, `-x` | `x * 2.0 + y`, `a % b`, `a.matmul(b)`, `-x` |
/// | `a == b`, `a < b`, `a and b`, `a // b`, `a ** b` | `a.equals(b)`, `a.less(b)`, `a.and(b)`, `a.floor_div(b)`, `a.pow(b)` |
/// | `x[1:3]` | `x.slice(0, 1, 2)` |
/// | `dense(x, 128, act=relu)` | `g.with("act", function("relu")).dense(x, 128)`, or `call("dense", (x, 128))` |
/// | `a, b = split(x, 2, axis=1)` | `g.with("axis", 1).call_list("split", (x, 2))` |
/// | `h = dense(x, 8)`: its names | `g.named("h").dense(x, 8)`, `g.bind("h", \|\| ...)` |
/// | `fn block(x) { ... }` | a Rust function, its body in `g.layer("block", \|\| ...)` |
/// | `shared critic: judge` | `g.shared("critic", \|\| ...)` |
/// | `for`, `if`, `training` | Rust's `for` and `if`, [`GraphBuilder::training`] |
/// | `scan(x in xs, h = h0) { ... emit y }` | `g.scan(&[xs], &[h0], \|x, h\| ...)` |
/// | `grad(y, [a, b])` | `g.grad(y, &[a, b])` |
/// | `params("*.w")`, `fc1.w` | `g.params("*.w")`, `g.variable("fc1.w")` |
/// | `step`, `epoch`, `batch` as numbers | `g.step()`, `g.epoch()`, `g.dim("batch")` |
/// | `output`, `metric`, `total(e)` | `g.output`, `g.metric`, `g.metric_of` and `g.total` |
/// | `update v <- e` | `g.update("v", e)` |
/// | `minimize loss with adam(lr=1e-3)` | `g.minimize(loss, Optimizer::adam(1e-3))` |
/// | `step s: minimize loss over p with o every 5` | `g.minimize_every("s", 5, loss, &[(&["p"], o)])` |
/// | `import`, `const` | Rust's modules and constants |
pub struct GraphBuilder {
    training: bool,
    construction: RefCell<Construction>,
}

impl GraphBuilder {
    fn new(training: bool) -> GraphBuilder {
        let read = &|path: &str| std::fs::read(path).map_err(|error| error.to_string());
        GraphBuilder { training, construction: Construction::new(training, read).into() }
    }

    /// Whether this call builds the graph that is trained.
    pub fn training(&self) -> bool {
        self.training
    }

    // Declarations.

    /// The dimension of that name.
    pub fn dim(&self, name: &str) -> Dim {
        Dim::symbol(name)
    }

    /// A value that is fed at each call.
    #[track_caller]
    pub fn input(&self, name: &str, tensor_type: TensorType) -> Value<'_> {
        let at = Location::caller();
        self.value_of(|c| c.input(name, tensor_type, at))
    }

    /// A variable that is trained, at first what an initialiser of [`init`] gives, or a number.
    #[track_caller]
    pub fn param(
        &self,
        name: &str,
        tensor_type: TensorType,
        initial: impl Into<Argument>,
    ) -> Value<'_> {
        let (initial, at) = (initial.into(), Location::caller());
        self.value_of(|c| c.variable(VariableKind::Param, (name, &tensor_type), &initial, at))
    }

    /// A variable that only [`GraphBuilder::update`] writes.
    #[track_caller]
    pub fn state(
        &self,
        name: &str,
        tensor_type: TensorType,
        initial: impl Into<Argument>,
    ) -> Value<'_> {
        let (initial, at) = (initial.into(), Location::caller());
        self.value_of(|c| c.variable(VariableKind::State, (name, &tensor_type), &initial, at))
    }

    /// The variable of that name, which was made before: a layer's, to be used a second time.
    #[track_caller]
    pub fn variable(&self, name: &str) -> Value<'_> {
        let at = Location::caller();
        self.value_of(|c| c.read(name, at))
    }

    /// A number, or a list of numbers as a tensor: `1.0` is f32 and `1` i32.
    #[track_caller]
    pub fn constant(&self, value: impl Into<Argument>) -> Value<'_> {
        let (value, at) = (value.into(), Location::caller());
        self.value_of(|c| c.value(&value, at))
    }

    /// The batches that the parameters have been trained for, as i64.
    #[track_caller]
    pub fn step(&self) -> Value<'_> {
        let at = Location::caller();
        self.value_of(|c| c.value(&Argument::Step, at))
    }

    /// The epochs that the parameters have been trained for, as i64.
    #[track_caller]
    pub fn epoch(&self) -> Value<'_> {
        let at = Location::caller();
        self.value_of(|c| c.value(&Argument::Epoch, at))
    }

    // Names.

    /// What `value` makes, called after `name` as the right side of `name = ...` is in a text: its
    /// layers' variables are `name.dense.w`, its random operations `name.dropout`, and the value
    /// itself can be fetched by the name.
    #[track_caller]
    pub fn bind<'g>(&'g self, name: &str, value: impl FnOnce() -> Value<'g>) -> Value<'g> {
        let at = Location::caller();
        let scope = self.construction.borrow_mut().open_binding(name);
        self.close(scope, value(), at)
    }

    /// What `body` makes, as a function of that name would: its variables are `name.w`, and those
    /// of the next layer of the name `name.1.w`.
    #[track_caller]
    pub fn layer<T>(&self, name: &str, body: impl FnOnce() -> T) -> T {
        let at = Location::caller();
        let scope = self.construction.borrow_mut().open_layer(name);
        let value = body();
        self.construction.borrow_mut().close(scope, None, at);
        value
    }

    /// What `body` makes, each time with the variables that the first body of the name has made: one
    /// instance of a layer for several uses. The first fixes their shapes.
    #[track_caller]
    pub fn shared<T>(&self, name: &str, body: impl FnOnce() -> T) -> T {
        let at = Location::caller();
        let scope = self.construction.borrow_mut().open_shared(name);
        let value = body();
        self.construction.borrow_mut().close(scope, None, at);
        value
    }

    // Results and training.

    /// Names a result of `run` and `predict`.
    #[track_caller]
    pub fn output(&self, name: &str, value: Value<'_>) {
        self.construction.borrow_mut().output(name, value.tensor(), Location::caller());
    }

    /// Reports a value, averaged over the rows of an epoch.
    #[track_caller]
    pub fn metric(&self, name: &str, value: Value<'_>) {
        self.construction.borrow_mut().metric(name, value.tensor(), Location::caller());
    }

    /// Reports what `value` makes, in which [`GraphBuilder::total`] and the metrics over a whole
    /// epoch may stand.
    #[track_caller]
    pub fn metric_of<'g>(&'g self, name: &str, value: impl FnOnce() -> Value<'g>) {
        let at = Location::caller();
        let scope = self.construction.borrow_mut().open_metric(name);
        self.close(scope, value(), at);
    }

    /// The sum of a value over the epoch's batches, in what [`GraphBuilder::metric_of`] calls.
    #[track_caller]
    pub fn total(&self, value: impl Into<Argument>) -> Value<'_> {
        self.call("total", (value,))
    }

    /// Trains every param that the loss depends on.
    #[track_caller]
    pub fn minimize(&self, loss: Value<'_>, optimizer: Optimizer) {
        let group = StepGroup { patterns: vec![], optimizer: optimizer.0 };
        let at = Location::caller();
        self.construction.borrow_mut().minimize(("minimize", 1), loss.tensor(), &[group], at);
    }

    /// A step of that name: trains the params that patterns take (`*` stands for any text, and
    /// what lies below a name that is taken is taken too), each by the first optimiser beside a
    /// pattern that takes it. Steps run in the order of their calls.
    #[track_caller]
    pub fn minimize_over(&self, step: &str, loss: Value<'_>, groups: &[(&[&str], Optimizer)]) {
        self.minimize_every(step, 1, loss, groups);
    }

    /// The same on each batch whose number `every` divides, from the first on.
    #[track_caller]
    pub fn minimize_every(
        &self,
        step: &str,
        every: u64,
        loss: Value<'_>,
        groups: &[(&[&str], Optimizer)],
    ) {
        let group = |(patterns, optimizer): &(&[&str], Optimizer)| StepGroup {
            patterns: patterns.iter().map(|pattern| pattern.to_string()).collect(),
            optimizer: optimizer.0.clone(),
        };
        let groups: Vec<StepGroup> = groups.iter().map(group).collect();
        let at = Location::caller();
        self.construction.borrow_mut().minimize((step, every), loss.tensor(), &groups, at);
    }

    /// Writes a variable at the end of each training batch.
    #[track_caller]
    pub fn update(&self, variable: &str, value: impl Into<Argument>) {
        self.construction.borrow_mut().update(variable, &value.into(), Location::caller());
    }

    fn close<'g>(&'g self, scope: Scope, value: Value<'g>, at: &Location<'_>) -> Value<'g> {
        self.construction.borrow_mut().close(scope, value.tensor(), at);
        value
    }

    fn value_of(&self, make: impl FnOnce(&mut Construction) -> Option<TensorRef>) -> Value<'_> {
        Value::new(self, make(&mut self.construction.borrow_mut()))
    }
}
