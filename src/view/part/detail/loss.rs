//! What a loss would do, in full, and what a second one would.

use super::chapter::Chapter;
use crate::app::memo::Told;
use crate::forecast::{Outlook, tell};
use crate::view::part::forecast;
use crate::view::theme::Role;

pub(super) fn chapters(told: &Told) -> Vec<Chapter> {
    let (_, etcd) = forecast::look(&told.first);
    let first = tell::chapters(&told.first).into_iter().map(|chapter| {
        let role = match chapter.title {
            "etcd" => etcd,
            "stays Pending" => Role::Warning,
            "not known" => Role::Unknown,
            _ => Role::Text,
        };
        let lines = chapter.lines.into_iter().map(|line| ("", line.to_string(), role));
        Chapter::of(chapter.title, String::new(), lines.collect())
    });
    let second = told.second.iter().map(|then| ("", after(then), forecast::look(then).1));
    let second = Chapter::of("and then another", String::new(), second.collect());
    first.chain((!told.second.is_empty()).then_some(second)).collect()
}

fn after(then: &Outlook) -> String {
    let web = then
        .web()
        .map(|web| format!("; {} serves with {}", web.key.name, web.left));
    let etcd = tell::quorum_short(&then.quorum);
    format!("then {}: etcd {etcd}{}", then.loss.name(), web.unwrap_or_default())
}
