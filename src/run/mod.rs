//! One invocation of the wrapper, from its arguments to the compiler's exit code.
//!
//! [`wrapper`] knows the steps and their order. A hit is [`hit`], a miss is [`miss`]; both end in a [`record`].

pub mod call;

pub mod ping;

pub mod policy;

pub mod streams;

pub mod path_remap;

pub mod unit_name;

pub mod restore;

pub mod hit;

pub mod miss;

pub mod record;

pub mod automatic_gc;

pub mod wrapper;
