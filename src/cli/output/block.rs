//! A written record as a list of blocks, and the forms in which it is written out; names from the cluster are escaped in each.

use crate::cli::args::RecordForm;

/// A piece of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// A heading of this depth.
    Heading(u8, String),
    /// A sentence or more.
    Paragraph(String),
    /// What somebody else said, word for word.
    Quote(String),
    /// What is called how.
    Facts(Vec<(String, String)>),
    /// One below the other.
    List(Vec<String>),
}

impl Block {
    /// The same with other words.
    #[must_use]
    pub fn map(self, change: &impl Fn(&str) -> String) -> Self {
        let each = |lines: Vec<String>| lines.iter().map(|line| change(line)).collect();
        match self {
            Block::Heading(depth, text) => Block::Heading(depth, change(&text)),
            Block::Paragraph(text) => Block::Paragraph(change(&text)),
            Block::Quote(text) => Block::Quote(change(&text)),
            Block::Facts(facts) => {
                let facts = facts.iter().map(|(name, value)| (change(name), change(value)));
                Block::Facts(facts.collect())
            }
            Block::List(lines) => Block::List(each(lines)),
        }
    }
}

/// Writes it out.
pub fn text(blocks: &[Block], title: &str, form: RecordForm) -> String {
    match form {
        RecordForm::Markdown => markdown(blocks),
        RecordForm::Html => html(blocks, title),
    }
}

fn markdown(blocks: &[Block]) -> String {
    let mut out = String::new();
    for block in blocks {
        let lines: Vec<String> = match block {
            Block::Heading(depth, text) => vec![format!("{} {}", "#".repeat(usize::from(*depth)), plain(text))],
            Block::Paragraph(text) => vec![plain(text)],
            Block::Quote(text) => vec![format!("> {}", plain(text))],
            Block::Facts(facts) => {
                let facts = facts.iter();
                facts
                    .map(|(name, value)| format!("- **{}:** {}", plain(name), plain(value)))
                    .collect()
            }
            Block::List(lines) => lines.iter().map(|line| format!("- {}", plain(line))).collect(),
        };
        out.push_str(&lines.join("\n"));
        out.push_str("\n\n");
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

/// Escapes what Markdown, or the HTML within it, would take for markup.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if "\\`*_{}[]<>#|~!&".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

const STYLE: &str = "body{font:16px/1.5 sans-serif;max-width:50em;margin:2em auto;padding:0 1em}\
                     h3{margin-bottom:.2em}blockquote{color:#555;margin:.3em 0 .3em 1em}dt{font-weight:bold}dd{margin:0 0 .3em 1em}";

fn html(blocks: &[Block], title: &str) -> String {
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n",
        escaped(title)
    );
    for block in blocks {
        let text = match block {
            Block::Heading(depth, text) => format!("<h{depth}>{}</h{depth}>", escaped(text)),
            Block::Paragraph(text) => format!("<p>{}</p>", escaped(text)),
            Block::Quote(text) => format!("<blockquote>{}</blockquote>", escaped(text)),
            Block::Facts(facts) => {
                let each = facts
                    .iter()
                    .map(|(name, value)| format!("<dt>{}</dt><dd>{}</dd>\n", escaped(name), escaped(value)));
                format!("<dl>\n{}</dl>", each.collect::<String>())
            }
            Block::List(lines) => {
                let each = lines.iter().map(|line| format!("<li>{}</li>\n", escaped(line)));
                format!("<ul>\n{}</ul>", each.collect::<String>())
            }
        };
        out.push_str(&text);
        out.push('\n');
    }
    out.push_str("</body>\n</html>\n");
    out
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
