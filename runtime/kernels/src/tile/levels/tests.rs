//! How a tile is cut.

use super::{Levels, even_parts, full_parts};

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
fn rows_are_split_into_full_parts() {
    let parts = |m, limit| full_parts(m, limit).collect::<Vec<_>>();
    assert_eq!(parts(16, 6), [(0, 6), (6, 6), (12, 4)]);
    assert_eq!(parts(14, 6), [(0, 6), (6, 4), (10, 4)]);
    assert_eq!(parts(7, 6), [(0, 4), (4, 3)]);
    assert_eq!(parts(5, 6), [(0, 5)]);
    assert_eq!(parts(1, 6), [(0, 1)]);
    assert_eq!(parts(0, 6), []);
    assert_eq!(parts(12, 6), [(0, 6), (6, 6)]);
}

/// The levels of a tile with these.
fn gathered(len: [usize; 3], a_step: [isize; 3], b_step: [isize; 3]) -> Levels {
    let null = std::ptr::null_mut();
    Levels::gathered::<f32>(&super::Tile {
        c: null,
        a: null,
        b: null,
        m: [1, 4],
        n: 4,
        c_row: [0, 4],
        a_row: [0, 100],
        len,
        a_step,
        b_step,
        accumulate: 0,
        a_columns: 0,
        within: [0; 2],
    })
}

#[test]
fn levels_that_continue_each_other_are_one() {
    assert_eq!(gathered([2, 3, 5], [15, 5, 1], [60, 20, 4]).len, [1, 1, 30]);
    assert_eq!(gathered([9, 1, 1], [1, 0, 0], [4, 0, 0]).len, [1, 1, 9]);
    assert_eq!(gathered([1, 3, 10], [0, 45, 1], [0, 40, 4]).len, [1, 3, 10]);
}

/// Rows a page apart fall into one set of the first cache, those of 784 numbers into all.
#[test]
fn rows_scatter_that_evict_each_other() {
    let rows = |n, apart| gathered([1, 1, n], [0, 0, 1], [0, 0, apart]);
    for (n, apart, scatters) in [
        (1024, 1024, true),
        (512, 512, true),
        (128, 784, false),
        (784, 128, false),
        (8, 1024, false),
        (32, 1024, true),
        (64, 512, false),
        (128, 512, false),
    ] {
        let levels = rows(n, apart);
        assert_eq!(levels.scatters::<f32>(), scatters, "{n} x {apart}");
        assert_eq!(levels.ahead, if scatters { 0 } else { 8 * apart });
    }
}

/// The parts of a sum are its steps, in order.
#[test]
fn parts_are_all_steps_in_order() {
    for len in [[1, 1, 1], [1, 1, 30], [2, 3, 5], [4, 1, 7], [1, 9, 2], [3, 11, 13]] {
        // Steps that tell indices apart, and none that continues another.
        let (a_step, b_step) = ([10_000, 100, 1], [30_000, 300, 3]);
        let levels = Levels { len, a_step, b_step, ahead: 0 };
        for most in [1, 2, 5, 7, 20, 500] {
            let mut found = vec![];
            levels.parts(most, |part, a, b| {
                assert!(part.steps() <= most, "{len:?} by {most}");
                for i in 0..part.len[0] as isize {
                    for j in 0..part.len[1] as isize {
                        for k in 0..part.len[2] as isize {
                            found.push(
                                a + i * part.a_step[0] + j * part.a_step[1] + k * part.a_step[2],
                            );
                            assert_eq!(
                                b + 3 * (found[found.len() - 1] - a),
                                3 * found[found.len() - 1]
                            );
                        }
                    }
                }
            });
            let all = (0..len[0]).flat_map(|i| {
                (0..len[1]).flat_map(move |j| (0..len[2]).map(move |k| 10_000 * i + 100 * j + k))
            });
            let all: Vec<isize> = all.map(|at| at as isize).collect();
            assert_eq!(found, all, "{len:?} by {most}");
        }
    }
}
