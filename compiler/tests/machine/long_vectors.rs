//! More values at once than the longest vectors, the addresses and the masks have registers for.

use brolga_compiler::ir::{CompareFn, DType, ExprId, Monoid, OriginId, PlaceId};
use brolga_compiler::loop_ir::{Fold, LoopKind, Stmt};

use super::harness::{Case, Random, folding, loop_over};

/// More than there are registers of any kind.
const MANY: usize = 40;

const N: usize = 77;

const LONG: LoopKind = LoopKind::Vector(16);

/// A case with so many inputs of `N` numbers, and an element of each in a loop over them.
fn inputs(random: &mut Random) -> (Case, brolga_compiler::ir::AxisId, Vec<ExprId>) {
    let mut case = Case::default();
    let axis = case.e.axis(N);
    let index = case.e.index_axis(axis);
    let places: Vec<PlaceId> = (0..MANY)
        .map(|_| {
            let values = random.moderate(DType::F32, N);
            case.input(DType::F32, &values)
        })
        .collect();
    let elements = places.into_iter().map(|place| case.load(place, index)).collect();
    (case, axis, elements)
}

fn bound(case: &mut Case, body: &mut Vec<Stmt>, value: ExprId) -> ExprId {
    let (var, dtype) = (case.e.var(), case.e.dtype(value));
    body.push(Stmt::Let(var, value));
    case.var(var, dtype)
}

#[test]
fn values() {
    let (mut case, axis, elements) = inputs(&mut Random(61));
    let (mut body, index) = (vec![], case.e.index_axis(axis));
    let lets: Vec<ExprId> = elements.into_iter().map(|x| bound(&mut case, &mut body, x)).collect();
    // The last one first, so that all wait.
    let mut value = lets[MANY - 1];
    for &x in lets.iter().rev().skip(1) {
        value = case.e.binary(brolga_compiler::ir::BinaryFn::Sub, x, value);
    }
    let place = case.output(DType::F32, N);
    body.push(Stmt::Store { place, index, value, origin: OriginId::default() });
    case.body = vec![loop_over(axis, N, LONG, body)];
    case.check("values");
}

#[test]
fn accumulators() {
    for monoid in [Monoid::Sum, Monoid::Max] {
        let (mut case, axis, elements) = inputs(&mut Random(62));
        let (mut folds, mut stores) = (vec![], vec![]);
        let zero = case.e.index_constant(0);
        for value in elements {
            let var = case.e.var();
            let init = vec![case.e.constant(monoid.neutral(DType::F32))];
            let (vars, values, origin) = (vec![var], vec![value], OriginId::default());
            folds.push(Fold { monoid, vars, init, values, origin });
            let (place, value) = (case.output(DType::F32, 1), case.var(var, DType::F32));
            stores.push(Stmt::Store { place, index: zero, value, origin: OriginId::default() });
        }
        case.body = vec![folding(axis, N, LONG, vec![], folds)];
        case.body.extend(stores);
        case.check(monoid.name());
    }
}

#[test]
fn masks() {
    let (mut case, axis, elements) = inputs(&mut Random(63));
    let (mut body, index) = (vec![], case.e.index_axis(axis));
    let masks: Vec<ExprId> = elements
        .windows(2)
        .map(|pair| {
            let mask = case.e.compare(CompareFn::Lt, pair[0], pair[1]);
            bound(&mut case, &mut body, mask)
        })
        .collect();
    let mut value = elements[0];
    for (&mask, &x) in masks.iter().zip(&elements).rev() {
        value = case.e.select(mask, x, value);
    }
    let place = case.output(DType::F32, N);
    body.push(Stmt::Store { place, index, value, origin: OriginId::default() });
    case.body = vec![loop_over(axis, N, LONG, body)];
    case.check("masks");
}
