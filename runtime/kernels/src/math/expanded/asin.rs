//! Made from the expansions of the compiler by its test `kernels`; not to be edited.

#[cfg(not(any(feature = "std", test)))]
#[allow(unused_imports)]
use crate::real::Real as _;

#[inline(always)]
pub(super) fn f32_value<const FMA: bool>(x: f32) -> f32 {
    if FMA {
        let v0 = x.abs();
        let v1 = v0 > 0.5_f32;
        let v2 = 1.0_f32 - v0;
        let v3 = v2 * 0.5_f32;
        let v4 = v0 * v0;
        let v5 = if v1 { v3 } else { v4 };
        let v6 = v5.sqrt();
        let v7 = if v1 { v6 } else { v0 };
        let v8 = v7 + v7;
        let v9 = v7 * v5;
        let v10 = 0.038328342_f32.mul_add(v5, 0.026433347_f32);
        let v11 = v10.mul_add(v5, 0.04502022_f32);
        let v12 = v11.mul_add(v5, 0.07498761_f32);
        let v13 = v12.mul_add(v5, 0.16666673_f32);
        let v14 = v9 * v13;
        let v15 = v14 + v14;
        let v16 = v15 - -4.371139e-8_f32;
        let v17 = v8 + v16;
        let v18 = 1.5707964_f32 - v17;
        let v19 = v7 + v14;
        let v20 = if v1 { v18 } else { v19 };
        let v21 = v20.to_bits().cast_signed();
        let v22 = x.to_bits().cast_signed();
        let v23 = v22 & -2147483648_i32;
        let v24 = v21 | v23;
        let v25 = f32::from_bits(v24.cast_unsigned());
        v25
    } else {
        let v0 = x.abs();
        let v1 = v0 > 0.5_f32;
        let v2 = 1.0_f32 - v0;
        let v3 = v2 * 0.5_f32;
        let v4 = v0 * v0;
        let v5 = if v1 { v3 } else { v4 };
        let v6 = v5.sqrt();
        let v7 = if v1 { v6 } else { v0 };
        let v8 = v7 + v7;
        let v9 = v7 * v5;
        let v10 = 0.038328342_f32 * v5;
        let v11 = v10 + 0.026433347_f32;
        let v12 = v11 * v5;
        let v13 = v12 + 0.04502022_f32;
        let v14 = v13 * v5;
        let v15 = v14 + 0.07498761_f32;
        let v16 = v15 * v5;
        let v17 = v16 + 0.16666673_f32;
        let v18 = v9 * v17;
        let v19 = v18 + v18;
        let v20 = v19 - -4.371139e-8_f32;
        let v21 = v8 + v20;
        let v22 = 1.5707964_f32 - v21;
        let v23 = v7 + v18;
        let v24 = if v1 { v22 } else { v23 };
        let v25 = v24.to_bits().cast_signed();
        let v26 = x.to_bits().cast_signed();
        let v27 = v26 & -2147483648_i32;
        let v28 = v25 | v27;
        let v29 = f32::from_bits(v28.cast_unsigned());
        v29
    }
}

#[inline(always)]
pub(super) fn f64_value<const FMA: bool>(x: f64) -> f64 {
    if FMA {
        let v0 = x.abs();
        let v1 = v0 > 0.5_f64;
        let v2 = 1.0_f64 - v0;
        let v3 = v2 * 0.5_f64;
        let v4 = v0 * v0;
        let v5 = if v1 { v3 } else { v4 };
        let v6 = v5.sqrt();
        let v7 = if v1 { v6 } else { v0 };
        let v8 = v7 + v7;
        let v9 = v7 * v5;
        let v10 = 0.028998823109212903_f64.mul_add(v5, -0.015212845309783547_f64);
        let v11 = v10.mul_add(v5, 0.017637401928071592_f64);
        let v12 = v11.mul_add(v5, 0.005368488081014261_f64);
        let v13 = v12.mul_add(v5, 0.010344056988540158_f64);
        let v14 = v13.mul_add(v5, 0.011475829978809408_f64);
        let v15 = v14.mul_add(v5, 0.013971564763646277_f64);
        let v16 = v15.mul_add(v5, 0.017352368391788893_f64);
        let v17 = v16.mul_add(v5, 0.022372174008364273_f64);
        let v18 = v17.mul_add(v5, 0.030381944110974397_f64);
        let v19 = v18.mul_add(v5, 0.04464285714672319_f64);
        let v20 = v19.mul_add(v5, 0.07499999999998241_f64);
        let v21 = v20.mul_add(v5, 0.16666666666666669_f64);
        let v22 = v9 * v21;
        let v23 = v22 + v22;
        let v24 = v23 - 6.123233995736766e-17_f64;
        let v25 = v8 + v24;
        let v26 = 1.5707963267948966_f64 - v25;
        let v27 = v7 + v22;
        let v28 = if v1 { v26 } else { v27 };
        let v29 = v28.to_bits().cast_signed();
        let v30 = x.to_bits().cast_signed();
        let v31 = v30 & -9223372036854775808_i64;
        let v32 = v29 | v31;
        let v33 = f64::from_bits(v32.cast_unsigned());
        v33
    } else {
        let v0 = x.abs();
        let v1 = v0 > 0.5_f64;
        let v2 = 1.0_f64 - v0;
        let v3 = v2 * 0.5_f64;
        let v4 = v0 * v0;
        let v5 = if v1 { v3 } else { v4 };
        let v6 = v5.sqrt();
        let v7 = if v1 { v6 } else { v0 };
        let v8 = v7 + v7;
        let v9 = v7 * v5;
        let v10 = 0.028998823109212903_f64 * v5;
        let v11 = v10 + -0.015212845309783547_f64;
        let v12 = v11 * v5;
        let v13 = v12 + 0.017637401928071592_f64;
        let v14 = v13 * v5;
        let v15 = v14 + 0.005368488081014261_f64;
        let v16 = v15 * v5;
        let v17 = v16 + 0.010344056988540158_f64;
        let v18 = v17 * v5;
        let v19 = v18 + 0.011475829978809408_f64;
        let v20 = v19 * v5;
        let v21 = v20 + 0.013971564763646277_f64;
        let v22 = v21 * v5;
        let v23 = v22 + 0.017352368391788893_f64;
        let v24 = v23 * v5;
        let v25 = v24 + 0.022372174008364273_f64;
        let v26 = v25 * v5;
        let v27 = v26 + 0.030381944110974397_f64;
        let v28 = v27 * v5;
        let v29 = v28 + 0.04464285714672319_f64;
        let v30 = v29 * v5;
        let v31 = v30 + 0.07499999999998241_f64;
        let v32 = v31 * v5;
        let v33 = v32 + 0.16666666666666669_f64;
        let v34 = v9 * v33;
        let v35 = v34 + v34;
        let v36 = v35 - 6.123233995736766e-17_f64;
        let v37 = v8 + v36;
        let v38 = 1.5707963267948966_f64 - v37;
        let v39 = v7 + v34;
        let v40 = if v1 { v38 } else { v39 };
        let v41 = v40.to_bits().cast_signed();
        let v42 = x.to_bits().cast_signed();
        let v43 = v42 & -9223372036854775808_i64;
        let v44 = v41 | v43;
        let v45 = f64::from_bits(v44.cast_unsigned());
        v45
    }
}

