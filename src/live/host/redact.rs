//! Takes secrets out of lines that other programs wrote. What looks like one goes, and often what follows it: better a
//! line too short than a token on a screen. Start reading at [`redact`].

/// Stands where a secret stood.
const REDACTED: &str = "[redacted]";

/// From this length on, a run of base64 or hex is taken for a secret.
const LONG: usize = 40;

/// What is followed by `=` or `:` and a secret. Matched at the end of a longer name too, as in `tokenSecret`.
const NAMES: [&str; 8] = [
    "token",
    "password",
    "passwd",
    "secret",
    "authorization",
    "authpass",
    "api-key",
    "apikey",
];

/// The line without tokens, passwords and long base64. Everything after `token=`, `password:` or `Bearer` goes.
pub fn redact(line: &str) -> String {
    let shown = secret_start(line).unwrap_or(line.len());
    let mut out: Vec<String> = line[..shown].split_whitespace().map(redact_word).collect();
    if shown < line.len() {
        out.push(REDACTED.to_owned());
    }
    out.join(" ")
}

/// Where the first announced secret begins: a byte offset.
fn secret_start(line: &str) -> Option<usize> {
    // ASCII lower case keeps byte offsets.
    let lower = line.to_ascii_lowercase();
    let assigned = NAMES.iter().filter_map(|name| after_assignment(&lower, name));
    let flags = NAMES.iter().filter_map(|name| after(&lower, &format!("--{name} ")));
    assigned.chain(flags).chain(after_bearer(&lower)).min()
}

fn after(line: &str, what: &str) -> Option<usize> {
    line.find(what).map(|at| at + what.len())
}

/// Behind the first `name=`, `name:` or `"name":`.
fn after_assignment(line: &str, name: &str) -> Option<usize> {
    line.match_indices(name).find_map(|(at, _)| {
        let rest = &line[at + name.len()..];
        let value = rest
            .trim_start_matches(['"', '\'', '\\', ' '])
            .strip_prefix(['=', ':'])?;
        Some(line.len() - value.len())
    })
}

/// Behind the first `Bearer` that is not prose about bearer tokens.
fn after_bearer(line: &str) -> Option<usize> {
    line.match_indices("bearer ").find_map(|(at, found)| {
        let start = at + found.len();
        (!line[start..].starts_with("token")).then_some(start)
    })
}

fn redact_word(word: &str) -> String {
    let word = redact_user(word);
    if word.contains("eyJ") || is_bootstrap_token(&word) {
        return REDACTED.to_owned();
    }
    let is_run = |c: char| c.is_ascii_alphanumeric() || "+/=_-".contains(c);
    let mut out = String::with_capacity(word.len());
    let mut rest = word.as_str();
    while !rest.is_empty() {
        let end = rest.find(|c| !is_run(c)).unwrap_or(rest.len());
        let (run, others) = rest.split_at(end);
        out.push_str(if is_secret(run) { REDACTED } else { run });
        let end = others.find(is_run).unwrap_or(others.len());
        out.push_str(&others[..end]);
        rest = &others[end..];
    }
    out
}

/// URLs without the user and password before the host. A password may hold what ends a host (`/`, `,`, quotes), so all up
/// to the last `@` before a blank or the next URL goes.
pub fn redact_user(text: &str) -> String {
    let mut urls = text.split("://");
    let mut out = urls.next().unwrap_or_default().to_owned();
    for url in urls {
        let end = url.find(char::is_whitespace).unwrap_or(url.len());
        out.push_str("://");
        match url[..end].rfind('@') {
            Some(at) => {
                out.push_str(REDACTED);
                out.push_str(&url[at..]);
            }
            None => out.push_str(url),
        }
    }
    out
}

/// Long, and not a path or a name made of words: those have no part so long and do not mix cases and digits.
fn is_secret(run: &str) -> bool {
    let has = |class: fn(&char) -> bool| run.chars().any(|c| class(&c));
    let is_mixed = has(char::is_ascii_uppercase) && has(char::is_ascii_lowercase) && has(char::is_ascii_digit);
    run.len() >= LONG && (is_mixed || run.split(['/', '-', '_']).any(|part| part.len() >= LONG))
}

