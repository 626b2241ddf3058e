//! A stage of maps and reductions as one nest of serial loops, in the order of the dimensions.

use rustc_hash::{FxHashMap, FxHashSet};

use super::{Dimension, KernelBuilder, take_following};
use crate::fuse::{DataIndex, Stage, Work};
use crate::ir::{
    AxisId, DType, Expr, ExprId, Exprs, IndexId, Monoid, NodeId, PlaceId, Scalar, VarId,
};
use crate::loop_ir::{Extent, Fold, IndexCheck, Loop, LoopKind, Stmt};

/// What one member of the stage computes, in the kernel's terms.
struct Item {
    at: usize,
    /// The element; for a reduction, what is folded.
    body: ExprId,
    /// For a reduction: how, and how many leading dimensions it keeps.
    fold: Option<(Monoid, usize)>,
    /// The index of the result.
    index: Vec<IndexId>,
}

/// A loop of the nest with the dimension of the domain that it is.
#[derive(Clone, Copy)]
struct Level {
    dim: usize,
    axis: AxisId,
    extent: Extent,
}

impl KernelBuilder<'_> {
    pub(super) fn nest(&mut self, stage: &Stage) -> Vec<Stmt> {
        let domain = self.domain(stage);
        let (mut items, checks) = self.items(stage, &domain);
        let levels = levels(&domain);
        let stores = self.stores(&mut items);
        self.wrap_levels(&items, &levels, checks, stores)
    }

    /// The loops over the stage's domain. Every member has the same; the one with the fewest
    /// reduced dimensions shows which of them are units.
    fn domain(&mut self, stage: &Stage) -> Vec<Dimension> {
        let widest = stage.members.iter().copied().max_by_key(|&at| self.kept_loops(at));
        let at = widest.expect("a stage has members");
        let mut domain = self.dimensions(at);
        let sizes = stage.domain.as_deref().unwrap_or_default();
        for &n in &sizes[domain.len()..] {
            let dimension = self.free_dimension(n);
            domain.push(dimension);
        }
        domain
    }

    /// What the members compute, and the checks of the indices from data that they need.
    fn items(&mut self, stage: &Stage, domain: &[Dimension]) -> (Vec<Item>, Vec<Stmt>) {
        let mut registers: FxHashMap<NodeId, ExprId> = FxHashMap::default();
        let (mut items, mut checks) = (vec![], vec![]);
        for &at in &stage.members {
            self.begin(at);
            let value = self.value(at);
            let (body, reduced, monoid) = match &value.work {
                Work::Map(body) => (*body, &[][..], None),
                Work::Reduce { reduced, monoid, body } => (*body, &reduced[..], Some(*monoid)),
                _ => unreachable!("a nest holds maps and reductions"),
            };
            let position = self.position_in(at, domain);
            let axes = value.axes.iter().chain(reduced).copied();
            let pairs: Vec<(AxisId, IndexId)> = axes.zip(position.iter().copied()).collect();
            checks.extend(self.checks_of(&pairs, &registers, &value.indices));
            let body = self.rewrite(&pairs, &registers, body);
            if monoid.is_none() {
                registers.insert(value.node, body);
            }
            let index = position[..value.axes.len()].to_vec();
            items.push(Item { at, body, fold: monoid.map(|m| (m, self.kept_loops(at))), index });
        }
        (items, checks)
    }

    /// How many of the loops of its stage are over the result of a member.
    fn kept_loops(&self, at: usize) -> usize {
        self.value(at).sizes.len() + self.group.members[at].cuts()
    }

    /// The indices of a member along its dimensions, then along what it reduces over.
    fn position_in(&mut self, at: usize, domain: &[Dimension]) -> Vec<IndexId> {
        let index: Vec<IndexId> = domain.iter().map(|d| d.index).collect();
        match (self.group.members[at].cut, index.as_slice()) {
            (1, _) => index,
            (cut, &[block, within, ref rest @ ..]) => {
                let first = self.exprs.index_add(within, block, cut as i64);
                [&[first], rest].concat()
            }
            (_, _) => unreachable!("a loop that is cut is two"),
        }
    }

    /// A check for each index from data.
    pub(super) fn checks_of(
        &mut self,
        pairs: &[(AxisId, IndexId)],
        registers: &FxHashMap<NodeId, ExprId>,
        indices: &[DataIndex],
    ) -> Vec<Stmt> {
        let check = |&DataIndex { node, value, size }: &DataIndex| {
            let value = self.rewrite(pairs, registers, value);
            let number = self.checks.len() as u32;
            let node = self.graph.node(node);
            let (node, provenance) = (node.name.clone(), node.provenance.clone());
            self.checks.push(IndexCheck { node, provenance, size });
            Stmt::Check { value, size, number, origin: self.exprs.origin() }
        };
        indices.iter().map(check).collect()
    }

    /// The stores of the maps: every value first, then all stores. What is folded counts as a value
    /// where a store could be in place of what it reads.
    fn stores(&mut self, items: &mut [Item]) -> Vec<Stmt> {
        let (mut lets, mut stores) = (vec![], vec![]);
        for item in items.iter().filter(|i| i.fold.is_none()) {
            self.serve(item.at);
            if let Some((place, index)) = self.destination(item.at, &item.index) {
                let value = self.bind(item.body, &mut lets);
                stores.push(self.store(place, index, value));
            }
        }
        let stored: Vec<PlaceId> = stores.iter().filter_map(stored_place).collect();
        for item in items.iter_mut().filter(|i| i.fold.is_some()) {
            if stored.iter().any(|&place| may_read(&self.exprs, item.body, place)) {
                self.serve(item.at);
                item.body = self.bind(item.body, &mut lets);
            }
        }
        lets.extend(stores);
        lets
    }

    pub(super) fn bind(&mut self, value: ExprId, lets: &mut Vec<Stmt>) -> ExprId {
        let var = self.exprs.var();
        let dtype = self.exprs.dtype(value);
        lets.push(Stmt::Let(var, value));
        self.exprs.intern(Expr::Var(var, dtype))
    }

    /// Wraps the body in the loops, innermost first, with the folds that they carry and, each within
    /// as few loops as it follows, the checks.
    fn wrap_levels(
        &mut self,
        items: &[Item],
        levels: &[Level],
        mut checks: Vec<Stmt>,
        body: Vec<Stmt>,
    ) -> Vec<Stmt> {
        let mut stmts = body;
        // The value of each fold so far: the element, then the result of the loops inside.
        let mut carried: Vec<Vec<ExprId>> =
            items.iter().map(|i| self.fold_values(i, levels)).collect();
        // Folds without a loop are done before any loop is wrapped around.
        self.finish_folds(items, levels, levels.len(), &carried, &mut stmts);
        for (n, level) in levels.iter().enumerate().rev() {
            let mut folds = vec![];
            for (item, carried) in items.iter().zip(&mut carried) {
                let Some((monoid, kept)) = item.fold else { continue };
                if level.dim >= kept {
                    self.serve(item.at);
                    let fold = self.fold(monoid, carried);
                    *carried = fold
                        .vars
                        .iter()
                        .zip(carried.iter())
                        .map(|(&v, &c)| self.exprs.intern(Expr::Var(v, self.exprs.dtype(c))))
                        .collect();
                    folds.push(fold);
                }
            }
            let Level { axis, extent, .. } = *level;
            let kind = LoopKind::Serial;
            let mut body = take_following(&self.exprs, &mut checks, axis);
            body.append(&mut stmts);
            stmts = vec![Stmt::For(Loop { axis, extent, kind, body, folds })];
            self.finish_folds(items, levels, n, &carried, &mut stmts);
        }
        checks.append(&mut stmts);
        checks
    }

    /// The element that is folded, with its position for `argmax` and `argmin`.
    fn fold_values(&mut self, item: &Item, levels: &[Level]) -> Vec<ExprId> {
        let Some((Monoid::ArgMax | Monoid::ArgMin, kept)) = item.fold else {
            return vec![item.body];
        };
        self.serve(item.at);
        let mut position = self.exprs.index_constant(0);
        for level in levels.iter().filter(|l| l.dim >= kept) {
            let index = self.exprs.index_axis(level.axis);
            let scaled = self.exprs.index_scale(position, level.extent.max() as i64, 0);
            position = self.exprs.index_add(scaled, index, 1);
        }
        vec![item.body, self.exprs.intern(Expr::Index(position, DType::I32))]
    }

    fn fold(&mut self, monoid: Monoid, values: &[ExprId]) -> Fold {
        let neutral = monoid.neutral(self.exprs.dtype(values[0]));
        let mut init = vec![self.exprs.constant(neutral)];
        if values.len() == 2 {
            init.push(self.exprs.constant(Scalar::I32(i32::MAX)));
        }
        let vars: Vec<VarId> = values.iter().map(|_| self.exprs.var()).collect();
        let origin = self.exprs.origin();
        Fold { monoid, vars, init, values: values.to_vec(), origin }
    }

    /// Stores the reductions whose outermost loop is level `n`.
    fn finish_folds(
        &mut self,
        items: &[Item],
        levels: &[Level],
        n: usize,
        carried: &[Vec<ExprId>],
        stmts: &mut Vec<Stmt>,
    ) {
        let (mut lets, mut stores) = (vec![], vec![]);
        for (item, carried) in items.iter().zip(carried) {
            let Some((_, kept)) = item.fold else { continue };
            let first = levels.iter().position(|l| l.dim >= kept).unwrap_or(levels.len());
            if first != n {
                continue;
            }
            self.serve(item.at);
            if let Some((place, index)) = self.destination(item.at, &item.index) {
                let result = *carried.last().expect("a fold has a value");
                let value = self.bind(result, &mut lets);
                stores.push(self.store(place, index, value));
            }
        }
        stmts.extend(lets);
        stmts.extend(stores);
    }
}

