//! Who is reminded of what and when, and that each mail leaves once, whatever happens in between.

mod answers;
mod downtime;
mod faults;
mod hand_over;
mod limits;
mod once;
mod pace;
mod rehearsal;
mod rules;
mod running;
mod sequence;
mod simulation;
mod stops;
mod templates;
mod why;
mod wire;
