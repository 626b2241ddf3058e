//! The two float formats: what the expansions need to know of them, and their coefficients.

use crate::ir::DType;

/// What the two float formats differ in, with the coefficients for each.
pub(super) struct Format {
    pub(super) float: DType,
    pub(super) int: DType,
    /// Bits of the fraction.
    pub(super) fraction: u8,
    pub(super) bias: i64,
    /// 1.5 · 2^fraction: added to a small number, it leaves its integer part in the lowest bits.
    pub(super) magic: f64,
    /// ln 2 in two parts, of which the first has few bits.
    pub(super) ln2: [f64; 2],
    /// Below the first `exp` is 0, above the second infinite.
    pub(super) exp_range: [f64; 2],
    /// `(e^r − 1 − r) / r²` for |r| ≤ ln 2.
    pub(super) exp: &'static [f64],
    /// The same for |r| ≤ ln 2 / 2, as `e^r − 1` needs it.
    pub(super) expm1: &'static [f64],
    /// Beyond this `tanh` is ±1.
    pub(super) tanh_range: f64,
    /// The bits of √½.
    pub(super) sqrt_half: i64,
    /// Below the first `erf(x) / x` is the second, a polynomial in x².
    pub(super) erf: (f64, &'static [f64]),
    /// From there up to the first `ln(1 − erf x)` is the second; beyond, erf is 1.
    pub(super) erfc: (f64, &'static [f64]),
    /// The smallest normal number.
    pub(super) min_positive: f64,
    /// What makes denormals normal, and its exponent.
    pub(super) normalise: (f64, i64),
}

impl Format {
    pub(super) fn of(dtype: DType) -> Option<&'static Format> {
        match dtype {
            DType::F32 => Some(&F32),
            DType::F64 => Some(&F64),
            DType::I32 | DType::I64 | DType::U8 | DType::Bool => None,
        }
    }
}

pub(super) static F32: Format = Format {
    float: DType::F32,
    int: DType::I32,
    fraction: 23,
    bias: 127,
    magic: 12582912.0,
    ln2: [0.693359375, -2.121944400546905827679e-4],
    exp_range: [-104.0, 89.0],
    exp: &[
        0.50000034540711648128,
        0.16666614090382664447,
        0.041661275759880438022,
        0.0083361060158851398752,
        0.0014104339771169623401,
        0.00019611135332564458512,
    ],
    expm1: &[
        0.5000000044268751957,
        0.16666666369762436939,
        0.041666360427297863599,
        0.0083333894576325959873,
        0.0013940668539617760362,
        0.00019845881635771513588,
    ],
    tanh_range: 10.0,
    sqrt_half: 0x3F35_04F3,
    erf: (
        0.92,
        &[
            1.1283791666468309461,
            -0.37612633825313741092,
            0.11283696879353282471,
            -0.02685947526415019608,
            0.0052012240580350939031,
            -0.00081448891585177270237,
            0.000083793761473608860544,
        ],
    ),
    erfc: (
        4.0,
        &[
            -0.00019428195597202727326,
            -1.1276813799577294837,
            -0.63717256893341760239,
            -0.10394007973633434009,
            0.022231002818542406322,
            -0.0030442395796697089756,
            0.00019604121403431705772,
        ],
    ),
    min_positive: f32::MIN_POSITIVE as f64,
    normalise: (8388608.0, 23),
};

pub(super) static F64: Format = Format {
    float: DType::F64,
    int: DType::I64,
    fraction: 52,
    bias: 1023,
    magic: 6755399441055744.0,
    ln2: [0.693147180369123816490, 1.90821492927058770002e-10],
    exp_range: [-746.0, 710.0],
    exp: &[
        0.49999999999999927995,
        0.1666666666666693674,
        0.041666666666702082083,
        0.0083333333332699205131,
        0.0013888888883576836164,
        0.00019841269892775911683,
        0.000024801590830248606813,
        2.7557300651565368665e-6,
        2.7556157949184066045e-7,
        2.5055033405620895895e-8,
        2.1062340327191129549e-9,
        1.593557890961544226e-10,
    ],
    expm1: &[
        0.50000000000000000085,
        0.16666666666666676547,
        0.041666666666666508373,
        0.0083333333333216539185,
        0.0013888888888962513071,
        0.00019841269886074300558,
        0.00002480158717238820504,
        2.7557244253263291088e-6,
        2.755740265390247056e-7,
        2.5109024793988452285e-8,
        2.0875363614925688425e-9,
    ],
    tanh_range: 22.0,
    sqrt_half: 0x3FE6_A09E_667F_3BCD,
    erf: (
        1.0,
        &[
            1.1283791670955125739,
            -0.37612638903183752368,
            0.11283791670955119672,
            -0.026866170645129717336,
            0.0052239776254218919826,
            -0.00085483270218393994177,
            0.00012055332898728821622,
            -0.000014925647445941171982,
            1.646204300850702607e-6,
            -1.6364608724714810315e-7,
            1.4792090977754984358e-8,
            -1.2162702709981959813e-9,
            8.7025683141419123204e-11,
            -4.2209527885476505922e-12,
        ],
    ),
    erfc: (
        6.0,
        &[
            2.6852484872710145272e-8,
            -1.1283795095474277842,
            -0.63661770707063067716,
            -0.10278044031037553889,
            0.019149446459479353711,
            0.00016693131420472416373,
            -0.0016298805957031696345,
            0.00050699328343383542234,
            0.000058609772197135469213,
            -0.0001346898297428406334,
            0.000077469639993728400112,
            -0.000029788137318272299705,
            8.7267938658394933674e-6,
            -2.0242516225490339061e-6,
            3.7500504812117900231e-7,
            -5.5097096879517429404e-8,
            6.2941967880218128217e-9,
            -5.3970283187070765696e-10,
            3.2692614455487725093e-11,
            -1.2472470919960327288e-12,
            2.2528681947569164484e-14,
        ],
    ),
    min_positive: f64::MIN_POSITIVE,
    normalise: (18014398509481984.0, 54),
};
