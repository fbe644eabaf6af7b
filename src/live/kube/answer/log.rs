//! The end of a container's log, and what is added to it. What it says goes to the reader alone.

use http_body_util::BodyExt;
use kube::client::Body;
use tokio::sync::watch;

use super::super::fault::Fault;
use super::super::session::Session;
use super::{Reply, explain, segment};
use crate::base::{Text, Why, WhyKind};
use crate::model::question::{LogRef, Question, Told};

/// A longer line is cut into several.
const MOST_LINE_BYTES: usize = 16 << 10;

/// Reads a log until it ends, nobody listens, or another server is in use.
pub async fn read(
    session: &Session,
    of: &LogRef,
    tail: u32,
    follow: bool,
    sessions: &mut watch::Receiver<Option<Session>>,
    reply: &Reply,
) {
    let opened = match path(session, of, tail, follow) {
        Ok(path) => session.open_stream(&path).await,
        Err(fault) => Err(fault),
    };
    let mut body = match opened {
        Ok(body) => body,
        Err(fault) => {
            let of = of.clone();
            let why = explain(fault, &Question::Log { of, tail, follow });
            return reply.fail(Some(session), why).await;
        }
    };
    if !reply.say(Some(session), Told::Log(Vec::new())).await {
        return;
    }
    let moved = || Why::new(WhyKind::Broken, "another API server is in use now");
    let end = tokio::select! {
        end = pass_on(session, &mut body, reply) => end,
        _ = sessions.changed() => Some(moved()),
    };
    reply.say(Some(session), Told::LogEnded(end)).await;
}

fn path(session: &Session, of: &LogRef, tail: u32, follow: bool) -> Result<String, Fault> {
    let namespace = segment(session, of.pod.namespace.as_str())?;
    let name = segment(session, of.pod.name.as_str())?;
    let mut path = format!("/api/v1/namespaces/{namespace}/pods/{name}/log?tailLines={tail}");
    if let Some(container) = &of.container {
        path.push_str("&container=");
        path.push_str(segment(session, container.as_str())?);
    }
    for (is_set, word) in [(follow, "&follow=true"), (of.previous, "&previous=true")] {
        if is_set {
            path.push_str(word);
        }
    }
    Ok(path)
}

/// Passes lines on as they come; returns why they end, where that is not their end.
async fn pass_on(session: &Session, body: &mut Body, reply: &Reply) -> Option<Why> {
    let mut rest = Vec::new();
    loop {
        let frame = match body.frame().await {
            None => {
                if !rest.is_empty() {
                    reply.say(Some(session), Told::Log(vec![clean(&rest)])).await;
                }
                return None;
            }
            Some(Err(error)) => return Some(Fault::of_error(&session.server, &error, session.deadlines.connect).why),
            Some(Ok(frame)) => frame,
        };
        let Some(data) = frame.data_ref() else { continue };
        rest.extend_from_slice(data);
        let lines = take_lines(&mut rest);
        if !lines.is_empty() && !reply.say(Some(session), Told::Log(lines)).await {
            return None;
        }
    }
}

/// Takes the whole lines out of a buffer.
fn take_lines(buffer: &mut Vec<u8>) -> Vec<Text> {
    let mut lines = Vec::new();
    let mut from = 0;
    while let Some(rest) = buffer.get(from..) {
        let end = rest.iter().take(MOST_LINE_BYTES).position(|byte| *byte == b'\n');
        let (length, skip) = match end {
            Some(end) => (end, 1),
            None if rest.len() >= MOST_LINE_BYTES => (MOST_LINE_BYTES, 0),
            None => break,
        };
        lines.push(clean(rest.get(..length).unwrap_or_default()));
        from += length + skip;
    }
    buffer.drain(..from);
    lines
}

/// A line without colours and other controls.
fn clean(line: &[u8]) -> Text {
    let line = String::from_utf8_lossy(line);
    let line = line.trim_end_matches('\r');
    if !line.contains('\u{1b}') {
        return Text::new(line);
    }
    let mut out = String::with_capacity(line.len());
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        // CSI: parameters, then one final character.
        if c == '\u{1b}' && chars.peek() == Some(&'[') {
            chars.next();
            while chars.next().is_some_and(|c| !('\u{40}'..='\u{7e}').contains(&c)) {}
        } else {
            out.push(c);
        }
    }
    Text::new(&out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_and_clean() {
        let mut buffer = b"\x1b[31mred\x1b[0m and \x1b]0;title\x07\r\nhalf".to_vec();
        assert_eq!(take_lines(&mut buffer), ["red and \\u{1b}]0;title\\u{7}"]);
        assert_eq!(buffer, b"half");
    }

    #[test]
    fn an_endless_line_is_cut_into_several() {
        let mut buffer = vec![b'x'; MOST_LINE_BYTES * 2 + 1];
        assert_eq!(take_lines(&mut buffer).len(), 2);
        assert_eq!(buffer.len(), 1);
    }
}
