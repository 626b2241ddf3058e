//! Made from the expansions of the compiler by its test `kernels`; not to be edited.

#[cfg(not(any(feature = "std", test)))]
#[allow(unused_imports)]
use crate::real::Real as _;

#[inline(always)]
pub(super) fn f32_value<const FMA: bool>(x: f32) -> f32 {
    if FMA {
        let v0 = x > 0.0_f32;
        let v1 = x < f32::INFINITY;
        let v2 = x < 1.1754944e-38_f32;
        let v3 = x * 8388608.0_f32;
        let v4 = if v2 { v3 } else { x };
        let v5 = v4.to_bits().cast_signed();
        let v6 = v5.wrapping_sub(1060439283_i32);
        let v7 = v6 >> 23;
        let v8 = crate::math::rounded(v7);
        let v9 = if v2 { -23.0_f32 } else { 0.0_f32 };
        let v10 = v8 + v9;
        let v11 = v7 << 23;
        let v12 = v5.wrapping_sub(v11);
        let v13 = f32::from_bits(v12.cast_unsigned());
        let v14 = v13 - 1.0_f32;
        let v15 = v14 * v14;
        let v16 = v14 * v15;
        let v17 = (-0.07635864_f32).mul_add(v14, 0.12763429_f32);
        let v18 = v17.mul_add(v14, -0.1316054_f32);
        let v19 = v18.mul_add(v14, 0.14201531_f32);
        let v20 = v19.mul_add(v14, -0.16623302_f32);
        let v21 = v20.mul_add(v14, 0.20001234_f32);
        let v22 = v21.mul_add(v14, -0.25000823_f32);
        let v23 = v22.mul_add(v14, 0.3333333_f32);
        let v24 = v16 * v23;
        let v25 = v10.mul_add(-0.00021219444_f32, v24);
        let v26 = v15.mul_add(-0.5_f32, v25);
        let v27 = v14 + v26;
        let v28 = v10.mul_add(0.6933594_f32, v27);
        let v29 = if v1 { v28 } else { x };
        let v30 = x == 0.0_f32;
        let v31 = if v30 { f32::NEG_INFINITY } else { f32::NAN };
        let v32 = if v0 { v29 } else { v31 };
        v32
    } else {
        let v0 = x > 0.0_f32;
        let v1 = x < f32::INFINITY;
        let v2 = x < 1.1754944e-38_f32;
        let v3 = x * 8388608.0_f32;
        let v4 = if v2 { v3 } else { x };
        let v5 = v4.to_bits().cast_signed();
        let v6 = v5.wrapping_sub(1060439283_i32);
        let v7 = v6 >> 23;
        let v8 = crate::math::rounded(v7);
        let v9 = if v2 { -23.0_f32 } else { 0.0_f32 };
        let v10 = v8 + v9;
        let v11 = v10 * 0.6933594_f32;
        let v12 = v7 << 23;
        let v13 = v5.wrapping_sub(v12);
        let v14 = f32::from_bits(v13.cast_unsigned());
        let v15 = v14 - 1.0_f32;
        let v16 = v15 * v15;
        let v17 = v16 * -0.5_f32;
        let v18 = v10 * -0.00021219444_f32;
        let v19 = v15 * v16;
        let v20 = -0.07635864_f32 * v15;
        let v21 = v20 + 0.12763429_f32;
        let v22 = v21 * v15;
        let v23 = v22 + -0.1316054_f32;
        let v24 = v23 * v15;
        let v25 = v24 + 0.14201531_f32;
        let v26 = v25 * v15;
        let v27 = v26 + -0.16623302_f32;
        let v28 = v27 * v15;
        let v29 = v28 + 0.20001234_f32;
        let v30 = v29 * v15;
        let v31 = v30 + -0.25000823_f32;
        let v32 = v31 * v15;
        let v33 = v32 + 0.3333333_f32;
        let v34 = v19 * v33;
        let v35 = v18 + v34;
        let v36 = v17 + v35;
        let v37 = v15 + v36;
        let v38 = v11 + v37;
        let v39 = if v1 { v38 } else { x };
        let v40 = x == 0.0_f32;
        let v41 = if v40 { f32::NEG_INFINITY } else { f32::NAN };
        let v42 = if v0 { v39 } else { v41 };
        v42
    }
}

