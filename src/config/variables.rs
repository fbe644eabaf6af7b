//! What the environment means to settings, for people: from the tables by which it is read. Start reading at [`variables`].

use super::key::KEYS;
use super::secret::SECRETS;
use super::{ABILITIES, Convention, LOCALE, WISHES};

/// Each variable, or several that mean one thing, and what it does.
pub fn variables() -> Vec<(String, String)> {
    let settings = KEYS.iter().filter_map(|key| {
        let meaning = format!("The setting {}, where no flag gives it.", key.name);
        Some((key.variable?.to_owned(), meaning))
    });
    let secrets = SECRETS.iter().map(|secret| {
        let meaning = format!("Holds {}, where {} names no file.", secret.of, secret.setting);
        (secret.variable.to_owned(), meaning)
    });
    let mut all: Vec<(String, String)> = settings.chain(secrets).collect();
    for convention in WISHES {
        all.push((
            convention.variable.to_owned(),
            told(&convention) + " Outranks the files.",
        ));
    }
    for convention in ABILITIES {
        let told = told(&convention);
        match all.iter_mut().find(|(name, _)| name == convention.variable) {
            Some((_, meaning)) => *meaning = format!("{meaning} {told}"),
            None => all.push((convention.variable.to_owned(), told)),
        }
    }
    let locale = "The first that is set names the character set. Where that is not UTF-8: ascii is true.";
    all.push((LOCALE.join(", "), locale.to_owned()));
    all
}

fn told(convention: &Convention) -> String {
    let settings = convention.settings.iter();
    let settings: Vec<String> = settings.map(|(name, value)| format!("{name} is {value}")).collect();
    format!("{}: {}.", convention.when, settings.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variable_that_is_read_is_told_once() {
        let all = variables();
        let count = |name: &str| {
            let told = all.iter().flat_map(|(names, _)| names.split(", "));
            told.filter(|own| *own == name).count()
        };
        let settings = KEYS.iter().filter_map(|key| key.variable);
        let secrets = SECRETS.iter().map(|secret| secret.variable);
        let conventions = WISHES.iter().chain(&ABILITIES).map(|convention| convention.variable);
        for name in settings.chain(secrets).chain(conventions).chain(LOCALE) {
            assert_eq!(count(name), 1, "{name}");
        }
        let (_, term) = all.iter().find(|(name, _)| name == "TERM").cloned().unwrap_or_default();
        assert_eq!(
            term,
            "Where it is dumb: color is never, ascii is true, linear is true. Where it is linux: ascii is true. \
             Where it begins with vt: ascii is true."
        );
    }
}
