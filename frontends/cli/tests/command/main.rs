//! Tests of the command as a user meets it: the real binary, in a folder of its own, with the
//! files beside this one.

mod workplace;
mod compile;
mod dumps;
mod imports;
mod models;
mod nans;
mod pages;
mod profiles;
mod reports;
mod sessions;
mod signals;
mod steps;
mod training;
