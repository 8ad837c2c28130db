//! Random streams: one generator per purpose of an entity, derived by hashing.
//!
//! A stream is named, never shared: its key depends only on (root seed, replication, purpose, entity),
//! so that adding a service or changing a placement strategy moves nobody else's draws. That is what
//! makes two sweep points comparable draw by draw (common random numbers).
//!
//! Attributes of the *k*-th item of a source (the duration of task *k*, say) are read by index with
//! [`StreamKey::at`], so that they do not depend on the order in which items are placed.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};

/// The odd constant of SplitMix64: 2⁶⁴ divided by the golden ratio.
const PHI: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finalizer of SplitMix64: a bijection on 64 bits that spreads every input bit over the output.
#[inline]
pub const fn mix64(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// FNV-1a over bytes, 64 bits wide.
pub const fn fnv1a64(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut index = 0;
    while index < bytes.len() {
        hash = (hash ^ bytes[index] as u64).wrapping_mul(0x100_0000_01b3);
        index += 1;
    }
    hash
}

/// Next output of SplitMix64; advances `state`.
#[inline]
pub const fn splitmix64(state: &mut u64) -> u64 {
    *state = state.wrapping_add(PHI);
    mix64(*state)
}

/// Folds one word into a running hash: the step of stream keys and of fingerprints.
#[inline]
pub const fn fold(hash: u64, word: u64) -> u64 {
    mix64((hash ^ word).wrapping_add(PHI))
}

/// The entity word of a stream label. A label defaults to the entity's name; an entity that is
/// renamed but keeps its label keeps its draws.
pub const fn label_hash(label: &str) -> u64 {
    fnv1a64(label.as_bytes())
}

/// The identity of a random stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamKey(u64);

impl StreamKey {
    /// The key of `purpose` (for example `arrivals`) of `entity` (an ordinal or a [`label_hash`])
    /// in one replication under the root seed.
    pub const fn new(root: u64, replication: u64, purpose: &str, entity: u64) -> Self {
        let hash = mix64(root.wrapping_add(PHI));
        let hash = fold(hash, replication);
        let hash = fold(hash, fnv1a64(purpose.as_bytes()));
        Self(fold(hash, entity))
    }

    /// The key as a word.
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// 64 uniform bits for item `index`, without a generator: element `index` of the SplitMix64
    /// sequence that starts at the key.
    #[inline]
    pub const fn at(self, index: u64) -> u64 {
        mix64(self.0.wrapping_add(index.wrapping_add(1).wrapping_mul(PHI)))
    }

    /// A generator that starts at the beginning of the stream.
    pub fn rng(self) -> Stream {
        Stream::from_seed(self.0)
    }
}

/// A generator of one stream: xoshiro256++ seeded by four outputs of SplitMix64.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream(Xoshiro256PlusPlus);

impl Stream {
    /// The generator of a bare seed. Models take their streams from [`StreamKey::rng`].
    pub fn from_seed(seed: u64) -> Self {
        let mut state = seed;
        let mut bytes = [0; 32];
        for word in bytes.chunks_exact_mut(8) {
            word.copy_from_slice(&splitmix64(&mut state).to_le_bytes());
        }
        Self(Xoshiro256PlusPlus::from_seed(bytes))
    }

    /// The next 64 uniform bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tv_142_splitmix64() {
        let draw = |seed: u64| {
            let mut state = seed;
            [splitmix64(&mut state), splitmix64(&mut state), splitmix64(&mut state)]
        };
        assert_eq!(draw(0), [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f]);
        assert_eq!(draw(42), [0xbdd7_3226_2feb_6e95, 0x28ef_e333_b266_f103, 0x4752_6757_130f_9f52]);
    }

    #[test]
    fn tv_142_fnv1a64() {
        assert_eq!(fnv1a64(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(label_hash("arrivals"), 0xb10b_c22c_a203_cc53);
        assert_eq!(label_hash("service-time"), 0xb04b_678a_3d19_3b02);
    }

    #[test]
    fn tv_142_xoshiro256_plus_plus() {
        let draw = |seed| {
            let mut stream = Stream::from_seed(seed);
            [stream.next_u64(), stream.next_u64(), stream.next_u64()]
        };
        assert_eq!(draw(0), [0x5317_5d61_490b_23df, 0x61da_6f3d_c380_d507, 0x5c0f_df91_ec9a_7bfc]);
        assert_eq!(draw(42), [0xd076_4d4f_4476_689f, 0x519e_4174_576f_3791, 0xfbe0_7cfb_0c24_ed8c]);
    }

    #[test]
    fn tv_142_stream_keys() {
        let key = |replication, purpose, entity| StreamKey::new(42, replication, purpose, entity);
        let arrivals = key(0, "arrivals", 0);
        assert_eq!(arrivals.as_u64(), 0x9f05_adbd_f4a5_5eb1);
        let mut stream = arrivals.rng();
        assert_eq!(stream.next_u64(), 0xf0a8_b41a_f018_dff4);
        assert_eq!(stream.next_u64(), 0xf4ac_10bf_7f0d_652e);
        assert_eq!(key(0, "arrivals", 1).as_u64(), 0x65ca_bc5f_153c_eac7);
        assert_eq!(key(1, "arrivals", 0).as_u64(), 0x3059_03a9_abb4_dc68);
        assert_eq!(StreamKey::new(0, 0, "", 0).as_u64(), 0x2203_60b5_b93d_25d5);
    }

    #[test]
    fn tv_142_random_access() {
        let key = StreamKey::new(42, 0, "service-time", 0);
        assert_eq!(key.as_u64(), 0x59c1_361e_2516_c960);
        let drawn: Vec<u64> = (0..4).map(|index| key.at(index)).collect();
        let expected = [
            0x2a5d_811e_fc49_9b7e,
            0x8e06_9145_c942_4d3a,
            0x9535_bb70_9b70_b10d,
            0x8052_7ea3_5577_d43b,
        ];
        assert_eq!(drawn, expected);
    }

    #[test]
    fn tv_19_fold() {
        assert_eq!([1, 2, 3].into_iter().fold(0, fold), 0xd073_4750_fde3_62b3);
    }
}
