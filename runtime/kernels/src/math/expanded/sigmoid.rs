//! Made from the expansions of the compiler by its test `kernels`; not to be edited.

#[inline(always)]
pub(super) fn f32_value<const FMA: bool>(x: f32) -> f32 {
    if FMA {
        let v0 = x < 0.0_f32;
        let v1 = x.to_bits().cast_signed();
        let v2 = v1 | -2147483648_i32;
        let v3 = f32::from_bits(v2.cast_unsigned());
        let v4 = if 89.0_f32 < v3 { 89.0_f32 } else { v3 };
        let v5 = if v4 < -104.0_f32 { -104.0_f32 } else { v4 };
        let v6 = v5.mul_add(0.7213475_f32, 12583039.0_f32);
        let v7 = v6 - 12583039.0_f32;
        let v8 = v7.mul_add(-1.3867188_f32, v5);
        let v9 = v7.mul_add(0.00042438888_f32, v8);
        let v10 = 0.00019611136_f32.mul_add(v9, 0.001410434_f32);
        let v11 = v10.mul_add(v9, 0.008336106_f32);
        let v12 = v11.mul_add(v9, 0.041661277_f32);
        let v13 = v12.mul_add(v9, 0.16666614_f32);
        let v14 = v13.mul_add(v9, 0.50000036_f32);
        let v15 = v14.mul_add(v9, 1.0_f32);
        let v16 = v15.mul_add(v9, 1.0_f32);
        let v17 = v6.to_bits().cast_signed();
        let v18 = v17 << 23;
        let v19 = f32::from_bits(v18.cast_unsigned());
        let v20 = v16 * v19;
        let v21 = v20 * v19;
        let v22 = if v0 { v21 } else { 1.0_f32 };
        let v23 = 1.0_f32 + v21;
        let v24 = v22 / v23;
        v24
    } else {
        let v0 = x < 0.0_f32;
        let v1 = x.to_bits().cast_signed();
        let v2 = v1 | -2147483648_i32;
        let v3 = f32::from_bits(v2.cast_unsigned());
        let v4 = if 89.0_f32 < v3 { 89.0_f32 } else { v3 };
        let v5 = if v4 < -104.0_f32 { -104.0_f32 } else { v4 };
        let v6 = v5 * 0.7213475_f32;
        let v7 = v6 + 12583039.0_f32;
        let v8 = v7 - 12583039.0_f32;
        let v9 = v8 * 0.00042438888_f32;
        let v10 = v8 * -1.3867188_f32;
        let v11 = v10 + v5;
        let v12 = v9 + v11;
        let v13 = 0.00019611136_f32 * v12;
        let v14 = v13 + 0.001410434_f32;
        let v15 = v14 * v12;
        let v16 = v15 + 0.008336106_f32;
        let v17 = v16 * v12;
        let v18 = v17 + 0.041661277_f32;
        let v19 = v18 * v12;
        let v20 = v19 + 0.16666614_f32;
        let v21 = v20 * v12;
        let v22 = v21 + 0.50000036_f32;
        let v23 = v22 * v12;
        let v24 = v23 + 1.0_f32;
        let v25 = v24 * v12;
        let v26 = v25 + 1.0_f32;
        let v27 = v7.to_bits().cast_signed();
        let v28 = v27 << 23;
        let v29 = f32::from_bits(v28.cast_unsigned());
        let v30 = v26 * v29;
        let v31 = v30 * v29;
        let v32 = if v0 { v31 } else { 1.0_f32 };
        let v33 = 1.0_f32 + v31;
        let v34 = v32 / v33;
        v34
    }
}

