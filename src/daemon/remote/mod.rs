//! What the daemon does with the remote: it fetches what builds ask for, and sends what they compile.
//!
//! [`service`] belongs to the event loop and decides; threads with a [`link`] do what takes long, and send an event when
//! they are done. A build waits for nothing longer than it wants to: who has waited long enough closes the connection, and
//! what is under way is finished for the next one.
//!
//! Reading order: `event`, `looked_at`, `link`, `demand`, `prefetch`, `uploads`, `service`.

pub mod demand;
pub mod event;
pub mod link;
pub mod looked_at;
pub mod prefetch;
pub mod service;
pub mod uploads;
