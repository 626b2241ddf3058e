//! Optimisers with their arguments.

use brolga_text::{Argument, LibraryCall};

/// An optimiser with its arguments; those that are left out have their defaults.
#[derive(Clone, Debug, PartialEq)]
pub struct Optimizer(pub(super) LibraryCall);

impl Optimizer {
    /// An optimiser of that name: `sgd`, `adam`, `adamw`.
    ///
    /// ```
    /// use brolga::{Graph, Optimizer, Session, SessionOptions, f32};
    ///
    /// let graph = Graph::build(|g| {
    ///     let w = g.param("w", f32([]), 1.0);
    ///     g.minimize(w.square(), Optimizer::new("lion").with("lr", 0.5));
    /// })?;
    /// let mut session = Session::new(graph, SessionOptions::default())?;
    /// session.step([])?;
    /// assert_eq!(session.variable("w").ok_or("it was used")?.to_string(), "0.5");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(name: &str) -> Optimizer {
        Optimizer(LibraryCall { function: name.to_owned(), ..LibraryCall::default() })
    }

    /// Gradient descent. `lr` is a number, or a scalar of the graph such as a schedule.
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
    pub fn sgd(lr: impl Into<Argument>) -> Optimizer {
        Optimizer::new("sgd").with("lr", lr)
    }

    /// Adam (Kingma and Ba 2015).
    ///
    /// ```
    /// use brolga::{Graph, Optimizer, Session, SessionOptions, f32};
    ///
    /// let graph = Graph::build(|g| {
    ///     let w = g.param("w", f32([]), 1.0);
    ///     g.minimize(w.square(), Optimizer::adam(0.1));
    /// })?;
    /// let mut session = Session::new(graph, SessionOptions::default())?;
    /// session.step([])?;
    /// let w = session.variable("w").ok_or("it was used")?;
    /// assert!(w.scalars().all(|w| (w.to_f64() - 0.9).abs() < 1e-4));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn adam(lr: impl Into<Argument>) -> Optimizer {
        Optimizer::new("adam").with("lr", lr)
    }

    /// Adam with weight decay apart from the gradient (Loshchilov and Hutter 2019).
    ///
    /// ```
    /// use brolga::{Graph, Optimizer, Session, SessionOptions, f32};
    ///
    /// let graph = Graph::build(|g| {
    ///     let w = g.param("w", f32([]), 1.0);
    ///     g.minimize(w.square(), Optimizer::adamw(0.1).with("weight_decay", 0.5));
    /// })?;
    /// let mut session = Session::new(graph, SessionOptions::default())?;
    /// session.step([])?;
    /// let w = session.variable("w").ok_or("it was used")?;
    /// assert!(w.scalars().all(|w| (w.to_f64() - 0.85).abs() < 1e-4));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn adamw(lr: impl Into<Argument>) -> Optimizer {
        Optimizer::new("adamw").with("lr", lr)
    }

    /// The same with an argument.
    ///
    /// ```
    /// use brolga::{Graph, Optimizer, Session, SessionOptions, f32};
    ///
    /// let graph = Graph::build(|g| {
    ///     let w = g.param("w", f32([]), 1.0);
    ///     g.minimize(w.square(), Optimizer::sgd(1.0).with("clip_value", 0.25));
    /// })?;
    /// let mut session = Session::new(graph, SessionOptions::default())?;
    /// session.step([])?;
    /// assert_eq!(session.variable("w").ok_or("it was used")?.to_string(), "0.75");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with(mut self, argument: &str, value: impl Into<Argument>) -> Optimizer {
        self.0.named.push((argument.to_owned(), value.into()));
        self
    }
}
