//! Writing the text of a kernel.

use std::fmt::{self, Write};

use indexmap::IndexMap;
use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};

use super::tokens::in_quotes;
use super::{Strength, is_plain, is_reserved, literals};
use crate::ir::{AxisId, BinaryFn, Expr, ExprId, IndexId, PlaceId, Scalar, Term, VarId};
use crate::loop_ir::{Chunk, ChunkFn, Extent, Fold, Kernel, Loop, LoopKind, Stmt, Tile, View};

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut printer = Printer::new(self, place_names(self));
        printer.line(&format!("kernel {}, cost {}", self.name, self.cost))?;
        printer.kernel()?;
        f.write_str(&printer.text)
    }
}

/// The text of a kernel without names of its own and of its memories: kernels of equal texts do the
/// same.
pub(crate) fn text_without_names(kernel: &Kernel) -> String {
    let buffers = (0..kernel.buffers.len()).map(|i| (PlaceId::Buffer(i as u32), format!("b{i}")));
    let locals = (0..kernel.locals.len()).map(|i| (PlaceId::Local(i as u32), format!("l{i}")));
    let mut printer = Printer::new(kernel, buffers.chain(locals).collect());
    printer.kernel().expect("text is written to memory");
    printer.text
}

/// The names of a kernel's memories: its own, made distinct by a number where two are equal, and in
/// quotes where they would be read as something else.
pub(in crate::loop_ir) fn place_names(kernel: &Kernel) -> FxHashMap<PlaceId, String> {
    let buffers = kernel.buffers.iter().enumerate().map(|(i, b)| (PlaceId::Buffer(i as u32), b));
    let buffers = buffers.map(|(id, b)| (id, &b.name));
    let locals = kernel.locals.iter().enumerate();
    let locals = locals.map(|(i, l)| (PlaceId::Local(i as u32), &l.name));
    let mut taken: FxHashSet<String> = FxHashSet::default();
    let mut times: FxHashMap<&str, usize> = FxHashMap::default();
    let mut names = FxHashMap::default();
    for (id, wish) in buffers.chain(locals) {
        let times = times.entry(wish).or_insert(usize::from(is_reserved(wish)));
        let name = loop {
            *times += 1;
            let name = if *times == 1 { wish.clone() } else { format!("{wish}#{times}") };
            if taken.insert(name.clone()) {
                break name;
            }
        };
        let name = if is_plain(&name) { name } else { in_quotes(&name) };
        names.insert(id, name);
    }
    names
}

struct Printer<'a> {
    kernel: &'a Kernel,
    places: FxHashMap<PlaceId, String>,
    /// In the order in which they appear.
    axes: IndexMap<AxisId, String, FxBuildHasher>,
    vars: FxHashMap<VarId, String>,
    /// What stands for a subexpression of the statement that is printed.
    shared: FxHashMap<ExprId, String>,
    depth: usize,
    text: String,
}

