//! What functions of the library are given.

use brolga_text::Argument;

/// The positional arguments of a call: a tuple, or a list of [`Argument`]s.
pub trait Arguments {
    /// The arguments, in order.
    fn list(self) -> Vec<Argument>;
}

impl Arguments for Vec<Argument> {
    fn list(self) -> Vec<Argument> {
        self
    }
}

impl Arguments for () {
    fn list(self) -> Vec<Argument> {
        vec![]
    }
}

/// Tuples of so many members.
macro_rules! tuples {
    ($($($x:ident)+;)*) => {$(
        impl<$($x: Into<Argument>),+> Arguments for ($($x,)+) {
            fn list(self) -> Vec<Argument> {
                #[expect(non_snake_case, reason = "a member is called as its type is")]
                let ($($x,)+) = self;
                vec![$($x.into()),+]
            }
        }
    )*};
}
tuples! {
    A;
    A B;
    A B C;
    A B C D;
    A B C D E;
    A B C D E F;
}

/// A function as an argument: `g.with("act", function("relu"))`.
///
/// ```
/// use brolga::{Graph, Session, SessionOptions, function, init};
///
/// let graph = Graph::build(|g| {
///     let x = g.constant([[-3.0, 5.0]]);
///     let layer = g.with("act", function("relu")).with("init", init::identity());
///     g.output("y", layer.dense(x, 2));
/// })?;
/// let outputs = Session::new(graph, SessionOptions::default())?.outputs([])?;
/// assert_eq!(outputs["y"].to_string(), "[[0.0, 5.0]]");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn function(name: &str) -> Argument {
    Argument::Function(name.to_owned())
}
