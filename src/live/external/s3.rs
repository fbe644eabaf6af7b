//! Object storage: HEAD of the bucket and, where the settings allow it, one small object written and removed. MinIO is asked
//! whether it can spare a server, too. Requests to the bucket are signed for a minute; what is signed is in no text. Start reading at [`S3::send`].

use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{HOST, SERVER, USER_AGENT};
use hyper::http::response::Parts;
use hyper::{Request, StatusCode};
use rusty_s3::{Bucket, Credentials, S3Action, UrlStyle};

use super::S3;
use super::call::{Ask, Call};
use crate::base::{Why, WhyKind};
use crate::live::dial::Hop;
use crate::live::exchange;
use crate::model::external;

/// How long a signature counts. Clocks may differ a little.
const SIGNED_FOR: Duration = Duration::from_mins(1);
/// The object that is written and removed.
const OBJECT: &str = "quorate/may-be-removed";
const CONTENT: &[u8] = b"Written by quorate to see whether it can be, and removed at once.\n";

/// Where MinIO says whether it can do without the server that answers: 200, else 412 (MinIO, `docs/metrics/healthcheck`).
const MINIO_HEALTH: (&str, &str) = ("/minio/health/cluster", "maintenance=true");
/// As it calls itself in the header `Server`.
const MINIO: &[u8] = b"MinIO";

const HEALTH: Hop = Hop::Request("GET health");
const HEAD: Hop = Hop::Request("HEAD bucket");
const PUT: Hop = Hop::Request("PUT object");
const DELETE: Hop = Hop::Request("DELETE object");

impl Ask for S3 {
    type Told = external::Bucket;

    async fn ask(&self, call: &mut Call<'_>) -> Result<external::Bucket, Why> {
        let bucket = self.bucket(call)?;
        let key = self.access_key.as_ref().zip(call.keys.secret.as_ref());
        let credentials = key.map(|(name, secret)| Credentials::new(name, secret.reveal()));
        let credentials = credentials.as_ref();
        let url = bucket.head_bucket(credentials).sign(SIGNED_FOR);
        let head = self.send(call, HEAD, "HEAD", url.path(), url.query(), &[]).await?;
        let status = head.status;
        let exists = match status.as_u16() {
            200..=299 => Some(true),
            404 => Some(false),
            // Whether it is there is not for everybody to see.
            403 => None,
            _ => return Err(refused(call, status)),
        };
        let written = if self.may_write && exists != Some(false) {
            Some(self.write(call, &bucket, credentials).await)
        } else if exists.is_none() {
            return Err(refused(call, status));
        } else {
            None
        };
        let is_minio = head.headers.get(SERVER).is_some_and(|own| own.as_bytes() == MINIO);
        let spares_server = if is_minio { self.spares_server(call).await } else { None };
        Ok(external::Bucket {
            name: self.bucket.as_str().into(),
            exists,
            written,
            spares_server,
        })
    }
}

impl S3 {
    fn bucket(&self, call: &Call<'_>) -> Result<Bucket, Why> {
        let wrong = || call.failed(WhyKind::Config, "this is no endpoint for a bucket");
        let endpoint = self.site.url().parse().map_err(|_| wrong())?;
        Bucket::new(endpoint, UrlStyle::Path, self.bucket.clone(), self.region.clone()).map_err(|_| wrong())
    }

    /// What MinIO says. It may be kept from strangers: then nothing is known, and the bucket is told all the same.
    async fn spares_server(&self, call: &mut Call<'_>) -> Option<bool> {
        let (path, query) = MINIO_HEALTH;
        let head = self.send(call, HEALTH, "GET", path, Some(query), &[]).await.ok()?;
        match head.status {
            StatusCode::OK => Some(true),
            StatusCode::PRECONDITION_FAILED => Some(false),
            _ => None,
        }
    }

    /// Writes an object and removes it.
    async fn write(&self, call: &mut Call<'_>, bucket: &Bucket, credentials: Option<&Credentials>) -> Result<(), Why> {
        let url = bucket.put_object(credentials, OBJECT).sign(SIGNED_FOR);
        let status = self
            .send(call, PUT, "PUT", url.path(), url.query(), CONTENT)
            .await?
            .status;
        if !status.is_success() {
            return Err(refused(call, status));
        }
        let url = bucket.delete_object(credentials, OBJECT).sign(SIGNED_FOR);
        let status = self
            .send(call, DELETE, "DELETE", url.path(), url.query(), &[])
            .await?
            .status;
        if !status.is_success() {
            return Err(refused(call, status).hint(format!("remove {OBJECT} from the bucket by hand")));
        }
        Ok(())
    }

    /// One request over a connection of its own; of the answer no body is read.
    async fn send(
        &self,
        call: &mut Call<'_>,
        hop: Hop,
        method: &str,
        path: &str,
        query: Option<&str>,
        content: &'static [u8],
    ) -> Result<Parts, Why> {
        let stream = call.connect(self.site.is_plain).await?;
        call.hop = hop;
        let server = self.site.url();
        let host = server.split_once("://").map_or("", |(_, host)| host);
        // A default port is not part of what is signed.
        let default = if self.site.is_plain { ":80" } else { ":443" };
        let request = Request::builder()
            .method(method)
            .uri(query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}")))
            .header(HOST, host.strip_suffix(default).unwrap_or(host))
            .header(USER_AGENT, concat!("quorate/", env!("CARGO_PKG_VERSION")))
            .body(Full::new(Bytes::from_static(content)))
            .map_err(|_| call.failed(WhyKind::Config, "the request cannot be written"))?;
        let head = exchange::head(stream, request).await;
        head.map_err(|error| call.broken(&error))
    }
}

/// What a status means that is not the wanted one.
fn refused(call: &Call<'_>, status: StatusCode) -> Why {
    let (kind, words) = match status.as_u16() {
        301 | 307 => (
            WhyKind::Config,
            "the bucket is in another region, or behind another endpoint",
        ),
        400 => (
            WhyKind::Unauthenticated,
            "it does not accept the signature: compare key, region and clock",
        ),
        401 => (WhyKind::Unauthenticated, "it does not know the key"),
        403 => (WhyKind::Forbidden, "the key may not do that, or is wrong"),
        404 => (WhyKind::NotFound, "it is not there"),
        429 => (WhyKind::Throttled, "it asks to slow down"),
        500..=599 => (WhyKind::Unavailable, "it cannot serve"),
        _ => (WhyKind::Garbage, "this is no answer of object storage"),
    };
    call.failed(kind, format!("HTTP {}: {words}", status.as_u16()))
}