impl<'a> Printer<'a> {
    fn new(kernel: &'a Kernel, places: FxHashMap<PlaceId, String>) -> Printer<'a> {
        let axes = kernel.units.iter().enumerate().map(|(i, &a)| (a, format!("u{i}"))).collect();
        Printer {
            kernel,
            places,
            axes,
            vars: FxHashMap::default(),
            shared: FxHashMap::default(),
            depth: 0,
            text: String::new(),
        }
    }

    fn line(&mut self, line: &str) -> fmt::Result {
        writeln!(self.text, "{:width$}{line}", "", width = 2 * self.depth)
    }

    fn kernel(&mut self) -> fmt::Result {
        let kernel = self.kernel;
        self.depth = 1;
        for (i, buffer) in kernel.buffers.iter().enumerate() {
            let name = &self.places[&PlaceId::Buffer(i as u32)];
            let kind = if buffer.written { "written" } else { "buffer" };
            self.line(&format!("{kind} {name}: {}[{}]", buffer.dtype, buffer.len))?;
        }
        for (i, local) in kernel.locals.iter().enumerate() {
            let name = &self.places[&PlaceId::Local(i as u32)];
            self.line(&format!("local {name}: {}[{}]", local.dtype, local.len))?;
        }
        let units = kernel.units.iter().map(|&a| format!("{} < {}", self.axes[&a], self.extent(a)));
        let units = units.collect::<Vec<_>>().join(", ");
        let units = if units.is_empty() { "once:".into() } else { format!("units {units}:") };
        self.line(&units)?;
        self.depth = 2;
        self.body(&kernel.body)
    }

    fn extent(&self, axis: AxisId) -> i64 {
        self.kernel.exprs.extent(axis)
    }

    fn body(&mut self, body: &[Stmt]) -> fmt::Result {
        body.iter().try_for_each(|stmt| self.stmt(stmt))
    }

    fn stmt(&mut self, stmt: &Stmt) -> fmt::Result {
        match stmt {
            Stmt::For(l) => self.for_loop(l),
            Stmt::Let(var, value) => {
                let name = self.bind(*var);
                let dtype = self.kernel.exprs.dtype(*value);
                self.assign(&format!("{name}: {dtype} ="), &[*value])
            }
            Stmt::Store { place, index, value, .. } => {
                self.share(&[*value], &[*index])?;
                let to = self.element(*place, *index);
                let value = self.expr(*value);
                self.line(&format!("{to} = {value}"))
            }
            Stmt::Check { value, size, number, .. } => {
                self.share(&[*value], &[])?;
                let value = self.strong(*value, Strength::Compare.right());
                self.line(&format!("check {number}: 0 <= {value} < {size}"))
            }
            Stmt::Tile(tile) => self.tile(tile),
            Stmt::Chunk(chunk) => self.chunk(chunk),
        }
    }

    /// `left values`, after the lines for what the values share.
    fn assign(&mut self, left: &str, values: &[ExprId]) -> fmt::Result {
        self.share(values, &[])?;
        let values = values.iter().map(|&v| self.expr(v)).collect::<Vec<_>>();
        let right =
            if values.len() == 1 { values[0].clone() } else { format!("({})", values.join(", ")) };
        self.line(&format!("{left} {right}"))
    }

    fn bind(&mut self, var: VarId) -> String {
        let next = self.vars.len();
        self.vars.entry(var).or_insert_with(|| format!("v{next}")).clone()
    }

    fn for_loop(&mut self, l: &Loop) -> fmt::Result {
        for fold in &l.folds {
            for (&var, &init) in fold.vars.iter().zip(&fold.init) {
                let name = self.bind(var);
                let dtype = self.kernel.exprs.dtype(init);
                self.assign(&format!("{name}: {dtype} ="), &[init])?;
            }
        }
        let next = self.axes.len() - self.kernel.units.len();
        let name = self.axes.entry(l.axis).or_insert_with(|| format!("i{next}")).clone();
        let extent = self.count(l.extent);
        let kind = match l.kind {
            LoopKind::Serial => String::new(),
            LoopKind::Vector(lanes) => format!(" vector {lanes}"),
        };
        self.line(&format!("for {name} < {extent}{kind}:"))?;
        self.depth += 1;
        self.body(&l.body)?;
        l.folds.iter().try_for_each(|fold| self.fold(fold))?;
        self.depth -= 1;
        Ok(())
    }

    fn fold(&mut self, fold: &Fold) -> fmt::Result {
        let vars = fold.vars.iter().map(|&v| self.bind(v)).collect::<Vec<_>>();
        let left = if vars.len() == 1 { vars[0].clone() } else { format!("({})", vars.join(", ")) };
        self.assign(&format!("{left} {}=", fold.monoid.name()), &fold.values)
    }

    fn count(&self, extent: Extent) -> String {
        match extent {
            Extent::Const(n) => n.to_string(),
            Extent::Block { axis, block, total } => {
                format!("min({block}, {total} - {block} {})", self.axis(axis))
            }
        }
    }

    fn axis(&self, axis: AxisId) -> String {
        self.axes.get(&axis).cloned().unwrap_or_else(|| format!("unbound {axis}"))
    }

    fn view(&mut self, view: &View, [rows, _]: [Extent; 2]) -> String {
        let (at, [outer, inner]) = (self.element(view.place, view.offset), view.row);
        match rows {
            Extent::Const(1) => format!("{at} by {inner}"),
            _ => format!("{at} by [{outer}, {inner}]"),
        }
    }

    fn tile(&mut self, tile: &Tile) -> fmt::Result {
        let n = self.count(tile.n);
        let m = match tile.m {
            [Extent::Const(1), m] => self.count(m),
            [outer, inner] => format!("({} x {})", self.count(outer), self.count(inner)),
        };
        let (a, c) = (self.view(&tile.a, tile.m), self.view(&tile.c, tile.m));
        let of_a = if tile.a.column == 0 { "" } else { " by column" };
        let b = self.element(tile.b.place, tile.b.offset);
        let sign = if tile.accumulate { "+=" } else { "=" };
        let list = |x: &[i64; 3]| format!("[{}, {}, {}]", x[0], x[1], x[2]);
        let len = tile.len.map(|n| n as i64);
        let (a_step, b_step) = (list(&tile.a_step), list(&tile.b_step));
        let len = list(&len);
        let within = tile.within.map(|[first, end]| format!(" within [{first}, {end}]"));
        let within = within.unwrap_or_default();
        self.line(&format!(
            "tile {} {m} x {n}: {c} {sign} {a}{of_a} step {a_step} * {b} step {b_step} over {len}{within}",
            tile.dtype
        ))
    }

    fn chunk(&mut self, chunk: &Chunk) -> fmt::Result {
        let to = self.element(chunk.to.0, chunk.to.1);
        let n = self.count(chunk.n);
        match &chunk.function {
            ChunkFn::Math { function, dtype, from } => {
                let from: Vec<String> = from.iter().map(|f| self.element(f.0, f.1)).collect();
                let (name, from) = (function.name(), from.join(", "));
                self.line(&format!("chunk {dtype} {n}: {to} = {name}({from})"))
            }
            ChunkFn::Philox { key, first, seed, step } => {
                let first = self.index(*first);
                let [key, seed, step] = [key, seed, step].map(|place| self.places[place].clone());
                self.line(&format!(
                    "chunk {n}: {to} = philox(key {key}, {seed}, {step}, first {first})"
                ))
            }
            ChunkFn::Sort { first } => self.line(&format!("sort {first} of {n}: {to}")),
            ChunkFn::Claim => self.line(&format!("claim {n}: {to}")),
        }
    }

    /// Names and prints what the expressions of a statement use more than once.
    fn share(&mut self, values: &[ExprId], indices: &[IndexId]) -> fmt::Result {
        self.shared.clear();
        let mut uses: Uses<'_> =
            Uses { kernel: self.kernel, count: FxHashMap::default(), order: vec![] };
        values.iter().for_each(|&v| uses.expr(v));
        indices.iter().for_each(|&i| uses.index(i));
        let shared: Vec<ExprId> = uses
            .order
            .iter()
            .copied()
            .filter(|id| uses.count[id] > 1 && uses.is_long(*id))
            .collect();
        for (i, id) in shared.into_iter().enumerate() {
            let text = self.expr(id);
            self.line(&format!("t{i} = {text}"))?;
            self.shared.insert(id, format!("t{i}"));
        }
        Ok(())
    }

    fn element(&mut self, place: PlaceId, index: IndexId) -> String {
        let index = self.index(index);
        format!("{}[{index}]", self.places[&place])
    }

    fn index(&mut self, id: IndexId) -> String {
        let index = self.kernel.exprs.index(id);
        // Axes from the outermost in, whatever their ids.
        let terms = index.terms.iter().map(|&(term, c)| {
            let rank = match term {
                Term::Axis(axis) => self.axes.get_index_of(&axis).unwrap_or(usize::MAX),
                Term::Div(..) | Term::Mod(..) | Term::Data(..) => usize::MAX,
            };
            (rank, self.term(term), c)
        });
        let mut terms: Vec<(usize, String, i64)> = terms.collect();
        terms.sort();
        let mut text = String::new();
        for (_, term, c) in terms {
            let sign = match (text.is_empty(), c < 0) {
                (true, false) => "",
                (true, true) => "-",
                (false, false) => " + ",
                (false, true) => " - ",
            };
            let factor =
                if c.abs() == 1 { String::new() } else { format!("{} ", c.unsigned_abs()) };
            text += &format!("{sign}{factor}{term}");
        }
        match (text.is_empty(), index.constant) {
            (true, c) => c.to_string(),
            (false, 0) => text,
            (false, c) if c < 0 => format!("{text} - {}", c.unsigned_abs()),
            (false, c) => format!("{text} + {c}"),
        }
    }

    fn term(&mut self, term: Term) -> String {
        match term {
            Term::Axis(axis) => self.axis(axis),
            Term::Div(x, n) => format!("({}) // {n}", self.index(x)),
            Term::Mod(x, n) => format!("({}) % {n}", self.index(x)),
            Term::Data(value, n) => format!("clamp({}, {n})", self.expr(value)),
        }
    }

    fn expr(&mut self, id: ExprId) -> String {
        self.strong(id, Strength::Logic)
    }

    /// The text of an expression, in parentheses if it binds less than `least`.
    fn strong(&mut self, id: ExprId, least: Strength) -> String {
        if let Some(name) = self.shared.get(&id) {
            return name.clone();
        }
        let (text, strength) = self.text_of(id);
        if strength < least { format!("({text})") } else { text }
    }

    fn text_of(&mut self, id: ExprId) -> (String, Strength) {
        let exprs = &self.kernel.exprs;
        let text = match exprs.expr(id) {
            Expr::Const(dtype, bits) => literals::write(Scalar::from_bits(*dtype, *bits)),
            Expr::Element { operand, .. } => format!("element of operand {operand}"),
            Expr::Load { place, index, .. } => self.element(*place, *index),
            Expr::Var(var, _) => {
                self.vars.get(var).cloned().unwrap_or_else(|| format!("unbound {}", var.0))
            }
            Expr::Index(index, dtype) => format!("{dtype}[{}]", self.index(*index)),
            Expr::Unary(f, x) => format!("{}({})", f.name(), self.expr(*x)),
            Expr::Binary(f, a, b) => return self.binary(*f, *a, *b),
            Expr::Compare(f, a, b) => {
                let (a, b) = self.both(Strength::Compare, *a, *b);
                return (format!("{a} {} {b}", f.symbol()), Strength::Compare);
            }
            Expr::Select(c, a, b) => {
                format!("select({}, {}, {})", self.expr(*c), self.expr(*a), self.expr(*b))
            }
            Expr::Cast(dtype, x) => format!("{dtype}({})", self.expr(*x)),
            Expr::Fma(a, b, c) => {
                format!("fma({}, {}, {})", self.expr(*a), self.expr(*b), self.expr(*c))
            }
            Expr::Bitcast(dtype, x) => format!("bits_{dtype}({})", self.expr(*x)),
            Expr::ShiftLeft(x, n) => {
                return (format!("{} << {n}", self.strong(*x, Strength::Shift)), Strength::Shift);
            }
            Expr::ShiftRightSigned(x, n) => {
                return (format!("{} >> {n}", self.strong(*x, Strength::Shift)), Strength::Shift);
            }
        };
        (text, Strength::Atom)
    }

    fn binary(&mut self, f: BinaryFn, a: ExprId, b: ExprId) -> (String, Strength) {
        let Some(symbol) = f.symbol() else {
            return (format!("{}({}, {})", f.name(), self.expr(a), self.expr(b)), Strength::Atom);
        };
        let strength = Strength::of(f);
        let (a, b) = self.both(strength, a, b);
        (format!("{a} {symbol} {b}"), strength)
    }

    /// The operands of an operator.
    fn both(&mut self, of: Strength, a: ExprId, b: ExprId) -> (String, String) {
        (self.strong(a, of.left()), self.strong(b, of.right()))
    }
}

/// How often each expression of a statement is used, operands before users.
struct Uses<'a> {
    kernel: &'a Kernel,
    count: FxHashMap<ExprId, usize>,
    order: Vec<ExprId>,
}

