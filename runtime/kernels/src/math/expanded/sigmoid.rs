//! Made from the expansions of the compiler by its test `kernels`; not to be edited.

#[cfg(not(any(feature = "std", test)))]
#[allow(unused_imports)]
use crate::real::Real as _;

#[inline(always)]
pub(super) fn f32_value<const FMA: bool>(x: f32) -> f32 {
    if FMA {
        let v0 = x < 0.0_f32;
        let v1 = x.to_bits().cast_signed();
        let v2 = v1 | -2147483648_i32;
        let v3 = f32::from_bits(v2.cast_unsigned());
        let v4 = if v3 < -176.0_f32 { -176.0_f32 } else { v3 };
        let v5 = v4.mul_add(0.7213475_f32, 12583039.0_f32);
        let v6 = v5 - 12583039.0_f32;
        let v7 = v6.mul_add(-1.3867188_f32, v4);
        let v8 = v6.mul_add(0.00042438888_f32, v7);
        let v9 = 0.00019611136_f32.mul_add(v8, 0.001410434_f32);
        let v10 = v9.mul_add(v8, 0.008336106_f32);
        let v11 = v10.mul_add(v8, 0.041661277_f32);
        let v12 = v11.mul_add(v8, 0.16666614_f32);
        let v13 = v12.mul_add(v8, 0.50000036_f32);
        let v14 = v13.mul_add(v8, 1.0_f32);
        let v15 = v14.mul_add(v8, 1.0_f32);
        let v16 = v5.to_bits().cast_signed();
        let v17 = v16 << 23;
        let v18 = f32::from_bits(v17.cast_unsigned());
        let v19 = v15 * v18;
        let v20 = v19 * v18;
        let v21 = if v0 { v20 } else { 1.0_f32 };
        let v22 = 1.0_f32 + v20;
        let v23 = v21 / v22;
        v23
    } else {
        let v0 = x < 0.0_f32;
        let v1 = x.to_bits().cast_signed();
        let v2 = v1 | -2147483648_i32;
        let v3 = f32::from_bits(v2.cast_unsigned());
        let v4 = if v3 < -176.0_f32 { -176.0_f32 } else { v3 };
        let v5 = v4 * 0.7213475_f32;
        let v6 = v5 + 12583039.0_f32;
        let v7 = v6 - 12583039.0_f32;
        let v8 = v7 * 0.00042438888_f32;
        let v9 = v7 * -1.3867188_f32;
        let v10 = v9 + v4;
        let v11 = v8 + v10;
        let v12 = 0.00019611136_f32 * v11;
        let v13 = v12 + 0.001410434_f32;
        let v14 = v13 * v11;
        let v15 = v14 + 0.008336106_f32;
        let v16 = v15 * v11;
        let v17 = v16 + 0.041661277_f32;
        let v18 = v17 * v11;
        let v19 = v18 + 0.16666614_f32;
        let v20 = v19 * v11;
        let v21 = v20 + 0.50000036_f32;
        let v22 = v21 * v11;
        let v23 = v22 + 1.0_f32;
        let v24 = v23 * v11;
        let v25 = v24 + 1.0_f32;
        let v26 = v6.to_bits().cast_signed();
        let v27 = v26 << 23;
        let v28 = f32::from_bits(v27.cast_unsigned());
        let v29 = v25 * v28;
        let v30 = v29 * v28;
        let v31 = if v0 { v30 } else { 1.0_f32 };
        let v32 = 1.0_f32 + v30;
        let v33 = v31 / v32;
        v33
    }
}

