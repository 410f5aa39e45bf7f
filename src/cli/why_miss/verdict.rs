//! The outcome of a unit in words.

use std::time::Duration;

use serde::Serialize;

use crate::config::units::format_duration;
use crate::report::words::{self, with_detail};
use crate::why_miss::Verdict;

/// What became of the newest compile of a unit.
#[derive(Clone, Copy, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum VerdictName {
    Hit,
    /// It bypassed the cache.
    Bypassed,
    /// It was compiled incrementally, and not stored.
    Edited,
    /// It was compiled, and not stored.
    NotStored,
    /// Its entry was damaged, or could not be restored.
    Unusable,
    Evicted,
    /// Its entry is gone, and there is nothing to compare with.
    Gone,
    NeverCompiled,
    /// An input changed.
    Changed,
}

/// How long ago something was.
pub fn ago(time_ms: u64, now_ms: u64) -> String {
    format!("{} ago", format_duration(Duration::from_millis(now_ms.saturating_sub(time_ms))))
}

/// The verdict, and the explanation in lines.
pub fn in_words(verdict: &Verdict, now_ms: u64) -> (VerdictName, Vec<String>) {
    match verdict {
        Verdict::Hit(origin) => {
            (VerdictName::Hit, vec![format!("it was a hit, served {}", words::origin(*origin))])
        }
        Verdict::Bypassed(reason) => (
            VerdictName::Bypassed,
            vec![format!(
                "it bypassed the cache: {}",
                with_detail(words::bypass(reason.why), &reason.detail)
            )],
        ),
        Verdict::Edited(edit, detail) => (
            VerdictName::Edited,
            vec![format!(
                "it was compiled incrementally and not stored: {}",
                with_detail(words::edit(*edit), detail)
            )],
        ),
        Verdict::NotStored(reason, unstored) => {
            let (why, detail) = words::unstored(unstored);
            let because = vec![
                format!("{}, and", words::miss(*reason)),
                format!("this compile was not stored: {}", with_detail(why, detail)),
            ];
            (VerdictName::NotStored, because)
        }
        Verdict::Unusable(reason) => (VerdictName::Unusable, vec![words::miss(*reason).to_owned()]),
        Verdict::Evicted { last_ms } => (
            VerdictName::Evicted,
            vec![format!("its entry was evicted after it was last used {}", ago(*last_ms, now_ms))],
        ),
        Verdict::Gone => (
            VerdictName::Gone,
            vec!["its entry is no longer in the store, so there is nothing to compare".to_owned()],
        ),
        Verdict::Never => {
            (VerdictName::NeverCompiled, vec!["the store has no earlier entry of it".to_owned()])
        }
        Verdict::Changed { changes, .. } if changes.is_empty() => {
            (VerdictName::Changed, vec!["its input list had been dropped; nothing else differs".to_owned()])
        }
        Verdict::Changed { before_ms, changes, .. } => {
            let mut because: Vec<String> = changes.iter().map(|change| change.words()).collect();
            if let Some(first) = because.first_mut() {
                first.push_str(&format!(" (compared with the compile of {})", ago(*before_ms, now_ms)));
            }
            (VerdictName::Changed, because)
        }
    }
}
