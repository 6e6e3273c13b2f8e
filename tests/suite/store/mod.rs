//! What the store promises on both databases: types, transactions, conflicts, migrations, the way to an answer.

mod columns;
mod migrations;
mod plans;
mod transactions;
