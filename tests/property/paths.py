#!/usr/bin/python3
"""Critical paths, checked from the trace alone: each request's parts lie one after the other from its arrival to its
end, so that they add up to the end-to-end time to the nanosecond; each part is exactly that stretch of that phase of that
attempt which the trace has there; each attempt begins with something that ended, or gave its first output, at that
instant; and what is no phase of any attempt (`wait`) stands before a try again only. Where classes have budgets, the misses by
task and phase, worked out here, are those of the catalogue. Then it tampers with copies of what
it read and must see each. It shares no code with the program.

usage: paths.py OFFSIM FOLDER...     (results with traces; every policy's first traced replication)
"""
import collections, csv, io, json, math, os, sqlite3, subprocess, sys
import h5py
from tap import end, tell

PHASES = ["decide", "uplink", "queue", "cold_start", "batch", "serve", "downlink"]
ANSWERED, RETRY, HEDGE = ("completed", "answered"), 1, 2
ALL = {"plain", "wait", "retry", "copy", "fallback", "again", "flow", "whole flow"}


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
        self.classes = {c["class"]: c for c in json.loads(text)}
        self.tasks = {name: {t["task"]: t for t in c["tasks"]} for name, c in self.classes.items()}


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


def ns(seconds): return int(math.floor(seconds * 1e9 + .5))


def due(tasks, task):
    return ns(tasks[task]["budget_s"]) + max([due(tasks, t) for t in tasks[task]["after"]], default=0)


def broken_by(klass, tasks, took, arrived, late, parts):
    """The task that broke the budget, and the phase where that is the last one."""
    if not late:
        return (parts[-1]["task"], parts[-1]["phase"]) if parts else ("-", "decide")
    if klass["lapses"]:
        return max(took, key=lambda t: sum(took[t].values()) - ns(tasks[t]["budget_s"])), None
    ends = {p["task"]: p["to_ns"] for p in parts}         # in order of time
    broke = "-"
    for task, at in ends.items():
        on_time = at - arrived <= due(tasks, task)
        broke = "-" if on_time else task if broke == "-" else broke
    return broke, None


def misses(trace, parts, name):
    """Misses of a class by (task, phase), and how many requests were asked."""
    klass, tasks = trace.classes[name], trace.tasks[name]
    usual, passed, missed, asked = collections.defaultdict(collections.Counter), collections.Counter(), [], 0
    for number, r in trace.requests.items():
        if r["class"] != name or not r["measured"]:
            continue
        mine = parts.get(number, [])
        took = collections.defaultdict(collections.Counter)
        for p in mine:
            took[p["task"]][p["phase"]] += p["to_ns"] - p["from_ns"]
        finish = r["completed_ns"] if r["completed_ns"] >= 0 else max([p["to_ns"] for p in mine] + [r["arrived_ns"]])
        late = finish - r["arrived_ns"] > ns(klass["budget_s"])
        if r["status"] == "censored" and not late:
            continue
        asked += 1
        if r["status"] in ANSWERED and not late:
            for task in took:
                passed[task] += 1
                usual[task].update(took[task])
        else:
            missed.append((took, broken_by(klass, tasks, took, r["arrived_ns"], late, mine)))
    table = collections.Counter()
    for took, (task, phase) in missed:
        if phase is None:
            n = passed[task] or 1
            phase = max(PHASES + ["wait"], key=lambda p: took[task][p] * n - (usual[task][p] if passed[task] else 0))
        table[f"{task}.{phase}"] += 1
    return table, asked


