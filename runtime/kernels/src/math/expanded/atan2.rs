//! Made from the expansions of the compiler by its test `kernels`; not to be edited.

#[cfg(not(any(feature = "std", test)))]
#[allow(unused_imports)]
use crate::real::Real as _;

#[inline(always)]
pub(super) fn f32_value<const FMA: bool>(x: f32, y: f32) -> f32 {
    if FMA {
        let v0 = x.abs();
        let v1 = y.abs();
        let v2 = v0 > v1;
        let v3 = y.to_bits().cast_signed();
        let v4 = v3 < 0_i32;
        let v5 = 1.5707964_f32 + 1.5707964_f32;
        let v6 = if v4 { v5 } else { 0.0_f32 };
        let v7 = if v2 { 1.5707964_f32 } else { v6 };
        let v8 = v2 ^ v4;
        let v9 = if v1 < v0 || v0 != v0 { v0 } else { v1 };
        let v10 = v9 == 0.0_f32;
        let v11 = if v0 < v1 || v0 != v0 { v0 } else { v1 };
        let v12 = v11 == v9;
        let v13 = v11 / v9;
        let v14 = if v12 { 1.0_f32 } else { v13 };
        let v15 = if v10 { 0.0_f32 } else { v14 };
        let v16 = v15 * v15;
        let v17 = v15 * v16;
        let v18 = 0.0029207221_f32.mul_add(v16, -0.01636807_f32);
        let v19 = v18.mul_add(v16, 0.043212134_f32);
        let v20 = v19.mul_add(v16, -0.075522415_f32);
        let v21 = v20.mul_add(v16, 0.10666019_f32);
        let v22 = v21.mul_add(v16, -0.1421106_f32);
        let v23 = v22.mul_add(v16, 0.19993773_f32);
        let v24 = v23.mul_add(v16, -0.33333153_f32);
        let v25 = v17.mul_add(v24, v15);
        let v26 = -v25;
        let v27 = if v8 { v26 } else { v25 };
        let v28 = -4.371139e-8_f32 + -4.371139e-8_f32;
        let v29 = if v4 { v28 } else { 0.0_f32 };
        let v30 = if v2 { -4.371139e-8_f32 } else { v29 };
        let v31 = v27 + v30;
        let v32 = v7 + v31;
        let v33 = v32.to_bits().cast_signed();
        let v34 = x.to_bits().cast_signed();
        let v35 = v34 & -2147483648_i32;
        let v36 = v33 | v35;
        let v37 = f32::from_bits(v36.cast_unsigned());
        v37
    } else {
        let v0 = x.abs();
        let v1 = y.abs();
        let v2 = v0 > v1;
        let v3 = y.to_bits().cast_signed();
        let v4 = v3 < 0_i32;
        let v5 = 1.5707964_f32 + 1.5707964_f32;
        let v6 = if v4 { v5 } else { 0.0_f32 };
        let v7 = if v2 { 1.5707964_f32 } else { v6 };
        let v8 = v2 ^ v4;
        let v9 = if v1 < v0 || v0 != v0 { v0 } else { v1 };
        let v10 = v9 == 0.0_f32;
        let v11 = if v0 < v1 || v0 != v0 { v0 } else { v1 };
        let v12 = v11 == v9;
        let v13 = v11 / v9;
        let v14 = if v12 { 1.0_f32 } else { v13 };
        let v15 = if v10 { 0.0_f32 } else { v14 };
        let v16 = v15 * v15;
        let v17 = v15 * v16;
        let v18 = 0.0029207221_f32 * v16;
        let v19 = v18 + -0.01636807_f32;
        let v20 = v19 * v16;
        let v21 = v20 + 0.043212134_f32;
        let v22 = v21 * v16;
        let v23 = v22 + -0.075522415_f32;
        let v24 = v23 * v16;
        let v25 = v24 + 0.10666019_f32;
        let v26 = v25 * v16;
        let v27 = v26 + -0.1421106_f32;
        let v28 = v27 * v16;
        let v29 = v28 + 0.19993773_f32;
        let v30 = v29 * v16;
        let v31 = v30 + -0.33333153_f32;
        let v32 = v17 * v31;
        let v33 = v32 + v15;
        let v34 = -v33;
        let v35 = if v8 { v34 } else { v33 };
        let v36 = -4.371139e-8_f32 + -4.371139e-8_f32;
        let v37 = if v4 { v36 } else { 0.0_f32 };
        let v38 = if v2 { -4.371139e-8_f32 } else { v37 };
        let v39 = v35 + v38;
        let v40 = v7 + v39;
        let v41 = v40.to_bits().cast_signed();
        let v42 = x.to_bits().cast_signed();
        let v43 = v42 & -2147483648_i32;
        let v44 = v41 | v43;
        let v45 = f32::from_bits(v44.cast_unsigned());
        v45
    }
}

