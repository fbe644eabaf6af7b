//! The secrets of services outside the cluster: each in a file that a setting names, or else in a variable. Their values are
//! never settings, and never shown. Start reading at [`SECRETS`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::settings::{ExternalSettings, Settings};
use super::value::{Origin, Setting};
use super::variable;

/// One secret.
#[derive(Debug)]
pub struct Secret {
    /// Whose it is, in words.
    pub of: &'static str,
    /// The setting that names its file.
    pub setting: &'static str,
    /// The variable that holds it where no file is named.
    pub variable: &'static str,
    file: fn(&ExternalSettings) -> &Setting<Option<PathBuf>>,
}

/// PostgreSQL's password.
pub const POSTGRESQL: Secret = Secret {
    of: "the password for PostgreSQL",
    setting: "external.postgresql_password_file",
    variable: "QUORATE_POSTGRESQL_PASSWORD",
    file: |own| &own.postgresql_password_file,
};
/// Redis's password.
pub const REDIS: Secret = Secret {
    of: "the password for Redis",
    setting: "external.redis_password_file",
    variable: "QUORATE_REDIS_PASSWORD",
    file: |own| &own.redis_password_file,
};
/// The Sentinels' password.
pub const SENTINEL: Secret = Secret {
    of: "the password for Redis Sentinel",
    setting: "external.sentinel_password_file",
    variable: "QUORATE_SENTINEL_PASSWORD",
    file: |own| &own.sentinel_password_file,
};
/// Object storage's secret key.
pub const S3: Secret = Secret {
    of: "the secret key for object storage",
    setting: "external.s3_secret_file",
    variable: "QUORATE_S3_SECRET_KEY",
    file: |own| &own.s3_secret_file,
};

/// All of them.
pub const SECRETS: [Secret; 4] = [POSTGRESQL, REDIS, SENTINEL, S3];

/// Where a secret is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Given<'a> {
    /// In this file.
    File(&'a Path),
    /// In the variable, which holds this.
    Variable(&'a str),
    /// Nowhere.
    Nowhere,
}

/// That a secret is given, for `quorate config`, and not what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SecretEntry {
    /// Whose it is.
    pub of: &'static str,
    /// The setting that names its file.
    pub setting: &'static str,
    /// Its variable.
    pub variable: &'static str,
    /// Whether the variable is set, and so counts where no file is named.
    pub is_variable_set: bool,
    /// Where it is taken from: who names the file, or the variable. None: there is none.
    pub origin: Option<Origin>,
}

impl Secret {
    /// Where it is. The file counts first.
    pub fn given<'a>(&self, settings: &'a Settings, environment: &'a BTreeMap<String, String>) -> Given<'a> {
        let file = &(self.file)(&settings.external).value;
        match (file, variable(environment, self.variable)) {
            (Some(path), _) => Given::File(path),
            (None, Some(word)) => Given::Variable(word),
            (None, None) => Given::Nowhere,
        }
    }

    /// Where it is, in words that do not tell it.
    pub fn entry(&self, settings: &Settings, environment: &BTreeMap<String, String>) -> SecretEntry {
        SecretEntry {
            of: self.of,
            setting: self.setting,
            variable: self.variable,
            is_variable_set: variable(environment, self.variable).is_some(),
            origin: match self.given(settings, environment) {
                Given::File(_) => Some((self.file)(&settings.external).origin.clone()),
                Given::Variable(_) => Some(Origin::Environment(self.variable)),
                Given::Nowhere => None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::key;

    #[test]
    fn each_has_its_own_setting() {
        for secret in SECRETS {
            let mut settings = Settings::default();
            let environment = BTreeMap::new();
            assert_eq!(secret.given(&settings, &environment), Given::Nowhere);
            let put = key::find(secret.setting)
                .map(|key| (key.put)(&mut settings, key::Written::Word("/secret"), Origin::Flag));
            assert!(matches!(put, Some(Ok(()))), "{}", secret.setting);
            assert_eq!(secret.given(&settings, &environment), Given::File(Path::new("/secret")));
        }
    }
}
