//! A message as text that can be changed line by line.

/// One message.
#[derive(Clone)]
pub struct Message {
    pub start: String,
    pub lines: Vec<String>,
    pub body: String,
}

impl Message {
    pub fn read(octets: &[u8]) -> Message {
        let text = String::from_utf8_lossy(octets);
        let (head, body) = text.split_once("\r\n\r\n").expect("a whole message");
        let mut lines = head.split("\r\n").map(str::to_owned);
        let start = lines.next().expect("a start line");
        Message { start, lines: lines.collect(), body: body.to_owned() }
    }

    /// The octets, with the length that the body has now.
    pub fn write(&self) -> Vec<u8> {
        let mut text = format!("{}\r\n", self.start);
        for line in self.lines.iter().filter(|line| !is_named(line, "Content-Length")) {
            text.push_str(line);
            text.push_str("\r\n");
        }
        format!("{text}Content-Length: {}\r\n\r\n{}", self.body.len(), self.body).into_bytes()
    }

    pub fn asks(&self, method: &str) -> bool {
        self.start.starts_with(&format!("{method} "))
    }

    pub fn is_request(&self) -> bool {
        !self.start.starts_with("SIP/2.0 ")
    }

    /// True for a response with this status to a request of this method.
    pub fn answers(&self, status: u16, method: &str) -> bool {
        self.start.starts_with(&format!("SIP/2.0 {status} ")) && self.value("CSeq").ends_with(&format!(" {method}"))
    }

    /// What a field says; empty when there is none.
    pub fn value(&self, name: &str) -> &str {
        let line = self.lines.iter().find(|line| is_named(line, name));
        line.and_then(|line| line.split_once(':')).map_or("", |(_, value)| value.trim())
    }

    pub fn branch(&self) -> &str {
        let via = self.value("Via");
        via.split("branch=").nth(1).and_then(|rest| rest.split([';', ',']).next()).unwrap_or_default()
    }

    /// An INVITE outside of any dialog.
    pub fn begins_call(&self) -> bool {
        self.asks("INVITE") && !self.value("To").contains(";tag=")
    }

    /// An INVITE inside a dialog, or the answer to one.
    pub fn changes_call(&self) -> bool {
        let again = self.value("CSeq").strip_suffix(" INVITE").is_some_and(|number| number.trim() != "1");
        match self.is_request() {
            true => self.asks("INVITE") && self.value("To").contains(";tag="),
            false => again,
        }
    }

    pub fn set(&mut self, name: &str, value: &str) {
        match self.lines.iter_mut().find(|line| is_named(line, name)) {
            Some(line) => *line = format!("{name}: {value}"),
            None => self.lines.push(format!("{name}: {value}")),
        }
    }

    pub fn remove(&mut self, name: &str) {
        self.lines.retain(|line| !is_named(line, name));
    }

    /// Changes the words of one field.
    pub fn edit(&mut self, name: &str, from: &str, to: &str) {
        for line in self.lines.iter_mut().filter(|line| is_named(line, name)) {
            *line = line.replace(from, to);
        }
    }

    /// Changes words of the start line.
    pub fn restart(&mut self, from: &str, to: &str) {
        self.start = self.start.replace(from, to);
    }

    /// Changes words of the body.
    pub fn redescribe(&mut self, from: &str, to: &str) {
        self.body = self.body.replace(from, to);
    }

    /// Changes whole lines of the session description; `None` removes one.
    pub fn map_description(&mut self, change: impl Fn(&str) -> Option<String>) {
        let lines = self.body.split_terminator("\r\n").filter_map(|line| change(line).map(|line| line + "\r\n"));
        self.body = lines.collect();
    }
}

fn is_named(line: &str, name: &str) -> bool {
    line.split_once(':').is_some_and(|(known, _)| known.trim().eq_ignore_ascii_case(name))
}
