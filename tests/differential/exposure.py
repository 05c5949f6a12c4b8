#!/usr/bin/python3
"""Who saw which data: an auditor that shares no code with the program. From /transfers (what each row carried, over which link,
into which zone), the attributes in /requests, the places in /attempts and the scenario it adds up the bytes of each kind of data
in each zone, in transit, execution and rest, in the clear and protected, and compares with the catalogue to 1e-9. Kinds that may
not leave some zones have to have 0 bytes beyond them, exactly. Then it tampers with a copy and must see each. Prints TAP.

It covers worlds whose places are in zones of their own (the far end of a row is told by its zone), without outages and moves,
and pipelines in the order of the file.

usage: exposure.py DIR
"""
import collections, json, os, re, sqlite3, sys
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import auditor

PAYLOAD = {"data", "relay", "state", "fill", "lost"}
SCALE = {"B": 1, "kB": 1e3, "MB": 1e6}
NAMES = ["exposure_execution_bytes", "exposure_transit_bytes", "exposure_rest_byte_s", "protected_bytes"]


def value(text, row):
    """An expression of the scenario for one request."""
    text = re.sub(r"(\d)\s*(kB|MB|B)\b", lambda m: f"{m[1]} * {SCALE[m[2]]:.0f}", str(text))
    return float(eval(compile(text, "expression", "eval"), {"__builtins__": {}, "min": min, "max": max}, row))


class Contents:
    """Bytes and shares by kind of a request's input (1) and of the output of its task k (2 + k)."""
    def __init__(self, scenario, row, done):
        self.s, self.row, self.k, self.done, self.known = scenario, row, scenario.classes[row["class"]], done, {}

    def inputs(self, task):
        """What the task takes: a skipped one passes on what it would have taken."""
        pipeline = self.k["pipeline"]
        after = pipeline[task].get("after", [pipeline[task - 1]["task"]] if task else [])
        index = [i for i, t in enumerate(pipeline) if t["task"] in ([after] if isinstance(after, str) else after)]
        out = []
        for i in index: out += [2 + i] if i in self.done else self.inputs(i)
        return sorted(set(out)) if index else [1]

    def of(self, carries):
        if carries not in self.known: self.known[carries] = self.find(carries)
        return self.known[carries]

    def shares(self, told): return {d: value(told[d], self.row) if d in told else 0.0 for d in self.s.whole["data"]}

    def find(self, carries):
        if carries == 1: return value(self.k.get("input", 0), self.row), self.shares(self.k.get("data", {}))
        task = self.k["pipeline"][carries - 2]
        name, transform = re.sub("[^A-Za-z0-9]", "_", task["task"]), task.get("transform", {})
        parts = [self.of(c) for c in self.inputs(carries - 2)]
        whole = sum(max(b, 1e-9) for b, _ in parts)
        share = {d: sum(max(b, 1e-9) * s[d] for b, s in parts) / whole for d in self.s.whole["data"]}
        transforms = f"{name}_kept" in self.row
        size = sum(b for b, _ in parts) * self.row[f"{name}_kept"] if transforms and task["output"] == "0 B" else value(task["output"], self.row)
        if "data" in task: return size, self.shares(task["data"])
        return size, {d: x * self.row.get(f"{name}_left_{d}", 1) if transforms else x for d, x in share.items()}


def is_tls(link): return link.get("transport", {}).get("protocol", "tcp") != "tcp" and "transport" in link


