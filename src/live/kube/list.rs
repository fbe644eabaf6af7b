//! All objects of one kind, page by page.

use kube::core::Request;
use kube::core::params::ListParams;
use serde::Deserialize;
use serde_json::Value;

use super::fault::Fault;
use super::follow::LOOK_AGAIN;
use super::session::Session;
use crate::assemble::objects::{Row, from_json, is_wanted};
use crate::base::{Why, WhyKind};
use crate::model::KubeKind;

/// Objects per request.
const PAGE: u32 = 500;
/// More pages than these are no cluster of ours, but a server that never ends.
const MOST_PAGES: usize = 400;
/// Rows that are kept of one kind.
const MOST_ROWS: usize = 100_000;
/// Oddities that are told of one list.
pub const MOST_ODDITIES: usize = 10;

/// What a list brought.
#[derive(Debug, Default)]
pub struct Listed {
    /// All objects that concern us.
    pub rows: Vec<Row>,
    /// Why others are not among them: the first few reasons.
    pub left_out: Vec<Why>,
    /// Where a watch goes on.
    pub resource_version: String,
}

#[derive(Deserialize)]
struct Page {
    metadata: PageMeta,
    items: Option<Vec<Value>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageMeta {
    resource_version: String,
    #[serde(default, rename = "continue")]
    next: String,
}

/// Lists `resource` (such as `/apis/apps/v1/deployments`) with consistent reads: without a resourceVersion. No more than
/// one page is held raw.
pub async fn list(session: &Session, kind: KubeKind, resource: &str) -> Result<Listed, Fault> {
    list_at_most(MOST_ROWS, session, kind, resource).await
}

/// The same with another bound on the rows.
pub async fn list_at_most(most: usize, session: &Session, kind: KubeKind, resource: &str) -> Result<Listed, Fault> {
    let mut listed = Listed::default();
    let mut next = String::new();
    for _ in 0..MOST_PAGES {
        let page = page(session, resource, &next).await?;
        listed.take(kind, page.items.unwrap_or_default());
        if listed.rows.len() > most {
            return Err(too_long(most, session, kind));
        }
        // All pages are of the first one's moment.
        if listed.resource_version.is_empty() {
            listed.resource_version = page.metadata.resource_version;
        }
        next = page.metadata.next;
        if next.is_empty() {
            return Ok(listed);
        }
    }
    Err(Fault::garbage(
        &session.server,
        &format!("sent a list of {resource} without an end"),
    ))
}

impl Listed {
    fn take(&mut self, kind: KubeKind, objects: Vec<Value>) {
        for raw in objects {
            match from_json(kind, raw) {
                Ok(row) => self.rows.extend(Some(row).filter(|(key, row)| is_wanted(key, row))),
                Err(why) => {
                    if self.left_out.len() < MOST_ODDITIES {
                        self.left_out.push(why);
                    }
                }
            }
        }
    }
}

fn too_long(most: usize, session: &Session, kind: KubeKind) -> Fault {
    let text = format!(
        "{} has more than {most} {}, more than quorate keeps",
        session.server,
        kind.plural()
    );
    Fault {
        // It is as long the next time.
        retry_after: Some(LOOK_AGAIN),
        ..Why::new(WhyKind::Garbage, text).hint("delete what nobody needs").into()
    }
}

async fn page(session: &Session, resource: &str, next: &str) -> Result<Page, Fault> {
    let garbage = |_| {
        Fault::garbage(
            &session.server,
            &format!("answered something that is no list of {resource}"),
        )
    };
    let mut params = ListParams::default().limit(PAGE);
    if !next.is_empty() {
        params = params.continue_token(next);
    }
    let request = Request::new(resource).list(&params);
    let request = request.map_err(|_| Fault::garbage(&session.server, "sent an unusable continue token"))?;
    let body = session.get(&request.uri().to_string()).await?;
    let page: Page = serde_json::from_slice(&body).map_err(garbage)?;
    Ok(page)
}
