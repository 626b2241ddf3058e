//! The tile against a scalar chain, bit for bit.

use super::{Tile, tile_f32, tile_f64};
use crate::Isa;

/// A product over buffers that it fits in exactly.
#[derive(Clone, Copy, Debug)]
struct Case {
    m: [usize; 2],
    n: usize,
    len: [usize; 3],
    a_row: [isize; 2],
    a_step: [isize; 3],
    b_step: [isize; 3],
    c_row: [isize; 2],
    accumulate: bool,
    a_columns: bool,
    within: [usize; 2],
}

impl Case {
    /// Row-major `[m, k] × [k, n]` with `k` split in levels.
    fn plain(m: usize, n: usize, len: [usize; 3], accumulate: bool) -> Self {
        let k: usize = len.iter().product();
        let levels = [(len[1] * len[2]) as isize, len[2] as isize, 1];
        let b_step = levels.map(|step| step * n as isize);
        let (a_row, c_row) = ([0, k as isize], [0, n as isize]);
        let (m, a_step, a_columns, within) = ([1, m], levels, false, [0; 2]);
        Case { m, n, len, a_row, a_step, b_step, c_row, accumulate, a_columns, within }
    }

    /// As `plain`, with A stored as `[k, m]`.
    fn transposed(m: usize, n: usize, len: [usize; 3], accumulate: bool) -> Self {
        let plain = Case::plain(m, n, len, accumulate);
        Case { a_row: [0, 1], a_step: plain.a_step.map(|step| step * m as isize), ..plain }
    }

    /// The same with a left factor for each column, the rows of which are as far apart as those of
    /// `m` and the reduction were, times the columns.
    fn by_columns(self) -> Self {
        let n = self.n as isize;
        let (a_row, a_step) = (self.a_row.map(|row| row * n), self.a_step.map(|step| step * n));
        Case { a_row, a_step, a_columns: true, ..self }
    }

    /// The gradient by a row of a filter of so many taps, from images of so many rows of `width`
    /// places of which the first has so many before it, and as many places of the other factor.
    fn shifting(
        [taps, channels]: [usize; 2],
        n: usize,
        [rows, width]: [usize; 2],
        places: usize,
        before: usize,
    ) -> Self {
        let a_step = [rows * width * channels, width * channels, channels];
        let b_step = [rows * places * n, places * n, n];
        Case {
            m: [taps, channels],
            n,
            len: [2, rows, places],
            a_row: [channels as isize, 1],
            a_step: a_step.map(|step| step as isize),
            b_step: b_step.map(|step| step as isize),
            c_row: [(channels * n) as isize, n as isize],
            accumulate: false,
            a_columns: false,
            within: [before, (before + width).min(places + taps - 1)],
        }
    }

    /// The level of rows that is split.
    fn split_level(&self) -> usize {
        usize::from(self.m[0] == 1 || self.within != [0; 2])
    }

    /// Whether a row of the outer level has a term.
    fn has(&self, i: usize, r: usize) -> bool {
        let [first, end] = self.within;
        end == 0 || (first..end).contains(&(i + r))
    }

    /// One past the greatest offset of each of A, B and C.
    fn sizes(&self) -> [usize; 3] {
        let last = |steps: [isize; 3]| -> isize {
            (0..3).map(|l| steps[l] * self.len[l].saturating_sub(1) as isize).sum()
        };
        let rows = |steps: [isize; 2]| -> isize {
            (0..2).map(|l| steps[l] * self.m[l].saturating_sub(1) as isize).sum()
        };
        let columns = self.n as isize;
        let [first, end] = self.within;
        if end > 0 {
            // The places of A are those within.
            let all = Case { within: [0; 2], m: [1, self.m[1]], ..*self };
            let all = Case { len: [self.len[0], self.len[1], end - first], ..all };
            return [
                all.sizes()[0],
                (last(self.b_step) + columns) as usize,
                (rows(self.c_row) + columns) as usize,
            ];
        }
        [
            (last(self.a_step) + rows(self.a_row) + if self.a_columns { columns } else { 1 })
                as usize,
            (last(self.b_step) + columns) as usize,
            (rows(self.c_row) + columns) as usize,
        ]
    }
}