/// The loops over a domain, in the order of its dimensions: kept ones, then reduced ones.
fn levels(domain: &[Dimension]) -> Vec<Level> {
    let level =
        |(dim, d): (usize, &Dimension)| d.axis.map(|(axis, extent)| Level { dim, axis, extent });
    domain.iter().enumerate().filter_map(level).collect()
}

fn stored_place(stmt: &Stmt) -> Option<PlaceId> {
    if let Stmt::Store { place, .. } = stmt { Some(*place) } else { None }
}

/// Whether an expression reads a place, or one that could be in the same memory: two buffers can.
fn may_read(exprs: &Exprs, body: ExprId, place: PlaceId) -> bool {
    let is_buffer = |place: PlaceId| matches!(place, PlaceId::Buffer(_));
    let mut seen = FxHashSet::default();
    let mut stack = vec![body];
    while let Some(id) = stack.pop() {
        if !seen.insert(id) {
            continue;
        }
        match exprs.expr(id) {
            Expr::Load { place: read, index, .. } => {
                if *read == place || is_buffer(*read) && is_buffer(place) {
                    return true;
                }
                stack.extend(exprs.data_of(*index));
            }
            Expr::Index(index, _) => stack.extend(exprs.data_of(*index)),
            _ => stack.extend(exprs.operands(id)),
        }
    }
    false
}
