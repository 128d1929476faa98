//! A line between two ends that can be cut: bytes then stand still, and flow on when it is mended, as on a network.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// How often a line that is cut looks whether it is mended.
const LOOK: Duration = Duration::from_millis(5);

/// Listens on a port of its own and passes on to where `to` says at the moment of connecting.
pub struct Proxy {
    pub port: u16,
    cut: Arc<Mutex<Arc<AtomicBool>>>,
    task: JoinHandle<()>,
}

impl Proxy {
    pub async fn start(to: impl Fn() -> Option<u16> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let cut = Arc::new(Mutex::new(Arc::new(AtomicBool::new(false))));
        let of_next = cut.clone();
        let task = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let cut = of_next.lock().expect("no panic").clone();
                let Some(port) = to() else { continue };
                tokio::spawn(carry(near, port, cut));
            }
        });
        Self { port, cut, task }
    }

    pub fn cut(&self) {
        self.now().store(true, Ordering::SeqCst);
    }

    pub fn mend(&self) {
        self.now().store(false, Ordering::SeqCst);
    }

    /// What is open now stands still for good, and neither end hears of the other's death; what is opened from now on
    /// flows.
    #[allow(dead_code, reason = "the sweep has no need of it")]
    pub fn strand(&self) {
        self.cut();
        *self.cut.lock().expect("no panic") = Arc::default();
    }

    fn now(&self) -> Arc<AtomicBool> {
        self.cut.lock().expect("no panic").clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(near: TcpStream, port: u16, cut: Arc<AtomicBool>) {
    flows(&cut).await;
    let Ok(far) = TcpStream::connect(("127.0.0.1", port)).await else {
        return;
    };
    // As the driver and libpq do; otherwise every answer would wait for the next.
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
    tokio::join!(
        pass_on(near_in, far_out, &cut),
        pass_on(far_in, near_out, &cut)
    );
}

async fn pass_on(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, cut: &AtomicBool) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        flows(cut).await;
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
    flows(cut).await;
    let _ = to.shutdown().await;
}

async fn flows(cut: &AtomicBool) {
    while cut.load(Ordering::SeqCst) {
        tokio::time::sleep(LOOK).await;
    }
}