impl Uses<'_> {
    fn expr(&mut self, id: ExprId) {
        let count = self.count.entry(id).or_insert(0);
        *count += 1;
        if *count > 1 {
            return;
        }
        let exprs = &self.kernel.exprs;
        exprs.operands(id).for_each(|x| self.expr(x));
        if let Expr::Load { index, .. } | Expr::Index(index, _) = exprs.expr(id) {
            self.index(*index);
        }
        self.order.push(id);
    }

    fn index(&mut self, id: IndexId) {
        for (term, _) in &self.kernel.exprs.index(id).terms {
            match term {
                Term::Axis(_) => {}
                Term::Div(x, _) | Term::Mod(x, _) => self.index(*x),
                Term::Data(value, _) => self.expr(*value),
            }
        }
    }

    /// Whether a name is shorter to read than the expression.
    fn is_long(&self, id: ExprId) -> bool {
        match self.kernel.exprs.expr(id) {
            Expr::Const(..) | Expr::Load { .. } | Expr::Var(..) | Expr::Index(..) => false,
            Expr::Element { .. } => false,
            Expr::Unary(..) | Expr::Binary(..) | Expr::Compare(..) | Expr::Select(..) => true,
            Expr::Cast(..) | Expr::Fma(..) | Expr::Bitcast(..) => true,
            Expr::ShiftLeft(..) | Expr::ShiftRightSigned(..) => true,
        }
    }
}
