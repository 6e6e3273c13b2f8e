//! The measured program as a process of its own: what it does, how long, how much of the machine it takes.

use crate::Done;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The binary of the bench profile.
const RECTIFY: &str = env!("CARGO_BIN_EXE_rectify");
/// `/proc` counts processor time in these; fixed at 100 a second for programs on Linux.
const TICK_MS: f64 = 10.0;

/// Settings as the environment gives them.
pub type Settings = [(&'static str, String)];

fn command(dir: &Path, words: &[&str], settings: &Settings) -> Command {
    let mut command = Command::new(RECTIFY);
    command.args(words).arg("--data").arg(dir).env("RECTIFY_LOG__LEVEL", "error");
    for (name, value) in settings {
        command.env(name, value);
    }
    command
}

/// Settings that send mail to a server on this machine.
pub fn smtp(port: u16, connections: usize) -> Vec<(&'static str, String)> {
    vec![
        ("RECTIFY_MAIL__TRANSPORT", "smtp".to_owned()),
        ("RECTIFY_MAIL__SMTP_URL", format!("smtp://127.0.0.1:{port}?tls=none")),
        ("RECTIFY_MAIL__CONNECTIONS", connections.to_string()),
        // All people have their mailboxes at one domain here.
        ("RECTIFY_MAIL__CONNECTIONS_PER_DOMAIN", "0".to_owned()),
    ]
}

/// What a command that ends by itself came to.
pub struct Ended {
    pub status: ExitStatus,
    pub seconds: f64,
    /// Processor time, to within a few hundredths of a second.
    pub cpu_seconds: f64,
    /// At most, in MB.
    pub memory_mb: f64,
}

/// Runs it to its end, and watches its memory.
pub fn run(dir: &Path, words: &[&str], settings: &Settings) -> Done<Ended> {
    let begun = Instant::now();
    let mut child = command(dir, words, settings).stdout(Stdio::null()).spawn()?;
    let (mut memory_mb, mut cpu) = (0.0_f64, 0.0_f64);
    let status = loop {
        if let Ok(kb) = status_kb(child.id(), "VmHWM") {
            memory_mb = memory_mb.max(kb / 1024.0);
        }
        if let Ok(ms) = cpu_ms(child.id()) {
            cpu = cpu.max(ms);
        }
        if let Some(status) = child.try_wait()? {
            break status;
        }
        sleep(Duration::from_millis(2));
    };
    Ok(Ended { status, seconds: begun.elapsed().as_secs_f64(), cpu_seconds: cpu / 1_000.0, memory_mb })
}

/// Starts a command that somebody else ends.
pub fn start(dir: &Path, words: &[&str], settings: &Settings) -> Done<Child> {
    Ok(command(dir, words, settings).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?)
}

/// A running server; ended when dropped.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
    /// From the start of the process to its first answer.
    pub answered_after: Duration,
}

impl Server {
    pub fn start(dir: &Path, word: &str, settings: &Settings) -> Done<Self> {
        let address = free_address()?;
        let listen = address.to_string();
        let begun = Instant::now();
        let child = command(dir, &[word, "--listen", &listen], settings).stdout(Stdio::null()).spawn()?;
        let mut server = Self { child, address, answered_after: Duration::ZERO };
        while !is_alive(address) {
            if let Some(status) = server.child.try_wait()? {
                return Err(format!("the server ended with {status}").into());
            }
            if begun.elapsed() > Duration::from_secs(30) {
                return Err("the server does not answer".into());
            }
            sleep(Duration::from_millis(1));
        }
        server.answered_after = begun.elapsed();
        Ok(server)
    }

    /// Processor time so far.
    pub fn cpu_ms(&self) -> Done<f64> {
        cpu_ms(self.child.id())
    }

    /// In MB now.
    pub fn memory_mb(&self) -> Done<f64> {
        Ok(status_kb(self.child.id(), "VmRSS")? / 1024.0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn is_alive(address: SocketAddr) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer.starts_with(b"HTTP/1.1 200"))
    };
    ask().unwrap_or(false)
}

/// An address that nobody listens on now.
pub fn free_address() -> Done<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

fn status_kb(pid: u32, field: &str) -> Done<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find(|line| line.starts_with(field)).ok_or("no such field")?;
    Ok(line.split_ascii_whitespace().nth(1).ok_or("no value")?.parse()?)
}

/// Processor time of a process so far, its own and the kernel's for it.
pub fn cpu_ms(pid: u32) -> Done<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name may hold blanks; after its bracket come the state and eleven other fields.
    let (_, rest) = text.rsplit_once(')').ok_or("no name")?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let ticks = |nth: usize| -> Done<f64> { Ok(fields.get(nth).ok_or("too few fields")?.parse()?) };
    Ok((ticks(11)? + ticks(12)?) * TICK_MS)
}

/// A program of the system, in the places where such programs are; `None` where it is not installed.
pub fn tool(name: &str) -> Option<String> {
    ["/usr/sbin", "/usr/bin", "/usr/local/bin", "/bin"]
        .iter()
        .map(|folder| format!("{folder}/{name}"))
        .find(|path| Path::new(path).exists())
}

/// Runs a tool to its end.
pub fn run_tool(path: &str, words: &[&str]) -> Done<Output> {
    let output = Command::new(path).args(words).output()?;
    if output.status.success() {
        Ok(output)
    } else {
        Err(format!("{path}: {}", String::from_utf8_lossy(&output.stderr)).into())
    }
}

/// `smtp-sink`: takes every mail and forgets it. Ended when dropped.
pub struct Sink {
    child: Child,
    pub port: u16,
}

impl Sink {
    pub fn start(path: &str) -> Done<Self> {
        let port = free_address()?.port();
        let mut command = Command::new(path);
        if fs::metadata("/proc/self")?.uid() == 0 {
            // It refuses to run as root.
            command.args(["-u", "nobody"]);
        }
        let child =
            command.args([&format!("127.0.0.1:{port}"), "256"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let sink = Self { child, port };
        for _ in 0..200 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Ok(sink);
            }
            sleep(Duration::from_millis(10));
        }
        Err("smtp-sink does not answer".into())
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
