//! Refusals of the API server, with the status, reason and words of the real one.

use serde_json::{Map, Value, json};

/// A failed request: what becomes a `metav1.Status`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// The HTTP status.
    pub code: u16,
    /// `metav1.StatusReason`, such as `NotFound`; empty for none.
    pub reason: &'static str,
    /// For people.
    pub message: String,
    /// What it is about, where the real one says so.
    pub details: Option<Box<Details>>,
    /// With 410 for a list: the token that goes on at the newest revision.
    pub resume: Option<String>,
}

/// `metav1.StatusDetails`. Empty parts are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Details {
    /// The object's name.
    pub name: String,
    /// The API group of `kind`.
    pub group: String,
    /// The plural of the resource, or the kind of an invalid object.
    pub kind: String,
    /// The object's uid.
    pub uid: String,
    /// Why in particular.
    pub causes: Vec<Cause>,
    /// When to try again, in seconds; 0 for not said.
    pub retry_after_s: u32,
}

/// One reason among several.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cause {
    /// Such as `FieldValueInvalid`.
    pub reason: &'static str,
    /// For people.
    pub message: String,
    /// The field, such as `metadata.name`.
    pub field: String,
}

impl Cause {
    /// A field with a value that it must not have.
    pub fn invalid(field: impl Into<String>, value: &Value, because: &str) -> Self {
        Self {
            reason: "FieldValueInvalid",
            message: format!("Invalid value: {value}: {because}"),
            field: field.into(),
        }
    }

    /// A field that is missing.
    pub fn required(field: impl Into<String>, because: &str) -> Self {
        Self {
            reason: "FieldValueRequired",
            message: format!("Required value: {because}"),
            field: field.into(),
        }
    }

    /// A field that must not be there.
    pub fn forbidden(field: impl Into<String>, because: &str) -> Self {
        Self {
            reason: "FieldValueForbidden",
            message: format!("Forbidden: {because}"),
            field: field.into(),
        }
    }

    /// A field with a value of no known meaning.
    pub fn not_supported(field: impl Into<String>, value: &Value, known: &[&str]) -> Self {
        let known: Vec<String> = known.iter().map(|known| format!("{known:?}")).collect();
        Self {
            reason: "FieldValueNotSupported",
            message: format!("Unsupported value: {value}: supported values: {}", known.join(", ")),
            field: field.into(),
        }
    }
}

impl Details {
    /// About an object. `resource` as the API server writes it: `pods`, `deployments.apps`.
    pub fn of(resource: &str, name: &str) -> Self {
        let (kind, group) = resource.split_once('.').unwrap_or((resource, ""));
        Self {
            name: name.to_owned(),
            group: group.to_owned(),
            kind: kind.to_owned(),
            ..Self::default()
        }
    }

    fn to_json(&self) -> Value {
        let mut map = Map::new();
        for (field, text) in [
            ("name", &self.name),
            ("group", &self.group),
            ("kind", &self.kind),
            ("uid", &self.uid),
        ] {
            if !text.is_empty() {
                map.insert(field.into(), text.clone().into());
            }
        }
        if !self.causes.is_empty() {
            let causes = self.causes.iter().map(Cause::to_json).collect();
            map.insert("causes".into(), Value::Array(causes));
        }
        if self.retry_after_s > 0 {
            map.insert("retryAfterSeconds".into(), self.retry_after_s.into());
        }
        Value::Object(map)
    }
}

impl Cause {
    fn to_json(&self) -> Value {
        let mut map = Map::new();
        for (field, text) in [
            ("reason", self.reason),
            ("message", &self.message),
            ("field", &self.field),
        ] {
            if !text.is_empty() {
                map.insert(field.into(), text.into());
            }
        }
        Value::Object(map)
    }
}

