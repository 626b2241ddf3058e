//! Writes the product of the others as products: up a tree of halves, whose nodes are the products
//! of what is below them, and down again, where a node's others are those of its parent and its
//! sibling. Kernels know no such operation, so the pass is required; it leaves none. The axis's
//! work is linear in its length, in twice its logarithm of steps, each along memory.

use std::ops::Range;

use crate::error::CompileError;
use crate::ir::{Dim, Graph, NodeId, Origin};
use crate::ops::{Build, Movement, Op, Placement, ProductOfOthers, TypeError};

pub(super) fn run(graph: &mut Graph) -> Result<(), CompileError> {
    for node in graph.order() {
        let Op::ProductOfOthers(op) = graph.op(node) else { continue };
        let op = *op;
        let origin = graph.origin(node);
        let operands = graph.operands(node).to_vec();
        let mut tree = Tree::new(Build { graph, origin: &origin }, op, &operands);
        let new = tree.others(&operands).map_err(|e| CompileError::of_type(e, graph, node))?;
        graph.replace_uses(node, new);
        name(graph, new, &origin);
    }
    Ok(())
}

/// What stands for the operation has its name.
fn name(graph: &mut Graph, node: NodeId, origin: &Origin) {
    if let Some(name) = &origin.name {
        graph.rename(node, name);
    }
}

/// A polynomial in the infinitesimals of the directions: the coefficient of each set of them, which
/// stands at the number whose bits are the set; `None` is zero.
type Polynomial = Vec<Option<NodeId>>;

/// The operation that is written as products.
struct Tree<'a> {
    b: Build<'a>,
    axis: usize,
    /// The set of all directions.
    all: usize,
}

impl<'a> Tree<'a> {
    fn new(b: Build<'a>, op: ProductOfOthers, operands: &[NodeId]) -> Tree<'a> {
        Tree { b, axis: op.axis, all: (1 << (operands.len() - 1)) - 1 }
    }

    fn others(&mut self, operands: &[NodeId]) -> Result<NodeId, TypeError> {
        let mut leaf = vec![None; self.all + 1];
        leaf[0] = Some(operands[0]);
        for (k, &direction) in operands[1..].iter().enumerate() {
            leaf[1 << k] = Some(direction);
        }
        let x = operands[0];
        let n = self.b.shape(x)[self.axis].as_number().unwrap_or(0) as usize;
        let found = if n > 1 { self.down(&leaf, n, &[self.all])?[self.all] } else { None };
        match found {
            Some(others) => Ok(others),
            // Of one element the others are none, whose product is 1 whatever the directions.
            None => self.b.constant_like(x, if self.all == 0 { 1.0 } else { 0.0 }),
        }
    }

    /// The products of the others of `n` factors, at least two; of them only the `wanted`
    /// coefficients.
    fn down(
        &mut self,
        factors: &Polynomial,
        n: usize,
        wanted: &[usize],
    ) -> Result<Polynomial, TypeError> {
        let half = n / 2;
        let low = self.part(factors, 0..half)?;
        let high = self.part(factors, half..2 * half)?;
        if n == 2 {
            return self.join(&[high, low], wanted);
        }
        let every: Vec<usize> = (0..=self.all).collect();
        let mut parents = self.product(&low, &high, &every)?;
        if n > 2 * half {
            let rest = self.part(factors, n - 1..n)?;
            parents = self.join(&[parents, rest], &every)?;
        }
        let above = self.down(&parents, n - half, &every)?;
        let both = self.part(&above, 0..half)?;
        let of_low = self.product(&both, &high, wanted)?;
        let of_high = self.product(&both, &low, wanted)?;
        if n == 2 * half {
            return self.join(&[of_low, of_high], wanted);
        }
        let of_rest = self.part(&above, half..half + 1)?;
        self.join(&[of_low, of_high, of_rest], wanted)
    }

    /// The wanted coefficients of `a · b`.
    fn product(
        &mut self,
        a: &Polynomial,
        b: &Polynomial,
        wanted: &[usize],
    ) -> Result<Polynomial, TypeError> {
        let mut product = vec![None; self.all + 1];
        for &set in wanted {
            for part in (0..=set).filter(|part| part & !set == 0) {
                let (Some(a), Some(b)) = (a[part], b[set & !part]) else { continue };
                let term = self.b.mul(a, b)?;
                product[set] = Some(match product[set] {
                    None => term,
                    Some(sum) => self.b.add(sum, term)?,
                });
            }
        }
        Ok(product)
    }

    /// The factors in a range of the axis.
    fn part(&mut self, factors: &Polynomial, range: Range<usize>) -> Result<Polynomial, TypeError> {
        let slice = |coefficient: &Option<NodeId>| {
            coefficient.map(|x| self.slice(x, range.clone())).transpose()
        };
        factors.iter().map(slice).collect()
    }

    fn slice(&mut self, x: NodeId, range: Range<usize>) -> Result<NodeId, TypeError> {
        let mut len = self.b.shape(x);
        if len[self.axis] == Dim::from(range.len()) {
            return Ok(x);
        }
        let mut start = vec![Dim::number(0); len.len()];
        let step = vec![1; len.len()];
        (start[self.axis], len[self.axis]) = (Dim::from(range.start), Dim::from(range.len()));
        self.b.node(Movement::Slice { start, len, step }, &[x])
    }

    /// Polynomials one after the other along the axis.
    fn join(&mut self, parts: &[Polynomial], wanted: &[usize]) -> Result<Polynomial, TypeError> {
        let mut joined = vec![None; self.all + 1];
        for &set in wanted {
            if parts.iter().all(|part| part[set].is_none()) {
                continue;
            }
            let parts = parts.iter().map(|part| match part[set] {
                Some(x) => Ok(x),
                None => self.zeros(part),
            });
            let parts: Vec<NodeId> = parts.collect::<Result<_, TypeError>>()?;
            joined[set] = Some(self.b.node(Placement::Concat { axis: self.axis }, &parts)?);
        }
        Ok(joined)
    }

    /// Zeros in the shape of the coefficients of a polynomial.
    fn zeros(&mut self, part: &Polynomial) -> Result<NodeId, TypeError> {
        let like = part.iter().flatten().next().expect("a part has a coefficient");
        self.b.zeros_like(*like)
    }
}
