//! The bits of `libm`. If one of these changes, simulated results change.

use plimsoll_core::engine::{Stream, fold, variates};

#[test]
fn tv_15_bits_of_libm() {
    for (value, bits) in [
        (libm::log(0.1), 0xc002_6bb1_bbb5_5515),
        (libm::exp(0.1), 0x3ff1_aec7_b35a_00d4),
        (libm::log1p(-0.1), 0xbfba_f8e8_210a_415e),
        (libm::pow(0.1, 0.3), 0x3fe0_09b9_cf33_4253),
        (libm::log(0.9), 0xbfba_f8e8_210a_415c),
        (libm::exp(3.7), 0x4044_3941_44ee_ec81),
        (libm::pow(3.7, 0.3), 0x3ff7_b0db_08b4_4be4),
        (libm::log1p(-0.9), 0xc002_6bb1_bbb5_5516),
    ] {
        assert_eq!(value.to_bits(), bits, "{value}");
    }
}

/// Folds the bits of a function of u over 2 000 000 uniforms.
#[track_caller]
fn check(expected: u64, function: impl Fn(f64) -> f64) {
    let mut stream = Stream::from_seed(11);
    let bits =
        (0..2_000_000).map(|_| function(variates::uniform_open(stream.next_u64())).to_bits());
    let hash = bits.fold(0, fold);
    assert_eq!(hash, expected, "{hash:016x}");
}

#[test]
fn tv_15_bulk_log() {
    check(0xb37b_3de7_f76b_8289, libm::log);
}

#[test]
fn tv_15_bulk_log1p() {
    check(0xbcdc_5cc8_56cf_5c1e, |u| libm::log1p(-u));
}

#[test]
fn tv_15_bulk_exp() {
    check(0x07b8_f1ad_2e3a_c8f0, |u| libm::exp(40.0 * u - 20.0));
}

#[test]
fn tv_15_bulk_expm1() {
    check(0xb519_d8d2_cbcf_f364, |u| libm::expm1(40.0 * u - 20.0));
}

#[test]
fn tv_15_bulk_pow() {
    check(0x69fe_6b4d_8117_32eb, |u| libm::pow(u, 0.7));
}

#[test]
fn tv_15_bulk_erf() {
    check(0x0152_adf4_9977_97e7, |u| libm::erf(0.1 * (40.0 * u - 20.0)));
}

#[test]
fn tv_15_bulk_lgamma() {
    check(0x7d0c_9c2a_17f6_cc0f, |u| libm::lgamma(30.0 * u));
}
