//! Made from the expansions of the compiler by its test `kernels`; not to be edited.

#[cfg(not(any(feature = "std", test)))]
#[allow(unused_imports)]
use crate::real::Real as _;

#[inline(always)]
pub(super) fn f32_value<const FMA: bool>(x: f32) -> f32 {
    if FMA {
        let v0 = x.abs();
        let v1 = v0 < 2.9802322e-8_f32;
        let v2 = if 89.0_f32 < x { 89.0_f32 } else { x };
        let v3 = if v2 < -20.0_f32 { -20.0_f32 } else { v2 };
        let v4 = v3.mul_add(1.442695_f32, 12583038.0_f32);
        let v5 = v4.to_bits().cast_signed();
        let v6 = v5 << 23;
        let v7 = f32::from_bits(v6.cast_unsigned());
        let v8 = v4 - 12583038.0_f32;
        let v9 = v8.mul_add(-0.6933594_f32, v3);
        let v10 = v8.mul_add(0.00021219444_f32, v9);
        let v11 = v10 * v10;
        let v12 = 0.00019845882_f32.mul_add(v10, 0.0013940668_f32);
        let v13 = v12.mul_add(v10, 0.00833339_f32);
        let v14 = v13.mul_add(v10, 0.04166636_f32);
        let v15 = v14.mul_add(v10, 0.16666666_f32);
        let v16 = v15.mul_add(v10, 0.5_f32);
        let v17 = v11.mul_add(v16, v10);
        let v18 = v7 - 0.5_f32;
        let v19 = v7.mul_add(v17, v18);
        let v20 = v19 + v19;
        let v21 = if v1 { x } else { v20 };
        v21
    } else {
        let v0 = x.abs();
        let v1 = v0 < 2.9802322e-8_f32;
        let v2 = if 89.0_f32 < x { 89.0_f32 } else { x };
        let v3 = if v2 < -20.0_f32 { -20.0_f32 } else { v2 };
        let v4 = v3 * 1.442695_f32;
        let v5 = v4 + 12583038.0_f32;
        let v6 = v5.to_bits().cast_signed();
        let v7 = v6 << 23;
        let v8 = f32::from_bits(v7.cast_unsigned());
        let v9 = v5 - 12583038.0_f32;
        let v10 = v9 * 0.00021219444_f32;
        let v11 = v9 * -0.6933594_f32;
        let v12 = v11 + v3;
        let v13 = v10 + v12;
        let v14 = v13 * v13;
        let v15 = 0.00019845882_f32 * v13;
        let v16 = v15 + 0.0013940668_f32;
        let v17 = v16 * v13;
        let v18 = v17 + 0.00833339_f32;
        let v19 = v18 * v13;
        let v20 = v19 + 0.04166636_f32;
        let v21 = v20 * v13;
        let v22 = v21 + 0.16666666_f32;
        let v23 = v22 * v13;
        let v24 = v23 + 0.5_f32;
        let v25 = v14 * v24;
        let v26 = v25 + v13;
        let v27 = v8 * v26;
        let v28 = v8 - 0.5_f32;
        let v29 = v27 + v28;
        let v30 = v29 + v29;
        let v31 = if v1 { x } else { v30 };
        v31
    }
}

#[inline(always)]
pub(super) fn f64_value<const FMA: bool>(x: f64) -> f64 {
    if FMA {
        let v0 = x.abs();
        let v1 = v0 < 5.551115123125783e-17_f64;
        let v2 = if 710.0_f64 < x { 710.0_f64 } else { x };
        let v3 = if v2 < -40.0_f64 { -40.0_f64 } else { v2 };
        let v4 = v3.mul_add(1.4426950408889634_f64, 6755399441056766.0_f64);
        let v5 = v4.to_bits().cast_signed();
        let v6 = v5 << 52;
        let v7 = f64::from_bits(v6.cast_unsigned());
        let v8 = v4 - 6755399441056766.0_f64;
        let v9 = v8.mul_add(-0.6931471803691238_f64, v3);
        let v10 = v8.mul_add(-1.9082149292705877e-10_f64, v9);
        let v11 = v10 * v10;
        let v12 = 2.0875363614925688e-9_f64.mul_add(v10, 2.5109024793988453e-8_f64);
        let v13 = v12.mul_add(v10, 2.755740265390247e-7_f64);
        let v14 = v13.mul_add(v10, 2.7557244253263293e-6_f64);
        let v15 = v14.mul_add(v10, 2.4801587172388204e-5_f64);
        let v16 = v15.mul_add(v10, 0.000198412698860743_f64);
        let v17 = v16.mul_add(v10, 0.0013888888888962513_f64);
        let v18 = v17.mul_add(v10, 0.008333333333321653_f64);
        let v19 = v18.mul_add(v10, 0.04166666666666651_f64);
        let v20 = v19.mul_add(v10, 0.16666666666666677_f64);
        let v21 = v20.mul_add(v10, 0.5_f64);
        let v22 = v11.mul_add(v21, v10);
        let v23 = v7 - 0.5_f64;
        let v24 = v7.mul_add(v22, v23);
        let v25 = v24 + v24;
        let v26 = if v1 { x } else { v25 };
        v26
    } else {
        let v0 = x.abs();
        let v1 = v0 < 5.551115123125783e-17_f64;
        let v2 = if 710.0_f64 < x { 710.0_f64 } else { x };
        let v3 = if v2 < -40.0_f64 { -40.0_f64 } else { v2 };
        let v4 = v3 * 1.4426950408889634_f64;
        let v5 = v4 + 6755399441056766.0_f64;
        let v6 = v5.to_bits().cast_signed();
        let v7 = v6 << 52;
        let v8 = f64::from_bits(v7.cast_unsigned());
        let v9 = v5 - 6755399441056766.0_f64;
        let v10 = v9 * -1.9082149292705877e-10_f64;
        let v11 = v9 * -0.6931471803691238_f64;
        let v12 = v11 + v3;
        let v13 = v10 + v12;
        let v14 = v13 * v13;
        let v15 = 2.0875363614925688e-9_f64 * v13;
        let v16 = v15 + 2.5109024793988453e-8_f64;
        let v17 = v16 * v13;
        let v18 = v17 + 2.755740265390247e-7_f64;
        let v19 = v18 * v13;
        let v20 = v19 + 2.7557244253263293e-6_f64;
        let v21 = v20 * v13;
        let v22 = v21 + 2.4801587172388204e-5_f64;
        let v23 = v22 * v13;
        let v24 = v23 + 0.000198412698860743_f64;
        let v25 = v24 * v13;
        let v26 = v25 + 0.0013888888888962513_f64;
        let v27 = v26 * v13;
        let v28 = v27 + 0.008333333333321653_f64;
        let v29 = v28 * v13;
        let v30 = v29 + 0.04166666666666651_f64;
        let v31 = v30 * v13;
        let v32 = v31 + 0.16666666666666677_f64;
        let v33 = v32 * v13;
        let v34 = v33 + 0.5_f64;
        let v35 = v14 * v34;
        let v36 = v35 + v13;
        let v37 = v8 * v36;
        let v38 = v8 - 0.5_f64;
        let v39 = v37 + v38;
        let v40 = v39 + v39;
        let v41 = if v1 { x } else { v40 };
        v41
    }
}

