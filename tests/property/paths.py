#!/usr/bin/python3
"""Critical paths, checked from the trace alone: each request's parts lie one after the other from its arrival to its
end, so that they add up to the end-to-end time to the nanosecond; each part is exactly that stretch of that phase of that
attempt which the trace has there; each attempt begins with something that ended, or gave its first output, at that
instant; and what is no phase of any attempt (`wait`) stands before a try again only. Then it tampers with copies of what
it read and must see each. It shares no code with the program.

usage: paths.py OFFSIM FOLDER...     (results with traces; every policy's first traced replication)
"""
import collections, csv, io, json, os, sqlite3, subprocess, sys
import h5py
from tap import end, tell

PHASES = ["decide", "uplink", "queue", "cold_start", "batch", "serve", "downlink"]
ANSWERED, RETRY, HEDGE = ("completed", "answered"), 1, 2


def rows(group):
    columns = {}
    for k in group:
        values, names = group[k][:].tolist(), h5py.check_enum_dtype(group[k].dtype)
        if names:
            name = {v: n for n, v in names.items()}
            values = [name[v] for v in values]
        columns[k] = values
    return [dict(zip(columns, row)) for row in zip(*columns.values())]


class Trace:
    def __init__(self, path):
        with h5py.File(path, "r") as file:
            self.requests = {r["request"]: r for r in rows(file["requests"])}
            self.attempts = collections.defaultdict(list)
            for a in rows(file["attempts"]):
                self.attempts[a["request"]].append(a)
            text = file.attrs["pipelines"]
        self.tasks = {c["class"]: {t["task"]: t for t in c["tasks"]} for c in json.loads(text)}


def stretch(attempt, phase):
    at = attempt["started_ns"]
    for p in PHASES[:PHASES.index(phase)]:
        at += attempt[p + "_ns"]
    return at, at + attempt[phase + "_ns"]


def audit_request(r, attempts, tasks, parts):
    """Yields what is wrong with the parts of one request."""
    awaited = [a for a in attempts if not tasks[a["task"]].get("asynchronous")]
    finish = r["completed_ns"] if r["completed_ns"] >= 0 else max([a["ended_ns"] for a in awaited] + [r["arrived_ns"]])
    if sum(p["to_ns"] - p["from_ns"] for p in parts) != finish - r["arrived_ns"]:
        yield "parts do not add up to the end-to-end time"
    at = r["arrived_ns"]
    for p in parts:
        if p["from_ns"] != at or p["to_ns"] <= at:
            yield "a gap between parts"
        at = p["to_ns"]
    by_name = {(a["task"], a["attempt"]): a for a in awaited}
    before = None
    for p in parts:
        if p["phase"] == "wait":
            before = None
            continue
        a = by_name.get((p["task"], p["attempt"]))
        if a is None or a["place"] != p["place"] or a["member"] != p["member"]:
            yield "a part of an attempt that is not in the trace"
            continue
        begins, ends = stretch(a, p["phase"])
        if p["from_ns"] < begins or p["to_ns"] > ends:
            yield "a part is not of that phase"
        same = before is not None and (before["task"], before["attempt"]) == (p["task"], p["attempt"])
        if not same and p["from_ns"] == a["started_ns"] and not has_cause(r, a, attempts, tasks):
            yield "an attempt begins without a cause"
        before = p
    waits = [p for p in parts if p["phase"] == "wait"]
    tries = [a for a in awaited if a["role"] & RETRY]
    if waits and not tries and r["status"] not in ("no_power", "censored"):
        yield "a wait where nothing was tried again"
    if r["status"] in ANSWERED and parts:
        last = by_name.get((parts[-1]["task"], parts[-1]["attempt"]))
        if last is None or last["ended_ns"] != finish:
            yield "the path does not end with the answer"


def has_cause(r, a, attempts, tasks):
    at = a["started_ns"]
    if at == r["arrived_ns"] or a["role"] & (RETRY | HEDGE):
        return True
    for b in attempts:
        if b is not a and b["ended_ns"] == at:
            return True
        if tasks[b["task"]].get("flows") and b["first_output_ns"] == at:
            return True
    return False


def parts_of(offsim, folder, policy):
    text = subprocess.run([offsim, "inspect", folder, "--paths", "--policy", policy], check=True, capture_output=True,
                          text=True).stdout
    parts = collections.defaultdict(list)
    for row in csv.DictReader(io.StringIO(text)):
        for k in ("request", "from_ns", "to_ns"):
            row[k] = int(row[k])
        row["attempt"] = int(row["attempt"]) if row["attempt"] else -1
        row["member"] = int(row["member"]) if row["member"] else -1
        parts[row["request"]].append(row)
    return parts


def audit(trace, parts):
    wrong = collections.Counter()
    for number, r in trace.requests.items():
        for what in audit_request(r, trace.attempts[number], trace.tasks[r["class"]], parts.get(number, [])):
            wrong[what] += 1
    return wrong


def plant(trace, parts):
    """Mistakes, each in one request with an answer and two parts at least; True: the audit sees it."""
    number = next(n for n, p in parts.items() if len(p) > 1 and trace.requests[n]["status"] == "completed")
    r, attempts = trace.requests[number], trace.attempts[number]
    tasks, good = trace.tasks[r["class"]], parts[number]

    def seen(bad, request=r):
        return bool(list(audit_request(request, attempts, tasks, bad)))
    yield "one nanosecond less", seen([dict(p, to_ns=p["to_ns"] - (p is good[0])) for p in good])
    yield "a part left out", seen(good[1:])
    yield "a later answer", seen(good, dict(r, completed_ns=r["completed_ns"] + 1))
    other = next(p for p in PHASES if p != good[0]["phase"])
    yield "another phase", seen([dict(good[0], phase=other)] + good[1:])
    yield "another attempt", seen(good[:-1] + [dict(good[-1], attempt=good[-1]["attempt"] + 1)])


def main():
    offsim, folders = sys.argv[1], sys.argv[2:]
    planted = False
    for folder in folders:
        db = sqlite3.connect(f"file:{folder}/catalog.sqlite?mode=ro", uri=True)
        runs = db.execute("SELECT policy, trace_file FROM run WHERE trace_file != '' ORDER BY policy, replication").fetchall()
        n = 0
        wrong, seen = collections.Counter(), set()
        for policy, file in runs:
            if policy in seen:
                continue
            seen.add(policy)
            trace, parts = Trace(os.path.join(folder, file)), parts_of(offsim, folder, policy)
            n += len(trace.requests)
            wrong += audit(trace, parts)
            if not planted and parts:
                planted = True
                for what, ok in plant(trace, parts):
                    tell(ok, f"planted: {what} is seen")
        tell(n > 0 and not wrong, f"{os.path.basename(folder)}: phases on the critical path add up, {n} requests "
             f"of {len(seen)} policies" + "".join(f"; {v} times {k}" for k, v in wrong.items()))
    end()


main()
