//! A mail server on the loopback that follows a script and counts what it was given by Message-ID.

use crate::Done;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Error, ErrorKind, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Where a conversation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// Asked for the nth time to take mail for this recipient; the first is 1.
    Rcpt { times: usize },
    /// It has the whole mail, and so many with it.
    Dot { taken: usize },
}

/// What the server does there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Does {
    Behave,
    Say(&'static str),
    /// Says nothing for a while, then takes the connection away.
    Stall,
}

type Script = dyn Fn(At, &str) -> Does + Send + Sync;

#[derive(Default)]
struct Kept {
    /// How often each Message-ID came, whole.
    mails: BTreeMap<String, usize>,
    taken: usize,
    bytes: usize,
    asked: BTreeMap<String, usize>,
}

pub struct Relay {
    pub port: u16,
    kept: Arc<Mutex<Kept>>,
}

impl Relay {
    pub fn start(script: impl Fn(At, &str) -> Does + Send + Sync + 'static) -> Done<Self> {
        Self::start_at(0, script)
    }

    pub fn start_at(port: u16, script: impl Fn(At, &str) -> Does + Send + Sync + 'static) -> Done<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port))?;
        let port = listener.local_addr()?.port();
        let kept: Arc<Mutex<Kept>> = Arc::default();
        let (script, held): (Arc<Script>, _) = (Arc::new(script), Arc::clone(&kept));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (script, kept) = (Arc::clone(&script), Arc::clone(&held));
                // The other side may be gone at any moment.
                std::thread::spawn(move || drop(talk(stream, &*script, &kept)));
            }
        });
        Ok(Self { port, kept })
    }

    /// Different mails that came.
    pub fn different(&self) -> usize {
        self.look(|kept| kept.mails.len())
    }

    /// Mails that came more than once.
    pub fn twice(&self) -> usize {
        self.look(|kept| kept.mails.values().filter(|times| **times > 1).count())
    }

    /// Bytes of a mail on average.
    pub fn mean_bytes(&self) -> usize {
        self.look(|kept| kept.bytes / kept.taken.max(1))
    }

    fn look<T>(&self, f: impl FnOnce(&Kept) -> T) -> T {
        f(&self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn talk(stream: TcpStream, script: &Script, kept: &Mutex<Kept>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut out = stream.try_clone()?;
    let mut lines = BufReader::new(stream);
    let mut to = String::new();
    let mut say = |does: Does, usual: &str| match does {
        Does::Behave => out.write_all(usual.as_bytes()),
        Does::Say(words) => out.write_all(format!("{words}\r\n").as_bytes()),
        Does::Stall => {
            std::thread::sleep(Duration::from_secs(5));
            Err(Error::from(ErrorKind::ConnectionAborted))
        }
    };
    say(Does::Behave, "220 mail.example.cn\r\n")?;
    let mut line = String::new();
    while lines.read_line(&mut line)? > 0 {
        match line.get(..4).unwrap_or_default() {
            "RCPT" => {
                line.split(['<', '>']).nth(1).unwrap_or_default().clone_into(&mut to);
                let times = {
                    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                    let times = kept.asked.entry(to.clone()).or_default();
                    *times += 1;
                    *times
                };
                say(script(At::Rcpt { times }, &to), "250 ok\r\n")?;
            }
            "DATA" => {
                say(Does::Behave, "354 go\r\n")?;
                let taken = body(&mut lines, kept)?;
                say(script(At::Dot { taken }, &to), "250 taken\r\n")?;
            }
            "QUIT" => return Ok(()),
            _ => say(Does::Behave, "250 ok\r\n")?,
        }
        line.clear();
    }
    Ok(())
}

/// Takes a whole mail; answers how many that makes.
fn body(lines: &mut BufReader<TcpStream>, kept: &Mutex<Kept>) -> std::io::Result<usize> {
    let (mut id, mut bytes) = (String::new(), 0);
    let mut line = String::new();
    loop {
        line.clear();
        bytes += lines.read_line(&mut line)?;
        match line.as_str() {
            "" => return Err(Error::from(ErrorKind::UnexpectedEof)),
            ".\r\n" => break,
            header if id.is_empty() && header.starts_with("Message-ID:") => header.trim().clone_into(&mut id),
            _ => {}
        }
    }
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    *kept.mails.entry(id).or_default() += 1;
    kept.bytes += bytes;
    kept.taken += 1;
    Ok(kept.taken)
}
