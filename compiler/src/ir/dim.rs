//! Dimensions: polynomials with integer coefficients in symbols and `floor_div` atoms, kept in
//! normal form, so that equality of dimensions is equality of values of this type.
//!
//! Invariant: terms are sorted by monomial, no coefficient is zero, factors of a monomial are
//! sorted and have positive powers, and there is at least one. Every symbol stands for a number of at
//! least 1.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// The name of a dimension known only when data arrives (`batch`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Symbol(pub Arc<str>);

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a polynomial is made of besides numbers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Atom {
    Symbol(Symbol),
    /// `floor(a / b)`, where the division is not exact as polynomials.
    FloorDiv(Arc<(Dim, Dim)>),
}

type Monomial = Vec<(Atom, u32)>;

/// One dimension of a shape. A number, which most are, owns no memory, and copies share theirs.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Dim {
    constant: i64,
    /// What is added to it.
    terms: Arc<[(Monomial, i64)]>,
}

/// Whether two dimensions agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreement {
    /// Equal as polynomials.
    Equal,
    /// Never taken to be equal.
    Different,
    /// Only a `//` or `%` of symbols could tell; decided when the symbols are bound.
    Open,
}

/// Why a dimension cannot be computed. The user's sizes are at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DimError {
    /// A coefficient or a value leaves the range of 64-bit integers.
    #[error("the size of a dimension overflows 64 bits")]
    Overflow,
    /// A division by zero.
    #[error("a dimension is divided by zero")]
    DivisionByZero,
    /// A symbol without a number.
    #[error("no number is bound to the dimension `{0}`")]
    Unbound(Symbol),
}

/// Numbers for symbols.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Binding {
    numbers: BTreeMap<Symbol, u64>,
}

impl Binding {
    /// Binds `name` to `number` (at least 1); returns the number that was bound before.
    pub fn bind(&mut self, name: &str, number: u64) -> Option<u64> {
        self.numbers.insert(Symbol(name.into()), number)
    }

    /// The number bound to a symbol.
    pub fn get(&self, symbol: &Symbol) -> Option<u64> {
        self.numbers.get(symbol).copied()
    }

    /// The bound symbols with their numbers, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&Symbol, u64)> {
        self.numbers.iter().map(|(s, n)| (s, *n))
    }
}

impl<'a> FromIterator<(&'a str, u64)> for Binding {
    fn from_iter<I: IntoIterator<Item = (&'a str, u64)>>(pairs: I) -> Binding {
        let numbers = pairs.into_iter().map(|(s, n)| (Symbol(s.into()), n)).collect();
        Binding { numbers }
    }
}

impl Dim {
    /// The dimension that a symbol names.
    pub fn symbol(name: &str) -> Dim {
        Dim::atom(Atom::Symbol(Symbol(name.into())))
    }

    fn atom(atom: Atom) -> Dim {
        Dim { constant: 0, terms: [(vec![(atom, 1)], 1)].into() }
    }

    /// A number.
    pub fn number(n: i64) -> Dim {
        Dim { constant: n, ..Dim::default() }
    }

    /// The number that this is, if it holds no symbol.
    pub fn as_number(&self) -> Option<i64> {
        self.terms.is_empty().then_some(self.constant)
    }

    /// Whether this is the literal number 1, the only dimension that broadcasts.
    pub fn is_one(&self) -> bool {
        self.as_number() == Some(1)
    }

    /// How many terms the polynomial has.
    pub fn n_terms(&self) -> usize {
        self.each_term().count()
    }

    /// `self + other`.
    pub fn add(&self, other: &Dim) -> Result<Dim, DimError> {
        let terms = match (self.as_number(), other.as_number()) {
            (_, Some(_)) => &self.terms,
            (Some(_), None) => &other.terms,
            (None, None) => {
                return Dim::from_terms(self.owned_terms().chain(other.owned_terms()));
            }
        };
        let constant = self.constant.checked_add(other.constant).ok_or(DimError::Overflow)?;
        Ok(Dim { constant, terms: terms.clone() })
    }

    /// `self - other`.
    pub fn sub(&self, other: &Dim) -> Result<Dim, DimError> {
        self.add(&other.mul(&Dim::number(-1))?)
    }

    /// `self * other`.
    pub fn mul(&self, other: &Dim) -> Result<Dim, DimError> {
        if let (Some(a), Some(b)) = (self.as_number(), other.as_number()) {
            return a.checked_mul(b).map(Dim::number).ok_or(DimError::Overflow);
        }
        let mut terms = Vec::with_capacity(self.n_terms() * other.n_terms());
        for (m, a) in self.each_term() {
            for (n, b) in other.each_term() {
                terms.push((multiply(m, n), a.checked_mul(b).ok_or(DimError::Overflow)?));
            }
        }
        Dim::from_terms(terms)
    }

