//! Whole stories: the program itself, with real repositories, processes and pages.

mod command;
mod hostile;
mod keep;
mod master;
mod names;
mod output;
mod pipeline;
mod points;
mod reload;
mod reporters;
mod sealed;
mod secrets;
mod shows;
mod shows_branches;
mod shows_locks;
mod shows_queue;
mod shows_reports;
mod steps;
mod survive;
mod tried;
mod tried_trees;
mod up;
mod watch;
mod worker;
