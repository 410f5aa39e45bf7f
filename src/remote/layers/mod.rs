//! What is put around a backend, each as a [`crate::remote::backend::Remote`] of its own.

pub mod access;
pub mod breaker;
pub mod limit;
pub mod meter;
pub mod retry;