#[inline(always)]
pub(super) fn f64_value<const FMA: bool>(x: f64, y: f64) -> f64 {
    if FMA {
        let v0 = x.abs();
        let v1 = y.abs();
        let v2 = v0 > v1;
        let v3 = y.to_bits().cast_signed();
        let v4 = v3 < 0_i64;
        let v5 = 1.5707963267948966_f64 + 1.5707963267948966_f64;
        let v6 = if v4 { v5 } else { 0.0_f64 };
        let v7 = if v2 { 1.5707963267948966_f64 } else { v6 };
        let v8 = v2 ^ v4;
        let v9 = if v1 < v0 || v0 != v0 { v0 } else { v1 };
        let v10 = v9 == 0.0_f64;
        let v11 = if v0 < v1 || v0 != v0 { v0 } else { v1 };
        let v12 = v11 == v9;
        let v13 = v11 / v9;
        let v14 = if v12 { 1.0_f64 } else { v13 };
        let v15 = if v10 { 0.0_f64 } else { v14 };
        let v16 = v15 * v15;
        let v17 = v15 * v16;
        let v18 = (-2.0259017642427118e-5_f64).mul_add(v16, 0.00022302725698947705_f64);
        let v19 = v18.mul_add(v16, -0.0011640950622561282_f64);
        let v20 = v19.mul_add(v16, 0.0038560429783251666_f64);
        let v21 = v20.mul_add(v16, -0.009184694635892818_f64);
        let v22 = v21.mul_add(v16, 0.016978230252080135_f64);
        let v23 = v22.mul_add(v16, -0.025827004811700853_f64);
        let v24 = v23.mul_add(v16, 0.03406797997007826_f64);
        let v25 = v24.mul_add(v16, -0.04092648742514662_f64);
        let v26 = v25.mul_add(v16, 0.046739546269525305_f64);
        let v27 = v26.mul_add(v16, -0.05239234827651517_f64);
        let v28 = v27.mul_add(v16, 0.058773082725392826_f64);
        let v29 = v28.mul_add(v16, -0.06665860465080312_f64);
        let v30 = v29.mul_add(v16, 0.07692212945474143_f64);
        let v31 = v30.mul_add(v16, -0.09090901236905721_f64);
        let v32 = v31.mul_add(v16, 0.11111110678848454_f64);
        let v33 = v32.mul_add(v16, -0.14285714271338687_f64);
        let v34 = v33.mul_add(v16, 0.19999999999755097_f64);
        let v35 = v34.mul_add(v16, -0.3333333333333186_f64);
        let v36 = v17.mul_add(v35, v15);
        let v37 = -v36;
        let v38 = if v8 { v37 } else { v36 };
        let v39 = 6.123233995736766e-17_f64 + 6.123233995736766e-17_f64;
        let v40 = if v4 { v39 } else { 0.0_f64 };
        let v41 = if v2 { 6.123233995736766e-17_f64 } else { v40 };
        let v42 = v38 + v41;
        let v43 = v7 + v42;
        let v44 = v43.to_bits().cast_signed();
        let v45 = x.to_bits().cast_signed();
        let v46 = v45 & -9223372036854775808_i64;
        let v47 = v44 | v46;
        let v48 = f64::from_bits(v47.cast_unsigned());
        v48
    } else {
        let v0 = x.abs();
        let v1 = y.abs();
        let v2 = v0 > v1;
        let v3 = y.to_bits().cast_signed();
        let v4 = v3 < 0_i64;
        let v5 = 1.5707963267948966_f64 + 1.5707963267948966_f64;
        let v6 = if v4 { v5 } else { 0.0_f64 };
        let v7 = if v2 { 1.5707963267948966_f64 } else { v6 };
        let v8 = v2 ^ v4;
        let v9 = if v1 < v0 || v0 != v0 { v0 } else { v1 };
        let v10 = v9 == 0.0_f64;
        let v11 = if v0 < v1 || v0 != v0 { v0 } else { v1 };
        let v12 = v11 == v9;
        let v13 = v11 / v9;
        let v14 = if v12 { 1.0_f64 } else { v13 };
        let v15 = if v10 { 0.0_f64 } else { v14 };
        let v16 = v15 * v15;
        let v17 = v15 * v16;
        let v18 = -2.0259017642427118e-5_f64 * v16;
        let v19 = v18 + 0.00022302725698947705_f64;
        let v20 = v19 * v16;
        let v21 = v20 + -0.0011640950622561282_f64;
        let v22 = v21 * v16;
        let v23 = v22 + 0.0038560429783251666_f64;
        let v24 = v23 * v16;
        let v25 = v24 + -0.009184694635892818_f64;
        let v26 = v25 * v16;
        let v27 = v26 + 0.016978230252080135_f64;
        let v28 = v27 * v16;
        let v29 = v28 + -0.025827004811700853_f64;
        let v30 = v29 * v16;
        let v31 = v30 + 0.03406797997007826_f64;
        let v32 = v31 * v16;
        let v33 = v32 + -0.04092648742514662_f64;
        let v34 = v33 * v16;
        let v35 = v34 + 0.046739546269525305_f64;
        let v36 = v35 * v16;
        let v37 = v36 + -0.05239234827651517_f64;
        let v38 = v37 * v16;
        let v39 = v38 + 0.058773082725392826_f64;
        let v40 = v39 * v16;
        let v41 = v40 + -0.06665860465080312_f64;
        let v42 = v41 * v16;
        let v43 = v42 + 0.07692212945474143_f64;
        let v44 = v43 * v16;
        let v45 = v44 + -0.09090901236905721_f64;
        let v46 = v45 * v16;
        let v47 = v46 + 0.11111110678848454_f64;
        let v48 = v47 * v16;
        let v49 = v48 + -0.14285714271338687_f64;
        let v50 = v49 * v16;
        let v51 = v50 + 0.19999999999755097_f64;
        let v52 = v51 * v16;
        let v53 = v52 + -0.3333333333333186_f64;
        let v54 = v17 * v53;
        let v55 = v54 + v15;
        let v56 = -v55;
        let v57 = if v8 { v56 } else { v55 };
        let v58 = 6.123233995736766e-17_f64 + 6.123233995736766e-17_f64;
        let v59 = if v4 { v58 } else { 0.0_f64 };
        let v60 = if v2 { 6.123233995736766e-17_f64 } else { v59 };
        let v61 = v57 + v60;
        let v62 = v7 + v61;
        let v63 = v62.to_bits().cast_signed();
        let v64 = x.to_bits().cast_signed();
        let v65 = v64 & -9223372036854775808_i64;
        let v66 = v63 | v65;
        let v67 = f64::from_bits(v66.cast_unsigned());
        v67
    }
}