    /// `floor(self / other)`: exact where the polynomials divide, otherwise with an atom.
    pub fn floor_div(&self, other: &Dim) -> Result<Dim, DimError> {
        if let (Some(a), Some(b)) = (self.as_number(), other.as_number()) {
            let q = floor_div(a, b).ok_or(if b == 0 {
                DimError::DivisionByZero
            } else {
                DimError::Overflow
            })?;
            return Ok(Dim::number(q));
        }
        let mut divisors = other.each_term();
        let Some((divisor, c)) = divisors.next() else { return Err(DimError::DivisionByZero) };
        if divisors.next().is_some() {
            return Ok(self.opaque_div(other));
        }
        let (mut whole, mut rest) = (vec![], vec![]);
        for (m, a) in self.each_term() {
            match divide(m, divisor) {
                Some(q) if a.checked_rem(c) == Some(0) => whole.push((q, a / c)),
                _ => rest.push((m.to_vec(), a)),
            }
        }
        // floor((c·q + r) / c) = q + floor(r / c) for every integer q.
        let rest = Dim::from_terms(rest)?;
        let tail = match (rest.as_number(), other.as_number()) {
            (Some(0), _) => rest,
            (Some(_), Some(_)) => rest.floor_div(other)?,
            _ => rest.opaque_div(other),
        };
        Dim::from_terms(whole)?.add(&tail)
    }

    /// `self - floor(self / other) * other`.
    pub fn modulo(&self, other: &Dim) -> Result<Dim, DimError> {
        self.sub(&self.floor_div(other)?.mul(other)?)
    }

    /// Whether the two agree.
    pub fn agreement(&self, other: &Dim) -> Agreement {
        if self == other {
            return Agreement::Equal;
        }
        match self.sub(other) {
            Ok(d) if d.has_division() => Agreement::Open,
            Ok(_) | Err(_) => Agreement::Different,
        }
    }

    /// The number that this is under `binding`. Errors: an unbound symbol, overflow, `x // 0`.
    pub fn evaluate(&self, binding: &Binding) -> Result<i64, DimError> {
        let mut sum = self.constant;
        for (monomial, coefficient) in &*self.terms {
            let mut product = *coefficient;
            for (atom, power) in monomial {
                let value = match atom {
                    Atom::Symbol(s) => {
                        let n = binding.get(s).ok_or_else(|| DimError::Unbound(s.clone()))?;
                        i64::try_from(n).map_err(|_| DimError::Overflow)?
                    }
                    Atom::FloorDiv(pair) => {
                        let (a, b) = (pair.0.evaluate(binding)?, pair.1.evaluate(binding)?);
                        floor_div(a, b).ok_or(DimError::DivisionByZero)?
                    }
                };
                let value = value.checked_pow(*power).ok_or(DimError::Overflow)?;
                product = product.checked_mul(value).ok_or(DimError::Overflow)?;
            }
            sum = sum.checked_add(product).ok_or(DimError::Overflow)?;
        }
        Ok(sum)
    }

    /// The symbols that occur, by name, each once.
    pub fn symbols(&self) -> Vec<Symbol> {
        let mut found = vec![];
        self.collect_symbols(&mut found);
        found.sort();
        found.dedup();
        found
    }

    fn collect_symbols(&self, found: &mut Vec<Symbol>) {
        for atom in self.terms.iter().flat_map(|(m, _)| m).map(|(a, _)| a) {
            match atom {
                Atom::Symbol(s) => found.push(s.clone()),
                Atom::FloorDiv(pair) => {
                    pair.0.collect_symbols(found);
                    pair.1.collect_symbols(found);
                }
            }
        }
    }

    fn has_division(&self) -> bool {
        self.terms.iter().flat_map(|(m, _)| m).any(|(a, _)| matches!(a, Atom::FloorDiv(_)))
    }

    fn opaque_div(&self, other: &Dim) -> Dim {
        Dim::atom(Atom::FloorDiv(Arc::new((self.clone(), other.clone()))))
    }

    /// The terms, the lowest first: the number, unless it is 0, is one of no factors.
    fn each_term(&self) -> impl DoubleEndedIterator<Item = (&[(Atom, u32)], i64)> {
        let number = (self.constant != 0).then_some((&[][..], self.constant));
        number.into_iter().chain(self.terms.iter().map(|(monomial, n)| (&monomial[..], *n)))
    }

    fn owned_terms(&self) -> impl Iterator<Item = (Monomial, i64)> {
        self.each_term().map(|(monomial, n)| (monomial.to_vec(), n))
    }

    fn from_terms(terms: impl IntoIterator<Item = (Monomial, i64)>) -> Result<Dim, DimError> {
        let mut sums: BTreeMap<Monomial, i64> = BTreeMap::new();
        for (monomial, n) in terms {
            let sum = sums.entry(monomial).or_insert(0);
            *sum = sum.checked_add(n).ok_or(DimError::Overflow)?;
        }
        let constant = sums.remove(&[][..]).unwrap_or(0);
        Ok(Dim { constant, terms: sums.into_iter().filter(|(_, n)| *n != 0).collect() })
    }
}

