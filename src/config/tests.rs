#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

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

/// A value that a setting takes: as a flag or a variable has it, and in a file with this setting alone.
fn sample(key: &Key) -> (String, String) {
    const WORDS: [&str; 17] = [
        "20s",
        "2h",
        "5ms",
        "true",
        "never",
        "debug",
        "3",
        "multi-zone",
        "a=b",
        "https://a.example/x",
        "https://a.example",
        "postgresql://ada@db-1.example/netbox",
        "redis://10.0.0.1:6379",
        "/x",
        "x",
        "any",
        "ctrl-q=q",
    ];
    let (section, name) = key.name.rsplit_once('.').unwrap_or(("", key.name));
    let header = if section.is_empty() {
        String::new()
    } else {
        format!("[{section}]\n")
    };
    for word in WORDS {
        for written in [
            format!("{word:?}"),
            word.to_owned(),
            format!("[{word:?}]"),
            "{ a = \"b\" }".to_owned(),
            "{ ctrl-q = \"q\" }".to_owned(),
        ] {
            let file = format!("{header}{name} = {written}\n");
            let right = |errors: Vec<String>| errors.is_empty();
            if right(loaded(&[(key.name, word)], &[], None, None).1) && right(loaded(&[], &[], Some(&file), None).1) {
                return (word.to_owned(), file);
            }
        }
    }
    panic!("{} takes none of these: add a word that it takes", key.name)
}