/// The same test for each element type.
macro_rules! suite {
    ($name:ident, $t:ty, $tile:ident) => {
        mod $name {
            use super::*;

            /// Numbers in -2..2 with full mantissas.
            fn numbers(n: usize, mut state: u64) -> Vec<$t> {
                (0..n)
                    .map(|_| {
                        state = state.wrapping_mul(6364136223846793005).wrapping_add(1);
                        ((state >> 11) as f64 / (1u64 << 51) as f64 - 2.0) as $t
                    })
                    .collect()
            }

            fn operands(case: &Case) -> [Vec<$t>; 3] {
                let [a, b, c] = case.sizes();
                [numbers(a, 1), numbers(b, 2), numbers(c, 3)]
            }

            fn expected(case: &Case, fuses: bool) -> Vec<$t> {
                let [a, b, mut c] = operands(case);
                let at = |i: usize, step: isize| i as isize * step;
                for i in 0..case.m[0] * case.m[1] {
                    let row =
                        |step: [isize; 2]| at(i / case.m[1], step[0]) + at(i % case.m[1], step[1]);
                    for j in 0..case.n {
                        let to = (row(case.c_row) + j as isize) as usize;
                        let mut acc = if case.accumulate { c[to] } else { 0.0 };
                        for r0 in 0..case.len[0] {
                            for r1 in 0..case.len[1] {
                                let (i0, first) = (i / case.m[1], case.within[0] as isize);
                                for r2 in (0..case.len[2]).filter(|&r2| case.has(i0, r2)) {
                                    let of = |steps: [isize; 3]| {
                                        at(r0, steps[0]) + at(r1, steps[1]) + at(r2, steps[2])
                                    };
                                    let column = if case.a_columns { j } else { 0 };
                                    let shifted = row(case.a_row) - first * case.a_step[2];
                                    let x = a[(shifted + of(case.a_step)) as usize + column];
                                    let y = b[j + of(case.b_step) as usize];
                                    acc = if fuses { x.mul_add(y, acc) } else { x * y + acc };
                                }
                            }
                        }
                        c[to] = acc;
                    }
                }
                c
            }

            /// The part of the product in the given rows (of the outer level, if there are two) and
            /// columns, computed into `c`.
            fn part(
                isa: Isa,
                case: &Case,
                [a, b, c]: &mut [Vec<$t>; 3],
                rows: (usize, usize),
                columns: (usize, usize),
            ) {
                let (i, level) = (rows.0 as isize, case.split_level());
                let mut m = case.m;
                m[level] = rows.1 - rows.0;
                let tile = Tile {
                    c: c.as_mut_ptr()
                        .wrapping_offset(i * case.c_row[level])
                        .wrapping_add(columns.0)
                        .cast(),
                    a: a.as_ptr()
                        .wrapping_offset(i * case.a_row[level])
                        .wrapping_add(if case.a_columns { columns.0 } else { 0 })
                        .cast(),
                    b: b.as_ptr().wrapping_add(columns.0).cast(),
                    m,
                    n: columns.1 - columns.0,
                    c_row: case.c_row,
                    a_row: case.a_row,
                    len: case.len,
                    a_step: case.a_step,
                    b_step: case.b_step,
                    accumulate: usize::from(case.accumulate),
                    a_columns: usize::from(case.a_columns),
                    within: case.within,
                };
                // SAFETY: the buffers are as large as `Case::sizes` says.
                unsafe { $tile(isa, &tile) }
            }

            fn check(case: Case) {
                for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
                    let want = expected(&case, isa.fuses());
                    let mut whole = operands(&case);
                    let rows = case.m[case.split_level()];
                    part(isa, &case, &mut whole, (0, rows), (0, case.n));
                    assert_bits(&whole[2], &want, &(isa, case, "whole"));
                    let (i, j) = (rows / 3, case.n * 2 / 3);
                    let mut split = operands(&case);
                    for rows in [(0, i), (i, rows)] {
                        for columns in [(0, j), (j, case.n)] {
                            part(isa, &case, &mut split, rows, columns);
                        }
                    }
                    assert_bits(&split[2], &want, &(isa, case, "split"));
                }
            }

            fn assert_bits(got: &[$t], want: &[$t], what: &dyn std::fmt::Debug) {
                let differs = (0..want.len()).find(|&i| got[i].to_bits() != want[i].to_bits());
                assert_eq!(differs.map(|i| (i, got[i], want[i])), None, "{what:?}");
            }

            #[test]
            fn every_small_shape() {
                for m in [0, 1, 2, 3, 4, 5, 7, 14, 15, 26, 33] {
                    for n in [0, 1, 3, 4, 7, 8, 9, 10, 16, 17, 24, 31, 32, 33, 48, 77, 130, 200] {
                        for k in [0, 1, 7] {
                            for accumulate in [false, true] {
                                let case = Case::plain(m, n, [1, 1, k], accumulate);
                                check(case);
                                check(case.by_columns());
                            }
                        }
                    }
                }
            }

            #[test]
            fn long_chains() {
                for (m, n, k) in
                    [(33, 77, 77), (7, 33, 130), (8, 40, 784), (17, 10, 1024), (2, 70, 5000)]
                {
                    check(Case::plain(m, n, [1, 1, k], false));
                    check(Case::transposed(m, n, [1, 1, k], true));
                }
            }

            #[test]
            fn three_levels() {
                for accumulate in [false, true] {
                    for len in [[2, 3, 7], [3, 1, 1], [1, 5, 1], [0, 2, 2], [2, 0, 2], [4, 3, 1]] {
                        check(Case::plain(29, 33, len, accumulate));
                        check(Case::transposed(13, 10, len, accumulate));
                        check(Case::plain(29, 33, len, accumulate).by_columns());
                        check(Case::transposed(13, 10, len, accumulate).by_columns());
                    }
                }
            }

            #[test]
            fn rows_that_shift() {
                let rows = [[3, 8], [3, 12], [3, 14], [5, 8], [5, 12], [2, 8], [7, 3], [3, 1]];
                for rows in rows {
                    for n in [1, 9, 10, 16, 17] {
                        for (width, places, before) in [
                            (6, 6, 1),
                            (9, 7, 0),
                            (3, 4, 1),
                            (2, 1, 1),
                            (11, 12, 3),
                            (1, 3, 1),
                            (40, 40, 2),
                        ] {
                            let before = before.min(places + rows[0] - 2);
                            let case = Case::shifting(rows, n, [3, width], places, before);
                            check(case);
                            check(Case { accumulate: true, ..case });
                        }
                    }
                }
                // A sum in parts, each of some rows of the images.
                check(Case::shifting([3, 8], 16, [70, 300], 300, 1));
            }

            #[test]
            fn strides_of_a_convolution() {
                // An image of 9 × 9 × 5 and a filter of 3 × 2 × 5 → 21: overlapping windows.
                let row = Case {
                    m: [1, 8],
                    n: 21,
                    len: [1, 3, 10],
                    a_row: [0, 5],
                    a_step: [0, 45, 1],
                    b_step: [0, 210, 21],
                    c_row: [0, 25],
                    accumulate: true,
                    a_columns: false,
                    within: [0; 2],
                };
                check(row);
                // All rows of the image at once, and some rows of the gradient of its filter.
                check(Case { m: [7, 8], a_row: [45, 5], c_row: [200, 25], ..row });
                check(Case {
                    m: [3, 5],
                    len: [1, 7, 6],
                    a_row: [45, 1],
                    a_step: [0, 45, 5],
                    b_step: [0, 126, 21],
                    c_row: [105, 21],
                    ..row
                });
                // Levels out of order in memory, gaps between rows.
                check(Case {
                    m: [1, 17],
                    n: 37,
                    len: [3, 4, 5],
                    a_row: [0, 61],
                    a_step: [1, 3, 12],
                    b_step: [200, 50, 700],
                    c_row: [0, 39],
                    accumulate: false,
                    a_columns: false,
                    within: [0; 2],
                });
            }

            #[test]
            fn strides_of_a_depthwise_convolution() {
                for (n, accumulate) in
                    [(1, false), (7, true), (33, false), (77, true), (256, false)]
                {
                    // Images of 9 × 11 and a filter of 3 × 2, every second place.
                    let (columns, row) = (n as isize, 11 * n as isize);
                    let places = Case {
                        m: [4, 5],
                        n,
                        len: [1, 3, 2],
                        a_row: [2 * row, 2 * columns],
                        a_step: [0, row, columns],
                        b_step: [0, 2 * columns, columns],
                        c_row: [5 * columns, columns],
                        accumulate,
                        a_columns: true,
                        within: [0; 2],
                    };
                    check(places);
                    // The gradient of its filter, of two images.
                    check(Case {
                        m: [3, 2],
                        len: [2, 4, 5],
                        a_row: [row, columns],
                        a_step: [9 * row, 2 * row, 2 * columns],
                        b_step: [20 * columns, 5 * columns, columns],
                        c_row: [2 * columns, columns],
                        ..places
                    });
                }
            }

            #[test]
            fn columns_beyond_the_tile_are_untouched() {
                for n in [1, 7, 10, 16, 31, 33] {
                    let case = Case { c_row: [0, 40], ..Case::plain(5, n, [1, 1, 3], false) };
                    check(case);
                    check(case.by_columns());
                }
            }

            #[test]
            fn two_levels_of_rows() {
                for m in [[0, 3], [3, 0], [2, 1], [5, 1], [3, 3], [1, 9], [2, 14], [7, 5], [4, 19]]
                {
                    for n in [1, 10, 33] {
                        let columns = n as isize;
                        let whole = Case::plain(m[0] * m[1], n, [1, 3, 7], n == 10);
                        // Rows that continue each other, that have gaps between them, and that are
                        // turned: the outer level is the near one.
                        let inner = m[1] as isize;
                        let (a, c) = (21, columns);
                        for gap in [0, 5] {
                            let a_row = [a * inner + gap, a];
                            let c_row = [c * inner + gap, c];
                            check(Case { m, a_row, c_row, ..whole });
                            check(Case { m, a_row, c_row, ..whole }.by_columns());
                        }
                        let outer = m[0] as isize;
                        check(Case { m, a_row: [a, a * outer], c_row: [c, c * outer], ..whole });
                    }
                }
            }

            /// Some columns of a wide right factor: its rows are a page apart or nearly so.
            #[test]
            fn rows_in_pages_of_their_own() {
                let narrow = [(15, 33, 1024), (9, 1, 1000), (30, 64, 512), (57, 17, 1024)];
                for (m, n, apart) in narrow.into_iter().chain([(281, 20, 1024)]) {
                    for accumulate in [false, true] {
                        let b_step = [300 * apart, 0, apart];
                        check(Case { b_step, ..Case::plain(m, n, [2, 1, 300], accumulate) });
                    }
                }
            }

            /// Sums that are gone through in parts where they lie: few rows of a left factor whose steps
            /// are lines apart, a large right factor, levels that are cut and such that stay whole, and
            /// an empty one.
            #[test]
            fn sums_in_parts() {
                for accumulate in [false, true] {
                    for len in [[1, 1, 1537], [1, 28, 64], [7, 9, 25], [600, 1, 3], [2, 0, 900]] {
                        check(Case::transposed(17, 10, len, accumulate));
                        check(Case::plain(13, 130, len, accumulate));
                        check(Case::transposed(5, 33, len, accumulate).by_columns());
                    }
                }
            }

            /// Rows of the left factor that are copied, as their steps are lines apart: more than are
            /// copied at once, of more steps, for more columns. Rows that evict each other.
            #[test]
            fn copied_rows() {
                for (m, k, accumulate) in [(139, 261, false), (57, 523, true)] {
                    check(Case::transposed(m, 515, [1, 1, k], accumulate));
                }
                check(Case {
                    a_row: [0, 1],
                    a_step: [0, 0, 256],
                    ..Case::plain(20, 140, [1, 1, 300], true)
                });
                check(Case::transposed(19, 520, [3, 5, 40], true));
                let apart = Case { a_row: [0, 1024], ..Case::plain(31, 530, [1, 1, 600], false) };
                check(apart);
                check(Case { m: [5, 4], a_row: [5000, 1024], c_row: [2700, 530], ..apart });
            }

            #[test]
            fn large_right_factors() {
                for accumulate in [false, true] {
                    check(Case::plain(57, 300, [1, 1, 513], accumulate));
                    check(Case::transposed(60, 41, [3, 70, 20], accumulate));
                }
                check(Case::plain(85, 140, [2, 3, 300], true));
                check(Case::plain(57, 300, [1, 1, 513], true).by_columns());
                check(Case::plain(43, 41, [2, 3, 600], false).by_columns());
                check(Case {
                    m: [9, 7],
                    a_row: [8000, 1001],
                    c_row: [1200, 170],
                    ..Case::plain(63, 170, [11, 13, 7], false)
                });
            }
        }
    };
}

suite!(f32_suite, f32, tile_f32);
suite!(f64_suite, f64, tile_f64);
