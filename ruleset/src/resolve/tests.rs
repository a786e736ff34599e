mod address_set;
mod endpoint;
mod fixture;
mod inheritance;
mod law;
mod oracle;
mod states;
mod universe;
