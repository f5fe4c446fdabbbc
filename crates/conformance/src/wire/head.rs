//! Heads of messages as they came.

use std::fmt;

/// The head of a request or of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Its first line.
    pub line: String,
    /// Field lines in order, names as they came.
    pub fields: Vec<(String, String)>,
}

impl Head {
    /// Reads what lies ahead of the empty line.
    pub fn parse(text: &str) -> Self {
        let mut lines = text.split("\r\n");
        let line = lines.next().unwrap_or_default().to_owned();
        let fields = lines.filter_map(|line| line.split_once(':'));
        let fields = fields.map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
        Self { line, fields: fields.collect() }
    }

    /// The status of an answer; 0 where there is none.
    pub fn status(&self) -> u16 {
        self.line.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    /// The target of a request.
    pub fn target(&self) -> &str {
        self.line.split(' ').nth(1).unwrap_or_default()
    }

    /// The method of a request.
    pub fn method(&self) -> &str {
        self.line.split(' ').next().unwrap_or_default()
    }

    /// Every value of a field, in order.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let lines = self.fields.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        lines.map(|(_, value)| value.as_str()).collect()
    }

    /// The values of a field as one, as RFC 9110 section 5.3 joins them.
    pub fn field(&self, name: &str) -> Option<String> {
        let all = self.all(name);
        (!all.is_empty()).then(|| all.join(", "))
    }

    /// Whether a list has a token, in any case.
    pub fn lists(&self, name: &str, token: &str) -> bool {
        let all = self.all(name);
        all.iter().flat_map(|value| value.split(',')).any(|t| t.trim().eq_ignore_ascii_case(token))
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)?;
        for (name, value) in &self.fields {
            write!(f, "\n{name}: {value}")?;
        }
        Ok(())
    }
}
