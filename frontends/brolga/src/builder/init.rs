//! The initialisers: what variables are at first. A number stands for itself everywhere.

use brolga_text::{Argument, LibraryCall};

/// An initialiser of that name, with its arguments after the shape and the element type.
///
/// ```
/// use brolga::{Graph, Session, SessionOptions, f32, init};
///
/// let graph = Graph::build(|g| {
///     let initial = init::of("constant", vec![3.0.into()]);
///     g.output("w", g.param("w", f32([2.into()]), initial));
/// })?;
/// let outputs = Session::new(graph, SessionOptions::default())?.outputs([])?;
/// assert_eq!(outputs["w"].to_string(), "[3.0, 3.0]");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn of(name: &str, arguments: Vec<Argument>) -> Argument {
    if arguments.is_empty() {
        return Argument::Function(name.to_owned());
    }
    Argument::Call(LibraryCall { function: name.to_owned(), positional: arguments, named: vec![] })
}

/// Lists the initialisers with their arguments.
macro_rules! initialisers {
    ($($(#[$doc:meta])* $name:ident($($x:ident),*);)*) => {
        $(
            $(#[$doc])*
            pub fn $name($($x: impl Into<Argument>),*) -> Argument {
                of(stringify!($name), vec![$($x.into()),*])
            }
        )*

        /// The names of all.
        #[cfg(test)]
        pub(super) const NAMES: &[&str] = &[$(stringify!($name)),*];
    };
}
initialisers! {
    /// Zeros.
    zeros();
    /// Ones.
    ones();
    /// This number everywhere.
    constant(value);
    /// Uniform in `[a, b)`.
    uniform(a, b);
    /// Normal with that mean and standard deviation.
    normal(mean, std);
    /// The same, cut off at two standard deviations.
    truncated_normal(mean, std);
    /// Uniform within ±√(6 / (n_in + n_out)). (Glorot and Bengio 2010, section 4.2.1.)
    glorot_uniform();
    /// Truncated normal of variance 2 / (n_in + n_out). (Glorot and Bengio 2010, section 4.2.1.)
    glorot_normal();
    /// Uniform within ±√(6 / n_in). (He et al. 2015, section 2.2.)
    he_uniform();
    /// Truncated normal of variance 2 / n_in. (He et al. 2015, section 2.2.)
    he_normal();
    /// Uniform within ±√(3 / n_in). (LeCun et al. 1998, section 4.6.)
    lecun_uniform();
    /// Truncated normal of variance 1 / n_in. (LeCun et al. 1998, section 4.6.)
    lecun_normal();
    /// Orthonormal rows or columns, whichever are fewer. (Saxe et al. 2014, section 3.)
    orthogonal();
    /// Ones on the diagonal, zeros elsewhere.
    identity();
    /// The array in a `.npy` file.
    load(path);
}
