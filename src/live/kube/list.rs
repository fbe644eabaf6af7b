//! All objects of one kind, page by page.

use kube::core::Request;
use kube::core::params::ListParams;
use serde::Deserialize;
use serde_json::Value;

use super::fault::Fault;
use super::session::Session;

/// Objects per request.
const PAGE: u32 = 500;
/// More objects than these pages hold are no cluster of ours, but a server that never ends.
const MOST_PAGES: usize = 400;

/// What a list brought.
#[derive(Debug)]
pub struct Listed {
    /// All objects, raw.
    pub objects: Vec<Value>,
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

/// Lists `resource` (such as `/apis/apps/v1/deployments`) with consistent reads: without a resourceVersion.
pub async fn list(session: &Session, resource: &str) -> Result<Listed, Fault> {
    let mut listed = Listed {
        objects: Vec::new(),
        resource_version: String::new(),
    };
    let mut next = String::new();
    for _ in 0..MOST_PAGES {
        let page = page(session, resource, &next).await?;
        listed.objects.extend(page.items.unwrap_or_default());
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
