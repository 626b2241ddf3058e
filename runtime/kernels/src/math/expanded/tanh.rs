//! Made from the expansions of the compiler by its test `kernels`; not to be edited.

#[cfg(not(any(feature = "std", test)))]
#[allow(unused_imports)]
use crate::real::Real as _;

#[inline(always)]
pub(super) fn f32_value<const FMA: bool>(x: f32) -> f32 {
    if FMA {
        let v0 = x.abs();
        let v1 = if 10.0_f32 < v0 { 10.0_f32 } else { v0 };
        let v2 = v1.mul_add(2.88539_f32, 12583039.0_f32);
        let v3 = v2.to_bits().cast_signed();
        let v4 = v3 << 23;
        let v5 = f32::from_bits(v4.cast_unsigned());
        let v6 = v2 - 12583039.0_f32;
        let v7 = v6.mul_add(-0.3466797_f32, v1);
        let v8 = v6.mul_add(0.00010609722_f32, v7);
        let v9 = v8 * v8;
        let v10 = 0.044424076_f32.mul_add(v8, 0.13386422_f32);
        let v11 = v10.mul_add(v8, 0.3333376_f32);
        let v12 = v11.mul_add(v8, 0.66666174_f32);
        let v13 = v12.mul_add(v8, 0.99999994_f32);
        let v14 = v9.mul_add(v13, v8);
        let v15 = v5.mul_add(0.5_f32, -0.5_f32);
        let v16 = v5.mul_add(v14, v15);
        let v17 = v16 + 1.0_f32;
        let v18 = v16 / v17;
        let v19 = v18.to_bits().cast_signed();
        let v20 = x.to_bits().cast_signed();
        let v21 = v20 & -2147483648_i32;
        let v22 = v19 | v21;
        let v23 = f32::from_bits(v22.cast_unsigned());
        v23
    } else {
        let v0 = x.abs();
        let v1 = if 10.0_f32 < v0 { 10.0_f32 } else { v0 };
        let v2 = v1 * 2.88539_f32;
        let v3 = v2 + 12583039.0_f32;
        let v4 = v3.to_bits().cast_signed();
        let v5 = v4 << 23;
        let v6 = f32::from_bits(v5.cast_unsigned());
        let v7 = v3 - 12583039.0_f32;
        let v8 = v7 * 0.00010609722_f32;
        let v9 = v7 * -0.3466797_f32;
        let v10 = v9 + v1;
        let v11 = v8 + v10;
        let v12 = v11 * v11;
        let v13 = 0.044424076_f32 * v11;
        let v14 = v13 + 0.13386422_f32;
        let v15 = v14 * v11;
        let v16 = v15 + 0.3333376_f32;
        let v17 = v16 * v11;
        let v18 = v17 + 0.66666174_f32;
        let v19 = v18 * v11;
        let v20 = v19 + 0.99999994_f32;
        let v21 = v12 * v20;
        let v22 = v21 + v11;
        let v23 = v6 * v22;
        let v24 = v6 * 0.5_f32;
        let v25 = v24 + -0.5_f32;
        let v26 = v23 + v25;
        let v27 = v26 + 1.0_f32;
        let v28 = v26 / v27;
        let v29 = v28.to_bits().cast_signed();
        let v30 = x.to_bits().cast_signed();
        let v31 = v30 & -2147483648_i32;
        let v32 = v29 | v31;
        let v33 = f32::from_bits(v32.cast_unsigned());
        v33
    }
}

