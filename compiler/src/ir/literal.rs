//! Tensors of known numbers: constants, fed arrays, results of `eval`.

use std::fmt;

use ndarray::{ArcArray, ArrayD, IxDyn};

use super::{DType, Scalar, TensorType};

/// A tensor with its elements. Cloning shares them. Two are equal if type, shape and the bits of every
/// element are.
#[derive(Clone, Debug)]
pub enum Literal {
    /// Elements of `f32`.
    F32(ArcArray<f32, IxDyn>),
    /// Elements of `f64`.
    F64(ArcArray<f64, IxDyn>),
    /// Elements of `i32`.
    I32(ArcArray<i32, IxDyn>),
    /// Elements of `i64`.
    I64(ArcArray<i64, IxDyn>),
    /// Elements of `u8`.
    U8(ArcArray<u8, IxDyn>),
    /// Elements of `bool`, a byte each.
    Bool(ArcArray<bool, IxDyn>),
}

/// Runs `$body` with `$x` bound to the array of whichever element type the literal has.
#[macro_export]
macro_rules! with_array {
    ($literal:expr, $x:ident => $body:expr) => {
        match $literal {
            $crate::ir::Literal::F32($x) => $body,
            $crate::ir::Literal::F64($x) => $body,
            $crate::ir::Literal::I32($x) => $body,
            $crate::ir::Literal::I64($x) => $body,
            $crate::ir::Literal::U8($x) => $body,
            $crate::ir::Literal::Bool($x) => $body,
        }
    };
}

/// A Rust type that is the element of a [`Literal`].
pub trait Element: Copy + PartialEq + Send + Sync + 'static {
    /// The element type.
    const DTYPE: DType;
    /// The size of one element in bytes.
    const SIZE: usize = Self::DTYPE.size();
    /// Wraps an array in any layout; one without elements gets the plain layout.
    fn wrap(array: ArcArray<Self, IxDyn>) -> Literal;
    /// The array of a literal of this element type.
    fn of(literal: &Literal) -> Option<&ArcArray<Self, IxDyn>>;
    /// Writes the element's bytes, little-endian; `bytes` is [`Self::SIZE`] long.
    fn write(self, bytes: &mut [u8]);
    /// Reads an element from its bytes, little-endian.
    fn read(bytes: &[u8]) -> Self;
    /// The element as a number with its type.
    fn scalar(self) -> Scalar;
}

/// The same elements; where there are none, as a new array: what is left of the strides of a view
/// says nothing, but libraries go by it.
fn plain<T: Clone>(array: ArcArray<T, IxDyn>) -> ArcArray<T, IxDyn> {
    if array.is_empty() {
        ArcArray::from_shape_vec(array.raw_dim(), vec![]).expect("no elements for an empty shape")
    } else {
        array
    }
}

macro_rules! element {
    ($($t:ty, $variant:ident);*) => {$(
        impl Element for $t {
            const DTYPE: DType = DType::$variant;
            fn wrap(array: ArcArray<Self, IxDyn>) -> Literal { Literal::$variant(plain(array)) }
            fn of(literal: &Literal) -> Option<&ArcArray<Self, IxDyn>> {
                if let Literal::$variant(a) = literal { Some(a) } else { None }
            }
            fn write(self, bytes: &mut [u8]) { bytes.copy_from_slice(&self.to_le_bytes()); }
            fn read(bytes: &[u8]) -> Self {
                let mut b = [0; std::mem::size_of::<$t>()];
                b.copy_from_slice(bytes);
                <$t>::from_le_bytes(b)
            }
            fn scalar(self) -> Scalar { Scalar::$variant(self) }
        }
    )*};
}
element!(f32, F32; f64, F64; i32, I32; i64, I64; u8, U8);

impl Element for bool {
    const DTYPE: DType = DType::Bool;
    fn wrap(array: ArcArray<Self, IxDyn>) -> Literal {
        Literal::Bool(plain(array))
    }
    fn of(literal: &Literal) -> Option<&ArcArray<Self, IxDyn>> {
        if let Literal::Bool(a) = literal { Some(a) } else { None }
    }
    fn write(self, bytes: &mut [u8]) {
        bytes[0] = u8::from(self);
    }
    fn read(bytes: &[u8]) -> Self {
        bytes[0] != 0
    }
    fn scalar(self) -> Scalar {
        Scalar::Bool(self)
    }
}

impl Literal {
    /// A literal of an array in any layout.
    pub fn new<T: Element>(array: ArrayD<T>) -> Literal {
        T::wrap(array.into_shared())
    }

    /// A literal of `elements` in row-major order; `None` if their number is not the shape's.
    pub fn from_vec<T: Element>(sizes: &[usize], elements: Vec<T>) -> Option<Literal> {
        ArrayD::from_shape_vec(IxDyn(sizes), elements).ok().map(Literal::new)
    }

    /// A scalar.
    pub fn scalar(value: Scalar) -> Literal {
        Literal::filled(&[], value)
    }

