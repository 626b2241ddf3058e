//! What variables are called in another program's file, and how its tensors become ours.
//!
//! A line for each variable: its name, `=`, the file's tensor, and after a colon what is done with
//! it, in order; several tensors with `+` between them are added, with `&` stacked along a new first
//! axis.
//!
//! ```text
//! # PyTorch keeps filters as [out, in, height, width], and weights as [out, in].
//! conv1.conv.w = conv1.weight: transpose 2 3 1 0
//! fc1.w        = fc1.weight: reshape 32 64 8 8, transpose 2 3 1 0, reshape 4096 32
//! # Its gates of a GRU come in another order: reset, update, new.
//! gru.wx       = gru.weight_ih_l0: transpose 1 0, parts 1 0 2
//! gru.b        = gru.bias_ih_l0 & gru.bias_hh_l0: parts 1 0 2
//! ```

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use brolga_compiler::ir::Literal;
use brolga_compiler::with_array;
use ndarray::{Axis, IxDyn};

use super::{DataError, read_all};

/// The variables of a file of names.
#[derive(Clone, Debug, PartialEq)]
pub struct Renaming {
    path: PathBuf,
    lines: Vec<Line>,
}

/// One variable.
#[derive(Clone, Debug, PartialEq)]
struct Line {
    number: usize,
    ours: String,
    theirs: Vec<String>,
    join: Join,
    changes: Vec<Change>,
}

/// What several tensors become.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Join {
    /// Their sum.
    Sum,
    /// All of them, along a new first axis.
    Stack,
}

/// What is done with a tensor.
#[derive(Clone, Debug, PartialEq)]
enum Change {
    /// Its axes in this order.
    Transpose(Vec<usize>),
    /// The same elements, in row-major order, in this shape.
    Reshape(Vec<usize>),
    /// The last axis in so many equal parts, these in this order.
    Parts(Vec<usize>),
}

impl Renaming {
    /// Reads a file of names. Errors: one that cannot be read, a line that is none, a variable that
    /// stands twice.
    pub fn read(path: &Path) -> Result<Renaming, DataError> {
        let text = String::from_utf8(read_all(path)?)
            .map_err(|_| DataError::corrupt(path, "it is no text in UTF-8"))?;
        let mut lines: Vec<Line> = vec![];
        for (number, text) in (1..).zip(text.lines()) {
            let text = text.split('#').next().unwrap_or_default().trim();
            if text.is_empty() {
                continue;
            }
            let refused = |reason: String| refused(path, number, reason);
            let line = Line::parse(number, text).map_err(refused)?;
            if let Some(first) = lines.iter().find(|other| other.ours == line.ours) {
                let reason = format!("`{}` stands in line {} too", line.ours, first.number);
                return Err(refused(reason));
            }
            lines.push(line);
        }
        Ok(Renaming { path: path.to_path_buf(), lines })
    }

    /// The tensors under the names of variables; those that no line names keep their own. Errors: a
    /// line that names a tensor that is not there, or does with it what its shape does not allow.
    pub fn apply(
        &self,
        tensors: Vec<(String, Literal)>,
    ) -> Result<Vec<(String, Literal)>, DataError> {
        let mut renamed = vec![];
        for line in &self.lines {
            let made =
                line.tensor(&tensors).map_err(|why| refused(&self.path, line.number, why))?;
            renamed.push((line.ours.clone(), made));
        }
        let taken: HashSet<&str> =
            self.lines.iter().flat_map(|line| line.theirs.iter().map(String::as_str)).collect();
        renamed.extend(tensors.iter().filter(|(name, _)| !taken.contains(name.as_str())).cloned());
        Ok(renamed)
    }
}

fn refused(path: &Path, line: usize, reason: String) -> DataError {
    DataError::Renaming { path: path.to_path_buf(), line, reason }
}

