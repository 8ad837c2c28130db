//! A short name for everything a run depends on.

use std::fmt::{self, Write as _};

use plimsoll_core::scenario::{BatchJobs, Scenario};

const FNV_OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
const FNV_PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;

/// FNV-1a, 128 bits: text and integers in, digest out, nothing kept.
struct Hasher(u128);

impl Hasher {
    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u128::from(*byte)).wrapping_mul(FNV_PRIME);
        }
    }

    fn number(&mut self, number: u64) {
        self.bytes(&number.to_le_bytes());
    }
}

impl fmt::Write for Hasher {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.bytes(text.as_bytes());
        Ok(())
    }
}

/// Hash of the resolved scenario without its replication, as 32 hexadecimal digits: two scenarios
/// with the same hash give the same results. It is meant for one version of plimsoll, since a new
/// field of the scenario changes it.
pub fn scenario_hash(scenario: &Scenario) -> String {
    let mut plain = scenario.clone();
    plain.replication = 0;
    let mut hasher = Hasher(FNV_OFFSET);
    for batch in &mut plain.batches {
        // A trace may have millions of jobs: their integers are hashed as they are, not as text.
        let BatchJobs::Trace(jobs) = &batch.jobs else { continue };
        hasher.number(jobs.len() as u64);
        for job in jobs.iter() {
            hasher.number(job.arrival.as_nanos());
            hasher.number(job.duration.as_nanos());
            hasher.number(job.cpu.as_raw());
            hasher.number(job.memory.as_mib());
        }
        batch.jobs = BatchJobs::Trace([].into());
    }
    // `Debug` names every field, so none can be forgotten. Writing into the hasher cannot fail.
    let _ = write!(hasher, "{plain:?}");
    format!("{:032x}", hasher.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_fnv_1a() {
        let mut hasher = Hasher(FNV_OFFSET);
        hasher.bytes(b"foobar");
        assert_eq!(format!("{:032x}", hasher.0), "343e1662793c64bf6f0d3597ba446f18");
    }
}
