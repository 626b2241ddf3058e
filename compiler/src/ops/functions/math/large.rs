//! The reduction of large f64 by π/2 with all the bits of π that matter, after Payne and Hanek
//! ("Radian reduction for trigonometric functions", 1983).
//!
//! `x 2/π` is wanted modulo 4 and to some 2^-118, because no f64 is nearer to a multiple of π/2 than
//! 2^-61 quarters. Of the bits of 2/π those above the window only add whole turns and those below
//! it nothing: eight words of 26 bits are left, chosen by the exponent of x. Their products with the
//! halves of x are exact, and are added up with their rounding errors.

use super::Math;
use crate::ir::{BinaryFn, CompareFn, Expr, ExprId, UnaryFn};

/// Bits of a word: with the 27 of a half, those of an f64.
const WORD: i64 = 26;

/// Words in the window: from 2^53 times the last place of x down to 2^-119.
const WINDOW: usize = 8;

/// 2/π in words of 26 bits, from the first after the point.
const TWO_OVER_PI: [u32; 45] = [
    42722829, 48555073, 21659401, 56087029, 13858563, 28715353, 38736100, 4324945, 26128250,
    62674459, 29957006, 37899730, 58726692, 49193117, 6588223, 35515164, 46442140, 65964067,
    24988590, 54822121, 41009306, 54917092, 5137525, 37323603, 15192690, 4585659, 58608142,
    52426903, 67074070, 25231090, 63202006, 34237727, 28629499, 15891632, 40752081, 37709470,
    25143477, 55737260, 33225084, 24853767, 15195689, 19476134, 50255852, 18845021, 2185228,
];

impl Math<'_> {
    /// `r = x − n π/2`, |r| ≤ π/4, and n in the lowest bits of an integer, for 2^20 ≤ |x|; NaN for
    /// what is infinite.
    pub(super) fn reduce_large(&mut self, x: ExprId) -> (ExprId, ExprId) {
        let first = self.first_word(x);
        let (_, scale) = self.power_of_two(first, -WORD as f64);
        let scaled = self.mul(x, scale);
        let words = self.window(first);
        let zero = self.number(0.0);
        let (mut n, mut sum, mut error) = (zero, zero, zero);
        for (place, term) in self.terms(scaled, words).into_iter().enumerate() {
            // The first seven may be larger than a turn.
            let term = if place < 7 { self.less_turns(term) } else { term };
            let (next, lost) = self.two_sum(sum, term);
            sum = next;
            error = self.add(error, lost);
            // Further terms are too small for a quarter.
            if place < 9 {
                let quarters = self.exprs.unary(UnaryFn::Round, sum);
                sum = self.sub(sum, quarters);
                n = self.add(n, quarters);
            }
            if place == 6 || place == 8 {
                (sum, error) = self.two_sum(sum, error);
            }
        }
        let (_, bits) = self.nearest(n, 1.0);
        let rest = self.add(sum, error);
        let half_pi = self.number(std::f64::consts::FRAC_PI_2);
        (self.mul(rest, half_pi), bits)
    }

    /// The first word of 2/π whose product with `x` is not whole turns alone.
    fn first_word(&mut self, x: ExprId) -> ExprId {
        let size = self.exprs.unary(UnaryFn::Abs, x);
        let bits = self.bits(size);
        let exponent = self.exprs.intern(Expr::ShiftRightSigned(bits, self.format.fraction));
        let exponent = self.small_float(exponent);
        // Half above an integer, so that the quotient is not next to one.
        let [start, inverse, zero] =
            [self.format.bias as f64 + 53.5, 1.0 / WORD as f64, 0.0].map(|c| self.number(c));
        let beyond = self.sub(exponent, start);
        let words = self.mul(beyond, inverse);
        let words = self.exprs.unary(UnaryFn::Floor, words);
        self.binary(BinaryFn::Max, zero, words)
    }

    /// The words from number `first` on, each in its place after the point: by halves of the table.
    fn window(&mut self, first: ExprId) -> Vec<ExprId> {
        let mut words: Vec<ExprId> =
            TWO_OVER_PI.iter().map(|&word| self.number(f64::from(word))).collect();
        let mut rest = first;
        for step in [32, 16, 8, 4, 2, 1] {
            let skipped = self.number(step as f64);
            let skips = self.exprs.compare(CompareFn::Ge, rest, skipped);
            let less = self.sub(rest, skipped);
            rest = self.exprs.select(skips, less, rest);
            let n_kept = words.len().min(step - 1 + WINDOW);
            words = (0..n_kept)
                .map(|i| match words.get(i + step) {
                    Some(&later) => self.exprs.select(skips, later, words[i]),
                    None => words[i],
                })
                .collect();
        }
        let placed = words.into_iter().enumerate().map(|(i, word)| {
            let place = self.number(2f64.powi(-(WORD as i32) * (i as i32 + 1)));
            self.mul(word, place)
        });
        placed.collect()
    }

    /// The products of the halves of `x` with the words, from the largest on.
    fn terms(&mut self, x: ExprId, words: Vec<ExprId>) -> Vec<ExprId> {
        let (high, low) = self.halves(x);
        let products = words.iter().map(|&word| [self.mul(high, word), self.mul(low, word)]);
        let mut terms: Vec<ExprId> = products.flatten().collect();
        // The lower half with the last word is below all that counts.
        terms.pop();
        terms
    }

    /// `x − 4 n` with the nearest `n`, exact.
    pub(super) fn less_turns(&mut self, x: ExprId) -> ExprId {
        let (quarter, four) = (self.number(0.25), self.number(4.0));
        let turns = self.mul(x, quarter);
        let turns = self.exprs.unary(UnaryFn::Round, turns);
        let turns = self.mul(turns, four);
        self.sub(x, turns)
    }
}
