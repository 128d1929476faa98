//! Connections to real servers: logins, TLS, limits, what is concluded from a failure.

mod connect {
    pub mod failures;
    pub mod hooks;
    pub mod names;
    pub mod passwords;
    pub mod sessions;
    pub mod ssh;
    pub mod support;
    pub mod tls;
}