class Exposure:
    def __init__(self, scenario, run):
        self.s, self.run = scenario, run
        self.sum = collections.Counter()                  # (metric, kind, zone)
        self.total = collections.Counter()
        self.faults = collections.Counter()               # (class, kind, zone): bytes where the kind may not be
        requests = run.requests.set_index("request", drop=False)
        a = run.attempts.assign(index=auditor.task_index(scenario, run.attempts))
        place = dict(zip(zip(a["request"], a["index"], a["attempt"]), a["place"]))
        lies, done = {}, collections.defaultdict(set)     # where an output is; tasks that have one
        for q, t, p, status in zip(a["request"], a["index"], a["place"], a["status"]):
            if status == "completed": lies[q, t], _ = p, done[q].add(t)
        rows = run.transfers[run.transfers["kind"].isin(PAYLOAD) & (run.transfers["carries"] > 0)]
        cache = {}
        for (q, task, attempt, carries), message in rows.groupby(["request", "task", "attempt", "carries"], sort=False):
            q, task, attempt, carries = int(q), int(task), int(attempt), int(carries)
            if q not in requests.index: continue
            row = requests.loc[q].to_dict()
            if not scenario.classes[row["class"]].get("pipeline"): continue
            if q not in cache: cache[q] = Contents(scenario, row, done[q])
            _, share = cache[q].of(carries)
            home = carries == 2 + task
            here = place[q, task, attempt]
            ends = (here, row["origin"]) if home else (row["origin"] if carries == 1 else lies[q, carries - 2], here)
            self.message(row, share, message, ends, home, carries)

    def message(self, row, share, rows, ends, home, carries):
        s, zone = self.s, {n: p["zone"] for n, p in self.s.places.items()}
        sender, receiver = (s.places[e] for e in ends)
        seen = {sender["zone"], receiver["zone"]}
        trust = receiver.get("trust", {}).get("kind", "plain")
        hidden = "homomorphic" in (trust, sender.get("trust", {}).get("kind"))
        if carries > 1: hidden |= s.classes[row["class"]]["pipeline"][carries - 2].get("transform", {}).get("seal") == "true"
        links = [s.links[l] for l in rows["link"]]
        hidden_all = any(is_tls(l) and l["transport"].get("spans") == "route" for l in links)
        for link, into, size in zip(links, rows["zone"], rows["bytes"]):
            passed = set(link.get("zones", [zone[e] for e in link["between"]])) | {into}
            last = into == receiver["zone"]
            for d, x in share.items():
                allowed = s.whole["data"][d].get("zones")
                for z in passed:
                    if allowed is not None and z not in allowed and x > 0: self.faults[row["class"], d, z] += x * size
            if not row["measured"]: continue
            for z in sorted(passed - seen): self.add(row, "exposure_transit_bytes", z, share, size, hidden or hidden_all or is_tls(link))
            seen |= passed
            if not last or home: continue
            self.add(row, "exposure_execution_bytes", receiver["zone"], share, size, trust != "plain")
            keeps = receiver.get("trust", {}).get("keeps", 0)
            for d, x in share.items():
                if trust == "homomorphic" or keeps <= 0: continue
                self.sum["exposure_rest_byte_s", d, receiver["zone"]] += x * size * keeps
                self.total["kept_byte_s_per_request"] += s.whole["data"][d]["weight"] * x * size * keeps

    def add(self, row, metric, zone, share, size, hidden):
        beyond = zone != self.s.places[row["origin"]]["zone"]
        for d, x in share.items():
            self.sum["protected_bytes" if hidden else metric, d, zone] += x * size
            if beyond: self.total["protected_bytes_per_request" if hidden else "exposure_bytes_per_request"] += self.s.whole["data"][d]["weight"] * x * size


def exposure_of(s, run):
    """Once a run, which a plant then changes."""
    if not hasattr(run, "exposure"): run.exposure = Exposure(s, run)
    return run.exposure


def audit_home(s, run):
    """Local-only kinds: not a byte beyond their zones."""
    for (c, d, z), size in sorted(exposure_of(s, run).faults.items()): yield f"class {c}: {size} B of {d} in zone {z}"


def audit_sums(s, run):
    e, n = exposure_of(s, run), (run.requests["measured"] == 1).sum()
    for name in ("exposure_bytes_per_request", "protected_bytes_per_request", "kept_byte_s_per_request"):
        if not auditor.close(run.metrics[name], e.total[name] / n): yield f"{name}: {run.metrics[name]} in the catalogue, {e.total[name] / n} from the trace"
    for key in sorted(set(run.zone_metrics) | {k for k, v in e.sum.items() if v > 0}):
        if not auditor.close(run.zone_metrics.get(key, 0), e.sum[key]): yield f"{key}: {run.zone_metrics.get(key, 0)} in the catalogue, {e.sum[key]} from the trace"
    if run.metrics["misplaced_bytes"] != 0: yield f"{run.metrics['misplaced_bytes']} bytes misplaced, says the run itself"