#[inline(always)]
pub(super) fn f64_value<const FMA: bool>(x: f64) -> f64 {
    if FMA {
        let v0 = x < 0.0_f64;
        let v1 = x.to_bits().cast_signed();
        let v2 = v1 | -9223372036854775808_i64;
        let v3 = f64::from_bits(v2.cast_unsigned());
        let v4 = if 710.0_f64 < v3 { 710.0_f64 } else { v3 };
        let v5 = if v4 < -746.0_f64 { -746.0_f64 } else { v4 };
        let v6 = v5.mul_add(0.7213475204444817_f64, 6755399441056767.0_f64);
        let v7 = v6 - 6755399441056767.0_f64;
        let v8 = v7.mul_add(-1.3862943607382476_f64, v5);
        let v9 = v7.mul_add(-3.8164298585411754e-10_f64, v8);
        let v10 = 1.5935578909615442e-10_f64.mul_add(v9, 2.106234032719113e-9_f64);
        let v11 = v10.mul_add(v9, 2.5055033405620896e-8_f64);
        let v12 = v11.mul_add(v9, 2.7556157949184066e-7_f64);
        let v13 = v12.mul_add(v9, 2.755730065156537e-6_f64);
        let v14 = v13.mul_add(v9, 2.4801590830248606e-5_f64);
        let v15 = v14.mul_add(v9, 0.00019841269892775912_f64);
        let v16 = v15.mul_add(v9, 0.0013888888883576837_f64);
        let v17 = v16.mul_add(v9, 0.00833333333326992_f64);
        let v18 = v17.mul_add(v9, 0.04166666666670208_f64);
        let v19 = v18.mul_add(v9, 0.16666666666666938_f64);
        let v20 = v19.mul_add(v9, 0.4999999999999993_f64);
        let v21 = v20.mul_add(v9, 1.0_f64);
        let v22 = v21.mul_add(v9, 1.0_f64);
        let v23 = v6.to_bits().cast_signed();
        let v24 = v23 << 52;
        let v25 = f64::from_bits(v24.cast_unsigned());
        let v26 = v22 * v25;
        let v27 = v26 * v25;
        let v28 = if v0 { v27 } else { 1.0_f64 };
        let v29 = 1.0_f64 + v27;
        let v30 = v28 / v29;
        v30
    } else {
        let v0 = x < 0.0_f64;
        let v1 = x.to_bits().cast_signed();
        let v2 = v1 | -9223372036854775808_i64;
        let v3 = f64::from_bits(v2.cast_unsigned());
        let v4 = if 710.0_f64 < v3 { 710.0_f64 } else { v3 };
        let v5 = if v4 < -746.0_f64 { -746.0_f64 } else { v4 };
        let v6 = v5 * 0.7213475204444817_f64;
        let v7 = v6 + 6755399441056767.0_f64;
        let v8 = v7 - 6755399441056767.0_f64;
        let v9 = v8 * -3.8164298585411754e-10_f64;
        let v10 = v8 * -1.3862943607382476_f64;
        let v11 = v10 + v5;
        let v12 = v9 + v11;
        let v13 = 1.5935578909615442e-10_f64 * v12;
        let v14 = v13 + 2.106234032719113e-9_f64;
        let v15 = v14 * v12;
        let v16 = v15 + 2.5055033405620896e-8_f64;
        let v17 = v16 * v12;
        let v18 = v17 + 2.7556157949184066e-7_f64;
        let v19 = v18 * v12;
        let v20 = v19 + 2.755730065156537e-6_f64;
        let v21 = v20 * v12;
        let v22 = v21 + 2.4801590830248606e-5_f64;
        let v23 = v22 * v12;
        let v24 = v23 + 0.00019841269892775912_f64;
        let v25 = v24 * v12;
        let v26 = v25 + 0.0013888888883576837_f64;
        let v27 = v26 * v12;
        let v28 = v27 + 0.00833333333326992_f64;
        let v29 = v28 * v12;
        let v30 = v29 + 0.04166666666670208_f64;
        let v31 = v30 * v12;
        let v32 = v31 + 0.16666666666666938_f64;
        let v33 = v32 * v12;
        let v34 = v33 + 0.4999999999999993_f64;
        let v35 = v34 * v12;
        let v36 = v35 + 1.0_f64;
        let v37 = v36 * v12;
        let v38 = v37 + 1.0_f64;
        let v39 = v7.to_bits().cast_signed();
        let v40 = v39 << 52;
        let v41 = f64::from_bits(v40.cast_unsigned());
        let v42 = v38 * v41;
        let v43 = v42 * v41;
        let v44 = if v0 { v43 } else { 1.0_f64 };
        let v45 = 1.0_f64 + v43;
        let v46 = v44 / v45;
        v46
    }
}

