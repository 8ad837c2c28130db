//! Facts: instance types, network limits, prices, Fargate sizes.
