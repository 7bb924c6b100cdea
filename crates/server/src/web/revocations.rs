//! `/certificates/authority.crl`: the revocation list of the authority that issues. `/certificates/{authority}.crl`: that of another.

use ca::authority::Error;
use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use tokio::task::block_in_place;

use crate::http::{Reply, text};
use crate::service::Service;
use crate::state::pki;

/// How the name of a list ends.
pub const EXTENSION: &str = ".crl";

/// Answers with a list. It is signed and names nobody but by numbers, so everybody may have it.
pub fn answer(service: &Service, file: &str) -> Reply {
    let pki = &service.catalog.pki;
    let authority = match file.strip_suffix(EXTENSION) {
        Some("authority") => pki.current(),
        id => id.and_then(|id| pki.authority(id)),
    };
    if service.catalog.lacks(pki::ISSUED) {
        return text(
            StatusCode::SERVICE_UNAVAILABLE,
            "A certificate's record cannot be read, so the list would not be whole. `signet doctor store` names it.\n",
        );
    }
    let Some(authority) = authority else {
        return text(StatusCode::NOT_FOUND, "There is no such authority.\n");
    };
    // Now and then one is made, out of all that was issued.
    let list = block_in_place(|| {
        service
            .revocations
            .list(pki, &authority, service.clock.now())
    });
    match list {
        Ok(der) => reply(der),
        Err(error @ Error::MayNotSignCrls) => text(StatusCode::NOT_FOUND, format!("{error}\n")),
        Err(error) => {
            tracing::error!(authority = authority.id, %error, "a revocation list could not be signed");
            text(
                StatusCode::INTERNAL_SERVER_ERROR,
                "The list could not be signed. The log of the server has the reason.\n",
            )
        }
    }
}

fn reply(der: bytes::Bytes) -> Reply {
    let mut reply = text(StatusCode::OK, der);
    let headers = reply.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/pkix-crl"),
    );
    // What was revoked a moment ago is on the list.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    reply
}
