//! The body of a request to the API, read only as far as its head justifies it.

use bytes::Bytes;
use hyper::body::Incoming;
use wire::envelope::{MAX_TC3_BODY, MAX_V1_BODY};
use wire::{Code, Refusal};

use super::bodies::{Held, Reader, UNPROVEN, Unread};
use super::listener::Caller;
use crate::api::preflight;
use crate::service::Service;

/// Reads the body. `request` is all but that.
///
/// A request that arrived whole is read at once: it is no longer than a buffer. Of any other, nothing is read before its head names a key that
/// exists, a time that is right and an action; then as much as the action takes. A form of signature v1 names its key in the body, so that a part
/// of [`UNPROVEN`] bytes is read first.
///
/// # Errors
/// What the head or the size is refused for.
pub async fn receive(
    service: &Service,
    caller: &Caller,
    request: &wire::Request<'_>,
    body: Incoming,
) -> Result<(Bytes, Held), Refusal> {
    let held = service.edge.bodies.held_for(caller.from);
    let is_here = caller.connection.has_whole_request();
    let reader = Reader::new(body, request.headers, held, is_here);
    let is_form = wire::is_form(request);
    let most = if is_form { MAX_V1_BODY } else { MAX_TC3_BODY };
    if reader.announced().is_some_and(|length| length > most) {
        reader.drain();
        return Err(too_large(most));
    }
    if is_here {
        return Ok(reader.whole(most).await?);
    }
    caller.connection.awaits_body();
    if is_form {
        return form(service, request, reader).await;
    }
    match preflight::largest_body(service, request) {
        Ok(limit) => Ok(reader.whole(limit.min(most)).await?),
        Err(refusal) => {
            reader.drain();
            Err(refusal)
        }
    }
}

/// Reads a form: the rest of it once its beginning names a key.
async fn form(
    service: &Service,
    request: &wire::Request<'_>,
    mut reader: Reader,
) -> Result<(Bytes, Held), Refusal> {
    let is_whole = reader.read_up_to(UNPROVEN).await?;
    let beginning = wire::Request {
        body: reader.so_far(),
        ..*request
    };
    let refusal = match wire::secret_id(&beginning) {
        _ if is_whole => None,
        None => Some(too_large(UNPROVEN)),
        Some(named) if preflight::is_known(service, named) => None,
        Some(_) => Some(Refusal::secret_id_not_found()),
    };
    match refusal {
        None => Ok(reader.whole(MAX_V1_BODY).await?),
        Some(refusal) => {
            reader.drain();
            Err(refusal)
        }
    }
}

/// The refusal of a size. That of a form is the vendor's.
fn too_large(limit: usize) -> Refusal {
    if limit == MAX_V1_BODY {
        Refusal::signature_failure_by_size()
    } else {
        Refusal::request_size_limit_exceeded(limit)
    }
}

impl From<Unread> for Refusal {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::TooLarge(limit) => Self::request_size_limit_exceeded(limit),
            Unread::NoRoom => Self::new(
                Code::RequestLimitExceeded,
                "Too many bytes of unfinished requests are under way. Try again later.",
            )
            .in_chinese("正在接收的请求数据过多，请稍后重试。"),
            Unread::TookTooLong => {
                Self::malformed_parameters("The request body took too long to arrive.")
            }
            Unread::BrokeOff => {
                Self::malformed_parameters("The request body broke off before its end.")
            }
        }
    }
}