    /// A tensor whose elements are all `value`.
    pub fn filled(sizes: &[usize], value: Scalar) -> Literal {
        let d = IxDyn(sizes);
        match value {
            Scalar::F32(v) => Literal::new(ArrayD::from_elem(d, v)),
            Scalar::F64(v) => Literal::new(ArrayD::from_elem(d, v)),
            Scalar::I32(v) => Literal::new(ArrayD::from_elem(d, v)),
            Scalar::I64(v) => Literal::new(ArrayD::from_elem(d, v)),
            Scalar::U8(v) => Literal::new(ArrayD::from_elem(d, v)),
            Scalar::Bool(v) => Literal::new(ArrayD::from_elem(d, v)),
        }
    }

    /// The element type.
    pub fn dtype(&self) -> DType {
        match self {
            Literal::F32(_) => DType::F32,
            Literal::F64(_) => DType::F64,
            Literal::I32(_) => DType::I32,
            Literal::I64(_) => DType::I64,
            Literal::U8(_) => DType::U8,
            Literal::Bool(_) => DType::Bool,
        }
    }

    /// The dimensions.
    pub fn sizes(&self) -> &[usize] {
        with_array!(self, a => a.shape())
    }

    /// The number of elements.
    pub fn n_elements(&self) -> usize {
        with_array!(self, a => a.len())
    }

    /// The type.
    pub fn tensor_type(&self) -> TensorType {
        TensorType::of_sizes(self.dtype(), self.sizes())
    }

    /// The array, if the elements are of type `T`.
    pub fn array<T: Element>(&self) -> Option<&ArcArray<T, IxDyn>> {
        T::of(self)
    }

    /// The elements in row-major order.
    pub fn scalars(&self) -> impl Iterator<Item = Scalar> + '_ {
        let boxed: Box<dyn Iterator<Item = Scalar>> =
            with_array!(self, a => Box::new(a.iter().map(|x| x.scalar())));
        boxed
    }

    /// The value of every element, if there is at least one and all have the same bits.
    pub fn splat_value(&self) -> Option<Scalar> {
        let mut scalars = self.scalars();
        let first = scalars.next()?;
        scalars.all(|s| s == first).then_some(first)
    }

    /// The elements' bytes in row-major order, little-endian.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.n_elements() * self.dtype().size()];
        self.write_bytes(&mut bytes);
        bytes
    }

    /// Writes the elements in row-major order, little-endian, into `bytes`, which has their size.
    pub fn write_bytes(&self, bytes: &mut [u8]) {
        fn write<T: Element>(a: &ArcArray<T, IxDyn>, bytes: &mut [u8]) {
            let places = bytes.chunks_exact_mut(T::SIZE);
            match a.as_slice() {
                // Walked as it lies, several elements at a time.
                Some(elements) => elements.iter().zip(places).for_each(|(x, b)| x.write(b)),
                None => a.iter().zip(places).for_each(|(x, b)| x.write(b)),
            }
        }
        with_array!(self, a => write(a, bytes));
    }

    /// The literal whose elements are `bytes` in row-major order, little-endian; `None` if their
    /// number does not fit.
    pub fn from_bytes(dtype: DType, sizes: &[usize], bytes: &[u8]) -> Option<Literal> {
        fn read<T: Element>(sizes: &[usize], bytes: &[u8]) -> Option<Literal> {
            Literal::from_vec(sizes, bytes.chunks_exact(T::SIZE).map(T::read).collect())
        }
        if !bytes.len().is_multiple_of(dtype.size()) {
            return None;
        }
        match dtype {
            DType::F32 => read::<f32>(sizes, bytes),
            DType::F64 => read::<f64>(sizes, bytes),
            DType::I32 => read::<i32>(sizes, bytes),
            DType::I64 => read::<i64>(sizes, bytes),
            DType::U8 => read::<u8>(sizes, bytes),
            DType::Bool => read::<bool>(sizes, bytes),
        }
    }
}

impl PartialEq for Literal {
    fn eq(&self, other: &Literal) -> bool {
        self.dtype() == other.dtype()
            && self.sizes() == other.sizes()
            && self.scalars().eq(other.scalars())
    }
}

impl Eq for Literal {}

impl From<Scalar> for Literal {
    fn from(value: Scalar) -> Literal {
        Literal::scalar(value)
    }
}

/// Prints the elements as a nested list: `[[1.0, 2.0], [3.0, 4.0]]`.
impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn nested(
            f: &mut fmt::Formatter<'_>,
            sizes: &[usize],
            elements: &mut dyn Iterator<Item = Scalar>,
        ) -> fmt::Result {
            let Some((&n, inner)) = sizes.split_first() else {
                return elements.next().map_or(Ok(()), |s| write!(f, "{s}"));
            };
            f.write_str("[")?;
            for i in 0..n {
                f.write_str(if i > 0 { ", " } else { "" })?;
                nested(f, inner, elements)?;
            }
            f.write_str("]")
        }
        nested(f, self.sizes(), &mut self.scalars())
    }
}
