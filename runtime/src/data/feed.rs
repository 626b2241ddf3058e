//! Which array feeds which input, and how its rows become the input's: by copy, cast, reshape or
//! one-hot. Decided once; afterwards rows are written without a check or an allocation.

use std::collections::BTreeMap;

use brolga_compiler::ir::{Binding, DType, Dim, Literal, Symbol, TensorType};

use super::{Array, DataError, DataSet, FeedPair};

/// The first dimension of the inputs that data feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BatchDimension {
    /// A symbol: it follows the batch size.
    Symbol(Symbol),
    /// A number: it fixes the batch size.
    Number(usize),
    /// No input has a dimension.
    None,
}

/// How a data set feeds the inputs of a graph.
#[derive(Clone, Debug, PartialEq)]
pub struct FeedPlan {
    /// One for each input, in their order.
    pub feeds: Vec<Feed>,
    /// The batch dimension.
    pub batch: BatchDimension,
    /// The numbers of all other symbols of the inputs, and those that were given.
    pub binding: Binding,
}

/// How one array feeds one input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feed {
    /// The input's name.
    pub input: String,
    /// The input's element type.
    pub dtype: DType,
    /// The array, as an index into the data set's.
    pub array: usize,
    form: Form,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Form {
    /// A scalar, the same for every batch.
    Whole,
    /// Rows, element by element, of these sizes.
    Rows(Vec<usize>),
    /// A label a row, as a vector of so many classes.
    OneHot(usize),
}

/// Values for the inputs of one call, and the numbers that they give to symbols.
#[derive(Clone, Debug, PartialEq)]
pub struct FeedWhole {
    /// One for each input, in their order, of the input's element type.
    pub values: Vec<Literal>,
    /// The numbers of all symbols of the inputs, and those that were given.
    pub binding: Binding,
}

/// Decides how `data` feed `inputs` (name and declared type). An input takes the array of its
/// name, else the next unused array; `given` holds dimensions that are known beforehand.
///
/// A number becomes one of the input's type where that holds it: bool and u8 any number, an integer
/// any number that is exactly it, f32 and f64 each other (f64 rounded); values are kept, never
/// scaled. Integer labels `[rows]` become one-hot for a float `[batch, n]` with n ≠ 1. A row may
/// be flattened, and what is flat folded; it may gain or lose axes of 1. Errors: whatever still
/// differs, a symbol of two sizes or of none, numbers that do not fit.
pub fn feed_plan(
    inputs: &[(String, TensorType)],
    data: &DataSet,
    given: &Binding,
) -> Result<FeedPlan, DataError> {
    let batch = batch_dimension(inputs)?;
    let arrays = assign(inputs, data)?;
    let symbol = match &batch {
        BatchDimension::Symbol(s) => Some(s.clone()),
        BatchDimension::Number(_) | BatchDimension::None => None,
    };
    let mut solver = Solver::new(given, symbol);
    let pairs: Vec<Pair<'_>> = inputs
        .iter()
        .zip(&arrays)
        .map(|((input, ty), &i)| {
            let (array, literal) = &data.arrays()[i];
            Pair { input, ty, array, literal }
        })
        .collect();
    for pair in &pairs {
        solver.agree(pair)?;
    }
    solver.finish()?;
    let feeds = pairs.iter().zip(arrays).map(|(pair, array)| {
        let form = solver.form(pair)?;
        pair.check_values(&form)?;
        Ok(Feed { input: pair.input.to_string(), dtype: pair.ty.dtype, array, form })
    });
    Ok(FeedPlan { feeds: feeds.collect::<Result<_, DataError>>()?, batch, binding: solver.binding })
}

