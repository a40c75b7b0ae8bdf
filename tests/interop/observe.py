"""Dashboard, alert rules and traces against the programs that read them; see `observe`."""
import http.client
import json
import os
import re
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import sipp
from daemon import READY, Daemon
from process import HERE, REPORT, WORK, certificates, run, start, wait_until

ROOT = os.path.dirname(os.path.dirname(HERE))
RULES = os.path.join(ROOT, "config/prometheus/alerts.yml")
CASES = os.path.join(HERE, "alerts.yml")
DASHBOARD = os.path.join(ROOT, "config/grafana/trunkline.json")
OURS = "127.0.0.1:26060"
PROMETHEUS = "http://127.0.0.1:26090"
# Queries that have nothing to show unless something went wrong, or unless the configuration has it (no peer here is probed).
MAY_BE_EMPTY = re.compile(r"options_round_trip|failed|refused|dropped|drops|rejections|_full|silences|handshake|registered|registrations|connections_total|media_packets|scanners|account_|screening|transfers")


def get(path, **parameters):
    """What Prometheus answers, its refusals included; None for what says nothing yet: no answer, or one that is not JSON."""
    url = PROMETHEUS + path + ("?" + urllib.parse.urlencode(parameters) if parameters else "")
    try:
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                found = json.load(answer)
        except urllib.error.HTTPError as error:
            found = json.load(error)
    except (OSError, ValueError, http.client.HTTPException):
        return None
    # It gives up by itself on what takes it too long.
    return found if isinstance(found, dict) and found.get("errorType") not in ("timeout", "canceled", "unavailable", "internal") else None


def answered(path, enough=lambda data: True, seconds=60, **parameters):
    """The answer, asked for until it holds `enough` or the time is over; a refusal counts at once."""
    end = time.monotonic() + seconds
    while True:
        found = get(path, **parameters)
        over = time.monotonic() > end
        if found and (over or found.get("status") != "success" or enough(found["data"])):
            return found
        if over:
            return {"status": "error", "error": f"no answer for {seconds} s"}
        time.sleep(0.5)


def is_up():
    """Whether Prometheus says that it serves: before that it answers everything else with 503."""
    try:
        with urllib.request.urlopen(PROMETHEUS + "/-/ready", timeout=5) as answer:
            return answer.status == 200
    except (OSError, http.client.HTTPException):
        return False


def rules_are_right():
    found = subprocess.run(["promtool", "check", "rules", RULES], capture_output=True, text=True, check=False)
    summary = (found.stdout + found.stderr).strip().replace("\n", " ")
    REPORT.check("promtool on the alert rules", summary[-120:], "SUCCESS", found.returncode == 0)
    found = subprocess.run(["promtool", "test", "rules", CASES], capture_output=True, text=True, check=False)
    REPORT.check("each rule under its fault, none without one", (found.stdout + found.stderr).strip()[-400:], "SUCCESS", found.returncode == 0)
    rules, cases = (open(path).read() for path in (RULES, CASES))
    untried = [name for name in re.findall(r"- alert: (\w+)", rules) if f"        alertname: {name}\n        exp_alerts:\n" not in cases]
    REPORT.check("rules that no case lets fire", untried, "none", not untried)


def queries():
    for panel in json.load(open(DASHBOARD))["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"].replace("$instance", ".*")


