#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;

use super::*;
use crate::base::Text;
use crate::model::Policy;

/// Loads with the given flags and variables, and the contents of the user's and the system's file.
fn loaded(
    flags: &[(&'static str, &str)],
    environment: &[(&str, &str)],
    user: Option<&str>,
    system: Option<&str>,
) -> (Settings, Vec<String>) {
    let home = tempfile::tempdir().unwrap();
    let user_file = home.path().join(".config/quorate/config.toml");
    let system_file = home.path().join("system.toml");
    fs::create_dir_all(user_file.parent().unwrap()).unwrap();
    for (path, content) in [(&user_file, user), (&system_file, system)] {
        if let Some(content) = content {
            fs::write(path, content).unwrap();
        }
    }
    let mut variables: BTreeMap<String, String> = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    variables.insert("HOME".to_owned(), home.path().to_str().unwrap().to_owned());
    let flags = flags.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    let (settings, errors) = load(&Sources {
        flags: &flags,
        environment: &variables,
        config_file: None,
        system_file: &system_file,
    });
    (settings, errors.iter().map(ToString::to_string).collect())
}

#[test]
fn each_level_wins_over_the_one_below() {
    let file = |theme: &str| format!("theme = {theme:?}\n");
    let theme =
        |flags: &[(&'static str, &str)], environment: &[(&str, &str)], user: Option<&str>, system: Option<&str>| {
            let (settings, errors) = loaded(flags, environment, user, system);
            assert_eq!(errors, Vec::<String>::new());
            settings.theme
        };
    let (user, system) = (file("user"), file("system"));
    let (user, system) = (Some(user.as_str()), Some(system.as_str()));
    let variable = [("QUORATE_THEME", "variable")];
    assert_eq!(theme(&[("theme", "flag")], &variable, user, system).value, "flag");
    assert_eq!(theme(&[], &variable, user, system).value, "variable");
    assert_eq!(theme(&[], &[], user, system).value, "user");
    assert_eq!(theme(&[], &[], None, system).value, "system");
    assert_eq!(theme(&[], &[], None, None), Setting::default("default".to_owned()));
    assert_eq!(theme(&[("theme", "flag")], &[], None, None).origin, Origin::Flag);
}

#[test]
fn what_is_wrong_leaves_the_level_below_standing() {
    let (settings, errors) = loaded(
        &[],
        &[("QUORATE_TIMEOUT", "soon")],
        Some("timeout = 5\n"),
        Some("timeout = \"7s\"\n"),
    );
    assert_eq!(settings.timeout.value, std::time::Duration::from_secs(7));
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(errors[0].contains("config.toml:1:11"), "{}", errors[0]);
    assert!(
        errors[1].contains("QUORATE_TIMEOUT") && errors[1].contains("soon"),
        "{}",
        errors[1]
    );
}

#[test]
fn common_variables_mean_what_they_mean_elsewhere() {
    let color = |environment: &[(&str, &str)]| loaded(&[], environment, None, None).0.color.value;
    assert_eq!(color(&[("NO_COLOR", "1")]), Color::Never);
    assert_eq!(color(&[("NO_COLOR", "")]), Color::Auto);
    assert_eq!(color(&[("CLICOLOR_FORCE", "1")]), Color::Always);
    assert_eq!(color(&[("CLICOLOR_FORCE", "0")]), Color::Auto);
    assert_eq!(color(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]), Color::Never);
    assert_eq!(
        loaded(&[("color", "always")], &[("NO_COLOR", "1")], None, None)
            .0
            .color
            .value,
        Color::Always
    );
}

#[test]
fn terminals_and_locales_say_what_they_can_show() {
    for (environment, color, ascii, linear) in [
        (&[][..], Color::Auto, false, false),
        (&[("TERM", "dumb")], Color::Never, true, true),
        (&[("TERM", "linux")], Color::Auto, true, false),
        (&[("TERM", "vt100")], Color::Auto, true, false),
        (&[("TERM", "tmux-256color")], Color::Auto, false, false),
        (&[("TERM", "screen")], Color::Auto, false, false),
        (
            &[("TERM", "xterm-256color"), ("LANG", "de_DE.UTF-8")],
            Color::Auto,
            false,
            false,
        ),
        (&[("TERM", "linux"), ("LANG", "de_DE.UTF-8")], Color::Auto, true, false),
        (&[("LANG", "C")], Color::Auto, true, false),
        (&[("LANG", "C.utf8")], Color::Auto, false, false),
        (&[("LANG", "de_DE.ISO-8859-1")], Color::Auto, true, false),
        (&[("LANG", "C"), ("LC_CTYPE", "en_US.UTF-8")], Color::Auto, false, false),
        (
            &[("LANG", "en_US.UTF-8"), ("LC_ALL", "POSIX")],
            Color::Auto,
            true,
            false,
        ),
        (&[("LANG", "en_US.UTF-8"), ("LC_ALL", "")], Color::Auto, false, false),
        (&[("ACCESSIBLE", "1")], Color::Auto, false, true),
        (&[("ACCESSIBLE", "0")], Color::Auto, false, false),
        (&[("TERM", "dumb"), ("CLICOLOR_FORCE", "1")], Color::Always, true, true),
    ] {
        let (settings, errors) = loaded(&[], environment, None, None);
        let found = (settings.color.value, settings.ascii.value, settings.linear.value);
        assert_eq!((found, errors), ((color, ascii, linear), Vec::new()), "{environment:?}");
    }
    let told = loaded(&[], &[("TERM", "linux")], Some("ascii = false\n"), None).0;
    assert!(!told.ascii.value, "a file knows better than TERM");
    let asked = loaded(&[("ascii", "true")], &[], Some("ascii = false\n"), None).0;
    assert!(asked.ascii.value, "a flag wins");
}

#[test]
fn a_named_file_stands_alone_and_must_be_there() {
    let folder = tempfile::tempdir().unwrap();
    let named = folder.path().join("named.toml");
    let system = folder.path().join("system.toml");
    fs::write(&system, "theme = \"system\"\n").unwrap();
    let load = || {
        load(&Sources {
            flags: &BTreeMap::new(),
            environment: &BTreeMap::new(),
            config_file: Some(&named),
            system_file: &system,
        })
    };
    let (settings, errors) = load();
    assert_eq!((settings.theme.value.as_str(), errors.len()), ("default", 1));
    fs::write(&named, "").unwrap();
    assert!(load().1.is_empty());
}

#[test]
fn the_template_shows_every_setting_with_its_default() {
    let is_example = |line: &str| line.starts_with("# ") && line.contains(" = ");
    let uncommented: String = template()
        .lines()
        .map(|line| if is_example(line) { &line[2..] } else { line })
        .filter(|line| !line.ends_with("= \"\""))
        .fold(String::new(), |text, line| text + line + "\n");
    let (settings, errors) = loaded(&[], &[], Some(&uncommented), None);
    assert_eq!(errors, Vec::<String>::new());
    let values = |settings: &Settings| -> Vec<(&str, Text)> {
        settings
            .entries()
            .into_iter()
            .map(|entry| (entry.key, entry.value))
            .collect()
    };
    assert_eq!(values(&settings), values(&Settings::default()));
    for key in key::KEYS {
        let name = key.name.rsplit('.').next().unwrap_or(key.name);
        assert!(template().contains(&format!("\n# {name} = ")), "{name} is missing");
    }
    assert_eq!(settings.policy(), Policy::default());
}