/// Feeds each input the whole array of its name; only the element type is converted. Errors: as
/// for [`feed_plan`].
pub fn feed_whole(
    inputs: &[(String, TensorType)],
    arrays: &[(String, Literal)],
    given: &Binding,
) -> Result<FeedWhole, DataError> {
    let mut solver = Solver::new(given, None);
    let mut values = vec![];
    for (input, ty) in inputs {
        let (array, value) = arrays
            .iter()
            .find(|(name, _)| name == input)
            .ok_or_else(|| DataError::Unfed { input: input.clone(), ty: ty.clone() })?;
        let literal = &Array::from(value.clone());
        let pair = Pair { input, ty, array, literal };
        if !converts(literal.dtype(), ty.dtype) || literal.sizes().len() != ty.rank() {
            return Err(pair.mismatch());
        }
        solver.bind_all(&pair, &zip(&ty.shape, literal.sizes()))?;
        if value.dtype() == ty.dtype {
            values.push(value.clone());
            continue;
        }
        let form = Form::Rows(literal.sizes().to_vec());
        pair.check_values(&form)?;
        let mut bytes = vec![0; literal.n_elements() * ty.dtype.size()];
        literal.write_rows(ty.dtype, &[0], literal.n_elements(), &mut bytes);
        let value = Literal::from_bytes(ty.dtype, literal.sizes(), &bytes);
        values.push(value.ok_or_else(|| pair.mismatch())?);
    }
    solver.finish()?;
    Ok(FeedWhole { values, binding: solver.binding })
}

impl Feed {
    /// Whether the input is a scalar, the same for every batch.
    pub fn is_whole(&self) -> bool {
        self.form == Form::Whole
    }

    /// The dimensions of the input at a batch of `rows`.
    pub fn sizes(&self, rows: usize) -> Vec<usize> {
        match &self.form {
            Form::Whole => vec![],
            Form::Rows(row) => [&[rows], row.as_slice()].concat(),
            Form::OneHot(classes) => vec![rows, *classes],
        }
    }

    /// The bytes of the input at a batch of `rows`.
    pub fn n_bytes(&self, rows: usize) -> usize {
        let row = match &self.form {
            Form::Whole => return self.dtype.size(),
            Form::Rows(row) => row.iter().product(),
            Form::OneHot(classes) => *classes,
        };
        rows * row * self.dtype.size()
    }

    /// Writes the rows of numbers `rows` of `data`, which the plan was made for, into the first
    /// [`Feed::n_bytes`] of `bytes`; allocates nothing.
    pub fn write(&self, data: &DataSet, rows: &[u32], bytes: &mut [u8]) {
        let array = &data.arrays()[self.array].1;
        let bytes = bytes
            .get_mut(..self.n_bytes(rows.len()))
            .expect("a staging buffer has room for the largest batch");
        match &self.form {
            Form::Whole => array.write_rows(self.dtype, &[0], 1, bytes),
            Form::Rows(row) => {
                array.write_rows(self.dtype, rows, row.iter().product(), bytes);
            }
            Form::OneHot(classes) => array.write_one_hot(self.dtype, rows, *classes, bytes),
        }
    }
}

/// Whether an array of one element type feeds an input of another, as far as its numbers fit.
fn converts(from: DType, to: DType) -> bool {
    match from {
        DType::Bool => true,
        DType::U8 | DType::I32 | DType::I64 => to != DType::Bool,
        DType::F32 | DType::F64 => to.is_float(),
    }
}

/// Which integers an element type holds.
struct Held {
    holds: fn(i64) -> bool,
    /// What the input does, for people to read.
    limit: &'static str,
}

const IN_U8: Held =
    Held { holds: |x| u8::try_from(x).is_ok(), limit: "holds the integers 0 to 255" };

const IN_I32: Held = Held { holds: |x| i32::try_from(x).is_ok(), limit: "holds 32-bit integers" };

// i128 also holds 2^63, to which floats round the largest i64.

const IN_F32: Held = Held {
    holds: |x| x as f32 as i128 == i128::from(x),
    limit: "holds 32-bit floats, none of which is that",
};

const IN_F64: Held = Held {
    holds: |x| x as f64 as i128 == i128::from(x),
    limit: "holds 64-bit floats, none of which is that",
};

/// What `to` holds of the integers of an array of `from`, if that is not all of them.
fn held(from: DType, to: DType) -> Option<Held> {
    match from {
        DType::Bool | DType::U8 | DType::F32 | DType::F64 => None,
        DType::I32 => match to {
            DType::U8 => Some(IN_U8),
            DType::F32 => Some(IN_F32),
            DType::I32 | DType::I64 | DType::F64 | DType::Bool => None,
        },
        DType::I64 => match to {
            DType::U8 => Some(IN_U8),
            DType::I32 => Some(IN_I32),
            DType::F32 => Some(IN_F32),
            DType::F64 => Some(IN_F64),
            DType::I64 | DType::Bool => None,
        },
    }
}

