//! Products whose rows shift with the sum: the gradient by a filter.
//!
//! An element of a filter's gradient is a sum over the places of an image; that of the filter's next
//! column (its tap) is the same sum with A read one place further. So a number of A, read once, meets
//! as many vectors of B as there are taps, those of the places before it. A step reads a number of
//! each channel and a vector for each tap, and does as many multiply-adds as there are of both
//! together: where [`super::block`] waits for what it reads, as with filters of one vector, this does
//! not. And places beyond the image's edges, of which some taps have none and others all, need no
//! tiles of their own.
//!
//! Each element is the chain that it is there: its terms come in the order of the places.

use core::array;

use super::Tile;
use super::levels::{AHEAD, Levels};
use super::vector::{Vector, fetch};

/// Fewer channels keep too few sums under way.
const FEWEST_CHANNELS: usize = 8;

/// Computes the taps of some channels in one vector of columns.
pub(super) type SlidingKernel<T> = unsafe fn(of: &Sliding<'_, T>);

/// The kernels for so many taps, by channels: the most first, of which all others are parts.
pub(super) struct SlidingKernels<T: 'static> {
    pub(super) taps: usize,
    pub(super) by_channels: &'static [(usize, SlidingKernel<T>)],
}

/// A part of the sum of some channels, all taps of which are held in registers.
pub(super) struct Sliding<'a, T> {
    /// The first element of C.
    c: *mut T,
    /// The left factor of the first channel, where tap and place come to the least.
    a: *const T,
    /// The right factor of the first column at the first place.
    b: *const T,
    /// The innermost level counts places.
    levels: &'a Levels,
    tile: &'a Tile,
    /// Whether to start from what C holds.
    accumulates: bool,
}

impl<T> SlidingKernels<T> {
    /// Whether these compute a tile whose columns fill a vector: a tap has a term before the last begins.
    pub(super) fn compute(&self, tile: &Tile) -> bool {
        let [taps, channels] = tile.m;
        let fewest = self.by_channels.last().map_or(1, |&(channels, _)| channels);
        let has_rows = taps == self.taps && tile.a_row == [tile.a_step[2], 1];
        has_rows
            && channels >= FEWEST_CHANNELS
            && channels.is_multiple_of(fewest)
            && tile.len[2] + 1 >= taps
    }
}

/// Computes a tile in blocks of channels; in parts of its sum for which so many bytes are read of both
/// factors, or a line of places.
///
/// # Safety
/// As for [`super::brolga_tile_f32`], with elements `T`; the kernels compute the tile, and the
/// instruction set must be available.
pub(super) unsafe fn sliding<T>(kernels: &SlidingKernels<T>, tile: &Tile, bytes: usize) {
    let &Tile { len, a_step, b_step, .. } = tile;
    let levels = Levels { len, a_step, b_step, ahead: b_step[2].wrapping_mul(AHEAD as isize) };
    let of_place = (tile.m[1] + tile.n).saturating_mul(size_of::<T>());
    let mut accumulates = tile.accumulate != 0;
    levels.parts(len[2].max(bytes / of_place), |levels, a, b| {
        let mut channel = 0;
        for &(channels, kernel) in kernels.by_channels {
            while channel + channels <= tile.m[1] {
                let block = Sliding {
                    c: tile.c.cast::<T>().wrapping_offset(channel as isize * tile.c_row[1]),
                    a: tile.a.cast::<T>().wrapping_offset(a).wrapping_add(channel),
                    b: tile.b.cast::<T>().wrapping_offset(b),
                    levels,
                    tile,
                    accumulates,
                };
                // SAFETY: the block lies within the tile, whose elements are accessible.
                unsafe { kernel(&block) };
                channel += channels;
            }
        }
        accumulates = true;
    });
}

