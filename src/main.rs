//! The program: one binary for the server and every command.

fn main() {}