fn batch_dimension(inputs: &[(String, TensorType)]) -> Result<BatchDimension, DataError> {
    let mut dims = inputs.iter().filter_map(|(n, t)| Some((n, t, t.shape.first()?)));
    let Some((name, ty, first)) = dims.next() else {
        return Ok(BatchDimension::None);
    };
    if let Some((other, other_ty, _)) = dims.find(|(_, _, d)| *d != first) {
        let (first, second) = (format!("{name}: {ty}"), format!("{other}: {other_ty}"));
        return Err(DataError::BatchDimension { first, second });
    }
    let form = || DataError::BatchForm { input: name.clone(), ty: ty.clone() };
    match (first.as_number(), single_symbol(first)) {
        (Some(n), _) => {
            let n = usize::try_from(n).ok().filter(|n| *n > 0).ok_or_else(form)?;
            Ok(BatchDimension::Number(n))
        }
        (None, Some(symbol)) => Ok(BatchDimension::Symbol(symbol)),
        (None, None) => Err(form()),
    }
}

/// The symbol that a dimension is, if it is one and nothing else.
fn single_symbol(dim: &Dim) -> Option<Symbol> {
    dim.symbols().into_iter().find(|s| *dim == Dim::symbol(&s.0))
}

/// The array of each input: that of its name, else the next that nothing else takes. Arrays
/// without rows are for scalars alone.
fn assign(inputs: &[(String, TensorType)], data: &DataSet) -> Result<Vec<usize>, DataError> {
    let arrays = data.arrays();
    let named: Vec<Option<usize>> =
        inputs.iter().map(|(input, _)| arrays.iter().position(|(name, _)| name == input)).collect();
    let mut used: Vec<bool> = (0..arrays.len()).map(|i| named.contains(&Some(i))).collect();
    let mut assigned = vec![];
    for ((input, ty), named) in inputs.iter().zip(named) {
        let next = || {
            (0..arrays.len())
                .find(|&i| !used[i] && arrays[i].1.sizes().is_empty() == ty.shape.is_empty())
        };
        let i = named.or_else(next).ok_or_else(|| missing(input, ty, data))?;
        used[i] = true;
        assigned.push(i);
    }
    Ok(assigned)
}

/// The inputs that take an array of another name, each with it; none where an input has none.
pub fn taken_by_place(inputs: &[(String, TensorType)], data: &DataSet) -> Vec<(String, String)> {
    let assigned = assign(inputs, data).unwrap_or_default();
    let arrays = assigned.into_iter().map(|i| data.arrays()[i].0.clone());
    let pairs = inputs.iter().map(|(input, _)| input.clone()).zip(arrays);
    pairs.filter(|(input, array)| input != array).collect()
}

fn missing(input: &str, ty: &TensorType, data: &DataSet) -> DataError {
    let arrays = data.arrays().iter();
    let list: Vec<String> =
        arrays.map(|(name, a)| format!("`{name}: {}`", a.tensor_type())).collect();
    let mut arrays = if list.is_empty() { "none".to_string() } else { list.join(", ") };
    if let Some(reason) = &data.left_out {
        arrays = format!("{arrays}; {reason}");
    }
    DataError::MissingArray { input: input.to_string(), ty: ty.clone(), arrays }
}

/// An input and the array that it takes.
struct Pair<'a> {
    input: &'a str,
    ty: &'a TensorType,
    array: &'a str,
    literal: &'a Array,
}

/// Dimensions that must be of these sizes.
type Constraints = Vec<(Dim, usize)>;

fn zip(dims: &[Dim], sizes: &[usize]) -> Constraints {
    dims.iter().cloned().zip(sizes.iter().copied()).collect()
}

/// The product of dimensions, if there are some and their product is small enough to be written.
fn product(dims: &[Dim]) -> Option<Dim> {
    let (first, others) = dims.split_first()?;
    others.iter().try_fold(first.clone(), |product, dim| product.mul(dim).ok())
}

