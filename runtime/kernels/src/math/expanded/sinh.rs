//! Made from the expansions of the compiler by its test `kernels`; not to be edited.

#[cfg(not(any(feature = "std", test)))]
#[allow(unused_imports)]
use crate::real::Real as _;

#[inline(always)]
pub(super) fn f32_value<const FMA: bool>(x: f32) -> f32 {
    if FMA {
        let v0 = x.abs();
        let v1 = v0 < 0.00012207031_f32;
        let v2 = if 89.7_f32 < v0 { 89.7_f32 } else { v0 };
        let v3 = v2.mul_add(1.442695_f32, 12583037.0_f32);
        let v4 = v3.to_bits().cast_signed();
        let v5 = v4 << 23;
        let v6 = f32::from_bits(v5.cast_unsigned());
        let v7 = v3 - 12583037.0_f32;
        let v8 = v7.mul_add(-0.6933594_f32, v2);
        let v9 = v7.mul_add(0.00021219444_f32, v8);
        let v10 = v9 * v9;
        let v11 = 0.00019845882_f32.mul_add(v9, 0.0013940668_f32);
        let v12 = v11.mul_add(v9, 0.00833339_f32);
        let v13 = v12.mul_add(v9, 0.04166636_f32);
        let v14 = v13.mul_add(v9, 0.16666666_f32);
        let v15 = v14.mul_add(v9, 0.5_f32);
        let v16 = v10.mul_add(v15, v9);
        let v17 = v6 - 0.25_f32;
        let v18 = v6.mul_add(v16, v17);
        let v19 = 4.0_f32.mul_add(v18, 1.0_f32);
        let v20 = v18 / v19;
        let v21 = v18 + v20;
        let v22 = v21 + v21;
        let v23 = if v1 { v0 } else { v22 };
        let v24 = v23.to_bits().cast_signed();
        let v25 = x.to_bits().cast_signed();
        let v26 = v25 & -2147483648_i32;
        let v27 = v24 | v26;
        let v28 = f32::from_bits(v27.cast_unsigned());
        v28
    } else {
        let v0 = x.abs();
        let v1 = v0 < 0.00012207031_f32;
        let v2 = if 89.7_f32 < v0 { 89.7_f32 } else { v0 };
        let v3 = v2 * 1.442695_f32;
        let v4 = v3 + 12583037.0_f32;
        let v5 = v4.to_bits().cast_signed();
        let v6 = v5 << 23;
        let v7 = f32::from_bits(v6.cast_unsigned());
        let v8 = v4 - 12583037.0_f32;
        let v9 = v8 * 0.00021219444_f32;
        let v10 = v8 * -0.6933594_f32;
        let v11 = v10 + v2;
        let v12 = v9 + v11;
        let v13 = v12 * v12;
        let v14 = 0.00019845882_f32 * v12;
        let v15 = v14 + 0.0013940668_f32;
        let v16 = v15 * v12;
        let v17 = v16 + 0.00833339_f32;
        let v18 = v17 * v12;
        let v19 = v18 + 0.04166636_f32;
        let v20 = v19 * v12;
        let v21 = v20 + 0.16666666_f32;
        let v22 = v21 * v12;
        let v23 = v22 + 0.5_f32;
        let v24 = v13 * v23;
        let v25 = v24 + v12;
        let v26 = v7 * v25;
        let v27 = v7 - 0.25_f32;
        let v28 = v26 + v27;
        let v29 = 4.0_f32 * v28;
        let v30 = v29 + 1.0_f32;
        let v31 = v28 / v30;
        let v32 = v28 + v31;
        let v33 = v32 + v32;
        let v34 = if v1 { v0 } else { v33 };
        let v35 = v34.to_bits().cast_signed();
        let v36 = x.to_bits().cast_signed();
        let v37 = v36 & -2147483648_i32;
        let v38 = v35 | v37;
        let v39 = f32::from_bits(v38.cast_unsigned());
        v39
    }
}

