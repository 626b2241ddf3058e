//! Tests of the command as a user meets it: the real binary, in a folder of its own, with the
//! files beside this one.

mod workplace;
mod sessions;
mod reports;
mod training;
mod models;
mod dumps;
mod signals;
mod pages;
