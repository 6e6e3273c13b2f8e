//! Bytes to and from an SMTP server: bounded replies, one write a command, TLS put on where asked.

use super::certificates::Seen;
use super::server::SmtpServer;
use super::transcript::{Speaker, Transcript};
use std::borrow::Cow;
use std::io;
use std::sync::{Arc, PoisonError};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// RFC 5321 section 4.5.3.1.5 says 512 bytes; servers exceed it.
const LINE_BYTES: u64 = 2_048;
const REPLY_LINES: usize = 100;

pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

/// What the server said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    pub code: u16,
    pub lines: Vec<String>,
}

impl Reply {
    pub fn text(&self) -> String {
        self.lines.join(" ")
    }
}

/// Why there is no reply.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The connection is gone.
    Closed(String),
    /// What came is not SMTP.
    Garbage(&'static str),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Closed(format!("connection lost: {error}"))
    }
}

pub(super) struct Wire {
    stream: BufReader<Box<dyn Duplex>>,
    pub transcript: Transcript,
}

impl Wire {
    /// Nagle's algorithm off: with it each mail waits for the peer's delayed ACK, 44 ms.
    pub fn new(stream: TcpStream, transcript: Transcript) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(Box::new(stream)), transcript })
    }

    /// Speaks TLS from here on. Whatever was read ahead in the clear is refused, not taken as the server's word:
    /// that is how answers are smuggled into the protected dialogue.
    pub async fn into_tls(self, server: &SmtpServer) -> io::Result<Self> {
        if !self.stream.buffer().is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "answers sent ahead of the TLS handshake"));
        }
        let transcript = self.transcript;
        let seen = Seen::default();
        // Its certificate is told also where the handshake ends with it.
        let config = if transcript.is_heard() { server.noting(&seen)? } else { Arc::clone(&server.tls_config) };
        let connected = TlsConnector::from(config).connect(server.tls_name.clone(), self.stream.into_inner()).await;
        if let Some(certificate) = seen.lock().unwrap_or_else(PoisonError::into_inner).take() {
            transcript.tell(Speaker::Note, certificate);
        }
        let stream = connected?;
        if let (Some(version), Some(suite)) =
            (stream.get_ref().1.protocol_version(), stream.get_ref().1.negotiated_cipher_suite())
        {
            transcript.tell(Speaker::Note, format_args!("{version:?}, {:?}", suite.suite()));
        }
        Ok(Self { stream: BufReader::new(Box::new(stream)), transcript })
    }

    /// Writes all of it at once, and has sent it when it returns.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
        if !self.stream.buffer().is_empty() {
            return Err(Trouble::Garbage("the server answered before it was asked"));
        }
        self.write_block(bytes).await
    }

    /// As `write`, where the server may already have answered: in the middle of a mail.
    pub async fn write_block(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
        self.stream.write_all(bytes).await?;
        Ok(self.stream.flush().await?)
    }

    pub async fn read_reply(&mut self) -> Result<Reply, Trouble> {
        let mut reply: Option<Reply> = None;
        for _ in 0..REPLY_LINES {
            let line = self.read_line().await?;
            let (code, more, text) = split_line(&line)?;
            let reply = reply.get_or_insert_with(|| Reply { code, lines: Vec::new() });
            if reply.code != code {
                return Err(Trouble::Garbage("the lines of one answer differ in their code"));
            }
            reply.lines.push(text);
            if !more {
                return Ok(reply.clone());
            }
        }
        Err(Trouble::Garbage("an answer of too many lines"))
    }

    async fn read_line(&mut self) -> Result<Vec<u8>, Trouble> {
        let mut line = Vec::new();
        (&mut self.stream).take(LINE_BYTES).read_until(b'\n', &mut line).await?;
        if !line.is_empty() && self.transcript.is_heard() {
            self.transcript.tell(Speaker::Server, decode(line.trim_ascii_end()));
        }
        if line.ends_with(b"\n") {
            Ok(line)
        } else if line.len() < usize::try_from(LINE_BYTES).unwrap_or(usize::MAX) {
            Err(Trouble::Closed("the server closed the connection".to_owned()))
        } else {
            Err(Trouble::Garbage("an answer of too long a line"))
        }
    }
}

/// `250-text` or `250 text` or `250`: code, whether more follows, text.
fn split_line(line: &[u8]) -> Result<(u16, bool, String), Trouble> {
    let garbage = Trouble::Garbage("an answer that is not SMTP");
    let line = line.trim_ascii_end();
    let Some((digits, rest)) = line.split_at_checked(3) else { return Err(garbage) };
    let code = std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()));
    let Some(code) = code.and_then(|digits| digits.parse::<u16>().ok()).filter(|code| (200..600).contains(code)) else {
        return Err(garbage);
    };
    match rest.split_first() {
        None => Ok((code, false, String::new())),
        Some((b' ', text)) => Ok((code, false, decode(text).into_owned())),
        Some((b'-', text)) => Ok((code, true, decode(text).into_owned())),
        Some(_) => Err(garbage),
    }
}

/// Replies should be ASCII; Chinese servers also answer in GBK, and what they say is worth reading.
fn decode(text: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(text).map_or_else(|_not_utf8| encoding_rs::GB18030.decode(text).0, Cow::Borrowed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::Pin;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Poll};
    use tokio::io::ReadBuf;

    /// Ten megabytes in one line, and how much of it was taken.
    struct LongLine {
        left: usize,
        taken: Arc<AtomicUsize>,
    }

    impl AsyncRead for LongLine {
        fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            let block = buffer.remaining().min(self.left);
            buffer.put_slice(&vec![b'2'; block]);
            self.left -= block;
            self.taken.fetch_add(block, Ordering::Relaxed);
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncWrite for LongLine {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(bytes.len()))
        }
        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn of_a_line_of_ten_megabytes_no_more_is_taken_than_one_buffer() {
        let taken = Arc::new(AtomicUsize::new(0));
        let line = LongLine { left: 10_000_000, taken: Arc::clone(&taken) };
        let mut wire = Wire { stream: BufReader::new(Box::new(line)), transcript: Transcript::default() };
        assert!(matches!(wire.read_reply().await, Err(Trouble::Garbage("an answer of too long a line"))));
        // The reader's buffer of 8 KiB, of which a line may be 2 KiB.
        assert_eq!(taken.load(Ordering::Relaxed), 8_192);
    }
}
