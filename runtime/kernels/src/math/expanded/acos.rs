//! Made from the expansions of the compiler by its test `kernels`; not to be edited.

#[cfg(not(any(feature = "std", test)))]
#[allow(unused_imports)]
use crate::real::Real as _;

#[inline(always)]
pub(super) fn f32_value<const FMA: bool>(x: f32) -> f32 {
    if FMA {
        let v0 = x.abs();
        let v1 = v0 > 0.5_f32;
        let v2 = x < 0.0_f32;
        let v3 = 1.0_f32 - v0;
        let v4 = v3 * 0.5_f32;
        let v5 = v0 * v0;
        let v6 = if v1 { v4 } else { v5 };
        let v7 = v6.sqrt();
        let v8 = if v1 { v7 } else { v0 };
        let v9 = v8 * v6;
        let v10 = 0.038328342_f32.mul_add(v6, 0.026433347_f32);
        let v11 = v10.mul_add(v6, 0.04502022_f32);
        let v12 = v11.mul_add(v6, 0.07498761_f32);
        let v13 = v12.mul_add(v6, 0.16666673_f32);
        let v14 = v9 * v13;
        let v15 = v14 - -4.371139e-8_f32;
        let v16 = v8 + v15;
        let v17 = 1.5707964_f32 - v16;
        let v18 = v17 + v17;
        let v19 = v8 + v14;
        let v20 = v19 + v19;
        let v21 = if v2 { v18 } else { v20 };
        let v22 = -v8;
        let v23 = if v2 { v22 } else { v8 };
        let v24 = -v14;
        let v25 = if v2 { v24 } else { v14 };
        let v26 = v25 - -4.371139e-8_f32;
        let v27 = v23 + v26;
        let v28 = 1.5707964_f32 - v27;
        let v29 = if v1 { v21 } else { v28 };
        v29
    } else {
        let v0 = x.abs();
        let v1 = v0 > 0.5_f32;
        let v2 = x < 0.0_f32;
        let v3 = 1.0_f32 - v0;
        let v4 = v3 * 0.5_f32;
        let v5 = v0 * v0;
        let v6 = if v1 { v4 } else { v5 };
        let v7 = v6.sqrt();
        let v8 = if v1 { v7 } else { v0 };
        let v9 = v8 * v6;
        let v10 = 0.038328342_f32 * v6;
        let v11 = v10 + 0.026433347_f32;
        let v12 = v11 * v6;
        let v13 = v12 + 0.04502022_f32;
        let v14 = v13 * v6;
        let v15 = v14 + 0.07498761_f32;
        let v16 = v15 * v6;
        let v17 = v16 + 0.16666673_f32;
        let v18 = v9 * v17;
        let v19 = v18 - -4.371139e-8_f32;
        let v20 = v8 + v19;
        let v21 = 1.5707964_f32 - v20;
        let v22 = v21 + v21;
        let v23 = v8 + v18;
        let v24 = v23 + v23;
        let v25 = if v2 { v22 } else { v24 };
        let v26 = -v8;
        let v27 = if v2 { v26 } else { v8 };
        let v28 = -v18;
        let v29 = if v2 { v28 } else { v18 };
        let v30 = v29 - -4.371139e-8_f32;
        let v31 = v27 + v30;
        let v32 = 1.5707964_f32 - v31;
        let v33 = if v1 { v25 } else { v32 };
        v33
    }
}