impl Pair<'_> {
    fn mismatch(&self) -> DataError {
        DataError::Mismatch { pair: self.described() }
    }

    fn described(&self) -> Box<FeedPair> {
        Box::new(FeedPair {
            input: self.input.to_string(),
            ty: self.ty.clone(),
            array: self.array.to_string(),
            array_ty: self.literal.tensor_type(),
        })
    }

    /// Whether the array is one integer a row, and a row of the input a float for each class.
    fn is_one_hot(&self) -> bool {
        let one = self.literal.sizes().get(1..).is_some_and(|row| row.iter().all(|&d| d == 1));
        let is_label = one && self.literal.dtype().is_int();
        is_label && self.ty.dtype.is_float() && self.ty.rank() == 2 && !self.ty.shape[1].is_one()
    }

    /// The ways in which a row of the array may be a row of the input, best first: as it is,
    /// without the axes of 1, flattened or folded. None where nothing can agree.
    fn ways(&self) -> Vec<Constraints> {
        if self.is_one_hot() {
            // Its classes are decided by other dimensions.
            return vec![vec![]];
        }
        if !converts(self.literal.dtype(), self.ty.dtype) {
            return vec![];
        }
        let (Some(dims), Some(sizes)) = (self.ty.shape.get(1..), self.literal.sizes().get(1..))
        else {
            let both_scalars = self.ty.shape.is_empty() && self.literal.sizes().is_empty();
            return if both_scalars { vec![vec![]] } else { vec![] };
        };
        let mut ways = vec![];
        if dims.len() == sizes.len() {
            ways.push(zip(dims, sizes));
        }
        let long_dims: Vec<Dim> = dims.iter().filter(|d| !d.is_one()).cloned().collect();
        let long_sizes: Vec<usize> = sizes.iter().filter(|&&d| d != 1).copied().collect();
        if long_dims.len() == long_sizes.len() {
            ways.push(zip(&long_dims, &long_sizes));
        }
        if let [all] = long_dims.as_slice() {
            ways.push(vec![(all.clone(), sizes.iter().product())]);
        } else if let ([all], Some(product)) = (long_sizes.as_slice(), product(&long_dims)) {
            ways.push(vec![(product, *all)]);
        }
        ways
    }

    /// Refuses integers that the conversion would change, and labels of no class.
    fn check_values(&self, form: &Form) -> Result<(), DataError> {
        let (first_bad, limit) = match form {
            Form::OneHot(n) => {
                let bad = self.find_integer(|x| usize::try_from(x).is_ok_and(|x| x < *n));
                (bad, format!("takes the classes 0 to {}", n.saturating_sub(1)))
            }
            Form::Rows(_) | Form::Whole => match held(self.literal.dtype(), self.ty.dtype) {
                Some(held) => (self.find_integer(held.holds), held.limit.to_string()),
                None => return Ok(()),
            },
        };
        let Some((i, value)) = first_bad else { return Ok(()) };
        let n_rows = self.literal.sizes().first().copied().unwrap_or(1).max(1);
        let row_elements = (self.literal.n_elements() / n_rows).max(1);
        Err(DataError::OutOfRange {
            array: self.array.to_string(),
            value,
            row: i / row_elements,
            input: self.input.to_string(),
            ty: self.ty.clone(),
            limit,
        })
    }

    /// The first integer of the array that is not right, with its place.
    fn find_integer(&self, is_right: impl Fn(i64) -> bool) -> Option<(usize, i64)> {
        let wrong = |(_, x): &(usize, i64)| !is_right(*x);
        let of_block = |block: &Literal| match block {
            Literal::I32(a) => a.iter().map(|&x| i64::from(x)).enumerate().find(wrong),
            Literal::I64(a) => a.iter().copied().enumerate().find(wrong),
            Literal::U8(a) => a.iter().map(|&x| i64::from(x)).enumerate().find(wrong),
            Literal::F32(_) | Literal::F64(_) | Literal::Bool(_) => None,
        };
        let row_elements: usize = self.literal.sizes().iter().skip(1).product();
        let mut blocks = self.literal.blocks();
        blocks.find_map(|(first, block)| {
            of_block(&block).map(|(i, value)| (first * row_elements + i, value))
        })
    }
}

/// Numbers for symbols, found input by input.
struct Solver {
    batch: Option<Symbol>,
    binding: Binding,
    /// What bound a symbol: `image`, `the given dimensions`.
    bound_by: BTreeMap<Symbol, String>,
    /// Dimensions that are more than a symbol, to be compared when all symbols are bound.
    open: Vec<(Dim, usize, Box<FeedPair>)>,
}

