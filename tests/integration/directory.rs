//! Publishing into a folder.

use crate::harness::{Moto, Sandbox};

#[test]
fn smoke() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    let outcome = sandbox.run(&["publish", "--layer-name", "shared", "--python-version", "3.13"]).run();
    eprintln!("{}", outcome.told());
    let outcome = sandbox.run(&["publish", "--layer-name", "shared", "--python-version", "3.13"]).run();
    eprintln!("{}", outcome.told());
    let mut moto = Moto::start();
    eprintln!("{:?}", moto.requests());
    eprintln!("{:?}", moto.requests());
}