def start_prometheus():
    config = os.path.join(WORK, "prometheus.yml")
    with open(config, "w") as out:
        out.write("global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
                  f"rule_files: [{RULES}]\n"
                  "scrape_configs:\n  - job_name: trunkline\n    static_configs: [{targets: ['127.0.0.1:26064']}]\n")
    start("prometheus", ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={WORK}/tsdb", "--web.listen-address=127.0.0.1:26090"])
    up = wait_until(is_up, 120)
    return REPORT.check("Prometheus runs", "yes" if up else "no", "ready within 120 s", up)


def load():
    sipp.pair("300 calls under a scrape a second", ("uac.xml", "127.0.10.11", "u1", OURS), ("uas.xml", "127.0.10.12", "u1"), 300, rate=20)
    sipp.pair("50 calls with hold and resume", ("uac_hold.xml", "127.0.10.11", "u1", OURS), ("uas_held.xml", "127.0.10.12", "u1"), 50, rate=20)
    sipp.pair("50 busy calls", ("uac_refused.xml", "127.0.10.11", "u1", OURS), ("uas_busy.xml", "127.0.10.12", "u1"), 50, rate=20)


def judge_scrape():
    def health(data):
        return [(target["health"], target["lastError"]) for target in data["activeTargets"]]

    # A scrape may take a second, no more: on a busy machine one may have failed just now.
    found = answered("/api/v1/targets", lambda data: health(data) == [("up", "")])
    seen = health(found["data"]) if found["status"] == "success" else found
    REPORT.check("Prometheus reads the page", seen, "up", seen == [("up", "")])
    counted = answered("/api/v1/query", lambda data: data["result"], query='count({__name__=~"sbc_.+"})')
    result = counted["data"]["result"] if counted["status"] == "success" else []
    series = int(result[0]["value"][1]) if result else 0
    REPORT.check("series of the loaded daemon", series, "100 to 3000: labels are bounded", 100 < series < 3000)


def judge_queries():
    wrong, empty, good = [], [], 0
    # Rates need two scrapes after the last call.
    end = time.monotonic() + 60
    for title, query in queries():
        may_be_empty = MAY_BE_EMPTY.search(query)
        answer = answered("/api/v1/query", lambda data: data["result"] or may_be_empty, max(end - time.monotonic(), 0), query=query)
        if answer.get("status") != "success":
            wrong.append((title, query, answer.get("error")))
        elif not answer["data"]["result"] and not may_be_empty:
            empty.append((title, query))
        else:
            good += 1
    REPORT.check("queries of the dashboard", f"{good} answered, {len(wrong)} refused {wrong[:2]}, {len(empty)} without data {empty[:4]}", "0 refused, 0 without data",
                 good > 40 and not wrong and not empty)


def judge_alerts():
    def rules_of(data):
        return [rule for group in data["groups"] for rule in group["rules"]]

    # Before its first turn a rule's health is not known.
    found = answered("/api/v1/rules", lambda data: all(rule["health"] != "unknown" for rule in rules_of(data)))
    rules = rules_of(found["data"]) if found["status"] == "success" else []
    unwell = [(rule["name"], rule.get("lastError")) for rule in rules if rule["health"] != "ok"]
    REPORT.check("alert rules evaluated", f"{len(rules)} rules, {len(unwell)} unwell {unwell[:3]}", "all ok", len(rules) > 15 and not unwell)


def trunkline(*arguments):
    command = [os.environ["TRUNKLINE_BIN"], arguments[0], "--config", os.path.join(WORK, "trunkline.toml"), *arguments[1:]]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def judge_trace():
    capture = os.path.join(WORK, "call.pcap")
    by_number = trunkline("trace", "301000000")
    REPORT.check("trunkline trace NUMBER", by_number.stdout.split("\n")[0], "the last call of the number", "refused_4xx" in by_number.stdout)
    shown = trunkline("trace", "7", "--json", "--pcap", capture)
    if not REPORT.check("trunkline trace CALL", shown.stderr.strip() or "found", "exit 0", shown.returncode == 0):
        return
    messages = json.loads(shown.stdout)["messages"]
    ports = sorted({message[side].rsplit(":", 1)[1] for message in messages for side in ("local", "remote")})
    decode = [part for port in ports for part in ("-d", f"udp.port=={port},sip")]
    fields = ["-T", "fields", "-e", "ip.src", "-e", "udp.srcport", "-e", "sip.Method", "-e", "sip.Status-Code", "-e", "_ws.malformed"]
    read = subprocess.run(["tshark", "-r", capture, *decode, *fields], capture_output=True, text=True, check=False).stdout.splitlines()
    rows = [line.split("\t") for line in read]
    sip = [row for row in rows if row[2] or row[3]]
    bad = [row for row in rows if row[4]]
    wanted = [message["remote"] if message["direction"] == "received" else message["local"] for message in messages]
    right = [":".join(row[:2]) for row in rows] == wanted
    REPORT.check("tshark on a traced call", f"{len(messages)} messages, {len(sip)} read as SIP, {len(bad)} malformed, addresses {'right' if right else 'wrong'}",
                 "each read, from the address it came from", len(messages) >= 10 and len(sip) == len(messages) and not bad and right)
    ladder = trunkline("trace", "7").stdout
    REPORT.check("ladder of both legs", f"{ladder.count('INVITE')} INVITE, {ladder.count('BYE')} BYE", "one of each on each leg", "BYE" in ladder and ladder.count("INVITE") >= 2)


def call_records():
    return sum(line.count('"type":"call"') for name in os.listdir(os.path.join(WORK, "state/cdr")) if name.endswith(".jsonl")
               for line in open(os.path.join(WORK, "state/cdr", name)))


def main():
    certificates()
    rules_are_right()
    daemon = Daemon()
    if not REPORT.check("daemon is ready", "yes" if daemon.ready() else "no", f"readyz within {READY} s", daemon.process.poll() is None):
        return
    if not start_prometheus():
        return
    load()
    judge_scrape()
    judge_queries()
    judge_alerts()
    judge_trace()
    # A record is written a moment after its call's end.
    wait_until(lambda: call_records() >= 400, 30)
    records = call_records()
    REPORT.check("call records", records, "400: one for each call", records == 400)
    daemon.unharmed("everything")
    daemon.end()


if __name__ == "__main__":
    run(main)
