//! Convolutions as products of strided matrices, for kernels that take the operands where they lie.

use super::{Conv, ConvResult, Window};

/// A block of a result as a product of matrices, in elements of row-major tensors: for `p` below
/// `rows`, `q` below `columns` and `r_l` below `lengths[l]`,
/// `z[z.at + p · z.row + q] = ∑ a[a.at + p · a.row (+ q) + ∑ r_l · a.steps[l]] · b[b.at + q + ∑ r_l · b.steps[l]]`,
/// level 0 outermost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StridedProduct {
    /// Rows of the left factor and of the block.
    pub rows: usize,
    /// Columns of the right factor and of the block; they are adjacent.
    pub columns: usize,
    /// Whether the left factor has columns too, which are adjacent.
    pub a_columns: bool,
    /// How long the levels of the sum are.
    pub lengths: [usize; 3],
    /// Where the left factor lies.
    pub a: Strided,
    /// Where the right factor lies, which has no rows.
    pub b: Strided,
    /// Where the block lies, which has no levels.
    pub z: Strided,
}

/// Where a matrix lies in a tensor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Strided {
    /// The first element.
    pub at: usize,
    /// From a row to the next.
    pub row: usize,
    /// From one index of a level of the sum to the next.
    pub steps: [isize; 3],
}

/// The terms of a result index along an axis: so many indices of the second operand from `first`
/// on, and what the first operand is read at for each.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Taps {
    first: usize,
    step: usize,
    n: usize,
    at: usize,
    at_step: isize,
}

/// Result indices `step` apart whose terms are the same but for what the first operand is read at:
/// `read_step` further for each.
struct Run {
    first: usize,
    n: usize,
    taps: Taps,
}

impl Conv {
    /// The blocks that the result is made of, each element in one of them, of operands with these
    /// sizes, which `infer` accepts. The second operand is taken with the axes of its channels and
    /// of its filters swapped if [`Conv::swaps_filter`] says so.
    pub fn products(&self, a: &[usize], b: &[usize], result: &[usize]) -> Vec<StridedProduct> {
        let n = self.n_axes();
        // One spatial axis is the second of two.
        let spatial = |sizes: &[usize]| if n == 1 { [1, sizes[0]] } else { [sizes[0], sizes[1]] };
        let windows = [if n == 1 { Window::PLAIN } else { self.windows[0] }, self.windows[n - 1]];
        let of_filter = |w: &[usize]| spatial(self.of_filter(w));
        let examples = a[0].checked_div(self.parts).unwrap_or(a[0]);
        let read = spatial(&a[1..]);
        if let ConvResult::Filter { .. } = self.result {
            let axes = Axes { windows, read, taps: spatial(&b[1..]), result: of_filter(result) };
            self.of_filter_gradient(&axes, examples, [a[a.len() - 1], b[b.len() - 1]])
        } else {
            let axes = Axes { windows, read, taps: of_filter(b), result: spatial(&result[1..]) };
            let channels = [a[a.len() - 1], result[result.len() - 1]];
            self.of_examples(&axes, [a[0], examples.max(1)], channels)
        }
    }

    /// Whether the products' second operand is the filter with its axes of channels and filters
    /// swapped.
    pub fn swaps_filter(&self) -> bool {
        matches!(self.result, ConvResult::Input { .. })
    }

    /// An output, or the gradient by an input: the rows of a block are the places of an example at
    /// which the same elements of the filter meet the operand.
    fn of_examples(
        &self,
        axes: &Axes,
        [n, examples]: [usize; 2],
        [inner, columns]: [usize; 2],
    ) -> Vec<StridedProduct> {
        let Axes { read, taps, result, .. } = *axes;
        let (step, read_step) = self.steps(&axes.windows[1]);
        let runs = self.runs(axes);
        let rows: Vec<Taps> = (0..result[0]).map(|r| self.taps(axes, 0, r)).collect();
        let groups = self.groups.max(1);
        // Elements of all groups at a place, and of a filter's row.
        let (place, wide) = (inner * groups, columns * groups);
        let (a_columns, groups, columns) = beside(groups, [inner, columns]);
        let mut products = vec![];
        for (example, g) in ndarray::indices((n, groups)) {
            for (r, t0) in rows.iter().enumerate() {
                products.extend(runs.iter().map(|run| {
                    let t1 = run.taps;
                    let of_a = [(read[1] * place) as isize, place as isize];
                    let of_b = [taps[1] * inner * wide, inner * wide];
                    let a = (example * read[0] + t0.at) * read[1] + t1.at;
                    let b = (example / examples * taps[0] + t0.first) * taps[1] + t1.first;
                    let z = (example * result[0] + r) * result[1] + run.first;
                    let b_steps = [t0.step * of_b[0], t1.step * of_b[1], wide];
                    StridedProduct {
                        rows: run.n,
                        columns,
                        a_columns,
                        lengths: [t0.n, t1.n, inner],
                        a: Strided {
                            at: a * place + g * inner,
                            row: read_step * place,
                            steps: [t0.at_step * of_a[0], t1.at_step * of_a[1], 1],
                        },
                        b: Strided {
                            at: b * inner * wide + g * columns,
                            row: 0,
                            steps: b_steps.map(|step| step as isize),
                        },
                        z: Strided { at: z * wide + g * columns, row: step * wide, steps: [0; 3] },
                    }
                }));
            }
        }
        products
    }

