//! Style, script and icon. Their addresses carry a hash of them, so that browsers may keep them for ever.

use std::sync::LazyLock;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use sha2::{Digest, Sha256};

use crate::http::{Reply, text};

/// What their addresses begin with.
pub(super) const ROOM: &str = "/console/assets/";

/// One file.
struct Asset {
    name: &'static str,
    media_type: &'static str,
    bytes: &'static [u8],
}

static ASSETS: [Asset; 3] = [
    Asset {
        name: "console.css",
        media_type: "text/css; charset=utf-8",
        bytes: include_bytes!("assets/console.css"),
    },
    Asset {
        name: "console.js",
        media_type: "text/javascript; charset=utf-8",
        bytes: include_bytes!("assets/console.js"),
    },
    Asset {
        name: "icon.svg",
        media_type: "image/svg+xml",
        bytes: include_bytes!("assets/icon.svg"),
    },
];

/// Where the files are.
pub(super) struct Addresses {
    pub(super) style: String,
    pub(super) script: String,
    pub(super) icon: String,
}

/// Where the files are, computed once, in the order of the files.
pub(super) static ADDRESSES: LazyLock<Addresses> = LazyLock::new(|| {
    let [style, script, icon] = ASSETS.each_ref().map(|asset| {
        let hash = hex::encode(&Sha256::digest(asset.bytes)[..8]);
        format!("{ROOM}{hash}-{}", asset.name)
    });
    Addresses {
        style,
        script,
        icon,
    }
});

/// Answers with the file at this address.
pub(super) fn answer(path: &str) -> Reply {
    let Addresses {
        style,
        script,
        icon,
    } = &*ADDRESSES;
    let mut addresses = [style, script, icon].into_iter();
    let place = addresses.position(|address| address == path);
    let Some(asset) = place.and_then(|place| ASSETS.get(place)) else {
        return text(StatusCode::NOT_FOUND, "There is no such file.\n");
    };
    let mut reply = Response::new(Full::new(Bytes::from_static(asset.bytes)));
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.media_type));
    headers.insert(
        CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=31536000, immutable"),
    );
    headers.insert(
        "x-content-type-options",
        HeaderValue::from_static("nosniff"),
    );
    reply
}