#[inline(always)]
pub(super) fn f64_value<const FMA: bool>(x: f64) -> f64 {
    if FMA {
        let v0 = x > 0.0_f64;
        let v1 = x < f64::INFINITY;
        let v2 = x < 2.2250738585072014e-308_f64;
        let v3 = x * 1.8014398509481984e16_f64;
        let v4 = if v2 { v3 } else { x };
        let v5 = v4.to_bits().cast_signed();
        let v6 = v5.wrapping_sub(4604544271217802189_i64);
        let v7 = v6 >> 52;
        let v8 = v7.wrapping_add(4843621399236968448_i64);
        let v9 = f64::from_bits(v8.cast_unsigned());
        let v10 = v9 - 6755399441055744.0_f64;
        let v11 = if v2 { -54.0_f64 } else { 0.0_f64 };
        let v12 = v10 + v11;
        let v13 = v7 << 52;
        let v14 = v5.wrapping_sub(v13);
        let v15 = f64::from_bits(v14.cast_unsigned());
        let v16 = v15 - 1.0_f64;
        let v17 = v16 * 0.5_f64;
        let v18 = v17 * v16;
        let v19 = 2.0_f64 + v16;
        let v20 = v16 / v19;
        let v21 = v20 * v20;
        let v22 = 0.14796728572392806_f64.mul_add(v21, 0.15313976920691008_f64);
        let v23 = v22.mul_add(v21, 0.18183567031969156_f64);
        let v24 = v23.mul_add(v21, 0.22222198524604533_f64);
        let v25 = v24.mul_add(v21, 0.2857142874282499_f64);
        let v26 = v25.mul_add(v21, 0.3999999999941289_f64);
        let v27 = v26.mul_add(v21, 0.6666666666666735_f64);
        let v28 = v21 * v27;
        let v29 = v18 + v28;
        let v30 = v20 * v29;
        let v31 = v12.mul_add(1.9082149292705877e-10_f64, v30);
        let v32 = v18 - v31;
        let v33 = v16 - v32;
        let v34 = v12.mul_add(0.6931471803691238_f64, v33);
        let v35 = if v1 { v34 } else { x };
        let v36 = x == 0.0_f64;
        let v37 = if v36 { f64::NEG_INFINITY } else { f64::NAN };
        let v38 = if v0 { v35 } else { v37 };
        v38
    } else {
        let v0 = x > 0.0_f64;
        let v1 = x < f64::INFINITY;
        let v2 = x < 2.2250738585072014e-308_f64;
        let v3 = x * 1.8014398509481984e16_f64;
        let v4 = if v2 { v3 } else { x };
        let v5 = v4.to_bits().cast_signed();
        let v6 = v5.wrapping_sub(4604544271217802189_i64);
        let v7 = v6 >> 52;
        let v8 = v7.wrapping_add(4843621399236968448_i64);
        let v9 = f64::from_bits(v8.cast_unsigned());
        let v10 = v9 - 6755399441055744.0_f64;
        let v11 = if v2 { -54.0_f64 } else { 0.0_f64 };
        let v12 = v10 + v11;
        let v13 = v12 * 0.6931471803691238_f64;
        let v14 = v7 << 52;
        let v15 = v5.wrapping_sub(v14);
        let v16 = f64::from_bits(v15.cast_unsigned());
        let v17 = v16 - 1.0_f64;
        let v18 = v17 * 0.5_f64;
        let v19 = v18 * v17;
        let v20 = v12 * 1.9082149292705877e-10_f64;
        let v21 = 2.0_f64 + v17;
        let v22 = v17 / v21;
        let v23 = v22 * v22;
        let v24 = 0.14796728572392806_f64 * v23;
        let v25 = v24 + 0.15313976920691008_f64;
        let v26 = v25 * v23;
        let v27 = v26 + 0.18183567031969156_f64;
        let v28 = v27 * v23;
        let v29 = v28 + 0.22222198524604533_f64;
        let v30 = v29 * v23;
        let v31 = v30 + 0.2857142874282499_f64;
        let v32 = v31 * v23;
        let v33 = v32 + 0.3999999999941289_f64;
        let v34 = v33 * v23;
        let v35 = v34 + 0.6666666666666735_f64;
        let v36 = v23 * v35;
        let v37 = v19 + v36;
        let v38 = v22 * v37;
        let v39 = v20 + v38;
        let v40 = v19 - v39;
        let v41 = v17 - v40;
        let v42 = v13 + v41;
        let v43 = if v1 { v42 } else { x };
        let v44 = x == 0.0_f64;
        let v45 = if v44 { f64::NEG_INFINITY } else { f64::NAN };
        let v46 = if v0 { v43 } else { v45 };
        v46
    }
}

