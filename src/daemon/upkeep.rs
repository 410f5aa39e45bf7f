//! Looking after the store: the index follows the records, and what is over the limit goes.

use std::sync::mpsc::Sender;

use crate::client::Place;
use crate::daemon::event::Event;
use crate::protocol::message::UpkeepStatus;

/// When it was done and what came of it.
#[derive(Debug, Default)]
pub struct Upkeep {
    status: UpkeepStatus,
    is_running: bool,
}

impl Upkeep {
    pub fn new() -> Upkeep {
        Upkeep::default()
    }
    pub fn is_running(&self) -> bool {
        self.is_running
    }
    pub fn status(&self) -> UpkeepStatus {
        self.status.clone()
    }
    pub fn look(&mut self, _place: &Place, _events: &Sender<Event>) -> Result<(), String> {
        Ok(())
    }
    pub fn ended(&mut self, _result: Result<String, String>) -> Option<String> {
        None
    }
}