/// Kubernetes' bootstrap tokens: six characters, a dot, sixteen characters.
fn is_bootstrap_token(word: &str) -> bool {
    let is_part = |part: &str, length: usize| {
        part.len() == length && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    };
    let word = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    word.split_once('.')
        .is_some_and(|(id, secret)| is_part(id, 6) && is_part(secret, 16))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ordinary_lines_stay() {
        for line in [
            "k0scontroller.service: Main process exited, code=exited, status=1/FAILURE",
            "open /var/lib/embedded-cluster/k0s/pki/etcd/a-certificate-with-a-long-name.crt: no such file",
            "dial tcp 10.77.0.12:2380: connect: connection refused",
            "pod netbox-enterprise-worker-5d8f9c7b6d-abcde-and-more evicted",
            "Unable to authenticate the request: [invalid bearer token, x509: unknown authority]",
            "reading --token-file /etc/k0s/join-token",
        ] {
            assert_eq!(redact(line), line);
        }
    }

    #[test]
    fn announced_secrets_go_with_all_that_follows() {
        for line in [
            "join token=hunter2 refused",
            "join Token: hunter2",
            r#"{"level":"error","password":"hunter2"}"#,
            r#"msg="{\"apiKey\": \"hunter2\"}""#,
            "Authorization: Basic hunter2",
            "header Bearer hunter2",
            "k0s controller --token hunter2",
            "tokenSecret=hunter2",
            "GET https://admin:hunter2@10.0.0.1/x",
        ] {
            let shown = redact(line);
            assert!(!shown.contains("hunter2") && shown.contains(REDACTED), "{shown}");
        }
        assert_eq!(redact("join token=hunter2 refused"), "join token= [redacted]");
    }

    #[test]
    fn users_go_from_every_url_and_hosts_stay() {
        for (told, shown) in [
            (
                "[https://a:2379,https://root:hunter2@b:2379]",
                "[https://a:2379,https://[redacted]@b:2379]",
            ),
            ("https://u:p/hunter2@h:1/x", "https://[redacted]@h:1/x"),
            ("https://u:p@hunter2@h", "https://[redacted]@h"),
            ("https://u:p,hunter2@[fd00::1]:1", "https://[redacted]@[fd00::1]:1"),
            ("x://a:1@b\",\"y://c:2@d", "x://[redacted]@b\",\"y://[redacted]@d"),
            ("https://a:2379,https://b:2379", "https://a:2379,https://b:2379"),
            ("mail root@localhost", "mail root@localhost"),
        ] {
            assert_eq!(redact(told), shown);
            assert_eq!(redact_user(told), shown);
        }
    }

    #[test]
    fn secrets_are_known_by_their_looks() {
        let base64 = "H4sIAAAAAAAC/2xV0W7jNhB891cIuJdrAUmO0wucE6CH1FF7lyY2";
        let hex = "0123456789abcdef".repeat(4);
        let jwt = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrIn0.c2ln";
        for secret in [base64, &hex, jwt, "abc123.0123456789abcdef"] {
            let shown = redact(&format!("bad value '{secret}' here"));
            assert!(!shown.contains(secret), "{shown}");
            assert!(shown.ends_with("here"), "{shown}");
        }
    }

    proptest! {
        #[test]
        fn long_random_base64_never_stays(secret in "[A-Za-z0-9+/]{60,200}", before in "[a-z ]{0,20}") {
            prop_assume!(is_secret(&secret));
            let line = format!("{before} {secret}");
            let shown = redact(&line);
            prop_assert!(!shown.contains(&secret));
        }

        #[test]
        fn a_password_never_stays(before in any::<String>(), secret in "[A-Z]{12}", after in any::<String>()) {
            let line = format!("{before} password={secret} {after}");
            prop_assert!(!redact(&line).contains(&secret));
        }
    }
}
