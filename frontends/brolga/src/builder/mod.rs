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
/// ```
/// use brolga::{build_module, f32};
///
/// let module = build_module(|g| {
///     let x = g.input("x", f32([g.dim("batch"), 4.into()]));
///     g.output("y", g.named("fc").dense(x, 2));
/// })?;
/// let names: Vec<&str> = module.variables.keys().map(|name| &**name).collect();
/// assert_eq!(names, ["fc.w", "fc.b"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
///
/// ```
/// use brolga::{Dim, f32};
///
/// assert_eq!(f32([Dim::symbol("batch"), 3.into()]).to_string(), "f32[batch, 3]");
/// ```
pub fn f32(shape: impl Into<Vec<Dim>>) -> TensorType {
    TensorType::new(DType::F32, shape)
}

/// `i32[shape]`.
///
/// ```
/// use brolga::{Dim, i32};
///
/// assert_eq!(i32([Dim::symbol("batch")]).to_string(), "i32[batch]");
/// ```
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
/// | `a, b = split(x, 2, axis=1)` | `let [a, b] = g.with("axis", 1).call_list("split", (x, 2));` |
/// | `h = dense(x, 8)`: its names | `g.named("h").dense(x, 8)`, `g.bind("h", \|\| ...)` |
/// | `fn block(x) { ... }` | a Rust function, its body in `g.layer("block", \|\| ...)` |
/// | `shared critic: judge` | `g.shared("critic", \|\| ...)` |
/// | `for`, `if`, `training` | Rust's `for` and `if`, [`GraphBuilder::training`] |
/// | `scan(x in xs, h = h0) { ... emit y }` | `g.scan(&[xs], &[h0], \|x, h\| ...)` |
/// | `grad(y, [a, b])` | `g.grad(y, &[a, b])` |
/// | `params("*.w")`, `fc1.w` | `g.params("*.w")`, `g.variable("fc1.w")` |
/// | `step`, `epoch`, `batch` as numbers | `g.step()`, `g.epoch()`, `g.dim("batch")` |
/// | `output`, `metric`, `total(e)` | `g.output`, `g.metric`, `g.metric_of` and `g.total` |
/// | `update v <- e` | `g.update("v", \|v\| e)` |
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
    ///
    /// ```
    /// use brolga::{Graph, Optimizer, Session, SessionOptions, f32};
    ///
    /// let graph = Graph::build(|g| {
    ///     let y = g.param("w", f32([]), 3.0) * if g.training() { 2.0 } else { 1.0 };
    ///     g.output("y", y);
    ///     g.minimize(y, Optimizer::sgd(0.5));
    /// })?;
    /// let mut session = Session::new(graph, SessionOptions::default())?;
    /// assert_eq!(session.step([])?.metrics["loss"].to_string(), "6.0");
    /// // A step of 0.5 along the gradient 2 has made `w` 2.
    /// assert_eq!(session.outputs([])?["y"].to_string(), "2.0");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn training(&self) -> bool {
        self.training
    }

    // Declarations.

    /// The dimension of that name.
    ///
    /// ```
    /// use brolga::{Graph, Literal, Session, SessionOptions, f32};
    ///
    /// let graph = Graph::build(|g| {
    ///     let x = g.input("x", f32([g.dim("n"), 2.into()]));
    ///     g.output("mean", x.sum(&[0]) / g.dim("n"));
    /// })?;
    /// let x = Literal::from_vec(&[2, 2], vec![1f32, 2., 3., 6.]).ok_or("four elements")?;
    /// let outputs = Session::new(graph, SessionOptions::default())?.outputs([("x", x)])?;
    /// assert_eq!(outputs["mean"].to_string(), "[2.0, 4.0]");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn dim(&self, name: &str) -> Dim {
        Dim::symbol(name)
    }

    /// A value that is fed at each call.
    ///
    /// ```
    /// use brolga::{Graph, Literal, Session, SessionOptions, f32};
    ///
    /// let graph = Graph::build(|g| {
    ///     let x = g.input("x", f32([3.into()]));
    ///     g.output("y", x * 2.0);
    /// })?;
    /// let x = Literal::from_vec(&[3], vec![1f32, 2., 3.]).ok_or("three elements")?;
    /// let outputs = Session::new(graph, SessionOptions::default())?.outputs([("x", x)])?;
    /// assert_eq!(outputs["y"].to_string(), "[2.0, 4.0, 6.0]");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn input(&self, name: &str, tensor_type: TensorType) -> Value<'_> {
        let at = Location::caller();
        self.value_of(|c| c.input(name, tensor_type, at))
    }

    /// A variable that is trained, at first what an initialiser of [`init`] gives, or a number.
    ///
    /// ```
    /// use brolga::{Graph, Session, SessionOptions, f32, init};
    ///
    /// let graph = Graph::build(|g| {
    ///     let w = g.param("w", f32([2.into()]), init::ones());
    ///     let b = g.param("b", f32([]), 0.5);
    ///     g.output("y", w + b);
    /// })?;
    /// let outputs = Session::new(graph, SessionOptions::default())?.outputs([])?;
    /// assert_eq!(outputs["y"].to_string(), "[1.5, 1.5]");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    ///
    /// ```
    /// use brolga::{Graph, Session, SessionOptions, i32};
    ///
    /// let graph = Graph::build(|g| {
    ///     g.state("seen", i32([]), 0);
    ///     g.update("seen", |seen| seen + 1);
    /// })?;
    /// let mut session = Session::new(graph, SessionOptions::default())?;
    /// for _ in 0..2 {
    ///     session.step([])?;
    /// }
    /// assert_eq!(session.variable("seen").ok_or("it was used")?.to_string(), "2");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    ///
    /// ```
    /// use brolga::{build_module, f32};
    ///
    /// let module = build_module(|g| {
    ///     let x = g.input("x", f32([g.dim("batch"), 4.into()]));
    ///     let code = g.named("code").with("bias", false).dense(x, 2);
    ///     let decoder = g.call("transpose", (g.variable("code.w"),));
    ///     g.output("again", code.matmul(decoder));
    /// })?;
    /// let names: Vec<&str> = module.variables.keys().map(|name| &**name).collect();
    /// assert_eq!(names, ["code.w"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn variable(&self, name: &str) -> Value<'_> {
        let at = Location::caller();
        self.value_of(|c| c.read(name, at))
    }

    /// A number, or a list of numbers as a tensor: `1.0` is f32 and `1` i32.
    ///
    /// ```
    /// use brolga::{Graph, Session, SessionOptions};
    ///
    /// let graph = Graph::build(|g| {
    ///     g.output("half", g.constant(0.5));
    ///     g.output("table", g.constant([[1, 2], [3, 4]]));
    /// })?;
    /// let outputs = Session::new(graph, SessionOptions::default())?.outputs([])?;
    /// assert_eq!(outputs["half"].to_string(), "0.5");
    /// assert_eq!(outputs["table"].to_string(), "[[1, 2], [3, 4]]");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn constant(&self, value: impl Into<Argument>) -> Value<'_> {
        let (value, at) = (value.into(), Location::caller());
        self.value_of(|c| c.value(&value, at))
    }

    /// The batches that the parameters have been trained for, as i64.
    ///
    /// ```
    /// use brolga::{Clock, Graph, Session, SessionOptions};
    ///
    /// let graph = Graph::build(|g| g.output("later", g.step() + 1))?;
    /// let mut session = Session::new(graph, SessionOptions::default())?;
    /// session.set_clock(Clock { step: 100, epoch: 3 });
    /// assert_eq!(session.outputs([])?["later"].to_string(), "101");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn step(&self) -> Value<'_> {
        let at = Location::caller();
        self.value_of(|c| c.value(&Argument::Step, at))
    }

    /// The epochs that the parameters have been trained for, as i64.
    ///
    /// ```
    /// use brolga::{Clock, Graph, Session, SessionOptions};
    ///
    /// let graph = Graph::build(|g| g.output("is_late", g.epoch().greater(2)))?;
    /// let mut session = Session::new(graph, SessionOptions::default())?;
    /// session.set_clock(Clock { step: 100, epoch: 3 });
    /// assert_eq!(session.outputs([])?["is_late"].to_string(), "true");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn epoch(&self) -> Value<'_> {
        let at = Location::caller();
        self.value_of(|c| c.value(&Argument::Epoch, at))
    }

    // Names.

    /// What `value` makes, called after `name` as a right side of several calls is in a text, `name =
    /// tanh(dense(x, 8))`: its layers' variables are `name.dense.w`, its random operations
    /// `name.dropout`, and the value itself can be fetched by the name. Where the right side is one
    /// layer, whose variables a text calls `name.w`, it is [`named`](GraphBuilder::named) that does so.
    ///
    /// ```
    /// use brolga::{build_module, f32};
    ///
    /// let module = build_module(|g| {
    ///     let x = g.input("x", f32([g.dim("batch"), 4.into()]));
    ///     let h = g.bind("h", || g.dense(x, 8).tanh());
    ///     g.output("y", h.mean());
    /// })?;
    /// let names: Vec<&str> = module.variables.keys().map(|name| &**name).collect();
    /// assert_eq!(names, ["h.dense.w", "h.dense.b"]);
    /// assert!(module.infer.find("h").is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn bind<'g>(&'g self, name: &str, value: impl FnOnce() -> Value<'g>) -> Value<'g> {
        let at = Location::caller();
        let scope = self.construction.borrow_mut().open_binding(name);
        self.close(scope, value(), at)
    }

    /// What `body` makes, as a function of that name would: its variables are `name.w`, and those
    /// of the next layer of the name `name.1.w`.
    ///
    /// ```
    /// use brolga::{build_module, f32};
    ///
    /// let module = build_module(|g| {
    ///     let x = g.input("x", f32([g.dim("batch"), 4.into()]));
    ///     let block = |x| g.layer("block", || x + g.dense(x, 4));
    ///     g.output("y", block(block(x)));
    /// })?;
    /// let names: Vec<&str> = module.variables.keys().map(|name| &**name).collect();
    /// assert_eq!(names, ["block.dense.w", "block.dense.b", "block.1.dense.w", "block.1.dense.b"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    ///
    /// ```
    /// use brolga::{build_module, f32};
    ///
    /// let module = build_module(|g| {
    ///     let x = g.input("x", f32([g.dim("batch"), 4.into()]));
    ///     let critic = |x| g.shared("critic", || g.dense(x, 1));
    ///     g.output("difference", critic(x) - critic(x * 2.0));
    /// })?;
    /// let names: Vec<&str> = module.variables.keys().map(|name| &**name).collect();
    /// assert_eq!(names, ["critic.dense.w", "critic.dense.b"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    ///
    /// ```
    /// use brolga::{Graph, Session, SessionOptions};
    ///
    /// let graph = Graph::build(|g| g.output("two", g.constant(1) + 1))?;
    /// let outputs = Session::new(graph, SessionOptions::default())?.outputs([])?;
    /// assert_eq!(outputs["two"].to_string(), "2");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn output(&self, name: &str, value: Value<'_>) {
        self.construction.borrow_mut().output(name, value.tensor(), Location::caller());
    }

    /// Reports a value, averaged over the rows of an epoch.
    ///
    /// ```
    /// use brolga::{BatchSize, DataSet, Graph, Literal, Session, evaluate, f32};
    ///
    /// let graph = Graph::build(|g| {
    ///     let x = g.input("x", f32([g.dim("batch")]));
    ///     g.metric("largest", g.call("max", (x,)));
    /// })?;
    /// // Of a batch of two rows, and one of one: (2 · 1 + 1 · 4) / 3.
    /// let x = Literal::from_vec(&[3], vec![1f32, 1., 4.]).ok_or("three elements")?;
    /// let data = DataSet::new("x", vec![("x".to_string(), x)])?;
    /// let size = BatchSize { rows: 2.try_into()?, ..BatchSize::default() };
    /// # let session = &mut Session::new(graph, Default::default())?;
    /// assert_eq!(evaluate(session, &data, &size)?["largest"].to_string(), "2.0");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn metric(&self, name: &str, value: Value<'_>) {
        self.construction.borrow_mut().metric(name, value.tensor(), Location::caller());
    }

    /// Reports what `value` makes, in which [`GraphBuilder::total`] and the metrics over a whole
    /// epoch may stand.
    ///
    /// ```
    /// use brolga::{BatchSize, DataSet, Graph, Literal, Session, evaluate, f32};
    ///
    /// let graph = Graph::build(|g| {
    ///     let x = g.input("x", f32([g.dim("batch")]));
    ///     g.metric_of("rms", || (g.total(x.square().sum(&[0])) / g.total(g.dim("batch"))).sqrt());
    /// })?;
    /// // √((1 + 1 + 25) / 3), whatever the batches are.
    /// let x = Literal::from_vec(&[3], vec![1f32, 1., 5.]).ok_or("three elements")?;
    /// let data = DataSet::new("x", vec![("x".to_string(), x)])?;
    /// let size = BatchSize { rows: 2.try_into()?, ..BatchSize::default() };
    /// # let session = &mut Session::new(graph, Default::default())?;
    /// assert_eq!(evaluate(session, &data, &size)?["rms"].to_string(), "3.0");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn metric_of<'g>(&'g self, name: &str, value: impl FnOnce() -> Value<'g>) {
        let at = Location::caller();
        let scope = self.construction.borrow_mut().open_metric(name);
        self.close(scope, value(), at);
    }

    /// The sum of a value over the epoch's batches, in what [`GraphBuilder::metric_of`] calls.
    ///
    /// ```
    /// use brolga::{BatchSize, DataSet, Graph, Literal, Session, evaluate, f32};
    ///
    /// let graph = Graph::build(|g| {
    ///     let x = g.input("x", f32([g.dim("batch")]));
    ///     g.metric_of("sum", || g.total(x.sum(&[0])));
    /// })?;
    /// // Of a batch of two rows, and one of one.
    /// let x = Literal::from_vec(&[3], vec![1f32, 1., 5.]).ok_or("three elements")?;
    /// let data = DataSet::new("x", vec![("x".to_string(), x)])?;
    /// let size = BatchSize { rows: 2.try_into()?, ..BatchSize::default() };
    /// # let session = &mut Session::new(graph, Default::default())?;
    /// assert_eq!(evaluate(session, &data, &size)?["sum"].to_string(), "7.0");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn total(&self, value: impl Into<Argument>) -> Value<'_> {
        self.call("total", (value,))
    }

    /// Trains every param that the loss depends on.
    ///
    /// ```
    /// use brolga::{Graph, Optimizer, Session, SessionOptions, f32};
    ///
    /// let graph = Graph::build(|g| {
    ///     let w = g.param("w", f32([]), 1.0);
    ///     g.minimize(w.square(), Optimizer::sgd(0.25));
    /// })?;
    /// let mut session = Session::new(graph, SessionOptions::default())?;
    /// session.step([])?;
    /// assert_eq!(session.variable("w").ok_or("it was used")?.to_string(), "0.5");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn minimize(&self, loss: Value<'_>, optimizer: Optimizer) {
        let group = StepGroup { patterns: vec![], optimizer: optimizer.0 };
        let at = Location::caller();
        self.construction.borrow_mut().minimize(("minimize", 1), loss.tensor(), &[group], at);
    }

    /// A step of that name: trains the params that patterns take (`*` stands for any text, and
    /// what lies below a name that is taken is taken too), each by the first optimiser beside a
    /// pattern that takes it. Steps run in the order of their calls.
    ///
    /// ```
    /// use brolga::{Graph, Optimizer, Session, SessionOptions, f32};
    ///
    /// let graph = Graph::build(|g| {
    ///     let [a, b] = ["a", "b"].map(|name| g.param(name, f32([]), 1.0));
    ///     let groups = [(&["b"][..], Optimizer::sgd(0.25)), (&["*"], Optimizer::sgd(0.5))];
    ///     g.minimize_over("train", a + b, &groups);
    /// })?;
    /// let mut session = Session::new(graph, SessionOptions::default())?;
    /// session.step([])?;
    /// assert_eq!(session.variable("a").ok_or("it was used")?.to_string(), "0.5");
    /// assert_eq!(session.variable("b").ok_or("it was used")?.to_string(), "0.75");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn minimize_over(&self, step: &str, loss: Value<'_>, groups: &[(&[&str], Optimizer)]) {
        self.minimize_every(step, 1, loss, groups);
    }

    /// The same on each batch whose number `every` divides, from the first on.
    ///
    /// ```
    /// use brolga::{Graph, Optimizer, Session, SessionOptions, f32};
    ///
    /// let graph = Graph::build(|g| {
    ///     let w = g.param("w", f32([]), 5.0);
    ///     g.minimize_every("train", 2, w, &[(&["w"], Optimizer::sgd(1.0))]);
    /// })?;
    /// let mut session = Session::new(graph, SessionOptions::default())?;
    /// for _ in 0..3 {
    ///     session.step([])?;
    /// }
    /// assert_eq!(session.variable("w").ok_or("it was used")?.to_string(), "3.0");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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

    /// Writes a variable at the end of each training batch: what `value` makes of what is about to be
    /// written to it, by a step's `minimize` or an update before. Every other value is as it was before
    /// the batch.
    ///
    /// ```
    /// use brolga::{Graph, Optimizer, Session, SessionOptions, f32};
    ///
    /// let graph = Graph::build(|g| {
    ///     let w = g.param("w", f32([]), 1.0);
    ///     g.minimize(-w, Optimizer::sgd(5.0));
    ///     g.update("w", |w| g.clip(w, -2.0, 2.0));
    /// })?;
    /// let mut session = Session::new(graph, SessionOptions::default())?;
    /// session.step([])?;
    /// // Neither 6, as the optimiser has it, nor 1.
    /// assert_eq!(session.variable("w").ok_or("it was used")?.to_string(), "2.0");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// ```
    /// use brolga::{Graph, Optimizer, Session, SessionOptions, f32};
    ///
    /// let graph = Graph::build(|g| {
    ///     let w = g.param("w", f32([]), 1.0);
    ///     g.state("last", f32([]), 0.0);
    ///     g.minimize(w.square(), Optimizer::sgd(0.25));
    ///     g.update("last", |_| w);
    /// })?;
    /// let mut session = Session::new(graph, SessionOptions::default())?;
    /// session.step([])?;
    /// // As it was before the batch.
    /// assert_eq!(session.variable("last").ok_or("it was used")?.to_string(), "1.0");
    /// assert_eq!(session.variable("w").ok_or("it was used")?.to_string(), "0.5");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn update<'g, A: Into<Argument>>(
        &'g self,
        variable: &str,
        value: impl FnOnce(Value<'g>) -> A,
    ) {
        let at = Location::caller();
        let pending = self.value_of(|c| c.pending(variable, at));
        let value = value(pending).into();
        self.construction.borrow_mut().update(variable, &value, at);
    }

    fn close<'g>(&'g self, scope: Scope, value: Value<'g>, at: &Location<'_>) -> Value<'g> {
        self.construction.borrow_mut().close(scope, value.tensor(), at);
        value
    }

    fn value_of(&self, make: impl FnOnce(&mut Construction) -> Option<TensorRef>) -> Value<'_> {
        Value::new(self, make(&mut self.construction.borrow_mut()))
    }
}
