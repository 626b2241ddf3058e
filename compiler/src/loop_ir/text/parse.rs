//! Reading kernels: lines, and the statements that they make.

use std::str::FromStr;

use super::expressions::{Cursor, LARGEST, Names};
use super::line::{Line, TextError, at, lines};
use super::tokens::Token;
use crate::ir::{DType, Exprs, LibraryFn, Monoid, OriginId, PlaceId};
use crate::loop_ir::{
    Buffer, Chunk, ChunkFn, Extent, Fold, Kernel, Local, Loop, LoopKind, Stmt, Tile, View,
};

/// Reads the kernels of a text, as `dump --stage loops` prints them; lines that begin with `#` say
/// nothing. A kernel that is read prints as the same text. Whether it may run is for
/// [`verify`](crate::loop_ir::verify) to say.
///
/// # Errors
/// The first place at which the text is no kernel's.
pub fn parse_kernels(text: &str) -> Result<Vec<Kernel>, TextError> {
    let mut lines = lines(text)?.into_iter().peekable();
    let mut kernels = vec![];
    while let Some(head) = lines.next() {
        let mut body = vec![];
        while let Some(line) = lines.next_if(|line| line.depth > 0) {
            body.push(line);
        }
        kernels.push(kernel(&head, &body)?);
    }
    Ok(kernels)
}

impl FromStr for Kernel {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Kernel, TextError> {
        let mut kernels = parse_kernels(text)?;
        match kernels.len() {
            1 => Ok(kernels.remove(0)),
            n => {
                let message = format!("there are {n} kernels, where there should be one");
                Err(TextError { line: 1, column: 1, message })
            }
        }
    }
}

/// A kernel of its first line and the others.
fn kernel(head: &Line<'_>, lines: &[Line<'_>]) -> Result<Kernel, TextError> {
    let error = |message: &str| TextError { line: head.number, column: 1, message: message.into() };
    let head = head.text.strip_prefix("kernel ").and_then(|rest| rest.rsplit_once(", cost "));
    let (name, cost) = head.ok_or(error("a kernel begins with `kernel NAME, cost NUMBER`"))?;
    let cost = cost.trim_end().parse().map_err(|_| error("the cost is a number"))?;
    let mut reader = Reader {
        kernel: Kernel {
            name: name.to_string(),
            exprs: Exprs::default(),
            units: vec![],
            buffers: vec![],
            locals: vec![],
            body: vec![],
            cost,
        },
        names: Names::default(),
    };
    let units = lines.iter().take_while(|line| !reader.is_units(line)).count();
    for line in &lines[..units] {
        reader.memory(line)?;
    }
    let Some(line) = lines.get(units) else {
        return Err(error("the kernel has no line `once:` or `units u0 < NUMBER:`"));
    };
    reader.units(line)?;
    let mut rest = &lines[units + 1..];
    let (body, folds) = reader.body(&mut rest, 2)?;
    match (rest.first(), folds.is_empty()) {
        (Some(line), _) => Err(at(line, 1, "the line is indented otherwise than those around it")),
        (None, false) => Err(error("something is folded outside of a loop")),
        (None, true) => Ok(Kernel { body, ..reader.kernel }),
    }
}

struct Reader {
    kernel: Kernel,
    names: Names,
}

type Read<T> = Result<T, TextError>;

impl Reader {
    fn is_units(&self, line: &Line<'_>) -> bool {
        let words = ["once", "units"];
        line.depth == 1
            && matches!(&line.tokens[0].0, Token::Name(n) if words.contains(&n.as_str()))
    }

