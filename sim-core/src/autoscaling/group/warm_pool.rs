//! The size of a warm pool.
//!
//! Source: Auto Scaling user guide, *Warm pools*.

/// Instances that a warm pool is to hold: what the group may still grow by, or the prepared capacity
/// less what is in service, and at least `min_size`.
pub fn warm_pool_size(
    max_size: u32,
    desired: u32,
    min_size: u32,
    max_group_prepared_capacity: Option<u32>,
) -> u32 {
    max_group_prepared_capacity.unwrap_or(max_size).saturating_sub(desired).max(min_size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tv_wp_1_size_of_a_warm_pool() {
        assert_eq!(warm_pool_size(10, 6, 0, None), 4);
        assert_eq!(warm_pool_size(10, 6, 0, Some(8)), 2);
        assert_eq!(warm_pool_size(10, 9, 0, Some(8)), 0);
        assert_eq!(warm_pool_size(10, 9, 2, Some(8)), 2);
    }
}
