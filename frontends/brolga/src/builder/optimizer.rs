//! Optimisers with their arguments.

use brolga_text::{Argument, LibraryCall};

/// An optimiser with its arguments; those that are left out have their defaults.
#[derive(Clone, Debug, PartialEq)]
pub struct Optimizer(pub(super) LibraryCall);

impl Optimizer {
    /// An optimiser of that name: `sgd`, `adam`, `adamw`.
    pub fn new(name: &str) -> Optimizer {
        Optimizer(LibraryCall { function: name.to_owned(), ..LibraryCall::default() })
    }

    /// Gradient descent. `lr` is a number, or a scalar of the graph such as a schedule.
    pub fn sgd(lr: impl Into<Argument>) -> Optimizer {
        Optimizer::new("sgd").with("lr", lr)
    }

    /// Adam (Kingma and Ba 2015).
    pub fn adam(lr: impl Into<Argument>) -> Optimizer {
        Optimizer::new("adam").with("lr", lr)
    }

    /// Adam with weight decay apart from the gradient (Loshchilov and Hutter 2019).
    pub fn adamw(lr: impl Into<Argument>) -> Optimizer {
        Optimizer::new("adamw").with("lr", lr)
    }

    /// The same with an argument.
    pub fn with(mut self, argument: &str, value: impl Into<Argument>) -> Optimizer {
        self.0.named.push((argument.to_owned(), value.into()));
        self
    }
}
