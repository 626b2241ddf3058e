//! Profiles: where the time of a step goes, by call, kernel, node, line and layer, and how far that is
//! from what the machine can do.

mod limits;
mod record;
mod summary;

pub use limits::{Limits, measure_limits};
pub use record::{Event, Recorder, StepRecord};
pub use summary::{CallTime, Node, Profile, Role, layer, role};
