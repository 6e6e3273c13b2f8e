//! What the store promises on both databases: types, transactions, conflicts, migrations.

mod columns;
mod migrations;
mod transactions;
