//! The command line as people at the machine meet it: the real binary against a data directory of its own.

mod clock;
mod commands;
mod demo;
mod imports;
mod mail;
mod rehearsal;
mod rules;

use crate::support::client::Client;
use crate::support::database::Place;
use rectify::config::Config;
use rectify::installation::{Installation, Place as Directory, Purpose};
use rectify::store::Backend;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A data directory, and a database that nobody else uses; gone when dropped.
pub struct Room {
    folder: TempDir,
    place: Place,
}

/// What a command came to.
pub struct Done {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// A server in a process of its own; killed when dropped.
struct Server {
    child: Child,
    pub url: String,
    /// What it printed up to the address.
    pub said: String,
    /// Lines after it, as they come.
    rest: Arc<Mutex<Vec<String>>>,
}

impl Room {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), place: Place::empty() }
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub fn is_embedded(&self) -> bool {
        Backend::of(&self.place.url) == Backend::Sqlite
    }

    /// Writes a file and gives its path.
    pub fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rectify"));
        command.args(arguments).arg("--data").arg(self.data());
        for (name, _) in
            std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(|n| n.starts_with("RECTIFY_")))
        {
            command.env_remove(name);
        }
        if !self.is_embedded() {
            command.env("RECTIFY_DATABASE__URL", &self.place.url);
        }
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Done {
        Done::of(self.command(arguments))
    }

    fn server(&self, arguments: &[&str]) -> Server {
        self.server_with(arguments, &[])
    }

    fn server_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Server {
        let mut command = self.command(arguments);
        command.args(["--listen", "127.0.0.1:0"]).envs(variables.iter().copied());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut said = String::new();
        let url = loop {
            let Some(line) = lines.next() else {
                let mut fault = String::new();
                child.stderr.take().unwrap().read_to_string(&mut fault).unwrap();
                panic!("it ended: {said}{fault}");
            };
            let line = line.unwrap();
            said.push_str(&line);
            said.push('\n');
            if let Some((_, address)) = line.split_once("http://") {
                break format!("http://{}", address.split_whitespace().next().unwrap());
            }
        };
        // The rest of the greeting; a full pipe would stop it.
        let rest: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = Arc::clone(&rest);
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| kept.lock().unwrap().push(line)));
        Server { child, url, said, rest }
    }

    /// The same installation in this process, while nobody serves it.
    fn open(&self) -> Installation {
        let overrides = if self.is_embedded() { vec![] } else { vec![("database.url", self.place.url.clone())] };
        let config = Config::load(&self.data(), std::iter::empty(), &overrides).unwrap();
        let directory = Directory { data_dir: self.data(), overrides };
        Installation::open(&directory, config, Purpose::Use).unwrap_or_else(|fault| panic!("{fault:?}"))
    }

    /// Events in the record, all of which hold; without those of checkpoints, which a server makes by itself.
    fn events(&self) -> i64 {
        let done = self.run(&["audit", "verify", "--json"]).ok();
        let verdict: Value = serde_json::from_str(&done.out).unwrap();
        assert_eq!(verdict["whole"], true);
        verdict["events"].as_i64().unwrap() - verdict["checkpoints"].as_i64().unwrap()
    }
}

impl Done {
    fn of(mut command: Command) -> Self {
        let output = command.stdin(Stdio::null()).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }

    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self
    }

    #[track_caller]
    pub fn failed(self) -> Self {
        assert_eq!(self.code, 1, "{}{}", self.out, self.err);
        assert!(!self.err.is_empty());
        self
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|fault| panic!("{fault}: {}{}", self.out, self.err))
    }
}

impl Server {
    fn client(&self) -> Client {
        Client::new(&self.url)
    }

    /// SIGTERM, and its exit code once it has stopped.
    fn stop(mut self) -> Option<i32> {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(30) {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("it does not stop");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The accounts of a sandbox.
fn accounts(data: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(data.join("demo.json")).unwrap()).unwrap()
}

fn token(accounts: &Value, login: &str) -> String {
    let users = accounts["users"].as_array().unwrap();
    let user = users.iter().find(|user| user["login"] == login).unwrap_or_else(|| panic!("no {login}"));
    user["token"].as_str().unwrap().to_owned()
}