impl ApiError {
    /// Any refusal.
    pub fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            details: None,
            resume: None,
        }
    }

    /// The same with details.
    #[must_use]
    pub fn with(mut self, details: Details) -> Self {
        self.details = Some(Box::new(details));
        self
    }

    /// 404 for an object. `resource` as the API server writes it: `pods`, `deployments.apps`.
    pub fn not_found(resource: &str, name: &str) -> Self {
        Self::new(404, "NotFound", format!("{resource} \"{name}\" not found")).with(Details::of(resource, name))
    }

    /// 409 for an object that is there already.
    pub fn exists(resource: &str, name: &str) -> Self {
        Self::new(409, "AlreadyExists", format!("{resource} \"{name}\" already exists"))
            .with(Details::of(resource, name))
    }

    /// 409 for an object that changed meanwhile or is another one.
    pub fn conflict(resource: &str, name: &str, because: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {resource} \"{name}\": {because}");
        Self::new(409, "Conflict", message).with(Details::of(resource, name))
    }

    /// 410 for a resourceVersion that was compacted.
    pub fn expired(asked: u64, oldest: u64) -> Self {
        Self::new(410, "Expired", format!("too old resource version: {asked} ({oldest})"))
    }

    /// 400.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// 403. `name` is empty for a collection.
    pub fn forbidden(resource: &str, name: &str, because: &str) -> Self {
        let message = match (resource, name) {
            ("", "") => format!("forbidden: {because}"),
            (_, "") => format!("{resource} is forbidden: {because}"),
            _ => format!("{resource} \"{name}\" is forbidden: {because}"),
        };
        Self::new(403, "Forbidden", message).with(Details::of(resource, name))
    }

    /// 422 for an object with bad fields. `kind` as the API server writes it: `Pod`, `Lease.coordination.k8s.io`.
    pub fn invalid(kind: &str, name: &str, causes: Vec<Cause>) -> Self {
        let told: Vec<String> = causes
            .iter()
            .map(|cause| format!("{}: {}", cause.field, cause.message))
            .collect();
        let told = match told.as_slice() {
            [one] => one.clone(),
            several => format!("[{}]", several.join(", ")),
        };
        let details = Details {
            causes,
            ..Details::of(kind, name)
        };
        Self::new(422, "Invalid", format!("{kind} \"{name}\" is invalid: {told}")).with(details)
    }

    /// 501: the real server can do this, the simulated one cannot and says so.
    pub fn not_simulated(what: &str) -> Self {
        Self::new(501, "NotImplemented", format!("the simulated cluster has no {what}"))
    }

    /// What a generic server says to a status code alone.
    pub fn of_code(code: u16) -> Self {
        let (reason, message) = match code {
            404 => ("NotFound", "the server could not find the requested resource"),
            405 => (
                "MethodNotAllowed",
                "the server does not allow this method on the requested resource",
            ),
            422 => (
                "Invalid",
                "the server rejected our request due to an error in our request",
            ),
            503 => (
                "ServiceUnavailable",
                "the server is currently unable to handle the request",
            ),
            _ => (
                "InternalError",
                "an error on the server (\"\") has prevented the request from succeeding",
            ),
        };
        Self::new(code, reason, message).with(Details::default())
    }

    /// 429 as flow control says it.
    pub fn too_many_requests(retry_after_s: u32) -> Self {
        let message = "Too many requests, please try again later.";
        Self::new(429, "TooManyRequests", message).with(Details {
            retry_after_s,
            ..Details::default()
        })
    }

    /// When to try again, in seconds, if it says.
    pub fn retry_after_s(&self) -> Option<u32> {
        let seconds = self.details.as_ref()?.retry_after_s;
        Some(seconds).filter(|seconds| *seconds > 0)
    }

    /// The Status document.
    pub fn to_json(&self) -> Value {
        let mut status = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "code": self.code,
        });
        if !self.reason.is_empty() {
            status["reason"] = self.reason.into();
        }
        if let Some(details) = &self.details {
            status["details"] = details.to_json();
        }
        if let Some(token) = &self.resume {
            status["metadata"]["continue"] = token.clone().into();
        }
        status
    }
}