#[inline(always)]
pub(super) fn f64_value<const FMA: bool>(x: f64) -> f64 {
    if FMA {
        let v0 = x.abs();
        let v1 = v0 < 3.725290298461914e-9_f64;
        let v2 = if 710.7_f64 < v0 { 710.7_f64 } else { v0 };
        let v3 = v2.mul_add(1.4426950408889634_f64, 6755399441056765.0_f64);
        let v4 = v3.to_bits().cast_signed();
        let v5 = v4 << 52;
        let v6 = f64::from_bits(v5.cast_unsigned());
        let v7 = v3 - 6755399441056765.0_f64;
        let v8 = v7.mul_add(-0.6931471803691238_f64, v2);
        let v9 = v7.mul_add(-1.9082149292705877e-10_f64, v8);
        let v10 = v9 * v9;
        let v11 = 2.0875363614925688e-9_f64.mul_add(v9, 2.5109024793988453e-8_f64);
        let v12 = v11.mul_add(v9, 2.755740265390247e-7_f64);
        let v13 = v12.mul_add(v9, 2.7557244253263293e-6_f64);
        let v14 = v13.mul_add(v9, 2.4801587172388204e-5_f64);
        let v15 = v14.mul_add(v9, 0.000198412698860743_f64);
        let v16 = v15.mul_add(v9, 0.0013888888888962513_f64);
        let v17 = v16.mul_add(v9, 0.008333333333321653_f64);
        let v18 = v17.mul_add(v9, 0.04166666666666651_f64);
        let v19 = v18.mul_add(v9, 0.16666666666666677_f64);
        let v20 = v19.mul_add(v9, 0.5_f64);
        let v21 = v10.mul_add(v20, v9);
        let v22 = v6 - 0.25_f64;
        let v23 = v6.mul_add(v21, v22);
        let v24 = 4.0_f64.mul_add(v23, 1.0_f64);
        let v25 = v23 / v24;
        let v26 = v23 + v25;
        let v27 = v26 + v26;
        let v28 = if v1 { v0 } else { v27 };
        let v29 = v28.to_bits().cast_signed();
        let v30 = x.to_bits().cast_signed();
        let v31 = v30 & -9223372036854775808_i64;
        let v32 = v29 | v31;
        let v33 = f64::from_bits(v32.cast_unsigned());
        v33
    } else {
        let v0 = x.abs();
        let v1 = v0 < 3.725290298461914e-9_f64;
        let v2 = if 710.7_f64 < v0 { 710.7_f64 } else { v0 };
        let v3 = v2 * 1.4426950408889634_f64;
        let v4 = v3 + 6755399441056765.0_f64;
        let v5 = v4.to_bits().cast_signed();
        let v6 = v5 << 52;
        let v7 = f64::from_bits(v6.cast_unsigned());
        let v8 = v4 - 6755399441056765.0_f64;
        let v9 = v8 * -1.9082149292705877e-10_f64;
        let v10 = v8 * -0.6931471803691238_f64;
        let v11 = v10 + v2;
        let v12 = v9 + v11;
        let v13 = v12 * v12;
        let v14 = 2.0875363614925688e-9_f64 * v12;
        let v15 = v14 + 2.5109024793988453e-8_f64;
        let v16 = v15 * v12;
        let v17 = v16 + 2.755740265390247e-7_f64;
        let v18 = v17 * v12;
        let v19 = v18 + 2.7557244253263293e-6_f64;
        let v20 = v19 * v12;
        let v21 = v20 + 2.4801587172388204e-5_f64;
        let v22 = v21 * v12;
        let v23 = v22 + 0.000198412698860743_f64;
        let v24 = v23 * v12;
        let v25 = v24 + 0.0013888888888962513_f64;
        let v26 = v25 * v12;
        let v27 = v26 + 0.008333333333321653_f64;
        let v28 = v27 * v12;
        let v29 = v28 + 0.04166666666666651_f64;
        let v30 = v29 * v12;
        let v31 = v30 + 0.16666666666666677_f64;
        let v32 = v31 * v12;
        let v33 = v32 + 0.5_f64;
        let v34 = v13 * v33;
        let v35 = v34 + v12;
        let v36 = v7 * v35;
        let v37 = v7 - 0.25_f64;
        let v38 = v36 + v37;
        let v39 = 4.0_f64 * v38;
        let v40 = v39 + 1.0_f64;
        let v41 = v38 / v40;
        let v42 = v38 + v41;
        let v43 = v42 + v42;
        let v44 = if v1 { v0 } else { v43 };
        let v45 = v44.to_bits().cast_signed();
        let v46 = x.to_bits().cast_signed();
        let v47 = v46 & -9223372036854775808_i64;
        let v48 = v45 | v47;
        let v49 = f64::from_bits(v48.cast_unsigned());
        v49
    }
}

