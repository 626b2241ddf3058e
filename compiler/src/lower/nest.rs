//! A stage of maps and reductions as one nest of loops.

use rustc_hash::{FxHashMap, FxHashSet};

use super::{Builder, Dimension};
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
    kind: LoopKind,
}

impl Builder<'_> {
    pub(super) fn nest(&mut self, stage: &Stage) -> Vec<Stmt> {
        let domain = self.domain(stage);
        let (mut items, checks) = self.items(stage, &domain);
        let levels = self.levels(&domain, &items, !checks.is_empty());
        let stores = self.stores(&mut items);
        let mut body = checks;
        body.extend(stores);
        self.wrap_levels(&items, &levels, body)
    }

    /// The loops over the stage's domain. Every member has the same; the one with the fewest
    /// reduced dimensions shows which of them are units.
    fn domain(&mut self, stage: &Stage) -> Vec<Dimension> {
        let widest = stage.members.iter().copied().max_by_key(|&at| self.value(at).sizes.len());
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
            self.note(at);
            let value = self.value(at);
            let (body, reduced, monoid) = match &value.work {
                Work::Map(body) => (*body, &[][..], None),
                Work::Reduce { reduced, monoid, body } => (*body, &reduced[..], Some(*monoid)),
                _ => unreachable!("a nest holds maps and reductions"),
            };
            let axes = value.axes.iter().chain(reduced).copied();
            let pairs: Vec<(AxisId, IndexId)> = axes.zip(domain.iter().map(|d| d.index)).collect();
            checks.extend(self.checks_of(&pairs, &registers, &value.indices));
            let body = self.rewrite(&pairs, &registers, body);
            if monoid.is_none() {
                registers.insert(value.node, body);
            }
            let kept = value.axes.len();
            let index = domain[..kept].iter().map(|d| d.index).collect();
            items.push(Item { at, body, fold: monoid.map(|m| (m, kept)), index });
        }
        (items, checks)
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
            Stmt::Check { value, size, number }
        };
        indices.iter().map(check).collect()
    }

    /// The stores of the maps: every value first, then all stores. What is folded counts as a value
    /// where a store could be in place of what it reads.
    fn stores(&mut self, items: &mut [Item]) -> Vec<Stmt> {
        let (mut lets, mut stores) = (vec![], vec![]);
        for item in items.iter().filter(|i| i.fold.is_none()) {
            if let Some((place, index)) = self.destination(item.at, &item.index) {
                let value = self.bind(item.body, &mut lets);
                stores.push(Stmt::Store { place, index, value });
            }
        }
        let stored: Vec<PlaceId> = stores.iter().filter_map(stored_place).collect();
        for item in items.iter_mut().filter(|i| i.fold.is_some()) {
            if stored.iter().any(|&place| may_read(&self.exprs, item.body, place)) {
                item.body = self.bind(item.body, &mut lets);
            }
        }
        lets.extend(stores);
        lets
    }

    fn bind(&mut self, value: ExprId, lets: &mut Vec<Stmt>) -> ExprId {
        let var = self.exprs.var();
        let dtype = self.exprs.dtype(value);
        lets.push(Stmt::Let(var, value));
        self.exprs.intern(Expr::Var(var, dtype))
    }

    /// The order of the loops: parallel ones, then reduced ones; one of them is the vector loop.
    fn levels(&self, domain: &[Dimension], items: &[Item], scalar: bool) -> Vec<Level> {
        let all: Vec<Level> = domain
            .iter()
            .enumerate()
            .filter_map(|(dim, d)| {
                d.axis.map(|(axis, extent)| Level { dim, axis, extent, kind: LoopKind::Serial })
            })
            .collect();
        let kept = items.iter().filter_map(|i| i.fold.map(|(_, kept)| kept)).min();
        let kept = kept.unwrap_or(domain.len());
        let (mut parallel, mut reduced): (Vec<Level>, Vec<Level>) =
            all.into_iter().partition(|l| l.dim < kept);
        if scalar {
            parallel.extend(reduced);
            return parallel;
        }
        let score = |l: &Level| self.score(items, l);
        let best_parallel = (0..parallel.len()).max_by_key(|&i| (score(&parallel[i]), i));
        let last_reduced = reduced.len().checked_sub(1);
        let lanes = self.lanes(items);
        match (best_parallel, last_reduced) {
            (Some(p), r)
                if r.is_none_or(|r| score(&parallel[p]) > score(&reduced[r]))
                    && score(&parallel[p]) >= 0 =>
            {
                let mut level = parallel.remove(p);
                level.kind = kind(level.extent, lanes);
                parallel.push(level);
            }
            (_, Some(r)) if score(&reduced[r]) >= 0 => {
                reduced[r].kind = kind(reduced[r].extent, lanes);
            }
            _ => {}
        }
        parallel.extend(reduced);
        parallel
    }

    /// How well an axis suits vectors: adjacent reads and writes less twice the strided ones;
    /// negative for short loops.
    fn score(&self, items: &[Item], level: &Level) -> i64 {
        if level.extent.max() < 4 {
            return -1;
        }
        let mut seen = FxHashSet::default();
        let mut score = 0;
        for item in items {
            score += self.load_score(item.body, level.axis, &mut seen);
            score += self.write_score(&item.index, level.axis);
        }
        score
    }

    fn write_score(&self, index: &[IndexId], axis: AxisId) -> i64 {
        let step = |&i: &IndexId| self.exprs.coefficient(i, axis).unwrap_or(2);
        match index.split_last() {
            Some((last, outer)) if outer.iter().all(|i| step(i) == 0) => match step(last) {
                0 => 0,
                1 => 1,
                _ => -2,
            },
            Some(_) => -2,
            None => 0,
        }
    }

    fn load_score(&self, id: ExprId, axis: AxisId, seen: &mut FxHashSet<ExprId>) -> i64 {
        if !seen.insert(id) {
            return 0;
        }
        if let Expr::Load { index, .. } = self.exprs.expr(id) {
            return match self.exprs.coefficient(*index, axis) {
                Some(1) => 1,
                Some(0) => 0,
                Some(_) | None => -2,
            };
        }
        let operands = self.exprs.operands(id);
        operands.into_iter().map(|o| self.load_score(o, axis, seen)).sum()
    }

    /// Lanes by the widest type in the loop: four registers of 128 bits a value.
    fn lanes(&self, items: &[Item]) -> u8 {
        let mut seen = FxHashSet::default();
        let mut stack: Vec<ExprId> = items.iter().map(|i| i.body).collect();
        let mut widest = 4;
        while let Some(id) = stack.pop() {
            if seen.insert(id) {
                widest = widest.max(self.exprs.dtype(id).size());
                stack.extend(self.exprs.operands(id));
            }
        }
        (64 / widest) as u8
    }

    /// Wraps the body in the loops, innermost first, with the folds that they carry.
    fn wrap_levels(&mut self, items: &[Item], levels: &[Level], body: Vec<Stmt>) -> Vec<Stmt> {
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
            let Level { axis, extent, kind, .. } = *level;
            stmts = vec![Stmt::For(Loop { axis, extent, kind, body: stmts, folds })];
            self.finish_folds(items, levels, n, &carried, &mut stmts);
        }
        stmts
    }

    /// The element that is folded, with its position for `argmax` and `argmin`.
    fn fold_values(&mut self, item: &Item, levels: &[Level]) -> Vec<ExprId> {
        let Some((Monoid::ArgMax | Monoid::ArgMin, kept)) = item.fold else {
            return vec![item.body];
        };
        let axes: Vec<&Level> = levels.iter().filter(|l| l.dim >= kept).collect();
        let mut ordered = axes.clone();
        ordered.sort_by_key(|l| l.dim);
        let mut position = self.exprs.index_constant(0);
        for level in ordered {
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
        Fold { monoid, vars, init, values: values.to_vec() }
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
            if let Some((place, index)) = self.destination(item.at, &item.index) {
                let result = *carried.last().expect("a fold has a value");
                let value = self.bind(result, &mut lets);
                stores.push(Stmt::Store { place, index, value });
            }
        }
        stmts.extend(lets);
        stmts.extend(stores);
    }

    /// Loops around statements without folds, the last one a vector loop where it pays.
    pub(super) fn vector_nest(&mut self, axes: &[(AxisId, Extent)], body: Vec<Stmt>) -> Vec<Stmt> {
        let lanes = 4;
        let last = axes.len().saturating_sub(1);
        axes.iter().enumerate().rev().fold(body, |body, (i, &(axis, extent))| {
            let kind = if i == last { kind(extent, lanes) } else { LoopKind::Serial };
            vec![Stmt::For(Loop { axis, extent, kind, body, folds: vec![] })]
        })
    }
}

/// A vector loop of at most `lanes`, as many as the extent fills.
fn kind(extent: Extent, lanes: u8) -> LoopKind {
    match extent.max() {
        0..4 => LoopKind::Serial,
        4..8 => LoopKind::Vector(4.min(lanes)),
        8..16 => LoopKind::Vector(8.min(lanes)),
        _ => LoopKind::Vector(lanes),
    }
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
