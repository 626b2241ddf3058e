//! The tile against a scalar chain, bit for bit.

use super::{Levels, Tile, even_parts, tile_f32, tile_f64};
use crate::Isa;

/// A product over buffers that it fits in exactly.
#[derive(Clone, Copy, Debug)]
struct Case {
    m: usize,
    n: usize,
    len: [usize; 3],
    a_row: isize,
    a_step: [isize; 3],
    b_step: [isize; 3],
    c_row: isize,
    accumulate: bool,
}

impl Case {
    /// Row-major `[m, k] × [k, n]` with `k` split in levels.
    fn plain(m: usize, n: usize, len: [usize; 3], accumulate: bool) -> Self {
        let k: usize = len.iter().product();
        let levels = [(len[1] * len[2]) as isize, len[2] as isize, 1];
        let b_step = levels.map(|step| step * n as isize);
        Case { m, n, len, a_row: k as isize, a_step: levels, b_step, c_row: n as isize, accumulate }
    }

    /// As `plain`, with A stored as `[k, m]`.
    fn transposed(m: usize, n: usize, len: [usize; 3], accumulate: bool) -> Self {
        let plain = Case::plain(m, n, len, accumulate);
        Case { a_row: 1, a_step: plain.a_step.map(|step| step * m as isize), ..plain }
    }

    /// One past the greatest offset of each of A, B and C.
    fn sizes(&self) -> [usize; 3] {
        let last = |steps: [isize; 3]| -> isize {
            (0..3).map(|l| steps[l] * self.len[l].saturating_sub(1) as isize).sum()
        };
        let rows = self.m.saturating_sub(1) as isize;
        let columns = self.n as isize;
        [
            (last(self.a_step) + rows * self.a_row + 1) as usize,
            (last(self.b_step) + columns) as usize,
            (rows * self.c_row + columns) as usize,
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
                for i in 0..case.m {
                    for j in 0..case.n {
                        let to = (at(i, case.c_row) + j as isize) as usize;
                        let mut acc = if case.accumulate { c[to] } else { 0.0 };
                        for r0 in 0..case.len[0] {
                            for r1 in 0..case.len[1] {
                                for r2 in 0..case.len[2] {
                                    let of = |steps: [isize; 3]| {
                                        at(r0, steps[0]) + at(r1, steps[1]) + at(r2, steps[2])
                                    };
                                    let x = a[(at(i, case.a_row) + of(case.a_step)) as usize];
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

            /// The part of the product in the given rows and columns, computed into `c`.
            fn part(
                isa: Isa,
                case: &Case,
                [a, b, c]: &mut [Vec<$t>; 3],
                rows: (usize, usize),
                columns: (usize, usize),
            ) {
                let i = rows.0 as isize;
                let tile = Tile {
                    c: c.as_mut_ptr()
                        .wrapping_offset(i * case.c_row)
                        .wrapping_add(columns.0)
                        .cast(),
                    a: a.as_ptr().wrapping_offset(i * case.a_row).cast(),
                    b: b.as_ptr().wrapping_add(columns.0).cast(),
                    m: rows.1 - rows.0,
                    n: columns.1 - columns.0,
                    c_row: case.c_row,
                    a_row: case.a_row,
                    len: case.len,
                    a_step: case.a_step,
                    b_step: case.b_step,
                    accumulate: usize::from(case.accumulate),
                };
                // SAFETY: the buffers are as large as `Case::sizes` says.
                unsafe { $tile(isa, &tile) }
            }

            fn check(case: Case) {
                for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
                    let want = expected(&case, isa.fuses());
                    let mut whole = operands(&case);
                    part(isa, &case, &mut whole, (0, case.m), (0, case.n));
                    assert_bits(&whole[2], &want, &(isa, case, "whole"));
                    let (i, j) = (case.m / 3, case.n * 2 / 3);
                    let mut split = operands(&case);
                    for rows in [(0, i), (i, case.m)] {
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
                for m in [0, 1, 2, 7, 14, 15, 26, 33] {
                    for n in [0, 1, 3, 4, 7, 8, 9, 10, 16, 17, 31, 32, 33, 48, 77] {
                        for k in [0, 1, 7] {
                            for accumulate in [false, true] {
                                check(Case::plain(m, n, [1, 1, k], accumulate));
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
                    }
                }
            }

            #[test]
            fn strides_of_a_convolution() {
                // An image of 9 × 9 × 5 and a filter of 3 × 2 × 5 → 21: overlapping windows.
                check(Case {
                    m: 8,
                    n: 21,
                    len: [1, 3, 10],
                    a_row: 5,
                    a_step: [0, 45, 1],
                    b_step: [0, 210, 21],
                    c_row: 25,
                    accumulate: true,
                });
                // Levels out of order in memory, gaps between rows.
                check(Case {
                    m: 17,
                    n: 37,
                    len: [3, 4, 5],
                    a_row: 61,
                    a_step: [1, 3, 12],
                    b_step: [200, 50, 700],
                    c_row: 39,
                    accumulate: false,
                });
            }

            #[test]
            fn columns_beyond_the_tile_are_untouched() {
                for n in [1, 7, 10, 16, 31, 33] {
                    let case = Case { c_row: 40, ..Case::plain(5, n, [1, 1, 3], false) };
                    check(Case { m: 5, ..case });
                }
            }
        }
    };
}

suite!(f32_suite, f32, tile_f32);
suite!(f64_suite, f64, tile_f64);

#[test]
fn rows_are_split_evenly() {
    let parts = |m, limit| even_parts(m, limit).map(|(_, length)| length).collect::<Vec<_>>();
    assert_eq!(parts(26, 14), [13, 13]);
    assert_eq!(parts(32, 14), [11, 11, 10]);
    assert_eq!(parts(14, 14), [14]);
    assert_eq!(parts(0, 14), []);
    assert_eq!(even_parts(32, 14).map(|(first, _)| first).collect::<Vec<_>>(), [0, 11, 22]);
}

#[test]
fn levels_that_continue_each_other_are_one() {
    let levels = |case: Case| {
        let null = std::ptr::null_mut();
        let Case { m, n, len, a_row, a_step, b_step, c_row, .. } = case;
        Levels::gathered(&Tile {
            c: null,
            a: null,
            b: null,
            m,
            n,
            c_row,
            a_row,
            len,
            a_step,
            b_step,
            accumulate: 0,
        })
        .len
    };
    assert_eq!(levels(Case::plain(4, 4, [2, 3, 5], false)), [1, 1, 30]);
    assert_eq!(levels(Case::plain(4, 4, [9, 1, 1], false)), [1, 1, 9]);
    let window = Case { a_step: [0, 45, 1], ..Case::plain(4, 4, [1, 3, 10], false) };
    assert_eq!(levels(window), [1, 3, 10]);
}
