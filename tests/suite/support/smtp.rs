//! A mail server on the loopback that behaves, except where a test says otherwise, and keeps what it was given.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Where a conversation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    Greeting,
    Rcpt,
    Dot,
}

/// What the server does there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Does {
    Behave,
    Say(&'static str),
    /// Takes the connection away.
    Drop,
    /// Says nothing until the other side is gone.
    Stall,
}

type Script = dyn Fn(At, &str, usize) -> Does + Send + Sync;

#[derive(Default)]
struct Kept {
    mails: Vec<Vec<u8>>,
    connections: usize,
}

pub struct MailServer {
    pub port: u16,
    kept: Arc<Mutex<Kept>>,
}

impl MailServer {
    /// `script(where, recipient, mails taken so far)`. A mail whose dot was stalled counts as taken.
    pub fn start(script: impl Fn(At, &str, usize) -> Does + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let kept: Arc<Mutex<Kept>> = Arc::default();
        let (script, held): (Arc<Script>, _) = (Arc::new(script), Arc::clone(&kept));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (script, kept) = (Arc::clone(&script), Arc::clone(&held));
                kept.lock().unwrap().connections += 1;
                // The other side may be gone at any moment.
                std::thread::spawn(move || talk(stream.unwrap(), &*script, &kept).unwrap_or_default());
            }
        });
        Self { port, kept }
    }

    /// What was taken, in its order.
    pub fn mails(&self) -> Vec<Vec<u8>> {
        self.kept.lock().unwrap().mails.clone()
    }

    /// How many mails were taken.
    pub fn taken(&self) -> usize {
        self.kept.lock().unwrap().mails.len()
    }

    pub fn connections(&self) -> usize {
        self.kept.lock().unwrap().connections
    }

    /// Settings that send over this server.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("mail.transport", "smtp".to_owned()),
            ("mail.smtp_url", format!("smtp://127.0.0.1:{}?tls=none", self.port)),
            ("mail.final_dot_seconds", "1".to_owned()),
        ]
    }
}

fn talk(stream: TcpStream, script: &Script, kept: &Mutex<Kept>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut out = stream.try_clone()?;
    let mut lines = BufReader::new(stream);
    let mut to = String::new();
    let mut say = |at: Option<At>, to: &str, usual: &str, lines: &mut BufReader<TcpStream>| {
        let taken = kept.lock().unwrap().mails.len();
        match at.map_or(Does::Behave, |at| script(at, to, taken)) {
            Does::Behave => out.write_all(usual.as_bytes()),
            Does::Say(words) => out.write_all(format!("{words}\r\n").as_bytes()),
            Does::Drop => Err(std::io::ErrorKind::ConnectionAborted.into()),
            Does::Stall => {
                while lines.get_mut().read(&mut [0; 1024])? > 0 {}
                Err(std::io::ErrorKind::ConnectionAborted.into())
            }
        }
    };
    say(Some(At::Greeting), "", "220 mail.example.cn\r\n", &mut lines)?;
    let mut line = String::new();
    while lines.read_line(&mut line)? > 0 {
        match line.get(..4).unwrap_or_default() {
            "EHLO" => say(None, "", "250 mail.example.cn\r\n", &mut lines)?,
            "RCPT" => {
                to = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
                say(Some(At::Rcpt), &to, "250 ok\r\n", &mut lines)?;
            }
            "DATA" => {
                say(None, "", "354 go\r\n", &mut lines)?;
                let mail = body(&mut lines)?;
                kept.lock().unwrap().mails.push(mail);
                say(Some(At::Dot), &to, "250 taken\r\n", &mut lines)?;
            }
            "QUIT" => return Ok(()),
            _ => say(None, "", "250 ok\r\n", &mut lines)?,
        }
        line.clear();
    }
    Ok(())
}

fn body(lines: &mut BufReader<TcpStream>) -> std::io::Result<Vec<u8>> {
    let mut mail = Vec::new();
    loop {
        let begin = mail.len();
        if lines.read_until(b'\n', &mut mail)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if mail.get(begin..) == Some(b".\r\n") {
            mail.truncate(begin);
            return Ok(mail);
        }
    }
}
