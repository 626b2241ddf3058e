//! Made from the expansions of the compiler by its test `kernels`; not to be edited.

#[cfg(not(any(feature = "std", test)))]
#[allow(unused_imports)]
use crate::real::Real as _;

#[inline(always)]
pub(super) fn f32_value<const FMA: bool>(x: f32) -> f32 {
    if FMA {
        let v0 = x.abs();
        let v1 = v0 > 1.0_f32;
        let v2 = 1.0_f32 / v0;
        let v3 = if v1 { v2 } else { v0 };
        let v4 = v3 * v3;
        let v5 = v3 * v4;
        let v6 = 0.0029207221_f32.mul_add(v4, -0.01636807_f32);
        let v7 = v6.mul_add(v4, 0.043212134_f32);
        let v8 = v7.mul_add(v4, -0.075522415_f32);
        let v9 = v8.mul_add(v4, 0.10666019_f32);
        let v10 = v9.mul_add(v4, -0.1421106_f32);
        let v11 = v10.mul_add(v4, 0.19993773_f32);
        let v12 = v11.mul_add(v4, -0.33333153_f32);
        let v13 = v5.mul_add(v12, v3);
        let v14 = v13 - -4.371139e-8_f32;
        let v15 = 1.5707964_f32 - v14;
        let v16 = if v1 { v15 } else { v13 };
        let v17 = v16.to_bits().cast_signed();
        let v18 = x.to_bits().cast_signed();
        let v19 = v18 & -2147483648_i32;
        let v20 = v17 | v19;
        let v21 = f32::from_bits(v20.cast_unsigned());
        v21
    } else {
        let v0 = x.abs();
        let v1 = v0 > 1.0_f32;
        let v2 = 1.0_f32 / v0;
        let v3 = if v1 { v2 } else { v0 };
        let v4 = v3 * v3;
        let v5 = v3 * v4;
        let v6 = 0.0029207221_f32 * v4;
        let v7 = v6 + -0.01636807_f32;
        let v8 = v7 * v4;
        let v9 = v8 + 0.043212134_f32;
        let v10 = v9 * v4;
        let v11 = v10 + -0.075522415_f32;
        let v12 = v11 * v4;
        let v13 = v12 + 0.10666019_f32;
        let v14 = v13 * v4;
        let v15 = v14 + -0.1421106_f32;
        let v16 = v15 * v4;
        let v17 = v16 + 0.19993773_f32;
        let v18 = v17 * v4;
        let v19 = v18 + -0.33333153_f32;
        let v20 = v5 * v19;
        let v21 = v20 + v3;
        let v22 = v21 - -4.371139e-8_f32;
        let v23 = 1.5707964_f32 - v22;
        let v24 = if v1 { v23 } else { v21 };
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
        let v1 = v0 > 1.0_f64;
        let v2 = 1.0_f64 / v0;
        let v3 = if v1 { v2 } else { v0 };
        let v4 = v3 * v3;
        let v5 = v3 * v4;
        let v6 = (-2.0259017642427118e-5_f64).mul_add(v4, 0.00022302725698947705_f64);
        let v7 = v6.mul_add(v4, -0.0011640950622561282_f64);
        let v8 = v7.mul_add(v4, 0.0038560429783251666_f64);
        let v9 = v8.mul_add(v4, -0.009184694635892818_f64);
        let v10 = v9.mul_add(v4, 0.016978230252080135_f64);
        let v11 = v10.mul_add(v4, -0.025827004811700853_f64);
        let v12 = v11.mul_add(v4, 0.03406797997007826_f64);
        let v13 = v12.mul_add(v4, -0.04092648742514662_f64);
        let v14 = v13.mul_add(v4, 0.046739546269525305_f64);
        let v15 = v14.mul_add(v4, -0.05239234827651517_f64);
        let v16 = v15.mul_add(v4, 0.058773082725392826_f64);
        let v17 = v16.mul_add(v4, -0.06665860465080312_f64);
        let v18 = v17.mul_add(v4, 0.07692212945474143_f64);
        let v19 = v18.mul_add(v4, -0.09090901236905721_f64);
        let v20 = v19.mul_add(v4, 0.11111110678848454_f64);
        let v21 = v20.mul_add(v4, -0.14285714271338687_f64);
        let v22 = v21.mul_add(v4, 0.19999999999755097_f64);
        let v23 = v22.mul_add(v4, -0.3333333333333186_f64);
        let v24 = v5.mul_add(v23, v3);
        let v25 = v24 - 6.123233995736766e-17_f64;
        let v26 = 1.5707963267948966_f64 - v25;
        let v27 = if v1 { v26 } else { v24 };
        let v28 = v27.to_bits().cast_signed();
        let v29 = x.to_bits().cast_signed();
        let v30 = v29 & -9223372036854775808_i64;
        let v31 = v28 | v30;
        let v32 = f64::from_bits(v31.cast_unsigned());
        v32
    } else {
        let v0 = x.abs();
        let v1 = v0 > 1.0_f64;
        let v2 = 1.0_f64 / v0;
        let v3 = if v1 { v2 } else { v0 };
        let v4 = v3 * v3;
        let v5 = v3 * v4;
        let v6 = -2.0259017642427118e-5_f64 * v4;
        let v7 = v6 + 0.00022302725698947705_f64;
        let v8 = v7 * v4;
        let v9 = v8 + -0.0011640950622561282_f64;
        let v10 = v9 * v4;
        let v11 = v10 + 0.0038560429783251666_f64;
        let v12 = v11 * v4;
        let v13 = v12 + -0.009184694635892818_f64;
        let v14 = v13 * v4;
        let v15 = v14 + 0.016978230252080135_f64;
        let v16 = v15 * v4;
        let v17 = v16 + -0.025827004811700853_f64;
        let v18 = v17 * v4;
        let v19 = v18 + 0.03406797997007826_f64;
        let v20 = v19 * v4;
        let v21 = v20 + -0.04092648742514662_f64;
        let v22 = v21 * v4;
        let v23 = v22 + 0.046739546269525305_f64;
        let v24 = v23 * v4;
        let v25 = v24 + -0.05239234827651517_f64;
        let v26 = v25 * v4;
        let v27 = v26 + 0.058773082725392826_f64;
        let v28 = v27 * v4;
        let v29 = v28 + -0.06665860465080312_f64;
        let v30 = v29 * v4;
        let v31 = v30 + 0.07692212945474143_f64;
        let v32 = v31 * v4;
        let v33 = v32 + -0.09090901236905721_f64;
        let v34 = v33 * v4;
        let v35 = v34 + 0.11111110678848454_f64;
        let v36 = v35 * v4;
        let v37 = v36 + -0.14285714271338687_f64;
        let v38 = v37 * v4;
        let v39 = v38 + 0.19999999999755097_f64;
        let v40 = v39 * v4;
        let v41 = v40 + -0.3333333333333186_f64;
        let v42 = v5 * v41;
        let v43 = v42 + v3;
        let v44 = v43 - 6.123233995736766e-17_f64;
        let v45 = 1.5707963267948966_f64 - v44;
        let v46 = if v1 { v45 } else { v43 };
        let v47 = v46.to_bits().cast_signed();
        let v48 = x.to_bits().cast_signed();
        let v49 = v48 & -9223372036854775808_i64;
        let v50 = v47 | v49;
        let v51 = f64::from_bits(v50.cast_unsigned());
        v51
    }
}