#[inline(always)]
pub(super) fn f64_value<const FMA: bool>(x: f64) -> f64 {
    if FMA {
        let v0 = x.abs();
        let v1 = v0 > 0.5_f64;
        let v2 = x < 0.0_f64;
        let v3 = 1.0_f64 - v0;
        let v4 = v3 * 0.5_f64;
        let v5 = v0 * v0;
        let v6 = if v1 { v4 } else { v5 };
        let v7 = v6.sqrt();
        let v8 = if v1 { v7 } else { v0 };
        let v9 = v8 * v6;
        let v10 = 0.028998823109212903_f64.mul_add(v6, -0.015212845309783547_f64);
        let v11 = v10.mul_add(v6, 0.017637401928071592_f64);
        let v12 = v11.mul_add(v6, 0.005368488081014261_f64);
        let v13 = v12.mul_add(v6, 0.010344056988540158_f64);
        let v14 = v13.mul_add(v6, 0.011475829978809408_f64);
        let v15 = v14.mul_add(v6, 0.013971564763646277_f64);
        let v16 = v15.mul_add(v6, 0.017352368391788893_f64);
        let v17 = v16.mul_add(v6, 0.022372174008364273_f64);
        let v18 = v17.mul_add(v6, 0.030381944110974397_f64);
        let v19 = v18.mul_add(v6, 0.04464285714672319_f64);
        let v20 = v19.mul_add(v6, 0.07499999999998241_f64);
        let v21 = v20.mul_add(v6, 0.16666666666666669_f64);
        let v22 = v9 * v21;
        let v23 = v22 - 6.123233995736766e-17_f64;
        let v24 = v8 + v23;
        let v25 = 1.5707963267948966_f64 - v24;
        let v26 = v25 + v25;
        let v27 = v8 + v22;
        let v28 = v27 + v27;
        let v29 = if v2 { v26 } else { v28 };
        let v30 = -v8;
        let v31 = if v2 { v30 } else { v8 };
        let v32 = -v22;
        let v33 = if v2 { v32 } else { v22 };
        let v34 = v33 - 6.123233995736766e-17_f64;
        let v35 = v31 + v34;
        let v36 = 1.5707963267948966_f64 - v35;
        let v37 = if v1 { v29 } else { v36 };
        v37
    } else {
        let v0 = x.abs();
        let v1 = v0 > 0.5_f64;
        let v2 = x < 0.0_f64;
        let v3 = 1.0_f64 - v0;
        let v4 = v3 * 0.5_f64;
        let v5 = v0 * v0;
        let v6 = if v1 { v4 } else { v5 };
        let v7 = v6.sqrt();
        let v8 = if v1 { v7 } else { v0 };
        let v9 = v8 * v6;
        let v10 = 0.028998823109212903_f64 * v6;
        let v11 = v10 + -0.015212845309783547_f64;
        let v12 = v11 * v6;
        let v13 = v12 + 0.017637401928071592_f64;
        let v14 = v13 * v6;
        let v15 = v14 + 0.005368488081014261_f64;
        let v16 = v15 * v6;
        let v17 = v16 + 0.010344056988540158_f64;
        let v18 = v17 * v6;
        let v19 = v18 + 0.011475829978809408_f64;
        let v20 = v19 * v6;
        let v21 = v20 + 0.013971564763646277_f64;
        let v22 = v21 * v6;
        let v23 = v22 + 0.017352368391788893_f64;
        let v24 = v23 * v6;
        let v25 = v24 + 0.022372174008364273_f64;
        let v26 = v25 * v6;
        let v27 = v26 + 0.030381944110974397_f64;
        let v28 = v27 * v6;
        let v29 = v28 + 0.04464285714672319_f64;
        let v30 = v29 * v6;
        let v31 = v30 + 0.07499999999998241_f64;
        let v32 = v31 * v6;
        let v33 = v32 + 0.16666666666666669_f64;
        let v34 = v9 * v33;
        let v35 = v34 - 6.123233995736766e-17_f64;
        let v36 = v8 + v35;
        let v37 = 1.5707963267948966_f64 - v36;
        let v38 = v37 + v37;
        let v39 = v8 + v34;
        let v40 = v39 + v39;
        let v41 = if v2 { v38 } else { v40 };
        let v42 = -v8;
        let v43 = if v2 { v42 } else { v8 };
        let v44 = -v34;
        let v45 = if v2 { v44 } else { v34 };
        let v46 = v45 - 6.123233995736766e-17_f64;
        let v47 = v43 + v46;
        let v48 = 1.5707963267948966_f64 - v47;
        let v49 = if v1 { v41 } else { v48 };
        v49
    }
}