impl Solver {
    fn new(given: &Binding, batch: Option<Symbol>) -> Solver {
        let (mut binding, mut bound_by) = (Binding::default(), BTreeMap::new());
        for (symbol, n) in given.iter().filter(|(s, _)| Some(*s) != batch.as_ref()) {
            binding.bind(&symbol.0, n);
            bound_by.insert(symbol.clone(), "what was given".to_string());
        }
        Solver { batch, binding, bound_by, open: vec![] }
    }

    /// Takes the first way in which the pair's rows agree. Errors: none does.
    fn agree(&mut self, pair: &Pair<'_>) -> Result<(), DataError> {
        let ways = pair.ways();
        let way = ways.iter().find(|way| way.iter().all(|(d, n)| self.allows(d, *n)));
        // Where none agrees, the first says best what is wrong.
        match way.or(ways.first()) {
            Some(way) => self.bind_all(pair, way),
            None => Err(pair.mismatch()),
        }
    }

    /// Whether a dimension may be of that size, as far as is known.
    fn allows(&self, dim: &Dim, size: usize) -> bool {
        match (dim.as_number(), single_symbol(dim)) {
            (Some(n), _) => n == size as i64,
            (None, Some(symbol)) => {
                Some(&symbol) != self.batch.as_ref()
                    && size > 0
                    && self.binding.get(&symbol).is_none_or(|n| n == size as u64)
            }
            (None, None) => self.batch.as_ref().is_none_or(|b| !dim.symbols().contains(b)),
        }
    }

    fn bind_all(&mut self, pair: &Pair<'_>, constraints: &Constraints) -> Result<(), DataError> {
        for (dim, size) in constraints {
            match single_symbol(dim) {
                Some(symbol) if self.allows(dim, *size) => {
                    self.binding.bind(&symbol.0, *size as u64);
                    self.bound_by.entry(symbol).or_insert_with(|| format!("`{}`", pair.input));
                }
                Some(_) if *size == 0 => {
                    return Err(DataError::NoElement { pair: pair.described() });
                }
                Some(symbol) => return Err(self.conflict(pair, symbol, *size)),
                None if !self.allows(dim, *size) => return Err(pair.mismatch()),
                None => self.open.push((dim.clone(), *size, pair.described())),
            }
        }
        Ok(())
    }

    fn conflict(&self, pair: &Pair<'_>, symbol: Symbol, size: usize) -> DataError {
        let Some(bound) = self.binding.get(&symbol) else { return pair.mismatch() };
        DataError::SymbolConflict {
            bound,
            bound_by: self.bound_by.get(&symbol).cloned().unwrap_or_default(),
            symbol,
            size: size as u64,
            pair: pair.described(),
        }
    }

    /// Compares what had to wait for all symbols.
    fn finish(&mut self) -> Result<(), DataError> {
        for (dim, size, pair) in std::mem::take(&mut self.open) {
            self.decided(&dim, &pair.input, &pair.ty)?;
            if dim.evaluate(&self.binding) != Ok(size as i64) {
                return Err(DataError::Mismatch { pair });
            }
        }
        Ok(())
    }

    /// Refuses a dimension that holds a symbol without a number.
    fn decided(&self, dim: &Dim, input: &str, ty: &TensorType) -> Result<(), DataError> {
        match dim.symbols().into_iter().find(|s| self.binding.get(s).is_none()) {
            Some(symbol) => {
                Err(DataError::Undecided { symbol, input: input.to_string(), ty: ty.clone() })
            }
            None => Ok(()),
        }
    }

    /// How rows become the input's, now that all symbols are bound.
    fn form(&self, pair: &Pair<'_>) -> Result<Form, DataError> {
        let Some(dims) = pair.ty.shape.get(1..) else { return Ok(Form::Whole) };
        let mut row = vec![];
        for dim in dims {
            self.decided(dim, pair.input, pair.ty)?;
            let n = dim.evaluate(&self.binding).ok().and_then(|n| usize::try_from(n).ok());
            row.push(n.ok_or_else(|| pair.mismatch())?);
        }
        Ok(if pair.is_one_hot() { Form::OneHot(row[0]) } else { Form::Rows(row) })
    }
}
