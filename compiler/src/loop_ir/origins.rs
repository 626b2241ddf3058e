//! For which nodes each expression and statement of a kernel is, once its loops are final.
//!
//! `lower` and the passes keep origins as they go: whoever interns an expression does it for the nodes
//! of what it replaces. Here the nodes get their numbers in the order in which the body names them, so
//! that equal kernels of equal nodes have equal origins and can share their code; and what has no code
//! of its own, as a view of what is in a register, goes with the value that it is a part of.

use rustc_hash::{FxHashMap, FxHashSet};

use super::{Kernel, Loop, Stmt};
use crate::ir::{Expr, ExprId, Exprs, IndexId, OriginId, Origins};

/// The numbers of a kernel's nodes after [`settle`].
#[derive(Clone, Debug)]
pub struct Settled {
    /// The nodes by their new numbers: the old one of each.
    pub nodes: Vec<u32>,
    /// The origins in the order of the body, last the whole kernel's: kernels with the same text and
    /// these share their code.
    pub sites: Sites,
}

/// The numbers that each expression and statement of a body is for, in its order.
pub type Sites = Vec<Box<[u32]>>;

/// Numbers the nodes of a kernel anew; what the kernel is for beside its parts is then the pool's present
/// origin. `part_of` holds, of each, the number of the value that it is a part of. Linear in the
/// expressions.
pub fn settle(kernel: &mut Kernel, part_of: &[u32]) -> Settled {
    let sites = Search::of(kernel);
    let exprs = &mut kernel.exprs;
    let mut settled = Settled { nodes: vec![], sites: vec![] };
    let mut numbers: FxHashMap<u32, u32> = FxHashMap::default();
    for &site in &sites.list {
        for &node in exprs.origins().get(site) {
            let next = numbers.len() as u32;
            if *numbers.entry(node).or_insert(next) == next {
                settled.nodes.push(node);
            }
        }
    }
    // The parts without code of their own, by the value whose code they go with.
    let mut silent: FxHashMap<u32, Vec<u32>> = FxHashMap::default();
    for (node, &value) in (0..).zip(part_of) {
        if !numbers.contains_key(&node) && numbers.contains_key(&value) {
            silent.entry(value).or_default().push(node);
        }
    }
    for nodes in settled.nodes.clone().iter().filter_map(|value| silent.get(value)) {
        for &node in nodes {
            numbers.insert(node, numbers.len() as u32);
            settled.nodes.push(node);
        }
    }
    // What has no code at all, as a loop whose parts alone do something, goes with the whole kernel.
    let n_known = settled.nodes.len() as u32;
    settled.nodes.extend((0..part_of.len() as u32).filter(|node| !numbers.contains_key(node)));
    let mut origins = Origins::default();
    let old = exprs.origins();
    let mut renumber = |id: OriginId| {
        let own = old.get(id).iter();
        let all =
            own.flat_map(|node| [node].into_iter().chain(silent.get(node).into_iter().flatten()));
        origins.of(all.map(|node| numbers[node]))
    };
    let mut map: FxHashMap<OriginId, OriginId> = FxHashMap::default();
    for &site in &sites.list {
        map.entry(site).or_insert_with(|| renumber(site));
    }
    settled.sites = sites.list.iter().map(|site| origins.get(map[site]).into()).collect();
    for stmt in &mut kernel.body {
        renumbered(stmt, &map);
    }
    let of: FxHashMap<ExprId, OriginId> =
        sites.exprs.iter().map(|(&expr, origin)| (expr, map[origin])).collect();
    exprs.settle_origins(origins, |expr| of.get(&expr).copied().unwrap_or_default());
    let whole = exprs.origins_mut().of(n_known..settled.nodes.len() as u32);
    exprs.set_origin(whole);
    settled.sites.push(exprs.origins().get(whole).into());
    settled
}

fn renumbered(stmt: &mut Stmt, map: &FxHashMap<OriginId, OriginId>) {
    match stmt {
        Stmt::For(l) => {
            l.body.iter_mut().for_each(|stmt| renumbered(stmt, map));
            l.folds.iter_mut().for_each(|fold| fold.origin = map[&fold.origin]);
        }
        Stmt::Let(..) => {}
        Stmt::Store { origin, .. } | Stmt::Check { origin, .. } => *origin = map[origin],
        Stmt::Tile(tile) => tile.origin = map[&tile.origin],
        Stmt::Chunk(chunk) => chunk.origin = map[&chunk.origin],
    }
}

/// All that becomes code, in the order of the body.
struct Search<'a> {
    exprs: &'a mut Exprs,
    list: Vec<OriginId>,
    /// The origin of each expression with those of the numbers that it takes, which are made where
    /// they are used.
    of: FxHashMap<ExprId, OriginId>,
    seen: FxHashSet<IndexId>,
}

/// What a [`Search`] found.
struct Found {
    list: Vec<OriginId>,
    exprs: FxHashMap<ExprId, OriginId>,
}

impl Search<'_> {
    fn of(kernel: &mut Kernel) -> Found {
        let (list, of, seen) = (vec![], FxHashMap::default(), FxHashSet::default());
        let mut sites = Search { exprs: &mut kernel.exprs, list, of, seen };
        kernel.body.iter_mut().for_each(|stmt| sites.stmt(stmt));
        Found { list: sites.list, exprs: sites.of }
    }

    fn stmt(&mut self, stmt: &mut Stmt) {
        match stmt {
            Stmt::For(l) => self.in_loop(l),
            Stmt::Let(_, value) => self.expr(*value),
            Stmt::Store { index, value, origin, .. } => {
                self.expr(*value);
                self.index(*index);
                *origin = self.with_number(*origin, *value);
                self.list.push(*origin);
            }
            Stmt::Check { value, origin, .. } => {
                self.expr(*value);
                self.list.push(*origin);
            }
            Stmt::Tile(tile) => self.list.push(tile.origin),
            Stmt::Chunk(chunk) => self.list.push(chunk.origin),
        }
    }

    fn in_loop(&mut self, l: &mut Loop) {
        l.body.iter_mut().for_each(|stmt| self.stmt(stmt));
        for fold in &mut l.folds {
            for &value in fold.init.iter().chain(&fold.values) {
                self.expr(value);
                fold.origin = self.with_number(fold.origin, value);
            }
            self.list.push(fold.origin);
        }
    }

    fn expr(&mut self, id: ExprId) {
        if self.of.contains_key(&id) {
            return;
        }
        let mut origin = self.exprs.origin_of(id);
        let operands: Vec<ExprId> = self.exprs.operands(id).collect();
        match self.exprs.expr(id).clone() {
            // Neither is code: a number is made where it is used.
            Expr::Const(..) | Expr::Var(..) => return,
            Expr::Load { index, .. } | Expr::Index(index, _) => self.index(index),
            _ => {}
        }
        for x in operands {
            self.expr(x);
            origin = self.with_number(origin, x);
        }
        self.of.insert(id, origin);
        self.list.push(origin);
    }

    fn index(&mut self, id: IndexId) {
        if self.seen.insert(id) {
            self.exprs.data_of(id).into_iter().for_each(|value| self.expr(value));
        }
    }

    /// An origin with that of a value, if that is a number.
    fn with_number(&mut self, origin: OriginId, value: ExprId) -> OriginId {
        match self.exprs.expr(value) {
            Expr::Const(..) => {
                let number = self.exprs.origin_of(value);
                self.exprs.origins_mut().union(origin, number)
            }
            _ => origin,
        }
    }
}