impl From<usize> for Dim {
    fn from(n: usize) -> Dim {
        Dim::number(n as i64)
    }
}

/// `floor(a / b)`, `None` where it is undefined or overflows.
fn floor_div(a: i64, b: i64) -> Option<i64> {
    let q = a.checked_div(b)?;
    Some(if a % b != 0 && (a < 0) != (b < 0) { q - 1 } else { q })
}

fn multiply(a: &[(Atom, u32)], b: &[(Atom, u32)]) -> Monomial {
    let mut powers: BTreeMap<Atom, u32> = a.iter().cloned().collect();
    for (atom, power) in b {
        *powers.entry(atom.clone()).or_insert(0) += power;
    }
    powers.into_iter().collect()
}

/// `a / b` where every factor of `b` divides `a`.
fn divide(a: &[(Atom, u32)], b: &[(Atom, u32)]) -> Option<Monomial> {
    let mut powers: BTreeMap<Atom, u32> = a.iter().cloned().collect();
    for (atom, power) in b {
        let left = powers.get_mut(atom)?;
        *left = left.checked_sub(*power)?;
    }
    Some(powers.into_iter().filter(|(_, p)| *p > 0).collect())
}

/// Prints in the language: the highest terms first, `batch * 4 + 1`, `(batch + 1) // 2`.
impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Dim::default() {
            return f.write_str("0");
        }
        for (i, (monomial, n)) in self.each_term().rev().enumerate() {
            match (i, n < 0) {
                (0, true) => f.write_str("-")?,
                (0, false) => {}
                (_, true) => f.write_str(" - ")?,
                (_, false) => f.write_str(" + ")?,
            }
            let size = n.unsigned_abs();
            if monomial.is_empty() {
                write!(f, "{size}")?;
                continue;
            }
            let factors = monomial.iter().flat_map(|(a, p)| std::iter::repeat_n(a, *p as usize));
            for (j, atom) in factors.enumerate() {
                let star = if j > 0 { " * " } else { "" };
                match atom {
                    Atom::Symbol(s) => write!(f, "{star}{s}")?,
                    Atom::FloorDiv(p)
                        if self.n_terms() == 1 && monomial.len() == 1 && size == 1 =>
                    {
                        write!(f, "{star}{} // {}", Factor(&p.0), Factor(&p.1))?;
                    }
                    Atom::FloorDiv(p) => write!(f, "{star}({} // {})", Factor(&p.0), Factor(&p.1))?,
                }
            }
            if size != 1 {
                write!(f, " * {size}")?;
            }
        }
        Ok(())
    }
}

/// A dimension as an operand of `//`: in parentheses unless it is one name or number.
struct Factor<'a>(&'a Dim);

impl fmt::Display for Factor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        if text.chars().all(|c| c.is_alphanumeric() || c == '_') {
            f.write_str(&text)
        } else {
            write!(f, "({text})")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn b() -> Dim {
        Dim::symbol("batch")
    }

    #[test]
    fn prints_and_normalises() {
        let four = Dim::number(4);
        let cases = [
            (b().mul(&four), "batch * 4"),
            (b().mul(&four).and_then(|d| d.floor_div(&Dim::number(2))), "batch * 2"),
            (
                b().add(&Dim::number(1)).and_then(|d| d.floor_div(&Dim::number(2))),
                "(batch + 1) // 2",
            ),
            (b().sub(&b()), "0"),
            (b().mul(&b()).and_then(|d| d.floor_div(&b())), "batch"),
            (b().mul(&four).and_then(|d| d.modulo(&four)), "0"),
            (Dim::number(-7).floor_div(&Dim::number(2)), "-4"),
            (
                b().mul(&four)
                    .and_then(|d| d.add(&Dim::number(7)))
                    .and_then(|d| d.floor_div(&four)),
                "batch + 1",
            ),
        ];
        for (dim, text) in cases {
            assert_eq!(dim.map(|d| d.to_string()), Ok(text.to_string()));
        }
    }

    #[test]
    fn agrees_only_where_polynomials_do() {
        let half = b().floor_div(&Dim::number(2)).expect("no overflow");
        assert_eq!(b().agreement(&b()), Agreement::Equal);
        assert_eq!(b().agreement(&Dim::number(32)), Agreement::Different);
        assert_eq!(b().agreement(&Dim::symbol("n")), Agreement::Different);
        assert_eq!(half.agreement(&Dim::number(16)), Agreement::Open);
        assert_eq!(half.evaluate(&Binding::from_iter([("batch", 33)])), Ok(16));
    }
}