impl Line {
    fn parse(number: usize, text: &str) -> Result<Line, String> {
        let (ours, rest) = text.split_once('=').ok_or("has no `=`")?;
        let (theirs, changes) = rest.split_once(':').unwrap_or((rest, ""));
        let (join, mark) = match (theirs.contains('+'), theirs.contains('&')) {
            (true, true) => return Err("has both `+` and `&`".to_string()),
            (_, false) => (Join::Sum, '+'),
            (false, true) => (Join::Stack, '&'),
        };
        let theirs: Vec<String> = theirs.split(mark).map(|name| name.trim().to_string()).collect();
        let ours = ours.trim().to_string();
        if ours.is_empty() || theirs.iter().any(String::is_empty) {
            return Err("leaves a name out".to_string());
        }
        let changes = changes.split(',').map(str::trim).filter(|change| !change.is_empty());
        let changes = changes.map(Change::parse).collect::<Result<_, _>>()?;
        Ok(Line { number, ours, theirs, join, changes })
    }

    fn tensor(&self, tensors: &[(String, Literal)]) -> Result<Literal, String> {
        let find = |name: &String| {
            let found = tensors.iter().find(|(theirs, _)| theirs == name);
            found.map(|(_, literal)| literal).ok_or_else(|| {
                let names: Vec<&str> = tensors.iter().map(|(name, _)| name.as_str()).collect();
                format!("names `{name}`, and the file holds {}", names.join(", "))
            })
        };
        let all = self.theirs.iter().map(find).collect::<Result<Vec<&Literal>, String>>()?;
        let (first, rest) = all.split_first().ok_or("names nothing")?;
        let joined = match self.join {
            Join::Sum => rest.iter().try_fold((*first).clone(), |sum, part| added(&sum, part))?,
            Join::Stack => stacked(&all)?,
        };
        self.changes.iter().try_fold(joined, |tensor, change| change.of(&tensor))
    }
}

impl Change {
    fn parse(text: &str) -> Result<Change, String> {
        let mut words = text.split_whitespace();
        let name = words.next().unwrap_or_default();
        let numbers = words.map(|n| n.parse().map_err(|_| format!("`{n}` is no whole number")));
        let numbers = numbers.collect::<Result<Vec<usize>, String>>()?;
        match name {
            "transpose" => Ok(Change::Transpose(numbers)),
            "reshape" => Ok(Change::Reshape(numbers)),
            "parts" => Ok(Change::Parts(numbers)),
            _ => Err(format!("`{name}` is none of `transpose`, `reshape`, `parts`")),
        }
    }

    fn of(&self, tensor: &Literal) -> Result<Literal, String> {
        let of_it = tensor.tensor_type();
        match self {
            Change::Transpose(axes) => {
                if !is_order(axes, tensor.sizes().len()) {
                    return Err(format!("cannot order the axes of {of_it} as {axes:?}"));
                }
                Ok(with_array!(tensor, a => {
                    let turned = a.view().permuted_axes(IxDyn(axes));
                    Literal::new(turned.as_standard_layout().into_owned())
                }))
            }
            Change::Reshape(sizes) => with_array!(tensor, a => {
                let shaped = a.as_standard_layout().into_owned().into_shape_with_order(IxDyn(sizes));
                shaped.map(Literal::new).map_err(|_| format!("cannot give {of_it} the shape {sizes:?}"))
            }),
            Change::Parts(order) => {
                let last = tensor.sizes().last().copied().unwrap_or(0);
                let n = order.len();
                if !is_order(order, n) || last == 0 || !last.is_multiple_of(n) {
                    return Err(format!(
                        "cannot order equal parts of the last axis of {of_it} as {order:?}"
                    ));
                }
                let width = last / n;
                let places: Vec<usize> =
                    order.iter().flat_map(|part| part * width..(part + 1) * width).collect();
                let axis = Axis(tensor.sizes().len() - 1);
                Ok(with_array!(tensor, a => Literal::new(a.select(axis, &places))))
            }
        }
    }
}

/// Whether these are the numbers below `n`, each once; `n` is not 0.
fn is_order(numbers: &[usize], n: usize) -> bool {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    n > 0 && sorted.into_iter().eq(0..n)
}

/// Tensors of one type, along a new first axis.
fn stacked(tensors: &[&Literal]) -> Result<Literal, String> {
    let first = tensors[0].tensor_type();
    if let Some(other) = tensors.iter().find(|tensor| tensor.tensor_type() != first) {
        return Err(format!("cannot stack {first} and {}", other.tensor_type()));
    }
    let bytes: Vec<u8> = tensors.iter().flat_map(|tensor| tensor.to_bytes()).collect();
    let sizes = [&[tensors.len()], tensors[0].sizes()].concat();
    Literal::from_bytes(tensors[0].dtype(), &sizes, &bytes)
        .ok_or_else(|| format!("cannot stack {} of {first}", tensors.len()))
}

