//! Made from the expansions of the compiler by its test `kernels`; not to be edited.

#[cfg(not(any(feature = "std", test)))]
#[allow(unused_imports)]
use crate::real::Real as _;

#[inline(always)]
pub(super) fn f32_value<const FMA: bool>(x: f32) -> f32 {
    if FMA {
        let v0 = if 89.0_f32 < x { 89.0_f32 } else { x };
        let v1 = if v0 < -176.0_f32 { -176.0_f32 } else { v0 };
        let v2 = v1.mul_add(0.7213475_f32, 12583039.0_f32);
        let v3 = v2 - 12583039.0_f32;
        let v4 = v3.mul_add(-1.3867188_f32, v1);
        let v5 = v3.mul_add(0.00042438888_f32, v4);
        let v6 = 0.00019611136_f32.mul_add(v5, 0.001410434_f32);
        let v7 = v6.mul_add(v5, 0.008336106_f32);
        let v8 = v7.mul_add(v5, 0.041661277_f32);
        let v9 = v8.mul_add(v5, 0.16666614_f32);
        let v10 = v9.mul_add(v5, 0.50000036_f32);
        let v11 = v10.mul_add(v5, 1.0_f32);
        let v12 = v11.mul_add(v5, 1.0_f32);
        let v13 = v2.to_bits().cast_signed();
        let v14 = v13 << 23;
        let v15 = f32::from_bits(v14.cast_unsigned());
        let v16 = v12 * v15;
        let v17 = v16 * v15;
        v17
    } else {
        let v0 = if 89.0_f32 < x { 89.0_f32 } else { x };
        let v1 = if v0 < -176.0_f32 { -176.0_f32 } else { v0 };
        let v2 = v1 * 0.7213475_f32;
        let v3 = v2 + 12583039.0_f32;
        let v4 = v3 - 12583039.0_f32;
        let v5 = v4 * 0.00042438888_f32;
        let v6 = v4 * -1.3867188_f32;
        let v7 = v6 + v1;
        let v8 = v5 + v7;
        let v9 = 0.00019611136_f32 * v8;
        let v10 = v9 + 0.001410434_f32;
        let v11 = v10 * v8;
        let v12 = v11 + 0.008336106_f32;
        let v13 = v12 * v8;
        let v14 = v13 + 0.041661277_f32;
        let v15 = v14 * v8;
        let v16 = v15 + 0.16666614_f32;
        let v17 = v16 * v8;
        let v18 = v17 + 0.50000036_f32;
        let v19 = v18 * v8;
        let v20 = v19 + 1.0_f32;
        let v21 = v20 * v8;
        let v22 = v21 + 1.0_f32;
        let v23 = v3.to_bits().cast_signed();
        let v24 = v23 << 23;
        let v25 = f32::from_bits(v24.cast_unsigned());
        let v26 = v22 * v25;
        let v27 = v26 * v25;
        v27
    }
}

#[inline(always)]
pub(super) fn f64_value<const FMA: bool>(x: f64) -> f64 {
    if FMA {
        let v0 = if 710.0_f64 < x { 710.0_f64 } else { x };
        let v1 = if v0 < -1418.0_f64 { -1418.0_f64 } else { v0 };
        let v2 = v1.mul_add(0.7213475204444817_f64, 6755399441056767.0_f64);
        let v3 = v2 - 6755399441056767.0_f64;
        let v4 = v3.mul_add(-1.3862943607382476_f64, v1);
        let v5 = v3.mul_add(-3.8164298585411754e-10_f64, v4);
        let v6 = 1.5935578909615442e-10_f64.mul_add(v5, 2.106234032719113e-9_f64);
        let v7 = v6.mul_add(v5, 2.5055033405620896e-8_f64);
        let v8 = v7.mul_add(v5, 2.7556157949184066e-7_f64);
        let v9 = v8.mul_add(v5, 2.755730065156537e-6_f64);
        let v10 = v9.mul_add(v5, 2.4801590830248606e-5_f64);
        let v11 = v10.mul_add(v5, 0.00019841269892775912_f64);
        let v12 = v11.mul_add(v5, 0.0013888888883576837_f64);
        let v13 = v12.mul_add(v5, 0.00833333333326992_f64);
        let v14 = v13.mul_add(v5, 0.04166666666670208_f64);
        let v15 = v14.mul_add(v5, 0.16666666666666938_f64);
        let v16 = v15.mul_add(v5, 0.4999999999999993_f64);
        let v17 = v16.mul_add(v5, 1.0_f64);
        let v18 = v17.mul_add(v5, 1.0_f64);
        let v19 = v2.to_bits().cast_signed();
        let v20 = v19 << 52;
        let v21 = f64::from_bits(v20.cast_unsigned());
        let v22 = v18 * v21;
        let v23 = v22 * v21;
        v23
    } else {
        let v0 = if 710.0_f64 < x { 710.0_f64 } else { x };
        let v1 = if v0 < -1418.0_f64 { -1418.0_f64 } else { v0 };
        let v2 = v1 * 0.7213475204444817_f64;
        let v3 = v2 + 6755399441056767.0_f64;
        let v4 = v3 - 6755399441056767.0_f64;
        let v5 = v4 * -3.8164298585411754e-10_f64;
        let v6 = v4 * -1.3862943607382476_f64;
        let v7 = v6 + v1;
        let v8 = v5 + v7;
        let v9 = 1.5935578909615442e-10_f64 * v8;
        let v10 = v9 + 2.106234032719113e-9_f64;
        let v11 = v10 * v8;
        let v12 = v11 + 2.5055033405620896e-8_f64;
        let v13 = v12 * v8;
        let v14 = v13 + 2.7556157949184066e-7_f64;
        let v15 = v14 * v8;
        let v16 = v15 + 2.755730065156537e-6_f64;
        let v17 = v16 * v8;
        let v18 = v17 + 2.4801590830248606e-5_f64;
        let v19 = v18 * v8;
        let v20 = v19 + 0.00019841269892775912_f64;
        let v21 = v20 * v8;
        let v22 = v21 + 0.0013888888883576837_f64;
        let v23 = v22 * v8;
        let v24 = v23 + 0.00833333333326992_f64;
        let v25 = v24 * v8;
        let v26 = v25 + 0.04166666666670208_f64;
        let v27 = v26 * v8;
        let v28 = v27 + 0.16666666666666938_f64;
        let v29 = v28 * v8;
        let v30 = v29 + 0.4999999999999993_f64;
        let v31 = v30 * v8;
        let v32 = v31 + 1.0_f64;
        let v33 = v32 * v8;
        let v34 = v33 + 1.0_f64;
        let v35 = v3.to_bits().cast_signed();
        let v36 = v35 << 52;
        let v37 = f64::from_bits(v36.cast_unsigned());
        let v38 = v34 * v37;
        let v39 = v38 * v37;
        v39
    }
}

