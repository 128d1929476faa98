//! Disposable servers to rehearse on: local clusters, the RDS stand-in, the load with its audit.
