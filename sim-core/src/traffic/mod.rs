//! Request load over time, and what it does to a service.

/// Offered requests as a function of time, piecewise constant.
#[derive(Clone, Debug, PartialEq)]
pub struct RequestRate {}
