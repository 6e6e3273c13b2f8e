//! Who is reminded of what and when, and that each mail leaves once, whatever happens in between.

mod answers;
mod once;
mod rehearsal;
mod running;
mod sequence;
mod stops;
mod storm;
mod why;
mod wire;