    fn cursor<'a>(&'a mut self, line: &'a Line<'a>) -> Cursor<'a> {
        Cursor::new(line, &mut self.kernel.exprs, &mut self.names)
    }

    /// `buffer x: f32[10]`, `written` or `local`.
    fn memory(&mut self, line: &Line<'_>) -> Read<()> {
        if line.depth != 1 {
            return Err(at(line, 1, "a memory is indented by two spaces"));
        }
        let mut cursor = self.cursor(line);
        let kind = cursor.name("`buffer`, `written` or `local`")?;
        let place_at = cursor.column();
        let name = cursor.name("a name")?;
        cursor.sign(":")?;
        let dtype = cursor.dtype()?;
        cursor.sign("[")?;
        let len = cursor.size("a number of elements")?;
        cursor.sign("]")?;
        cursor.end()?;
        let (buffers, locals) = (self.kernel.buffers.len() as u32, self.kernel.locals.len() as u32);
        let place = match kind.as_str() {
            "buffer" | "written" => {
                let written = kind == "written";
                self.kernel.buffers.push(Buffer { name: name.clone(), dtype, len, written });
                PlaceId::Buffer(buffers)
            }
            "local" => {
                self.kernel.locals.push(Local { name: name.clone(), dtype, len });
                PlaceId::Local(locals)
            }
            _ => return Err(at(line, 1, "a memory is a `buffer`, `written` or `local`")),
        };
        self.names.place_types.insert(place, dtype);
        match self.names.places.insert(name, place) {
            None => Ok(()),
            Some(_) => Err(at(line, place_at, "there is a memory of this name")),
        }
    }

    /// `once:` or `units u0 < 4, u1 < 7:`.
    fn units(&mut self, line: &Line<'_>) -> Read<()> {
        let (mut units, mut n_units) = (vec![], 1usize);
        let mut cursor = self.cursor(line);
        if cursor.name("`once` or `units`")? == "units" {
            loop {
                let (name, column) = (cursor.name("a name")?, cursor.column());
                cursor.sign("<")?;
                let extent = cursor.size("an extent")?;
                n_units = n_units.saturating_mul(extent);
                if n_units > LARGEST {
                    return Err(at(line, column, "there are too many units to count"));
                }
                let axis = cursor.exprs.axis(extent);
                if cursor.names.axes.insert(name, axis).is_some() {
                    return Err(at(line, column, "there is an axis of this name"));
                }
                units.push(axis);
                if !cursor.take(",") {
                    break;
                }
            }
        }
        cursor.sign(":")?;
        cursor.end()?;
        self.kernel.units = units;
        Ok(())
    }

    /// The statements of a depth, and what is folded after them.
    fn body(&mut self, lines: &mut &[Line<'_>], depth: usize) -> Read<(Vec<Stmt>, Vec<Fold>)> {
        let (mut body, mut folds) = (vec![], vec![]);
        while let Some((line, rest)) = lines.split_first().filter(|(line, _)| line.depth == depth) {
            *lines = rest;
            let first = match &line.tokens[0].0 {
                Token::Name(name) => name.as_str(),
                Token::Number(_) | Token::Sign(_) => "",
            };
            let token = |at: usize| line.tokens.get(at).map(|(token, _)| token);
            if token(1) == Some(&Token::Sign("=")) {
                self.shared(line)?;
                continue;
            }
            let is_element = token(1) == Some(&Token::Sign("["));
            let combines = matches!(token(1), Some(Token::Name(name)) if monoid(name).is_some());
            // Several values stand in parentheses.
            if first.is_empty() || combines && token(2) == Some(&Token::Sign("=")) {
                folds.push(self.fold(line)?);
            } else if !folds.is_empty() {
                return Err(at(line, 1, "a statement stands after what the loop folds"));
            } else {
                let stmt = match first {
                    _ if is_element => self.store(line)?,
                    "for" => self.for_loop(line, lines, depth, &mut body)?,
                    "check" => self.check(line)?,
                    "tile" => Stmt::Tile(Box::new(self.tile(line)?)),
                    "chunk" | "sort" | "claim" => Stmt::Chunk(self.chunk(line, first)?),
                    _ => self.binding(line)?,
                };
                body.push(stmt);
            }
            self.names.shared.clear();
        }
        Ok((body, folds))
    }

    /// `t0 = x[0] + 1.0`.
    fn shared(&mut self, line: &Line<'_>) -> Read<()> {
        let mut cursor = self.cursor(line);
        let name = cursor.name("a name")?;
        cursor.sign("=")?;
        let value = cursor.expr()?;
        cursor.end()?;
        cursor.names.shared.insert(name, value);
        Ok(())
    }

    /// `v0: f32 = x[0]`.
    fn binding(&mut self, line: &Line<'_>) -> Read<Stmt> {
        let mut cursor = self.cursor(line);
        let name = cursor.name("a name")?;
        cursor.sign(":")?;
        let column = cursor.column();
        let dtype = cursor.dtype()?;
        cursor.sign("=")?;
        let value = cursor.expr()?;
        cursor.end()?;
        if cursor.exprs.dtype(value) != dtype {
            let found = cursor.exprs.dtype(value);
            return Err(at(line, column, &format!("the value is {found}, not {dtype}")));
        }
        let var = cursor.exprs.var();
        match cursor.names.vars.insert(name, (var, dtype)) {
            None => Ok(Stmt::Let(var, value)),
            Some(_) => Err(at(line, 1, "there is a value of this name")),
        }
    }

    /// `y[i0] = v0`.
    fn store(&mut self, line: &Line<'_>) -> Read<Stmt> {
        let mut cursor = self.cursor(line);
        let (place, index) = cursor.element()?;
        cursor.sign("=")?;
        let value = cursor.expr()?;
        cursor.end()?;
        Ok(Stmt::Store { place, index, value, origin: OriginId::default() })
    }

    /// `check 0: 0 <= v0 < 10`.
    fn check(&mut self, line: &Line<'_>) -> Read<Stmt> {
        let mut cursor = self.cursor(line);
        cursor.word("check")?;
        let number = cursor.number("the number of the check")?;
        cursor.sign(":")?;
        if cursor.number::<i64>("0")? != 0 {
            return Err(at(line, 1, "a check is from 0 on"));
        }
        cursor.sign("<=")?;
        let value = cursor.operand()?;
        cursor.sign("<")?;
        let size = cursor.number("a size")?;
        cursor.end()?;
        Ok(Stmt::Check { value, size, number, origin: OriginId::default() })
    }

    /// `for i0 < 128 vector 8:` and its body. What it folds starts from the last bindings before it.
    fn for_loop(
        &mut self,
        line: &Line<'_>,
        lines: &mut &[Line<'_>],
        depth: usize,
        before: &mut Vec<Stmt>,
    ) -> Read<Stmt> {
        let mut cursor = self.cursor(line);
        cursor.word("for")?;
        let name = cursor.name("an axis")?;
        cursor.sign("<")?;
        let extent = cursor.extent()?;
        let kind = match cursor.take_word("vector") {
            true => LoopKind::Vector(cursor.number("a number of lanes")?),
            false => LoopKind::Serial,
        };
        cursor.sign(":")?;
        cursor.end()?;
        let axis = match cursor.names.axes.get(&name) {
            Some(&axis) if cursor.exprs.extent(axis) == extent.max() as i64 => axis,
            Some(_) => {
                return Err(at(line, 1, "there is an axis of this name that counts otherwise"));
            }
            None => {
                let axis = cursor.exprs.axis(extent.max());
                cursor.names.axes.insert(name, axis);
                axis
            }
        };
        let (body, mut folds) = self.body(lines, depth + 1)?;
        let n_vars = folds.iter().map(|fold| fold.vars.len()).sum();
        let Some(first) = before.len().checked_sub(n_vars) else {
            return Err(at(line, 1, "what the loop folds is not bound before it"));
        };
        let mut inits = before.split_off(first).into_iter();
        for fold in &mut folds {
            for &var in &fold.vars {
                match inits.next() {
                    Some(Stmt::Let(own, init)) if own == var => fold.init.push(init),
                    _ => return Err(at(line, 1, "what the loop folds is not bound before it")),
                }
            }
        }
        Ok(Stmt::For(Loop { axis, extent, kind, body, folds }))
    }

    /// `v0 sum= x[i0]` or `(v0, v1) argmax= (x[i0], i32[i0])`, without what it starts from.
    fn fold(&mut self, line: &Line<'_>) -> Read<Fold> {
        let mut cursor = self.cursor(line);
        let vars = cursor.list(|cursor| cursor.var().map(|(var, _)| var))?;
        let column = cursor.column();
        let monoid = monoid(&cursor.name("a function that combines")?);
        let monoid = monoid.ok_or(at(line, column, "values are not combined so"))?;
        cursor.sign("=")?;
        let values =
            if vars.len() == 1 { vec![cursor.expr()?] } else { cursor.list(Cursor::expr)? };
        cursor.end()?;
        Ok(Fold { monoid, vars, init: vec![], values, origin: OriginId::default() })
    }

    fn tile(&mut self, line: &Line<'_>) -> Read<Tile> {
        let mut cursor = self.cursor(line);
        cursor.word("tile")?;
        let dtype = cursor.dtype()?;
        let m = if cursor.take("(") {
            let outer = cursor.extent()?;
            cursor.word("x")?;
            let inner = cursor.extent()?;
            cursor.sign(")")?;
            [outer, inner]
        } else {
            [Extent::Const(1), cursor.extent()?]
        };
        cursor.word("x")?;
        let n = cursor.extent()?;
        cursor.sign(":")?;
        let c = view(&mut cursor)?;
        let accumulate = cursor.take("+=");
        if !accumulate {
            cursor.sign("=")?;
        }
        let mut a = view(&mut cursor)?;
        a.column = if cursor.take_word("by") {
            cursor.word("column")?;
            1
        } else {
            0
        };
        cursor.word("step")?;
        let a_step = cursor.numbers()?;
        cursor.sign("*")?;
        let (place, offset) = cursor.element()?;
        let b = View { place, offset, row: [0, 0], column: 1 };
        cursor.word("step")?;
        let b_step = cursor.numbers()?;
        cursor.word("over")?;
        let len = cursor.numbers()?;
        let within = if cursor.take_word("within") { Some(cursor.numbers()?) } else { None };
        cursor.end()?;
        let origin = OriginId::default();
        Ok(Tile { dtype, c, a, b, m, n, len, a_step, b_step, accumulate, within, origin })
    }

    /// `chunk f32 8: y[0] = exp(x[0])`, `chunk 8: y[0] = philox(...)`, `sort 3 of 8: y[0]` or
    /// `claim 8: y[0]`.
    fn chunk(&mut self, line: &Line<'_>, kind: &str) -> Read<Chunk> {
        let mut cursor = self.cursor(line);
        cursor.word(kind)?;
        let first = match kind {
            "sort" => {
                let first = cursor.number("a number of elements")?;
                cursor.word("of")?;
                Some(first)
            }
            _ => None,
        };
        let is_math =
            kind == "chunk" && cursor.peek_name().is_some_and(|n| DType::from_name(n).is_some());
        let dtype = if is_math { Some(cursor.dtype()?) } else { None };
        let n = cursor.extent()?;
        cursor.sign(":")?;
        let to = cursor.element()?;
        let function = match (first, dtype) {
            (Some(first), _) => ChunkFn::Sort { first },
            (None, Some(dtype)) => {
                cursor.sign("=")?;
                let column = cursor.column();
                let name = cursor.name("a function")?;
                let function = library_function(&name);
                let function = function.ok_or(at(line, column, "there is no such function"))?;
                ChunkFn::Math { function, dtype, from: cursor.list(Cursor::element)? }
            }
            (None, None) if kind == "claim" => ChunkFn::Claim,
            (None, None) => {
                cursor.sign("=")?;
                philox(&mut cursor)?
            }
        };
        cursor.end()?;
        Ok(Chunk { function, to, n, origin: OriginId::default() })
    }
}

/// `philox(key w.key, seed, step, first 4 i0)`.
fn philox(cursor: &mut Cursor<'_>) -> Read<ChunkFn> {
    cursor.word("philox")?;
    cursor.sign("(")?;
    cursor.word("key")?;
    let key = cursor.place()?;
    cursor.sign(",")?;
    let seed = cursor.place()?;
    cursor.sign(",")?;
    let step = cursor.place()?;
    cursor.sign(",")?;
    cursor.word("first")?;
    let first = cursor.index()?;
    cursor.sign(")")?;
    Ok(ChunkFn::Philox { key, first, seed, step })
}

/// `y[0] by 10` or `y[0] by [20, 10]`.
fn view(cursor: &mut Cursor<'_>) -> Read<View> {
    let (place, offset) = cursor.element()?;
    cursor.word("by")?;
    let row = match cursor.is_sign("[") {
        true => cursor.numbers()?,
        false => [0, cursor.number("a distance")?],
    };
    Ok(View { place, offset, row, column: 1 })
}

fn monoid(name: &str) -> Option<Monoid> {
    Monoid::ALL.into_iter().find(|monoid| monoid.name() == name)
}

fn library_function(name: &str) -> Option<LibraryFn> {
    LibraryFn::all().into_iter().find(|f| f.name() == name)
}
