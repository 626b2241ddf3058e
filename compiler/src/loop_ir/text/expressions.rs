//! Reading a line from left to right: words, positions and expressions.

use rustc_hash::FxHashMap;

use super::line::{Line, TextError};
use super::tokens::Token;
use super::{Strength, literals};
use crate::ir::{
    AxisId, BinaryFn, CompareFn, DType, Expr, ExprId, Exprs, Index, IndexId, IndexTerms, PlaceId,
    Scalar, Term, UnaryFn, VarId,
};
use crate::loop_ir::Extent;

/// How deep parentheses may stand in each other.
const DEEPEST: usize = 400;

/// What names stand for.
#[derive(Default)]
pub(super) struct Names {
    pub(super) places: FxHashMap<String, PlaceId>,
    pub(super) place_types: FxHashMap<PlaceId, DType>,
    pub(super) axes: FxHashMap<String, AxisId>,
    pub(super) vars: FxHashMap<String, (VarId, DType)>,
    /// What the statement that follows uses more than once.
    pub(super) shared: FxHashMap<String, ExprId>,
}

/// The largest size, so that no product of one with the bytes of an element is too large to count.
pub(super) const LARGEST: usize = 1 << 48;

/// A place in a line.
pub(super) struct Cursor<'a> {
    line: &'a Line<'a>,
    at: usize,
    depth: usize,
    pub(super) exprs: &'a mut Exprs,
    pub(super) names: &'a mut Names,
}

type Read<T> = Result<T, TextError>;

/// What an operator makes of two operands.
#[derive(Clone, Copy)]
enum Operator {
    Binary(BinaryFn),
    Compare(CompareFn),
    ShiftLeft,
    ShiftRight,
}

impl Operator {
    fn named(name: &str) -> Option<Operator> {
        let binary = BinaryFn::ALL.into_iter().find(|f| f.symbol() == Some(name));
        let compare = CompareFn::ALL.into_iter().find(|f| f.symbol() == name);
        match name {
            "<<" => Some(Operator::ShiftLeft),
            ">>" => Some(Operator::ShiftRight),
            _ => binary.map(Operator::Binary).or(compare.map(Operator::Compare)),
        }
    }

    fn strength(self) -> Strength {
        match self {
            Operator::Binary(f) => Strength::of(f),
            Operator::Compare(_) => Strength::Compare,
            Operator::ShiftLeft | Operator::ShiftRight => Strength::Shift,
        }
    }
}

