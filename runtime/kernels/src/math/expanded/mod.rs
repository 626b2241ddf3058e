//! Made from the expansions of the compiler by its test `kernels`; not to be edited.

mod exp;
mod expm1;
mod log;
mod log1p;
mod sin;
mod cos;
mod tan;
mod asin;
mod acos;
mod atan;
mod sinh;
mod cosh;
mod tanh;
mod erf;
mod erfc;
mod sigmoid;
mod softplus;

super::symbols! {
    brolga_exp_f32 f32 exp f32_value;
    brolga_exp_f64 f64 exp f64_value;
    brolga_expm1_f32 f32 expm1 f32_value;
    brolga_expm1_f64 f64 expm1 f64_value;
    brolga_log_f32 f32 log f32_value;
    brolga_log_f64 f64 log f64_value;
    brolga_log1p_f32 f32 log1p f32_value;
    brolga_log1p_f64 f64 log1p f64_value;
    brolga_sin_f32 f32 sin f32_value;
    brolga_sin_f64 f64 sin f64_value, f64_is_rare f64_rare;
    brolga_cos_f32 f32 cos f32_value;
    brolga_cos_f64 f64 cos f64_value, f64_is_rare f64_rare;
    brolga_tan_f32 f32 tan f32_value;
    brolga_tan_f64 f64 tan f64_value, f64_is_rare f64_rare;
    brolga_asin_f32 f32 asin f32_value;
    brolga_asin_f64 f64 asin f64_value;
    brolga_acos_f32 f32 acos f32_value;
    brolga_acos_f64 f64 acos f64_value;
    brolga_atan_f32 f32 atan f32_value;
    brolga_atan_f64 f64 atan f64_value;
    brolga_sinh_f32 f32 sinh f32_value;
    brolga_sinh_f64 f64 sinh f64_value;
    brolga_cosh_f32 f32 cosh f32_value;
    brolga_cosh_f64 f64 cosh f64_value;
    brolga_tanh_f32 f32 tanh f32_value;
    brolga_tanh_f64 f64 tanh f64_value;
    brolga_erf_f32 f32 erf f32_value;
    brolga_erf_f64 f64 erf f64_value;
    brolga_erfc_f32 f32 erfc f32_value;
    brolga_erfc_f64 f64 erfc f64_value;
    brolga_sigmoid_f32 f32 sigmoid f32_value;
    brolga_sigmoid_f64 f64 sigmoid f64_value;
    brolga_softplus_f32 f32 softplus f32_value;
    brolga_softplus_f64 f64 softplus f64_value;
}