/// The sum of two tensors of one type.
fn added(a: &Literal, b: &Literal) -> Result<Literal, String> {
    match (a, b) {
        (Literal::F32(x), Literal::F32(y)) if x.shape() == y.shape() => Ok(Literal::new(x + y)),
        (Literal::F64(x), Literal::F64(y)) if x.shape() == y.shape() => Ok(Literal::new(x + y)),
        _ => Err(format!("cannot add {} and {}", a.tensor_type(), b.tensor_type())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::tests::Folder;

    fn renamed(text: &str) -> Result<Vec<(String, Literal)>, DataError> {
        let folder = Folder::new("renaming");
        let path = folder.path(&format!("{:016x}.txt", text.len()));
        std::fs::write(&path, text).expect("a folder of our own");
        let numbers = |n: usize| (0..n).map(|x| x as f32).collect::<Vec<_>>();
        let tensors = vec![
            ("a".to_string(), Literal::from_vec(&[2, 3], numbers(6)).expect("six")),
            ("b".to_string(), Literal::from_vec(&[3], numbers(3)).expect("three")),
            ("c".to_string(), Literal::from_vec(&[3], numbers(3)).expect("three")),
        ];
        Renaming::read(&path)?.apply(tensors)
    }

    #[test]
    fn tensors_take_the_names_and_forms_of_variables() {
        let text = "# remark\nw = a: transpose 1 0 # another\n\nv = a: reshape 3 2\ns = b + c\n";
        let tensors = renamed(text).expect("it fits");
        let of = |name: &str| tensors.iter().find(|(n, _)| n == name).map(|(_, t)| t);
        let six = |numbers: [f32; 6]| Literal::from_vec(&[3, 2], numbers.to_vec());
        assert_eq!(of("w"), six([0., 3., 1., 4., 2., 5.]).as_ref());
        assert_eq!(of("v"), six([0., 1., 2., 3., 4., 5.]).as_ref());
        assert_eq!(of("s"), Literal::from_vec(&[3], vec![0f32, 2., 4.]).as_ref());
        assert_eq!(tensors.len(), 3);
        let tensors = renamed("w = b & c & b: parts 2 0 1\nv = a: transpose 1 0, parts 1 0\n");
        let tensors = tensors.expect("it fits");
        let rows = [2f32, 0., 1.].repeat(3);
        assert_eq!(tensors[0].1, Literal::from_vec(&[3, 3], rows).expect("nine"));
        assert_eq!(Some(&tensors[1].1), six([3., 0., 4., 1., 5., 2.]).as_ref());
        assert_eq!(renamed("w = a").expect("it fits").len(), 3, "others keep their names");
    }

    #[test]
    fn lines_that_do_not_fit_are_errors() {
        for (text, wanted) in [
            ("w a", "line 1 has no `=`"),
            ("\nw =", "line 2 leaves a name out"),
            ("w = a\nw = b", "line 2 `w` stands in line 1 too"),
            ("w = d", "line 1 names `d`, and the file holds a, b, c"),
            ("w = a: turn", "`turn` is none of `transpose`, `reshape`, `parts`"),
            ("w = a: parts 1 0", "equal parts of the last axis of f32[2, 3] as [1, 0]"),
            ("w = a: parts 0 0 1", "equal parts of the last axis of f32[2, 3] as [0, 0, 1]"),
            ("w = a: parts", "equal parts of the last axis of f32[2, 3] as []"),
            ("w = a & b", "cannot stack f32[2, 3] and f32[3]"),
            ("w = b & b + c", "has both `+` and `&`"),
            ("w = a: transpose 0", "cannot order the axes of f32[2, 3] as [0]"),
            ("w = a: transpose 0 x", "`x` is no whole number"),
            ("w = a: reshape 4", "cannot give f32[2, 3] the shape [4]"),
            ("w = a + b", "cannot add f32[2, 3] and f32[3]"),
        ] {
            let error = renamed(text).expect_err(text);
            assert_eq!(error.code(), "E0634", "{text}");
            assert!(error.to_string().contains(wanted), "{text}: {error}");
        }
    }
}
