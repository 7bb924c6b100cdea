//! `bench-bare`: the ceiling. A bare hyper server that answers everything with one constant, on one thread.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;

use bytes::Bytes;
use clap::Parser;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

/// A bare HTTP server that answers with a constant.
#[derive(Parser)]
struct Order {
    /// Where to listen.
    #[arg(long)]
    listen: SocketAddr,
    /// The file whose content is the answer.
    #[arg(long)]
    answer: PathBuf,
}

// As in `signet`: the difference shall be what the service does, not what it allocates with.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

// The same flavour of runtime as `signet serve` with `workers = 1`.
#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let order = Order::parse();
    let answer = Bytes::from(std::fs::read(&order.answer)?);
    let listener = TcpListener::bind(order.listen).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(serve(stream, answer.clone()));
    }
}

async fn serve(stream: TcpStream, answer: Bytes) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| reply(request, answer.clone()));
    // A connection that breaks is the client's end of a round.
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn reply(
    request: Request<Incoming>,
    answer: Bytes,
) -> Result<Response<Full<Bytes>>, Infallible> {
    // The body is read, or the connection could not be used again.
    let _ = request.into_body().collect().await;
    let mut response = Response::new(Full::new(answer));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}
