//! Uploads: a blob in one piece, a manifest as the very bytes that were built.

use std::convert::Infallible;

use futures_util::stream;
use http_body_util::StreamBody;
use hyper::body::{Bytes, Frame};
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, LOCATION};
use reqwest::{Body, StatusCode, Url};

use crate::image::Blob;
use crate::registry::error::RegistryError;
use crate::registry::progress::Step;
use crate::registry::session::Session;

/// How many bytes are handed over at a time.
const PIECE: usize = 64 << 10;
/// A registry that does not say "created" may have kept nothing.
const WRONG_STATUS: &str = "it answered an upload with another success than 201";

impl Session {
    /// Uploads a blob, unless it is there.
    pub(crate) async fn put_blob(&self, what: &'static str, blob: &Blob) -> Result<(), RegistryError> {
        if self.has(&format!("blobs/{}", blob.digest()), "*/*").await? {
            return Ok(());
        }
        let mut attempt = 1;
        loop {
            // A new upload each time: what became of the one that failed, nobody knows.
            let mut address = self.begin().await?;
            address.query_pairs_mut().append_pair("digest", &blob.digest().to_string());
            let is_ours = address.origin() == self.base.origin();
            let put = self.http.put(address);
            let put = if is_ours { self.authorized(put) } else { put };
            let sent = put
                .header(CONTENT_TYPE, "application/octet-stream")
                .header(CONTENT_LENGTH, blob.size())
                .body(self.in_pieces(what, blob))
                .send()
                .await;
            let response = sent.map_err(|error| self.asked.network(error))?;
            match response.status() {
                StatusCode::CREATED => return Ok(()),
                status if status.is_success() => return Err(self.asked.protocol(WRONG_STATUS)),
                status => match self.retry.wait(attempt, status, response.headers()) {
                    Some(wait) => {
                        self.progress.tell(Step::Waiting { status: status.as_u16(), wait });
                        tokio::time::sleep(wait).await;
                        attempt += 1;
                    }
                    None => return Err(self.asked.status(status.as_u16())),
                },
            }
        }
    }

    /// Uploads a manifest under a tag or its digest; the headers of the answer.
    pub(crate) async fn put_manifest(&self, version: &str, manifest: &Blob) -> Result<HeaderMap, RegistryError> {
        let address = self.address(&format!("manifests/{version}"))?;
        let put = || {
            self.authorized(self.http.put(address.clone()))
                .header(CONTENT_TYPE, manifest.media_type())
                // As raw bytes: a manifest that is parsed and written again would have another digest.
                .body(manifest.bytes().to_vec())
        };
        let mut response = self.send(put).await?;
        match response.status() {
            StatusCode::CREATED => Ok(std::mem::take(response.headers_mut())),
            status if status.is_success() => Err(self.asked.protocol(WRONG_STATUS)),
            status => Err(self.asked.status(status.as_u16())),
        }
    }

    /// Begins an upload: where to put the bytes.
    async fn begin(&self) -> Result<Url, RegistryError> {
        let address = self.address("blobs/uploads/")?;
        let response = self.send(|| self.authorized(self.http.post(address.clone())).header(CONTENT_LENGTH, 0)).await?;
        if response.status() != StatusCode::ACCEPTED {
            return Err(self.asked.status(response.status().as_u16()));
        }
        let none = || self.asked.protocol("it gave no address for the upload");
        let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok()).ok_or_else(none)?;
        let location = address.join(location).map_err(|_| none())?;
        match (self.base.scheme(), location.scheme()) {
            (_, "https") | ("http", "http") => Ok(location),
            _ => Err(self.asked.protocol("it wants the upload without TLS")),
        }
    }

    fn in_pieces(&self, what: &'static str, blob: &Blob) -> Body {
        let (progress, total, mut done) = (self.progress.clone(), blob.size(), 0);
        let pieces: Vec<Vec<u8>> = blob.bytes().chunks(PIECE).map(<[u8]>::to_vec).collect();
        let frames = pieces.into_iter().map(move |piece| {
            done += piece.len() as u64;
            progress.tell(Step::Uploading { what, done, total });
            Ok::<_, Infallible>(Frame::data(Bytes::from(piece)))
        });
        Body::wrap(StreamBody::new(stream::iter(frames)))
    }
}
