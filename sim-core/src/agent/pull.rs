//! Images and what it costs to get them.

use crate::units::{IdVec, ImageId, LayerId, NANOS_PER_SECOND, SimDuration};

/// A container image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Its reference, for example `nginx:1.27`.
    pub name: String,
    /// Layers with their compressed sizes in bytes. Images share layers of the same id.
    pub layers: Vec<(LayerId, u64)>,
    /// Whether it has a SOCI index, by which Fargate starts it before all of it is there.
    pub soci_index: bool,
}

impl Image {
    /// Compressed size in bytes.
    pub fn bytes(&self) -> u64 {
        self.layers.iter().fold(0, |sum: u64, (_, bytes)| sum.saturating_add(*bytes))
    }
}

/// What parts of a pull take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PullCosts {
    /// Bytes pulled and unpacked per second.
    pub bandwidth: u64,
    /// A look at the registry that finds nothing new.
    pub manifest_check: SimDuration,
    /// A look at the cache alone.
    pub cache_check: SimDuration,
    /// Start of an image with a SOCI index on Fargate, whatever its size.
    pub lazy_load: SimDuration,
}

/// Time to pull and unpack `bytes`, rounded down to the nanosecond.
pub fn transfer_time(bytes: u64, bandwidth: u64) -> SimDuration {
    let nanos = u128::from(bytes) * u128::from(NANOS_PER_SECOND);
    let nanos = nanos / u128::from(bandwidth.max(1));
    SimDuration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// Pull time of a task on Fargate, which keeps no images from one task to the next: all bytes of all
/// images without a SOCI index, each layer once, while those with one load lazily.
pub fn fargate_pull_time(
    images: &IdVec<ImageId, Image>,
    wanted: &[ImageId],
    costs: &PullCosts,
) -> SimDuration {
    let mut bytes: u64 = 0;
    let mut lazy = SimDuration::ZERO;
    for (position, id) in wanted.iter().enumerate() {
        let image = &images[*id];
        if image.soci_index {
            lazy = costs.lazy_load;
            continue;
        }
        for (layer, size) in &image.layers {
            let before = wanted[..position].iter().map(|earlier| &images[*earlier]);
            let shared = before
                .filter(|earlier| !earlier.soci_index)
                .any(|earlier| earlier.layers.iter().any(|(other, _)| other == layer));
            if !shared {
                bytes = bytes.saturating_add(*size);
            }
        }
    }
    transfer_time(bytes, costs.bandwidth).max(lazy)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) const COSTS: PullCosts = PullCosts {
        bandwidth: 65_000_000,
        manifest_check: SimDuration::from_secs(1),
        cache_check: SimDuration::from_millis(100),
        lazy_load: SimDuration::from_millis(2800),
    };

    pub(in super::super) fn image(layers: &[(u32, u64)]) -> Image {
        let layers = layers.iter().map(|(layer, bytes)| (LayerId(*layer), *bytes)).collect();
        Image { name: "image".into(), layers, soci_index: false }
    }

    #[test]
    fn a_pull_is_linear_in_the_size() {
        // 1.3 GB in 20 s, as measured.
        assert_eq!(transfer_time(1_300_000_000, 65_000_000), SimDuration::from_secs(20));
        assert_eq!(transfer_time(0, 65_000_000), SimDuration::ZERO);
        assert_eq!(transfer_time(1, 3), SimDuration::from_nanos(333_333_333));
        assert_eq!(transfer_time(u64::MAX, 0).as_nanos(), u64::MAX);
    }

    #[test]
    fn fargate_pulls_every_layer_of_a_task_once() {
        let images: IdVec<ImageId, Image> =
            [image(&[(0, 65_000_000), (1, 130_000_000)]), image(&[(0, 65_000_000)])]
                .into_iter()
                .collect();
        let both = [ImageId(0), ImageId(1)];
        assert_eq!(fargate_pull_time(&images, &both, &COSTS), SimDuration::from_secs(3));
        assert_eq!(fargate_pull_time(&images, &both[1..], &COSTS), SimDuration::from_secs(1));
        assert_eq!(fargate_pull_time(&images, &[], &COSTS), SimDuration::ZERO);
    }

    #[test]
    fn lazy_loading_takes_the_same_for_every_size() {
        let mut large = image(&[(0, 10_000_000_000)]);
        large.soci_index = true;
        let images: IdVec<ImageId, Image> =
            [large, image(&[(1, 260_000_000)])].into_iter().collect();
        let pull = |wanted: &[ImageId]| fargate_pull_time(&images, wanted, &COSTS);
        assert_eq!(pull(&[ImageId(0)]), SimDuration::from_millis(2800));
        assert_eq!(pull(&[ImageId(0), ImageId(1)]), SimDuration::from_secs(4), "side by side");
    }
}
