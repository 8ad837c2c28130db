//! What AWS documents, where plimsoll does it and which test proves it; and what AWS leaves open, with
//! the setting and its default.

#[doc = include_str!("../coverage/scheduling.md")]
pub mod scheduling {}
#[doc = include_str!("../coverage/policies.md")]
pub mod policies {}
#[doc = include_str!("../coverage/groups.md")]
pub mod groups {}
#[doc = include_str!("../coverage/purchase.md")]
pub mod purchase {}
#[doc = include_str!("../coverage/capacity_providers.md")]
pub mod capacity_providers {}
#[doc = include_str!("../coverage/load.md")]
pub mod load {}
#[doc = include_str!("../coverage/queues.md")]
pub mod queues {}
#[doc = include_str!("../coverage/faults_and_measures.md")]
pub mod faults_and_measures {}
