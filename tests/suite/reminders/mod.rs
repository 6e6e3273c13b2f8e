//! Who is reminded of what and when, and that each mail leaves once, whatever happens in between.

mod answers;
mod faults;
mod once;
mod pace;
mod running;
mod sequence;
mod stops;
mod storm;
mod templates;
mod wire;
