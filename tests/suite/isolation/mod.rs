//! Who gets where: every route and every page, for every kind of caller, on their own row, on another unit's and on none.

mod calls;
mod canary;
mod headers;
mod matrix;
mod pages;
mod rows;
mod scopes;