#[inline(always)]
pub(super) fn f64_value<const FMA: bool>(x: f64) -> f64 {
    if FMA {
        let v0 = x.abs();
        let v1 = if 22.0_f64 < v0 { 22.0_f64 } else { v0 };
        let v2 = v1.mul_add(2.8853900817779268_f64, 6755399441056767.0_f64);
        let v3 = v2.to_bits().cast_signed();
        let v4 = v3 << 52;
        let v5 = f64::from_bits(v4.cast_unsigned());
        let v6 = v2 - 6755399441056767.0_f64;
        let v7 = v6.mul_add(-0.3465735901845619_f64, v1);
        let v8 = v6.mul_add(-9.541074646352939e-11_f64, v7);
        let v9 = v8 * v8;
        let v10 = 4.275274468336781e-6_f64.mul_add(v8, 2.5711641389044176e-5_f64);
        let v11 = v10.mul_add(v8, 0.00014109390158798064_f64);
        let v12 = v11.mul_add(v8, 0.0007054654528835403_f64);
        let v13 = v12.mul_add(v8, 0.00317460315806569_f64);
        let v14 = v13.mul_add(v8, 0.012698412727087553_f64);
        let v15 = v14.mul_add(v8, 0.04444444444468004_f64);
        let v16 = v15.mul_add(v8, 0.13333333333314645_f64);
        let v17 = v16.mul_add(v8, 0.3333333333333321_f64);
        let v18 = v17.mul_add(v8, 0.6666666666666671_f64);
        let v19 = v18.mul_add(v8, 1.0_f64);
        let v20 = v9.mul_add(v19, v8);
        let v21 = v5.mul_add(0.5_f64, -0.5_f64);
        let v22 = v5.mul_add(v20, v21);
        let v23 = v22 + 1.0_f64;
        let v24 = v22 / v23;
        let v25 = v24.to_bits().cast_signed();
        let v26 = x.to_bits().cast_signed();
        let v27 = v26 & -9223372036854775808_i64;
        let v28 = v25 | v27;
        let v29 = f64::from_bits(v28.cast_unsigned());
        v29
    } else {
        let v0 = x.abs();
        let v1 = if 22.0_f64 < v0 { 22.0_f64 } else { v0 };
        let v2 = v1 * 2.8853900817779268_f64;
        let v3 = v2 + 6755399441056767.0_f64;
        let v4 = v3.to_bits().cast_signed();
        let v5 = v4 << 52;
        let v6 = f64::from_bits(v5.cast_unsigned());
        let v7 = v3 - 6755399441056767.0_f64;
        let v8 = v7 * -9.541074646352939e-11_f64;
        let v9 = v7 * -0.3465735901845619_f64;
        let v10 = v9 + v1;
        let v11 = v8 + v10;
        let v12 = v11 * v11;
        let v13 = 4.275274468336781e-6_f64 * v11;
        let v14 = v13 + 2.5711641389044176e-5_f64;
        let v15 = v14 * v11;
        let v16 = v15 + 0.00014109390158798064_f64;
        let v17 = v16 * v11;
        let v18 = v17 + 0.0007054654528835403_f64;
        let v19 = v18 * v11;
        let v20 = v19 + 0.00317460315806569_f64;
        let v21 = v20 * v11;
        let v22 = v21 + 0.012698412727087553_f64;
        let v23 = v22 * v11;
        let v24 = v23 + 0.04444444444468004_f64;
        let v25 = v24 * v11;
        let v26 = v25 + 0.13333333333314645_f64;
        let v27 = v26 * v11;
        let v28 = v27 + 0.3333333333333321_f64;
        let v29 = v28 * v11;
        let v30 = v29 + 0.6666666666666671_f64;
        let v31 = v30 * v11;
        let v32 = v31 + 1.0_f64;
        let v33 = v12 * v32;
        let v34 = v33 + v11;
        let v35 = v6 * v34;
        let v36 = v6 * 0.5_f64;
        let v37 = v36 + -0.5_f64;
        let v38 = v35 + v37;
        let v39 = v38 + 1.0_f64;
        let v40 = v38 / v39;
        let v41 = v40.to_bits().cast_signed();
        let v42 = x.to_bits().cast_signed();
        let v43 = v42 & -9223372036854775808_i64;
        let v44 = v41 | v43;
        let v45 = f64::from_bits(v44.cast_unsigned());
        v45
    }
}

