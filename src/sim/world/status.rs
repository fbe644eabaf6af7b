//! Refusals of the API server, with the status, reason and words of the real one.

/// A failed request: what becomes a `metav1.Status`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// The HTTP status.
    pub code: u16,
    /// `metav1.StatusReason`, such as `NotFound`.
    pub reason: &'static str,
    /// For people.
    pub message: String,
}

impl ApiError {
    /// Any refusal.
    pub fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
        }
    }

    /// 404 for an object. `resource` as the API server writes it: `pods`, `deployments.apps`.
    pub fn not_found(resource: &str, name: &str) -> Self {
        Self::new(404, "NotFound", format!("{resource} \"{name}\" not found"))
    }

    /// 409 for an object that is there already.
    pub fn exists(resource: &str, name: &str) -> Self {
        Self::new(409, "AlreadyExists", format!("{resource} \"{name}\" already exists"))
    }

    /// 409 for an object that changed meanwhile or is another one.
    pub fn conflict(resource: &str, name: &str, because: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {resource} \"{name}\": {because}");
        Self::new(409, "Conflict", message)
    }

    /// 410 for a resourceVersion that was compacted.
    pub fn expired(asked: u64, oldest: u64) -> Self {
        Self::new(410, "Expired", format!("too old resource version: {asked} ({oldest})"))
    }
}
