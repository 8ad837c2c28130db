//! The scenarios whose run time is measured load, run and obey the laws of conservation, here for a day.

use std::path::Path;

use plimsoll::language::{LoadOptions, load};
use plimsoll_core::units::SimDuration;
use plimsoll_core::{invariants, simulation};

#[test]
fn months_run() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    for name in ["month-one-service.yaml", "month-three-services.yaml"] {
        let file = directory.join(name);
        let mut scenario = load(&file, &LoadOptions::default()).expect("it loads").scenario;
        assert_eq!(scenario.duration, SimDuration::from_secs(30 * 86_400), "{name}");
        scenario.duration = SimDuration::from_secs(86_400);
        let results = simulation::run(&scenario, &mut |_| {}).expect("the run ends");
        assert_eq!(invariants::violations(&scenario, &results), Vec::<String>::new(), "{name}");
    }
}