def audit_carried(s, run):
    """Each row of a request's data says what it carries, and that is what its task takes or makes."""
    t = run.transfers.merge(run.requests[["request", "class"]], on="request")
    bare = t[(t["kind"] == "data") & (t["carries"] == 0)]
    if len(bare): yield f"{len(bare)} rows of data that carry nothing"
    for c, task, carries in sorted(set(zip(t["class"], t["task"], t["carries"]))):
        if carries > 1 and not 0 <= carries - 2 <= task: yield f"class {c}: task {task} has to do with the output of {carries - 2}"


def first(run, condition): return run.transfers.index[condition][0]


def plant_local(run):
    """One message of a request with none is said to be of one with a local-only kind."""
    t, q = run.transfers, run.requests
    held = run.local_only(q)
    at = first(run, (t["kind"] == "data") & (t["carries"] > 1) & t["request"].isin(set(q["request"]) - held))
    old = run.transfers.loc[at]
    new = sorted(held)[0]
    extra = run.attempts[(run.attempts["request"] == old["request"])].assign(request=new, attempt=200)
    rows = t[(t["request"] == old["request"]) & (t["task"] == old["task"]) & (t["attempt"] == old["attempt"])].assign(request=new, attempt=200, carries=run.raw)
    import pandas
    run.transfers, run.attempts = pandas.concat([t, rows], ignore_index=True), pandas.concat([run.attempts, extra], ignore_index=True)


def plant_bytes(run): run.transfers.loc[first(run, (run.transfers["kind"] == "data") & (run.transfers["carries"] > 1)), "bytes"] += 1
def plant_zone(run): run.transfers.loc[first(run, (run.transfers["kind"] == "data") & (run.transfers["carries"] > 1)), "link"] = run.other_link
def plant_bare(run): run.transfers.loc[first(run, run.transfers["kind"] == "data"), "carries"] = 0
def plant_left(run):
    """What the sanitiser left of a request's data is told a tenth too small."""
    column = next(c for c in run.requests if "_left_" in c and "personal" in c)
    sent = run.requests["request"].isin(run.transfers[run.transfers["carries"] > 1]["request"])
    at = run.requests.index[sent & (run.requests[column] > 0) & (run.requests["measured"] == 1)][0]
    run.requests.loc[at, column] *= 0.9


AUDITS = [("local-only kinds stay where they may be, to the byte", audit_home), ("bytes by kind, zone and stage", audit_sums), ("what each row carries", audit_carried)]
PLANTS = [("a message with a local-only kind", plant_local, audit_home), ("one byte more of a message", plant_bytes, audit_sums),
          ("a message over another link", plant_zone, audit_sums), ("a row that hides what it carries", plant_bare, audit_carried),
          ("less left by the sanitiser than there was", plant_left, audit_sums)]


def main(folder):
    f = auditor.Folder(folder)
    number = failed = 0

    def tell(ok, title, lines=()):
        nonlocal number, failed
        number, failed = number + 1, failed + (not ok)
        print("ok" if ok else "not ok", number, "-", title)
        for line in list(lines)[:10]: print("#  ", line)

    def load(row):
        run = f.load(row)
        run.zone_metrics = {(n, d, z): v for n, d, z, v in f.db.execute(
            f"select name, class, place, value from metric where run = ? and place != '' and name in ({','.join('?' * len(NAMES))})", (row[0], *NAMES))}
        return run

    for row in f.runs:
        run = load(row)
        for title, audit in AUDITS:
            faults = list(audit(f.scenario, run))
            tell(not faults, f"{row[1]}, replication {row[2]}: {title}", faults)
    hidden = [d for d, k in f.scenario.whole["data"].items() if k.get("zones")]

    def local_only(requests):
        """Requests of which the output `raw` has a share of a local-only kind."""
        out = set()
        for _, q in requests.iterrows():
            row = q.to_dict()
            told = f.scenario.classes[row["class"]]["pipeline"][0].get("data", {})
            if any(d in told and value(told[d], row) > 0 for d in hidden): out.add(row["request"])
        return out

    sends = max(f.runs, key=lambda row: (load(row).transfers["carries"] > 1).sum())
    for title, plant, audit in PLANTS:
        run = load(sends)
        run.local_only, run.raw, run.other_link = local_only, 2, list(f.scenario.links)[-1]
        plant(run)
        tell(bool(list(audit(f.scenario, run))), f"planted: {title} is seen")
    print(f"1..{number}")
    return 1 if failed or not f.runs else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