impl<'a> Cursor<'a> {
    pub(super) fn new(
        line: &'a Line<'a>,
        exprs: &'a mut Exprs,
        names: &'a mut Names,
    ) -> Cursor<'a> {
        Cursor { line, at: 0, depth: 0, exprs, names }
    }

    fn peek(&self) -> Option<&'a Token> {
        self.line.tokens.get(self.at).map(|(token, _)| token)
    }

    /// The column of the next token.
    pub(super) fn column(&self) -> usize {
        let next = self.line.tokens.get(self.at).or(self.line.tokens.last());
        next.map_or(1, |(_, column)| *column)
    }

    fn error<T>(&self, message: impl Into<String>) -> Read<T> {
        let (line, column) = (self.line.number, self.column());
        Err(TextError { line, column, message: message.into() })
    }

    fn wanted<T>(&self, what: &str) -> Read<T> {
        match self.peek() {
            None => self.error(format!("{what} is missing at the end of the line")),
            Some(Token::Name(found) | Token::Number(found)) => {
                self.error(format!("`{found}` stands where {what} is needed"))
            }
            Some(Token::Sign(found)) => {
                self.error(format!("`{found}` stands where {what} is needed"))
            }
        }
    }

    /// That the line ends here.
    pub(super) fn end(&self) -> Read<()> {
        if self.peek().is_none() { Ok(()) } else { self.wanted("the end of the line") }
    }

    /// Whether a sign is next.
    pub(super) fn is_sign(&self, sign: &str) -> bool {
        matches!(self.peek(), Some(Token::Sign(next)) if *next == sign)
    }

    /// Goes past a sign, if it is next.
    pub(super) fn take(&mut self, sign: &str) -> bool {
        let is_next = self.is_sign(sign);
        self.at += usize::from(is_next);
        is_next
    }

    pub(super) fn sign(&mut self, sign: &str) -> Read<()> {
        if self.take(sign) { Ok(()) } else { self.wanted(&format!("`{sign}`")) }
    }

    pub(super) fn peek_name(&self) -> Option<&'a str> {
        match self.peek() {
            Some(Token::Name(name)) => Some(name),
            Some(Token::Number(_) | Token::Sign(_)) | None => None,
        }
    }

    /// Goes past a word, if it is next.
    pub(super) fn take_word(&mut self, word: &str) -> bool {
        let is_next = self.peek_name() == Some(word);
        self.at += usize::from(is_next);
        is_next
    }

    pub(super) fn word(&mut self, word: &str) -> Read<()> {
        if self.take_word(word) { Ok(()) } else { self.wanted(&format!("`{word}`")) }
    }

    pub(super) fn name(&mut self, what: &str) -> Read<String> {
        match self.peek_name() {
            Some(name) => {
                self.at += 1;
                Ok(name.to_string())
            }
            None => self.wanted(what),
        }
    }

    pub(super) fn dtype(&mut self) -> Read<DType> {
        match self.peek_name().and_then(DType::from_name) {
            Some(dtype) => {
                self.at += 1;
                Ok(dtype)
            }
            None => self.wanted("a type"),
        }
    }

    /// A whole number.
    pub(super) fn number<T: std::str::FromStr>(&mut self, what: &str) -> Read<T> {
        let number = match self.peek() {
            Some(Token::Number(text)) => text.parse().ok(),
            Some(Token::Name(_) | Token::Sign(_)) | None => None,
        };
        match number {
            Some(number) => {
                self.at += 1;
                Ok(number)
            }
            None => self.wanted(what),
        }
    }

    /// `[1, 2, 3]`.
    pub(super) fn numbers<T: std::str::FromStr + Copy + Default, const N: usize>(
        &mut self,
    ) -> Read<[T; N]> {
        let mut numbers = [T::default(); N];
        for (i, number) in numbers.iter_mut().enumerate() {
            self.sign(if i == 0 { "[" } else { "," })?;
            *number = self.number("a number")?;
        }
        self.sign("]")?;
        Ok(numbers)
    }

    /// One, or several in parentheses.
    pub(super) fn list<T>(&mut self, mut one: impl FnMut(&mut Self) -> Read<T>) -> Read<Vec<T>> {
        if !self.take("(") {
            return Ok(vec![one(self)?]);
        }
        let mut list = vec![one(self)?];
        while self.take(",") {
            list.push(one(self)?);
        }
        self.sign(")")?;
        Ok(list)
    }

    /// `128`, or `min(4, 7 - 4 u0)`.
    pub(super) fn extent(&mut self) -> Read<Extent> {
        if !self.take_word("min") {
            return Ok(Extent::Const(self.size("an extent")?));
        }
        self.sign("(")?;
        let block = self.size("the size of a block")?;
        self.sign(",")?;
        let total = self.size("the size of all blocks")?;
        self.sign("-")?;
        if self.number::<usize>("the size of a block")? != block {
            return self.error("a block has two sizes");
        }
        let axis = self.axis()?;
        self.sign(")")?;
        Ok(Extent::Block { axis, block, total })
    }

    /// What a name stands for.
    fn known<T: Copy>(
        &mut self,
        names: impl FnOnce(&Names) -> &FxHashMap<String, T>,
        what: &str,
    ) -> Read<T> {
        let found = self.peek_name().and_then(|name| names(self.names).get(name).copied());
        match found {
            Some(found) => {
                self.at += 1;
                Ok(found)
            }
            None => self.wanted(what),
        }
    }

    fn axis(&mut self) -> Read<AxisId> {
        self.known(|names| &names.axes, "an axis")
    }

    pub(super) fn var(&mut self) -> Read<(VarId, DType)> {
        self.known(|names| &names.vars, "a bound value")
    }

    pub(super) fn place(&mut self) -> Read<PlaceId> {
        self.known(|names| &names.places, "a memory")
    }

    /// How many there are of something: no more than a memory could hold.
    pub(super) fn size(&mut self, what: &str) -> Read<usize> {
        match self.number(what)? {
            n if n <= LARGEST => Ok(n),
            n => self.error(format!("{n} before this is more than {LARGEST}")),
        }
    }

    /// `x[2 i0 + 1]`.
    pub(super) fn element(&mut self) -> Read<(PlaceId, IndexId)> {
        let place = self.place()?;
        self.sign("[")?;
        let index = self.index()?;
        self.sign("]")?;
        Ok((place, index))
    }

    /// Runs something one level deeper.
    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<T> {
        if self.depth == DEEPEST {
            return self.error("there are too many parentheses in each other");
        }
        self.depth += 1;
        let found = read(self);
        self.depth -= 1;
        found
    }

    /// `2 i0 + (i1) // 4 - 1`.
    pub(super) fn index(&mut self) -> Read<IndexId> {
        let mut terms = IndexTerms::new();
        let mut constant = 0i64;
        let mut sign = if self.take("-") { -1 } else { 1 };
        loop {
            let factor = match self.peek() {
                Some(Token::Number(_)) => Some(self.number::<i64>("a whole number")?),
                Some(Token::Name(_) | Token::Sign(_)) | None => None,
            };
            let is_term = self.peek_name().is_some() || self.is_sign("(");
            let coefficient = factor.unwrap_or(1).checked_mul(sign);
            let Some(coefficient) = coefficient else { return self.error("a number is too large") };
            if factor.is_none() || is_term {
                terms.push((self.deeper(Cursor::term)?, coefficient));
            } else {
                match constant.checked_add(coefficient) {
                    Some(sum) => constant = sum,
                    None => return self.error("a number is too large"),
                }
            }
            sign = match (self.take("+"), self.take("-")) {
                (true, _) => 1,
                (false, true) => -1,
                (false, false) => break,
            };
        }
        terms.sort_unstable();
        let distinct = terms.windows(2).all(|pair| pair[0].0 != pair[1].0);
        if !distinct || terms.iter().any(|(_, c)| *c == 0) {
            return self.error("the position before has a term twice or 0 times");
        }
        Ok(self.exprs.intern_index(Index { terms, constant }))
    }

    /// `i0`, `(i0 + 1) // 4`, `(i0) % 4` or `clamp(x[i0], 10)`.
    fn term(&mut self) -> Read<Term> {
        if self.take_word("clamp") {
            self.sign("(")?;
            let value = self.expr()?;
            self.sign(",")?;
            let size = self.number("a size")?;
            self.sign(")")?;
            return Ok(Term::Data(value, size));
        }
        if !self.take("(") {
            return self.axis().map(Term::Axis);
        }
        let index = self.index()?;
        self.sign(")")?;
        match (self.take("//"), self.take("%")) {
            (true, _) => Ok(Term::Div(index, self.positive()?)),
            (false, true) => Ok(Term::Mod(index, self.positive()?)),
            (false, false) => self.wanted("`//` or `%`"),
        }
    }

    fn positive(&mut self) -> Read<i64> {
        match self.number("a positive number")? {
            n if n > 0 => Ok(n),
            n => self.error(format!("{n} before this is not positive")),
        }
    }

    pub(super) fn expr(&mut self) -> Read<ExprId> {
        self.at_least(Strength::Logic)
    }

    /// An operand of a comparison.
    pub(super) fn operand(&mut self) -> Read<ExprId> {
        self.at_least(Strength::Compare.left())
    }

    /// An expression of operators that bind so strongly or more.
    fn at_least(&mut self, least: Strength) -> Read<ExprId> {
        self.deeper(|cursor| {
            let mut left = cursor.atom()?;
            let mut strength = Strength::Atom;
            while let Some(operator) = cursor.operator(least) {
                if strength < operator.strength().left() {
                    return cursor.error("what stands before this needs parentheses");
                }
                cursor.at += 1;
                left = cursor.applied(operator, left)?;
                strength = operator.strength();
            }
            Ok(left)
        })
    }

    /// The next operator, if it binds so strongly.
    fn operator(&self, least: Strength) -> Option<Operator> {
        let operator = match self.peek()? {
            Token::Sign(sign) => Operator::named(sign)?,
            Token::Name(name) => Operator::named(name)?,
            Token::Number(_) => return None,
        };
        (operator.strength() >= least).then_some(operator)
    }

    fn applied(&mut self, operator: Operator, left: ExprId) -> Read<ExprId> {
        let expr = match operator {
            Operator::Binary(f) => {
                Expr::Binary(f, left, self.at_least(operator.strength().right())?)
            }
            Operator::Compare(f) => {
                Expr::Compare(f, left, self.at_least(operator.strength().right())?)
            }
            Operator::ShiftLeft => Expr::ShiftLeft(left, self.number("a number of bits")?),
            Operator::ShiftRight => Expr::ShiftRightSigned(left, self.number("a number of bits")?),
        };
        Ok(self.exprs.intern(expr))
    }

    fn atom(&mut self) -> Read<ExprId> {
        let Some(token) = self.peek() else { return self.wanted("a value") };
        let next = self.line.tokens.get(self.at + 1).map(|(token, _)| token);
        match token {
            Token::Sign("(") => {
                self.at += 1;
                let inner = self.expr()?;
                self.sign(")")?;
                Ok(inner)
            }
            Token::Sign(_) => self.wanted("a value"),
            Token::Number(text) => match literals::read(text) {
                Some(value) => {
                    self.at += 1;
                    Ok(self.exprs.constant(value))
                }
                None => self.wanted("a number of its type"),
            },
            Token::Name(name) => match next {
                Some(Token::Sign("[")) => self.load(name),
                Some(Token::Sign("(")) => self.call(name),
                Some(Token::Sign(_) | Token::Name(_) | Token::Number(_)) | None => self.named(name),
            },
        }
    }

    /// `x[i0]`, or a position as a number: `i32[i0]`.
    fn load(&mut self, name: &str) -> Read<ExprId> {
        if let Some(dtype) = DType::from_name(name) {
            self.at += 1;
            self.sign("[")?;
            let index = self.index()?;
            self.sign("]")?;
            return Ok(self.exprs.intern(Expr::Index(index, dtype)));
        }
        let (place, index) = self.element()?;
        let dtype = self.names.place_types[&place];
        Ok(self.exprs.intern(Expr::Load { place, index, dtype }))
    }

    /// `v0`, `t0`, `true`.
    fn named(&mut self, name: &str) -> Read<ExprId> {
        if let "true" | "false" = name {
            self.at += 1;
            return Ok(self.exprs.constant(Scalar::Bool(name == "true")));
        }
        if let Some(&shared) = self.names.shared.get(name) {
            self.at += 1;
            return Ok(shared);
        }
        let (var, dtype) = self.var()?;
        Ok(self.exprs.intern(Expr::Var(var, dtype)))
    }

    /// `select(c, a, b)` and other functions.
    fn call(&mut self, name: &str) -> Read<ExprId> {
        let start = self.at;
        self.at += 1;
        let arguments = self.list(Cursor::expr)?;
        let bits = name.strip_prefix("bits_").and_then(DType::from_name);
        let expr = match (name, &arguments[..]) {
            ("select", &[c, a, b]) => Some(Expr::Select(c, a, b)),
            ("fma", &[a, b, c]) => Some(Expr::Fma(a, b, c)),
            (_, &[x]) => {
                let unary = || UnaryFn::ALL.into_iter().find(|f| f.name() == name);
                let cast = DType::from_name(name).map(|dtype| Expr::Cast(dtype, x));
                let bits = bits.map(|dtype| Expr::Bitcast(dtype, x));
                cast.or(bits).or_else(|| unary().map(|f| Expr::Unary(f, x)))
            }
            (_, &[a, b]) => {
                let binary = BinaryFn::ALL.into_iter().find(|f| f.name() == name);
                binary.map(|f| Expr::Binary(f, a, b))
            }
            _ => None,
        };
        let Some(expr) = expr else {
            self.at = start;
            let n = arguments.len();
            return self.error(format!("there is no function `{name}` of {n} values"));
        };
        Ok(self.exprs.intern(expr))
    }
}
