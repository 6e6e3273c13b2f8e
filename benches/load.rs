//! Many clients at once over kept connections, each asking again as soon as it has its answer.

use crate::Done;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// The whole request that a client sends as its nth.
pub type Asks = dyn Fn(usize, u64) -> Vec<u8> + Send + Sync;

/// What came of it.
#[derive(Debug, Default)]
pub struct Measured {
    pub seconds: f64,
    /// Milliseconds of each answer, in order of length.
    pub waits: Vec<f64>,
    /// Answers other than 2xx.
    pub refused: u64,
    pub refusal: Option<String>,
}

impl Measured {
    pub fn requests(&self) -> f64 {
        self.waits.len() as f64
    }

    pub fn rate(&self) -> f64 {
        self.requests() / self.seconds
    }

    /// The wait that this share of all answers didn't exceed.
    pub fn quantile(&self, share: f64) -> f64 {
        let last = self.waits.len().saturating_sub(1);
        self.waits.get((last as f64 * share) as usize).copied().unwrap_or(f64::NAN)
    }
}

/// A request with a token, and a body of JSON where it has one.
pub fn request(method: &str, path: &str, token: &str, body: &str) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n");
    if !body.is_empty() {
        text += "Content-Type: application/json\r\nContent-Length: ";
        text += &body.len().to_string();
        text += "\r\n";
    }
    (text + "\r\n" + body).into_bytes()
}

/// So many clients for so long.
pub fn load(address: SocketAddr, clients: usize, time: Duration, asks: &Arc<Asks>) -> Done<Measured> {
    let begun = Instant::now();
    let threads: Vec<_> = (0..clients)
        .map(|client| {
            let asks = Arc::clone(asks);
            thread::spawn(move || ask_on(address, client, begun + time, &*asks).map_err(|fault| fault.to_string()))
        })
        .collect();
    let mut all = Measured::default();
    for thread in threads {
        let one = thread.join().map_err(|_panic| "a client panicked")??;
        all.waits.extend(one.waits);
        all.refused += one.refused;
        all.refusal = all.refusal.or(one.refusal);
    }
    all.seconds = begun.elapsed().as_secs_f64();
    all.waits.sort_by(f64::total_cmp);
    match &all.refusal {
        Some(words) => Err(format!("{} requests were refused: {words}", all.refused).into()),
        None => Ok(all),
    }
}

/// One request alone; its answer's body.
pub fn ask(address: SocketAddr, request: &[u8]) -> Done<String> {
    let mut line = Line::open(address)?;
    let (status, body) = line.ask(request)?;
    let body = String::from_utf8_lossy(&body).into_owned();
    if (200..300).contains(&status) { Ok(body) } else { Err(format!("{status}: {body}").into()) }
}

fn ask_on(address: SocketAddr, client: usize, until: Instant, asks: &Asks) -> Done<Measured> {
    let mut measured = Measured::default();
    let mut line = Line::open(address)?;
    let mut nth = 0;
    while Instant::now() < until {
        let request = asks(client, nth);
        let begun = Instant::now();
        let (status, body) = line.ask(&request)?;
        measured.waits.push(begun.elapsed().as_secs_f64() * 1_000.0);
        if !(200..300).contains(&status) {
            measured.refused += 1;
            measured.refusal.get_or_insert_with(|| format!("{status}: {}", String::from_utf8_lossy(&body)));
        }
        nth += 1;
    }
    Ok(measured)
}

struct Line {
    stream: BufReader<TcpStream>,
}

impl Line {
    fn open(address: SocketAddr) -> Done<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_mins(1)))?;
        Ok(Self { stream: BufReader::with_capacity(64 * 1024, stream) })
    }

    fn ask(&mut self, request: &[u8]) -> Done<(u16, Vec<u8>)> {
        self.stream.get_mut().write_all(request)?;
        let (mut status, mut length) = (0, 0);
        let mut text = String::new();
        loop {
            text.clear();
            if self.stream.read_line(&mut text)? == 0 {
                return Err("the server closed the connection".into());
            }
            let head = text.trim_end();
            if head.is_empty() {
                break;
            }
            if let Some(rest) = head.strip_prefix("HTTP/1.1 ") {
                status = rest.split(' ').next().unwrap_or_default().parse()?;
            } else if let Some((name, value)) = head.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse()?;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok((status, body))
    }
}