def audit_budgets(db, run, trace, parts):
    """Yields what differs from the catalogue."""
    for name, klass in trace.classes.items():
        if "budget_s" not in klass:
            continue
        table, asked = misses(trace, parts, name)
        told = dict(db.execute("SELECT place, value FROM metric WHERE run = ? AND class = ? AND name = 'budget_misses' "
                               "AND value > 0", (run, name)))
        if told != table:
            yield f"misses by task and phase: {told}, not {dict(table)}"
        ratio, = db.execute("SELECT value FROM metric WHERE run = ? AND class = ? AND name = 'budget_miss_ratio'", (run, name)).fetchone()
        if asked and abs(ratio - sum(table.values()) / asked) > 1e-12:
            yield "misses do not add up"
        mean, = db.execute("SELECT value FROM metric WHERE run = ? AND class = ? AND name = 'latency_mean_s'", (run, name)).fetchone()
        path, = db.execute("SELECT SUM(value) FROM metric WHERE run = ? AND class = ? AND name = 'path_mean_s'", (run, name)).fetchone()
        if asked and abs(path - mean) > 1e-12 * mean:
            yield "means by task and phase do not add up to the mean latency"


def plant_budgets(db, run, trace, parts):
    """One answer later than its budget; one more kept; one phase another: each changes the table."""
    name = next(n for n, c in trace.classes.items() if "budget_s" in c)
    budget = ns(trace.classes[name]["budget_s"])
    mine = {n: r for n, r in trace.requests.items() if r["class"] == name and r["measured"] and r["status"] in ANSWERED}

    def seen(number, finish):
        r = trace.requests[number]
        was = r["completed_ns"], parts[number][-1]["to_ns"]
        r["completed_ns"] = parts[number][-1]["to_ns"] = finish
        bad = bool(list(audit_budgets(db, run, trace, parts)))
        r["completed_ns"], parts[number][-1]["to_ns"] = was
        return bad
    kept = next(n for n, r in mine.items() if r["completed_ns"] - r["arrived_ns"] <= budget)
    missed = next(n for n, r in mine.items() if r["completed_ns"] - r["arrived_ns"] > budget)
    yield "a miss more", seen(kept, mine[kept]["arrived_ns"] + budget + 1)
    yield "a miss less", seen(missed, mine[missed]["arrived_ns"] + budget)
    fewer = trace.tasks[name].pop(next(reversed(trace.tasks[name])))
    first = next(iter(trace.tasks[name].values()))
    first["budget_s"] += 10
    yield "another split", bool(list(audit_budgets(db, run, trace, parts)))
    first["budget_s"] -= 10
    trace.tasks[name][fewer["task"]] = fewer


def covers(trace, parts):
    """What the paths of a trace lead through."""
    found = set()
    for number, mine in parts.items():
        by_name = {(a["task"], a["attempt"]): a for a in trace.attempts[number]}
        for p in mine:
            a = by_name.get((p["task"], p["attempt"]))
            found.add("wait" if a is None else "retry" if a["role"] & RETRY else "copy" if a["role"] & HEDGE else
                      "fallback" if a["fallback"] else "again" if a["attempt"] else "plain")
            if a and trace.tasks[a["class"]][a["task"]].get("flows"):
                found.add("whole flow" if p["to_ns"] == a["ended_ns"] else "flow")
    return found


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
        runs = db.execute("SELECT policy, trace_file, id FROM run WHERE trace_file != '' ORDER BY policy, replication").fetchall()
        n = 0
        wrong, seen, through = collections.Counter(), set(), set()
        for policy, file, run in runs:
            if policy in seen:
                continue
            seen.add(policy)
            trace, parts = Trace(os.path.join(folder, file)), parts_of(offsim, folder, policy)
            n += len(trace.requests)
            wrong += audit(trace, parts)
            wrong += collections.Counter(audit_budgets(db, run, trace, parts))
            through |= covers(trace, parts)
            if not planted and parts:
                planted = True
                for what, ok in plant(trace, parts):
                    tell(ok, f"planted: {what} is seen")
        tell(n > 0 and not wrong, f"{os.path.basename(folder)}: phases on the critical path add up, {n} requests "
             f"of {len(seen)} policies" + "".join(f"; {v} times {k}" for k, v in wrong.items()))
        if os.path.basename(folder) == "paths":
            tell(through >= ALL, "and lead through " + ", ".join(sorted(through)))
            for what, ok in plant_budgets(db, run, trace, parts):
                tell(ok, f"planted: {what} is seen")
    end()


main()
