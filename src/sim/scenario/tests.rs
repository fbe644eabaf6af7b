//! Scenarios as people write them.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;

#[test]
fn every_named_scenario_can_be_read() {
    for name in NAMES {
        let scenario = Scenario::named(name).unwrap();
        let scenario = scenario.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(scenario.about.len() > 20, "{name} says what it is");
        assert!(scenario.expect.is_some(), "{name} says what is expected");
    }
    assert!(Scenario::named("none").is_none());
}

#[test]
fn errors_name_the_line_and_the_word() {
    let error = Scenario::parse("about = \"x\"\n[cluster]\ncontrolers = 3\n").unwrap_err();
    assert!(
        error.starts_with("line 3, column 1: unknown field `controlers`"),
        "{error}"
    );
    let error = Scenario::parse("about = \"x\"\n[[fault]]\nat-s = 3\n").unwrap_err();
    assert!(error.starts_with("line 2, column "), "{error}");
    let error = Scenario::parse("about = \"x\"\n[cluster]\ncontrollers = 2\n").unwrap_err();
    assert!(error.contains("1, 3 or 5"), "{error}");
}