#[inline(always)]
pub(super) fn f64_value<const FMA: bool>(x: f64) -> f64 {
    if FMA {
        let v0 = x < 0.0_f64;
        let v1 = x.to_bits().cast_signed();
        let v2 = v1 | -9223372036854775808_i64;
        let v3 = f64::from_bits(v2.cast_unsigned());
        let v4 = if v3 < -1418.0_f64 { -1418.0_f64 } else { v3 };
        let v5 = v4.mul_add(0.7213475204444817_f64, 6755399441056767.0_f64);
        let v6 = v5 - 6755399441056767.0_f64;
        let v7 = v6.mul_add(-1.3862943607382476_f64, v4);
        let v8 = v6.mul_add(-3.8164298585411754e-10_f64, v7);
        let v9 = 1.5935578909615442e-10_f64.mul_add(v8, 2.106234032719113e-9_f64);
        let v10 = v9.mul_add(v8, 2.5055033405620896e-8_f64);
        let v11 = v10.mul_add(v8, 2.7556157949184066e-7_f64);
        let v12 = v11.mul_add(v8, 2.755730065156537e-6_f64);
        let v13 = v12.mul_add(v8, 2.4801590830248606e-5_f64);
        let v14 = v13.mul_add(v8, 0.00019841269892775912_f64);
        let v15 = v14.mul_add(v8, 0.0013888888883576837_f64);
        let v16 = v15.mul_add(v8, 0.00833333333326992_f64);
        let v17 = v16.mul_add(v8, 0.04166666666670208_f64);
        let v18 = v17.mul_add(v8, 0.16666666666666938_f64);
        let v19 = v18.mul_add(v8, 0.4999999999999993_f64);
        let v20 = v19.mul_add(v8, 1.0_f64);
        let v21 = v20.mul_add(v8, 1.0_f64);
        let v22 = v5.to_bits().cast_signed();
        let v23 = v22 << 52;
        let v24 = f64::from_bits(v23.cast_unsigned());
        let v25 = v21 * v24;
        let v26 = v25 * v24;
        let v27 = if v0 { v26 } else { 1.0_f64 };
        let v28 = 1.0_f64 + v26;
        let v29 = v27 / v28;
        v29
    } else {
        let v0 = x < 0.0_f64;
        let v1 = x.to_bits().cast_signed();
        let v2 = v1 | -9223372036854775808_i64;
        let v3 = f64::from_bits(v2.cast_unsigned());
        let v4 = if v3 < -1418.0_f64 { -1418.0_f64 } else { v3 };
        let v5 = v4 * 0.7213475204444817_f64;
        let v6 = v5 + 6755399441056767.0_f64;
        let v7 = v6 - 6755399441056767.0_f64;
        let v8 = v7 * -3.8164298585411754e-10_f64;
        let v9 = v7 * -1.3862943607382476_f64;
        let v10 = v9 + v4;
        let v11 = v8 + v10;
        let v12 = 1.5935578909615442e-10_f64 * v11;
        let v13 = v12 + 2.106234032719113e-9_f64;
        let v14 = v13 * v11;
        let v15 = v14 + 2.5055033405620896e-8_f64;
        let v16 = v15 * v11;
        let v17 = v16 + 2.7556157949184066e-7_f64;
        let v18 = v17 * v11;
        let v19 = v18 + 2.755730065156537e-6_f64;
        let v20 = v19 * v11;
        let v21 = v20 + 2.4801590830248606e-5_f64;
        let v22 = v21 * v11;
        let v23 = v22 + 0.00019841269892775912_f64;
        let v24 = v23 * v11;
        let v25 = v24 + 0.0013888888883576837_f64;
        let v26 = v25 * v11;
        let v27 = v26 + 0.00833333333326992_f64;
        let v28 = v27 * v11;
        let v29 = v28 + 0.04166666666670208_f64;
        let v30 = v29 * v11;
        let v31 = v30 + 0.16666666666666938_f64;
        let v32 = v31 * v11;
        let v33 = v32 + 0.4999999999999993_f64;
        let v34 = v33 * v11;
        let v35 = v34 + 1.0_f64;
        let v36 = v35 * v11;
        let v37 = v36 + 1.0_f64;
        let v38 = v6.to_bits().cast_signed();
        let v39 = v38 << 52;
        let v40 = f64::from_bits(v39.cast_unsigned());
        let v41 = v37 * v40;
        let v42 = v41 * v40;
        let v43 = if v0 { v42 } else { 1.0_f64 };
        let v44 = 1.0_f64 + v42;
        let v45 = v43 / v44;
        v45
    }
}