/// Which level a setting comes from.
fn origin(
    key: &Key,
    flags: &[(&'static str, &str)],
    environment: &[(&str, &str)],
    user: Option<&str>,
    system: Option<&str>,
) -> String {
    let (settings, errors) = loaded(flags, environment, user, system);
    assert_eq!(errors, Vec::<String>::new(), "{}", key.name);
    match (key.shown)(&settings).1 {
        Origin::Flag => "flag".to_owned(),
        Origin::Environment(name) => (*name).to_owned(),
        Origin::UserFile(_) => "user".to_owned(),
        Origin::SystemFile(_) => "system".to_owned(),
        Origin::Default => "default".to_owned(),
    }
}

#[test]
fn each_level_of_every_setting_wins_over_the_one_below() {
    for key in key::KEYS {
        let (word, file) = sample(key);
        let (flag, file) = ([(key.name, word.as_str())], Some(file.as_str()));
        assert_eq!(origin(key, &[], &[], None, None), "default", "{}", key.name);
        assert_eq!(origin(key, &[], &[], None, file), "system", "{}", key.name);
        assert_eq!(origin(key, &[], &[], file, file), "user", "{}", key.name);
        let variable = key.variable.map(|name| (name, word.as_str()));
        if let Some(variable) = variable {
            assert_eq!(origin(key, &[], &[variable], file, file), variable.0, "{}", key.name);
        }
        let variables: Vec<(&str, &str)> = variable.into_iter().collect();
        assert_eq!(origin(key, &flag, &variables, file, file), "flag", "{}", key.name);
    }
}

#[test]
fn what_a_person_wishes_wins_over_files_and_what_a_terminal_can_does_not() {
    for (conventions, wins) in [(&WISHES[..], true), (&ABILITIES[..], false)] {
        for convention in conventions {
            let values = ["1", "dumb", "linux", "vt100", "0;15"].into_iter();
            let value = values.clone().find(|value| (convention.applies)(value)).unwrap();
            let variable = [(convention.variable, value)];
            for (name, word) in convention.settings {
                let key = key::find(name).unwrap();
                let file = sample(key).1;
                let (flag, file) = ([(*name, *word)], Some(file.as_str()));
                assert_eq!(origin(key, &[], &variable, None, None), convention.variable);
                let expected = if wins { convention.variable } else { "system" };
                assert_eq!(origin(key, &[], &variable, None, file), expected, "{variable:?} {name}");
                assert_eq!(origin(key, &flag, &variable, file, file), "flag", "{variable:?} {name}");
            }
        }
    }
    let ascii = key::find("ascii").unwrap();
    for (at, name) in LOCALE.into_iter().enumerate() {
        let mut all: Vec<(&str, &str)> = LOCALE[at..].iter().map(|name| (*name, "C")).collect();
        assert_eq!(origin(ascii, &[], &all, None, None), name);
        assert_eq!(origin(ascii, &[], &all, None, Some("ascii = false\n")), "system");
        all[0].1 = "C.UTF-8";
        assert_eq!(origin(ascii, &[], &all, None, None), "default", "{name} decides");
    }
}

#[test]
fn the_users_file_has_one_place() {
    let file = |variables: &[(&str, &str)]| {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        user_file(&variables.iter().map(own).collect())
    };
    let home = ("HOME", "/home/me");
    let below_home = Some("/home/me/.config/quorate/config.toml".into());
    assert_eq!(
        file(&[home, ("XDG_CONFIG_HOME", "/c")]),
        Some("/c/quorate/config.toml".into())
    );
    assert_eq!(file(&[home, ("XDG_CONFIG_HOME", "relative")]), below_home);
    assert_eq!(file(&[home]), below_home);
    assert_eq!(file(&[]), None);
}

#[test]
fn keys_count_as_a_whole() {
    let system = Some("[keys]\n\"ctrl-q\" = \"q\"\n");
    let keys = |user, system| {
        let (settings, errors) = loaded(&[], &[], user, system);
        ((key::find("keys").unwrap().shown)(&settings).0, errors)
    };
    assert_eq!(keys(None, system), ("ctrl-q=q".to_owned(), Vec::new()));
    let user = Some("[keys]\nQ = \"W\"\n");
    assert_eq!(
        keys(user, system),
        ("Q=W".to_owned(), Vec::new()),
        "the user's table replaces the other"
    );
    for (user, place, says) in [
        (
            "[keys]\nQ = \"W\"\nesc = \"q\"\n",
            ":3:1:",
            "esc cannot be remapped (esc and ctrl-c stay",
        ),
        ("[keys]\nW = \"q\"\n", ":2:1:", "let actions be run"),
        ("[keys]\nQ = 1\n", ":2:5:", "expected text in quotes"),
        ("[keys.Q]\nW = \"q\"\n", ":1:", "expected text in quotes"),
        ("keys = \"Q=W\"\n", ":1:8:", "expected a table of keys"),
        ("[key]\nQ = \"W\"\n", ":1:2:", "did you mean \"keys\"?"),
    ] {
        let (kept, errors) = keys(Some(user), system);
        assert_eq!((kept.as_str(), errors.len()), ("ctrl-q=q", 1), "{errors:?}");
        assert!(errors[0].contains(place) && errors[0].contains(says), "{}", errors[0]);
    }
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
fn a_light_background_that_the_terminal_tells_takes_the_light_theme() {
    for (told, expected) in [
        ("0;15", "light"),
        ("0;7", "light"),
        ("0;default;15", "light"),
        ("15;0", "default"),
        ("15;8", "default"),
        ("7;default", "default"),
        ("0;", "default"),
        ("", "default"),
    ] {
        let (settings, errors) = loaded(&[], &[("COLORFGBG", told)], None, None);
        assert_eq!(
            (settings.theme.value.as_str(), errors),
            (expected, Vec::new()),
            "{told}"
        );
    }
    // The precedence of all that may name a theme, the lowest first.
    let (light, wish) = (("COLORFGBG", "0;15"), ("QUORATE_THEME", "mine"));
    let theme = key::find("theme").unwrap();
    assert_eq!(origin(theme, &[], &[light], None, None), "COLORFGBG");
    let file = Some("theme = \"default\"\n");
    assert_eq!(origin(theme, &[], &[light], None, file), "system");
    assert_eq!(origin(theme, &[], &[light, wish], None, file), "QUORATE_THEME");
    assert_eq!(origin(theme, &[("theme", "x")], &[light, wish], None, file), "flag");
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
    let is_example = |line: &str| line.starts_with("# ") && !line.starts_with("# \"") && line.contains(" = ");
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
        let is_there = |line: String| template().contains(&line);
        assert!(
            is_there(format!("\n# {name} = ")) || is_there(format!("\n# [{name}]\n")),
            "{name} is missing"
        );
    }
    assert_eq!(settings.policy(), Policy::default());
}