    /// The gradient by a filter: a block for each place and group of the filter, whose rows are the
    /// channels.
    fn of_filter_gradient(
        &self,
        axes: &Axes,
        examples: usize,
        [channels, filters]: [usize; 2],
    ) -> Vec<StridedProduct> {
        let Axes { read, taps, result, .. } = *axes;
        let groups = self.groups.max(1);
        let (of_x, of_y) = (channels * groups, filters * groups);
        let (a_columns, groups, columns) = beside(groups, [channels, filters]);
        let of_a = [read[1] * of_x, of_x].map(|step| step as isize);
        let of_b = [taps[1] * of_y, of_y];
        let block = |part: usize, r0: usize, r1: usize, g: usize| {
            let (t0, t1) = (self.taps(axes, 0, r0), self.taps(axes, 1, r1));
            let a = (part * examples * read[0] + t0.at) * read[1] + t1.at;
            let b = (part * examples * taps[0] + t0.first) * taps[1] + t1.first;
            let z = (part * result[0] + r0) * result[1] + r1;
            let a_steps = [t0.at_step * of_a[0], t1.at_step * of_a[1]];
            let b_steps = [taps[0] * of_b[0], t0.step * of_b[0], t1.step * of_b[1]];
            StridedProduct {
                rows: channels,
                columns,
                a_columns,
                lengths: [examples, t0.n, t1.n],
                a: Strided {
                    at: a * of_x + g * channels,
                    row: 1,
                    steps: [read[0] as isize * of_a[0], a_steps[0], a_steps[1]],
                },
                b: Strided {
                    at: b * of_y + g * columns,
                    row: 0,
                    steps: b_steps.map(|step| step as isize),
                },
                z: Strided { at: z * channels * of_y + g * columns, row: of_y, steps: [0; 3] },
            }
        };
        let places = ndarray::indices((self.parts.max(1), result[0], result[1], groups));
        places.into_iter().map(|(part, r0, r1, g)| block(part, r0, r1, g)).collect()
    }

    /// How far result indices of a run are apart, and what the first operand is read at for them.
    fn steps(&self, window: &Window) -> (usize, usize) {
        let stride = window.stride as usize;
        if self.swaps_filter() { (stride, 1) } else { (1, stride) }
    }

    /// The indices of the result along the second axis, in runs.
    fn runs(&self, axes: &Axes) -> Vec<Run> {
        let (step, read_step) = self.steps(&axes.windows[1]);
        let mut runs: Vec<Run> = vec![];
        for class in 0..step.min(axes.result[1]) {
            let first_of_class = runs.len();
            for r in (class..axes.result[1]).step_by(step) {
                let taps = self.taps(axes, 1, r);
                let continues = |run: &&mut Run| {
                    let at = if taps.n == 0 { 0 } else { run.taps.at + run.n * read_step };
                    Taps { at, ..run.taps } == taps
                };
                match runs[first_of_class..].last_mut().filter(continues) {
                    Some(run) => run.n += 1,
                    None => runs.push(Run { first: r, n: 1, taps }),
                }
            }
        }
        runs
    }

    /// The terms of an index of the result along an axis.
    fn taps(&self, axes: &Axes, axis: usize, result: usize) -> Taps {
        let (window, size) = (&axes.windows[axis], axes.read[axis]);
        let read_at = |tap: usize| match self.result {
            ConvResult::Output => window.input_at(result, tap, size),
            ConvResult::Input { .. } => window.output_at(result, tap, size),
            ConvResult::Filter { .. } => window.input_at(tap, result, size),
        };
        let terms = (0..axes.taps[axis]).filter_map(|tap| Some((tap, read_at(tap)?)));
        let terms: Vec<(usize, usize)> = terms.collect();
        match terms[..] {
            [] => Taps::default(),
            [(first, at)] => Taps { first, at, n: 1, ..Taps::default() },
            // Indices that meet are equally far apart.
            [(first, at), (next, next_at), ..] => Taps {
                first,
                step: next - first,
                n: terms.len(),
                at,
                at_step: next_at as isize - at as isize,
            },
        }
    }
}

/// Whether the groups are the columns of products, as they are where each is one channel of both
/// tensors; and how many groups of how many columns there are then.
fn beside(groups: usize, [channels, columns]: [usize; 2]) -> (bool, usize, usize) {
    match [channels, columns] {
        [1, 1] if groups > 1 => (true, 1, groups),
        _ => (false, groups, columns),
    }
}

/// Both spatial axes: the windows, and the sizes of the first operand, which is read at what the
/// other two say, of the second and of the result.
struct Axes {
    windows: [Window; 2],
    read: [usize; 2],
    taps: [usize; 2],
    result: [usize; 2],
}
