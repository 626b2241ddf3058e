//! Made from the expansions of the compiler by its test `kernels`; not to be edited.

#[cfg(not(any(feature = "std", test)))]
#[allow(unused_imports)]
use crate::real::Real as _;

#[inline(always)]
pub(super) fn f32_value<const FMA: bool>(x: f32) -> f32 {
    if FMA {
        let v0 = x == 0.0_f32;
        let v1 = 1.0_f32 + x;
        let v2 = v1 > 0.0_f32;
        let v3 = v1 < f32::INFINITY;
        let v4 = v1 < 1.1754944e-38_f32;
        let v5 = v1 * 8388608.0_f32;
        let v6 = if v4 { v5 } else { v1 };
        let v7 = v6.to_bits().cast_signed();
        let v8 = v7.wrapping_sub(1060439283_i32);
        let v9 = v8 >> 23;
        let v10 = crate::math::rounded(v9);
        let v11 = if v4 { -23.0_f32 } else { 0.0_f32 };
        let v12 = v10 + v11;
        let v13 = v12 == 0.0_f32;
        let v14 = v9 << 23;
        let v15 = v7.wrapping_sub(v14);
        let v16 = f32::from_bits(v15.cast_unsigned());
        let v17 = v16 - 1.0_f32;
        let v18 = if v13 { x } else { v17 };
        let v19 = v18 * v18;
        let v20 = v18 * v19;
        let v21 = (-0.07635864_f32).mul_add(v18, 0.12763429_f32);
        let v22 = v21.mul_add(v18, -0.1316054_f32);
        let v23 = v22.mul_add(v18, 0.14201531_f32);
        let v24 = v23.mul_add(v18, -0.16623302_f32);
        let v25 = v24.mul_add(v18, 0.20001234_f32);
        let v26 = v25.mul_add(v18, -0.25000823_f32);
        let v27 = v26.mul_add(v18, 0.3333333_f32);
        let v28 = v20 * v27;
        let v29 = v12.mul_add(-0.00021219444_f32, v28);
        let v30 = v1 - 1.0_f32;
        let v31 = v1 - v30;
        let v32 = 1.0_f32 - v31;
        let v33 = x - v30;
        let v34 = v32 + v33;
        let v35 = v34 / v1;
        let v36 = if v13 { 0.0_f32 } else { v35 };
        let v37 = v29 + v36;
        let v38 = v19.mul_add(-0.5_f32, v37);
        let v39 = v18 + v38;
        let v40 = v12.mul_add(0.6933594_f32, v39);
        let v41 = if v3 { v40 } else { v1 };
        let v42 = v1 == 0.0_f32;
        let v43 = if v42 { f32::NEG_INFINITY } else { f32::NAN };
        let v44 = if v2 { v41 } else { v43 };
        let v45 = if v0 { x } else { v44 };
        v45
    } else {
        let v0 = x == 0.0_f32;
        let v1 = 1.0_f32 + x;
        let v2 = v1 > 0.0_f32;
        let v3 = v1 < f32::INFINITY;
        let v4 = v1 < 1.1754944e-38_f32;
        let v5 = v1 * 8388608.0_f32;
        let v6 = if v4 { v5 } else { v1 };
        let v7 = v6.to_bits().cast_signed();
        let v8 = v7.wrapping_sub(1060439283_i32);
        let v9 = v8 >> 23;
        let v10 = crate::math::rounded(v9);
        let v11 = if v4 { -23.0_f32 } else { 0.0_f32 };
        let v12 = v10 + v11;
        let v13 = v12 * 0.6933594_f32;
        let v14 = v12 == 0.0_f32;
        let v15 = v9 << 23;
        let v16 = v7.wrapping_sub(v15);
        let v17 = f32::from_bits(v16.cast_unsigned());
        let v18 = v17 - 1.0_f32;
        let v19 = if v14 { x } else { v18 };
        let v20 = v19 * v19;
        let v21 = v20 * -0.5_f32;
        let v22 = v12 * -0.00021219444_f32;
        let v23 = v19 * v20;
        let v24 = -0.07635864_f32 * v19;
        let v25 = v24 + 0.12763429_f32;
        let v26 = v25 * v19;
        let v27 = v26 + -0.1316054_f32;
        let v28 = v27 * v19;
        let v29 = v28 + 0.14201531_f32;
        let v30 = v29 * v19;
        let v31 = v30 + -0.16623302_f32;
        let v32 = v31 * v19;
        let v33 = v32 + 0.20001234_f32;
        let v34 = v33 * v19;
        let v35 = v34 + -0.25000823_f32;
        let v36 = v35 * v19;
        let v37 = v36 + 0.3333333_f32;
        let v38 = v23 * v37;
        let v39 = v22 + v38;
        let v40 = v1 - 1.0_f32;
        let v41 = v1 - v40;
        let v42 = 1.0_f32 - v41;
        let v43 = x - v40;
        let v44 = v42 + v43;
        let v45 = v44 / v1;
        let v46 = if v14 { 0.0_f32 } else { v45 };
        let v47 = v39 + v46;
        let v48 = v21 + v47;
        let v49 = v19 + v48;
        let v50 = v13 + v49;
        let v51 = if v3 { v50 } else { v1 };
        let v52 = v1 == 0.0_f32;
        let v53 = if v52 { f32::NEG_INFINITY } else { f32::NAN };
        let v54 = if v2 { v51 } else { v53 };
        let v55 = if v0 { x } else { v54 };
        v55
    }
}

