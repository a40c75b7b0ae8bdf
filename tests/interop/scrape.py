"""Reading the pages of a daemon's metrics port."""
import http.client
import urllib.request


def fetch(url, seconds):
    """A page; None when it did not come in that time, or not with 200."""
    try:
        with urllib.request.urlopen(url, timeout=seconds) as answer:
            return answer.read().decode()
    except (OSError, http.client.HTTPException):
        return None


def samples(base, seconds, tries):
    """Every sample of /metrics: name with labels -> value. Asked for again when no answer came: nothing may be concluded from a page that a
    busy machine kept back."""
    text = next(filter(None, (fetch(base + "/metrics", seconds) for _ in range(tries))), "")
    pairs = (line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#"))
    return {name: float(value) for name, _, value in pairs}