/// The block of `TAPS` taps of `CHANNELS` channels and a vector of columns, all in registers.
///
/// # Safety
/// The host has the instructions of `V`, and the block's elements are accessible.
#[expect(
    clippy::needless_range_loop,
    reason = "taps and channels index memory and registers alike"
)]
#[inline(always)]
pub(super) unsafe fn slide<V: Vector, const TAPS: usize, const CHANNELS: usize>(
    of: &Sliding<'_, V::Element>,
) {
    let &Sliding { c, a, b, levels, tile, accumulates } = of;
    let ([first, end], columns) = (tile.within, tile.n);
    let [.., places] = levels.len;
    let ([.., a_step], [.., b_step]) = (levels.a_step, levels.b_step);
    // SAFETY: the host has the instructions of `V`. Taps and channels are of the block, and the mask
    // keeps vectors within its columns. A pointer to beyond the last step of a level is made
    // (wrapping) but not read.
    unsafe {
        let mask = V::mask(columns);
        let at = |tap: usize, channel: usize| {
            c.offset(tap as isize * tile.c_row[0] + channel as isize * tile.c_row[1])
        };
        let mut acc = [[V::zero(); CHANNELS]; TAPS];
        if accumulates {
            for tap in 0..TAPS {
                for channel in 0..CHANNELS {
                    acc[tap][channel] = V::load_masked(at(tap, channel), mask);
                }
            }
        }
        let (mut a0, mut b0) = (a, b);
        for _ in 0..levels.len[0] {
            let (mut a1, mut b1) = (a0, b0);
            for _ in 0..levels.len[1] {
                // The number of A that tap 0 meets at a place, and tap 1 at the place before.
                let meeting = |place: usize| {
                    let a = a1.wrapping_offset((place as isize - first as isize) * a_step);
                    (a, b1.wrapping_offset(place as isize * b_step))
                };
                // At the first places the last taps have not begun, ...
                for begun in 1..TAPS {
                    if (first..end).contains(&(begun - 1)) {
                        let (a2, b2) = meeting(begun - 1);
                        meet::<V, TAPS, CHANNELS>(&mut acc, (a2, b2, b_step), mask, (0, begun));
                    }
                }
                let all = first.max(TAPS - 1);
                let (mut a2, mut b2) = meeting(all);
                for _ in all..end.min(places) {
                    fetch(b2.wrapping_offset(levels.ahead));
                    meet::<V, TAPS, CHANNELS>(&mut acc, (a2, b2, b_step), mask, (0, TAPS));
                    (a2, b2) = (a2.wrapping_offset(a_step), b2.wrapping_offset(b_step));
                }
                // ... and after the last place the first ones have ended.
                for ended in 1..TAPS {
                    let place = places - 1 + ended;
                    if (first..end).contains(&place) {
                        let (a2, b2) = meeting(place);
                        meet::<V, TAPS, CHANNELS>(&mut acc, (a2, b2, b_step), mask, (ended, TAPS));
                    }
                }
                a1 = a1.wrapping_offset(levels.a_step[1]);
                b1 = b1.wrapping_offset(levels.b_step[1]);
            }
            a0 = a0.wrapping_offset(levels.a_step[0]);
            b0 = b0.wrapping_offset(levels.b_step[0]);
        }
        for tap in 0..TAPS {
            for channel in 0..CHANNELS {
                // A store under a mask takes a dozen times as long on some processors.
                if columns == V::LANES {
                    acc[tap][channel].store(at(tap, channel));
                } else {
                    acc[tap][channel].store_masked(at(tap, channel), mask);
                }
            }
        }
    }
}

/// Adds to the sums of some taps what they meet, times the numbers of the channels at `a`: tap 0 the
/// right factor at `b`, each tap after it that of a step before.
///
/// # Safety
/// The host has the instructions of `V`; what is met is accessible.
#[expect(
    clippy::needless_range_loop,
    reason = "taps and channels index memory and registers alike"
)]
#[inline(always)]
unsafe fn meet<V: Vector, const TAPS: usize, const CHANNELS: usize>(
    acc: &mut [[V; CHANNELS]; TAPS],
    (a, b, b_step): (*const V::Element, *const V::Element, isize),
    mask: V::Mask,
    (first, end): (usize, usize),
) {
    // SAFETY: the caller's promises.
    unsafe {
        let met: [V; TAPS] = array::from_fn(|tap| {
            if tap < first || tap >= end {
                return V::zero();
            }
            V::load_masked(b.wrapping_offset(b_step * -(tap as isize)), mask)
        });
        for channel in 0..CHANNELS {
            let x = V::splat(a.add(channel));
            for tap in first..end {
                acc[tap][channel] = x.mul_add(met[tap], acc[tap][channel]);
            }
        }
    }
}
