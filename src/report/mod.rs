//! Figures and wording for reports, shared by the commands. Pure: computed from records and inputs.

pub mod escape;

pub mod text;

pub mod format;

pub mod words;

pub mod inputs;

pub mod summary;

pub mod build;

pub mod advice;