#[inline(always)]
pub(super) fn f64_value<const FMA: bool>(x: f64) -> f64 {
    if FMA {
        let v0 = x == 0.0_f64;
        let v1 = 1.0_f64 + x;
        let v2 = v1 > 0.0_f64;
        let v3 = v1 < f64::INFINITY;
        let v4 = v1 < 2.2250738585072014e-308_f64;
        let v5 = v1 * 1.8014398509481984e16_f64;
        let v6 = if v4 { v5 } else { v1 };
        let v7 = v6.to_bits().cast_signed();
        let v8 = v7.wrapping_sub(4604544271217802189_i64);
        let v9 = v8 >> 52;
        let v10 = v9.wrapping_add(4843621399236968448_i64);
        let v11 = f64::from_bits(v10.cast_unsigned());
        let v12 = v11 - 6755399441055744.0_f64;
        let v13 = if v4 { -54.0_f64 } else { 0.0_f64 };
        let v14 = v12 + v13;
        let v15 = v14 == 0.0_f64;
        let v16 = v9 << 52;
        let v17 = v7.wrapping_sub(v16);
        let v18 = f64::from_bits(v17.cast_unsigned());
        let v19 = v18 - 1.0_f64;
        let v20 = if v15 { x } else { v19 };
        let v21 = v20 * 0.5_f64;
        let v22 = v21 * v20;
        let v23 = 2.0_f64 + v20;
        let v24 = v20 / v23;
        let v25 = v24 * v24;
        let v26 = 0.14796728572392806_f64.mul_add(v25, 0.15313976920691008_f64);
        let v27 = v26.mul_add(v25, 0.18183567031969156_f64);
        let v28 = v27.mul_add(v25, 0.22222198524604533_f64);
        let v29 = v28.mul_add(v25, 0.2857142874282499_f64);
        let v30 = v29.mul_add(v25, 0.3999999999941289_f64);
        let v31 = v30.mul_add(v25, 0.6666666666666735_f64);
        let v32 = v25 * v31;
        let v33 = v22 + v32;
        let v34 = v24 * v33;
        let v35 = v14.mul_add(1.9082149292705877e-10_f64, v34);
        let v36 = v1 - 1.0_f64;
        let v37 = v1 - v36;
        let v38 = 1.0_f64 - v37;
        let v39 = x - v36;
        let v40 = v38 + v39;
        let v41 = v40 / v1;
        let v42 = if v15 { 0.0_f64 } else { v41 };
        let v43 = v35 + v42;
        let v44 = v22 - v43;
        let v45 = v20 - v44;
        let v46 = v14.mul_add(0.6931471803691238_f64, v45);
        let v47 = if v3 { v46 } else { v1 };
        let v48 = v1 == 0.0_f64;
        let v49 = if v48 { f64::NEG_INFINITY } else { f64::NAN };
        let v50 = if v2 { v47 } else { v49 };
        let v51 = if v0 { x } else { v50 };
        v51
    } else {
        let v0 = x == 0.0_f64;
        let v1 = 1.0_f64 + x;
        let v2 = v1 > 0.0_f64;
        let v3 = v1 < f64::INFINITY;
        let v4 = v1 < 2.2250738585072014e-308_f64;
        let v5 = v1 * 1.8014398509481984e16_f64;
        let v6 = if v4 { v5 } else { v1 };
        let v7 = v6.to_bits().cast_signed();
        let v8 = v7.wrapping_sub(4604544271217802189_i64);
        let v9 = v8 >> 52;
        let v10 = v9.wrapping_add(4843621399236968448_i64);
        let v11 = f64::from_bits(v10.cast_unsigned());
        let v12 = v11 - 6755399441055744.0_f64;
        let v13 = if v4 { -54.0_f64 } else { 0.0_f64 };
        let v14 = v12 + v13;
        let v15 = v14 * 0.6931471803691238_f64;
        let v16 = v14 == 0.0_f64;
        let v17 = v9 << 52;
        let v18 = v7.wrapping_sub(v17);
        let v19 = f64::from_bits(v18.cast_unsigned());
        let v20 = v19 - 1.0_f64;
        let v21 = if v16 { x } else { v20 };
        let v22 = v21 * 0.5_f64;
        let v23 = v22 * v21;
        let v24 = v14 * 1.9082149292705877e-10_f64;
        let v25 = 2.0_f64 + v21;
        let v26 = v21 / v25;
        let v27 = v26 * v26;
        let v28 = 0.14796728572392806_f64 * v27;
        let v29 = v28 + 0.15313976920691008_f64;
        let v30 = v29 * v27;
        let v31 = v30 + 0.18183567031969156_f64;
        let v32 = v31 * v27;
        let v33 = v32 + 0.22222198524604533_f64;
        let v34 = v33 * v27;
        let v35 = v34 + 0.2857142874282499_f64;
        let v36 = v35 * v27;
        let v37 = v36 + 0.3999999999941289_f64;
        let v38 = v37 * v27;
        let v39 = v38 + 0.6666666666666735_f64;
        let v40 = v27 * v39;
        let v41 = v23 + v40;
        let v42 = v26 * v41;
        let v43 = v24 + v42;
        let v44 = v1 - 1.0_f64;
        let v45 = v1 - v44;
        let v46 = 1.0_f64 - v45;
        let v47 = x - v44;
        let v48 = v46 + v47;
        let v49 = v48 / v1;
        let v50 = if v16 { 0.0_f64 } else { v49 };
        let v51 = v43 + v50;
        let v52 = v23 - v51;
        let v53 = v21 - v52;
        let v54 = v15 + v53;
        let v55 = if v3 { v54 } else { v1 };
        let v56 = v1 == 0.0_f64;
        let v57 = if v56 { f64::NEG_INFINITY } else { f64::NAN };
        let v58 = if v2 { v55 } else { v57 };
        let v59 = if v0 { x } else { v58 };
        v59
    }
}

