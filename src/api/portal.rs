//! The provisioning page (PV-75): three fixed files beside the API, which do nothing that the API does not. They hold no
//! secret and need no token; the person types it, and it stays in the page.

/// What a browser may do with the page: its own script and style, requests to its own server, nothing else.
pub const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// One file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct File {
    pub media: &'static str,
    pub text: &'static str,
}

/// The file at a path; `None`: the path is not the page's.
pub fn file(path: &str) -> Option<File> {
    Some(match path {
        "/" => File { media: "text/html; charset=utf-8", text: include_str!("portal/index.html") },
        "/portal.css" => File { media: "text/css; charset=utf-8", text: include_str!("portal/portal.css") },
        "/portal.js" => File { media: "text/javascript; charset=utf-8", text: include_str!("portal/portal.js") },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_needs_nothing_that_its_policy_forbids() {
        let page = file("/").unwrap().text;
        for forbidden in ["style=", " onclick", " onsubmit", "<style", "http://", "https://", "javascript:"] {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
        let script = file("/portal.js").unwrap().text;
        for forbidden in [
            "innerHTML",
            "outerHTML",
            "insertAdjacent",
            "document.write",
            "eval(",
            "localStorage",
            "sessionStorage",
            "cookie",
        ] {
            assert!(!script.contains(forbidden), "{forbidden}");
        }
    }
}
