#!/usr/bin/python3
"""An independent auditor: recomputes phase sums, energy, money, bytes per zone and the headline metrics of every run of a
results folder from its trace and its scenario, in floating point of its own, and compares to 1e-9. It shares no code
with the program. Then it tampers with a copy of the first trace (a shifted phase, a double charge, a lost joule, a leak
into a forbidden zone, a wrong latency, and what concerns copies, retries and probes where there are any) and must see
each. Prints TAP.

It covers what its scenarios use: FIFO places of one kind of dynamic power, places that batch by size with time and energy as
lines or tables, fluid links of constant rate, tariffs.

usage: auditor.py DIR
"""
import json, os, sqlite3, sys
import h5py, numpy, pandas

TOLERANCE = 1e-9


class Scenario:
    def __init__(self, text):
        s = json.loads(text)
        self.whole = s
        self.places = {p["name"]: p for p in s["places"]}
        self.links = {l["name"]: l for l in s["links"]}
        self.classes = {c["name"]: c for c in s["classes"]}
        self.hardware, self.tariffs = s.get("hardware", {}), s.get("tariffs", {})
        self.horizon, self.boundary, self.changes = s["horizon"], s.get("energy_boundary", "server"), s.get("changes", [])
        self.policies = s["policies"]

    def dynamic_w_per_slot(self, place):
        p = self.places[place]
        hardware = p.get("hardware")
        if hardware is None:
            return 0.0
        names = [hardware] if isinstance(hardware, str) else list(hardware["mix"])
        watts = {self.hardware[n]["busy_power"] - self.hardware[n]["idle_power"] for n in names}
        assert len(watts) == 1, f"{place}: kinds of different power, which the trace does not tell apart"
        return watts.pop() / p.get("slots", 1)

    def batches(self, place):
        b = self.places[place].get("batching", {})
        return b if b.get("kind", "none") != "none" else None

    def tariff(self, place):
        t = self.places[place].get("tariff", {})
        return self.tariffs[t] if isinstance(t, str) else t


def table(file, group):
    g = file[group]
    frame = pandas.DataFrame({k: g[k][:] for k in g})
    for k in g:                                           # names instead of codes
        names = h5py.check_enum_dtype(g[k].dtype)
        if names:
            frame[k] = frame[k].map({v: n for n, v in names.items()})
    return frame


class Run:
    def __init__(self, path, metrics):
        with h5py.File(path, "r") as file:
            self.requests, self.attempts = table(file, "requests"), table(file, "attempts")
            self.transfers = table(file, "transfers") if "transfers" in file else None
        self.metrics = metrics


def close(a, b):
    a, b = numpy.asarray(a, float), numpy.asarray(b, float)
    return numpy.all(numpy.abs(a - b) <= TOLERANCE * (1 + numpy.abs(b)))


PHASES = ["decide_ns", "uplink_ns", "queue_ns", "cold_start_ns", "batch_ns", "serve_ns", "downlink_ns"]


def audit_phases(s, run):
    a, r = run.attempts, run.requests
    if (a["started_ns"] + a[PHASES].sum(axis=1) != a["ended_ns"]).any():
        yield "the phases of an attempt do not add up to its time"
    last = a[a["status"] == "completed"].groupby("request")["ended_ns"].max()
    done = r[r["status"] == "completed"].set_index("request")["completed_ns"]
    if (last.reindex(done.index) != done).any():
        yield "a request was not completed with its last attempt"


def rate(link, up):
    r = link["rate"]
    r = r["up" if up else "down"] if isinstance(r, dict) else r
    return r * link.get("rate_scale", 1) * (1 - link.get("background", 0)) if r else float("inf")


def charges(x): return any(x.values()) if isinstance(x, dict) else bool(x)


def with_transfers(s, run):
    """Per attempt: joules of the device's radio, joules of links, dollars of links; from /transfers."""
    t = run.transfers[run.transfers["kind"].isin(["data", "relay"])].copy()      # relay: a copy is called off
    sums = []
    for link, rows in t.groupby("link"):
        d = s.links[link]
        a, b = d["between"]
        zones = s.places[a]["zone"], s.places[b]["zone"]
        assert zones[0] != zones[1] or not (charges(d.get("power")) or charges(d.get("price"))), f"{link}: both ends in one zone, the direction cannot be told"
        up = (rows["zone"] == zones[1]).to_numpy()
        power, price = d.get("power", {}), d.get("price", 0)
        price = price if isinstance(price, dict) else {"up": price, "down": price}
        seconds = numpy.where(up, rows["bytes"] / rate(d, True), rows["bytes"] / rate(d, False))
        watts = numpy.zeros(len(rows))
        if s.places[a]["tier"] == "device":
            watts = numpy.where(up, power.get("send", 0), power.get("receive", 0))
        sums.append(pandas.DataFrame({
            "request": rows["request"], "task": rows["task"], "attempt": rows["attempt"], "radio_j": watts * seconds,
            "network_j": rows["bytes"] * d.get("energy", 0),
            "usd": rows["bytes"] * numpy.where(up, price.get("up", 0), price.get("down", 0))}))
    if not sums:
        return pandas.DataFrame({"radio_j": [], "network_j": [], "usd": []}, index=pandas.MultiIndex.from_arrays([[], [], []]))
    return pandas.concat(sums).groupby(["request", "task", "attempt"]).sum()


def curve(d, size):
    """a + c b, or a table, linear between its sizes."""
    if "affine" in d:
        return d["affine"]["a"] + d["affine"]["c"] * size
    t = d["table"]
    return numpy.interp(size, t["sizes"], t.get("times", t.get("energies")))


def shares_of_batch(begin, out, length):
    """Nanoseconds of one slot for each member: while it is there, it shares the slot equally with who else is."""
    end = numpy.minimum(out, begin + length)
    share, had, since = numpy.zeros(len(end)), 0.0, begin
    for left, i in zip(range(len(end), 0, -1), numpy.argsort(end, kind="stable")):
        had += (end[i] - since) / left
        since, share[i] = end[i], had
    return share


def compute_shares(s, a):
    """Per attempt: seconds of a slot, and joules where batches have an energy of their own (else NaN)."""
    seconds, joules = a["serve_ns"].to_numpy() / 1e9, numpy.full(len(a), numpy.nan)
    begin = (a["started_ns"] + a[PHASES[: PHASES.index("serve_ns")]].sum(axis=1)).to_numpy()
    out = begin + a["serve_ns"].to_numpy()
    position = pandas.Series(numpy.arange(len(a)), index=a.index)
    for place in filter(s.batches, s.places):
        d = s.batches(place)
        rows = a[a["place"] == place]
        if "energy" in d:
            joules[position[rows.index]] = 0
        for (_, batch), group in rows.groupby(["member", "batch"]):
            at = position[group.index].to_numpy()
            if batch == 0:                                # never in one
                seconds[at] = 0
                continue
            if (begin[at] != begin[at[0]]).any():
                joules[at] = numpy.nan                    # no batch at all: the comparison fails
                continue
            length = round(curve(d["time"], len(at)) * 1e9)
            share = shares_of_batch(begin[at[0]], out[at], length)
            seconds[at] = share / 1e9
            if "energy" in d:
                joules[at] = curve(d["energy"], len(at)) * share / length
    return seconds, joules


def task_index(s, attempts):
    index = {(c, t["task"]): i for c, d in s.classes.items() for i, t in enumerate(d["pipeline"])}
    names = [str(t).split("/")[-1].split(".")[-1] for t in attempts["task"]]
    return [index[c, t] for c, t in zip(attempts["class"], names)]


def audit_ledgers(s, run):
    a = run.attempts.copy()
    a["task"] = task_index(s, a)
    wires = with_transfers(s, run)
    key = pandas.MultiIndex.from_frame(a[["request", "task", "attempt"]])
    radio, network, wire_usd = (wires[c].reindex(key).fillna(0).to_numpy() for c in ("radio_j", "network_j", "usd"))
    seconds, joules = compute_shares(s, a)
    own = a["place"].map(lambda p: "energy" in (s.batches(p) or {})).to_numpy(bool)
    compute = numpy.where(own, joules, seconds * a["place"].map(s.dynamic_w_per_slot).to_numpy())
    device = (a["place"].map(lambda p: s.places[p]["tier"]) == "device").to_numpy()
    if not close(a["energy_device_j"], radio + compute * device): yield "device energy of an attempt"
    if not close(a["energy_server_j"], compute * ~device): yield "server energy of an attempt"
    if not close(a["energy_network_j"], network): yield "network energy of an attempt"
    tariffs = {p: s.tariff(p) for p in s.places}
    per = lambda what: a["place"].map(lambda p: tariffs[p].get(what, 0)).to_numpy()
    slots = a["place"].map(lambda p: s.places[p].get("slots", 1)).to_numpy()
    away = (a["place"].to_numpy() != run.requests.set_index("request")["origin"].reindex(a["request"]).to_numpy())
    usd = seconds * per("time") / slots + a["bytes_down"] * per("egress") * away + wire_usd
    if not close(a["cost_usd"], usd): yield "money of an attempt"
    r = run.requests.set_index("request")
    sums = run.attempts.groupby("request")[["energy_device_j", "energy_network_j", "energy_server_j", "cost_usd"]].sum().reindex(r.index).fillna(0)
    if not close(r["energy_device_j"], sums["energy_device_j"]): yield "device energy of a request is not the sum of its attempts"
    if not close(r["energy_direct_j"], sums[["energy_device_j", "energy_network_j", "energy_server_j"]].sum(axis=1)): yield "direct energy of a request is not the sum of its attempts"
    if not close(r["cost_usd"], sums["cost_usd"]): yield "money of a request is not the sum of its attempts"


def audit_zones(s, run):
    """What travels on behalf of a request (inputs, outputs, messages about copies, questions to a learner, telemetry about
    it) stays in the zones of its class: at the far end of each link, and on the link. Telemetry of places and probes are
    of no request."""
    t = run.transfers.merge(run.requests[["request", "class"]], on="request")
    for c, kind, attempt, link, zone in sorted(set(zip(t["class"], t["kind"], t["attempt"], t["link"], t["zone"]))):
        allowed = s.classes[c].get("zones")
        passed = {zone, *(s.places[p]["zone"] for p in s.links[link]["between"]), *s.links[link].get("zones", [])}
        if allowed is not None and passed - set(allowed):
            yield f"class {c}: {kind} of attempt {attempt} in zone {', '.join(sorted(passed - set(allowed)))}"
    t = t[t["kind"] == "data"]
    entered, moved = t["bytes"].sum(), (run.attempts["bytes_up"] + run.attempts["bytes_down"]).sum()
    if entered < moved * (1 - 1e-9):
        yield f"attempts moved {moved} bytes, the zones saw {entered}"


def audit_metrics(s, run):
    r = run.requests[run.requests["measured"] == 1]
    ok = r[r["status"].isin(["completed", "answered"])]
    latency = numpy.sort(numpy.concatenate([(ok["completed_ns"] - ok["arrived_ns"]) / 1e9, numpy.full(len(r) - len(ok), numpy.inf)]))
    rank = lambda q: latency[int(numpy.ceil(q * len(latency))) - 1]
    expected = {
        "requests": len(r), "completed": len(ok), "failed_ratio": 1 - len(ok) / len(r),
        "latency_mean_s": latency[: len(ok)].mean(), "latency_p50_s": rank(0.5), "latency_p95_s": rank(0.95), "latency_p99_s": rank(0.99),
        "cost_direct_usd_per_1k_requests": 1000 * r["cost_usd"].mean(), "energy_device_j_per_request": r["energy_device_j"].mean(),
        "energy_direct_j_per_request": r["energy_direct_j"].mean(), "quality_mean": r["quality"].mean(), "offload_ratio": r["offloaded"].mean(),
        "slo_attainment": r["slo_met"].mean(), "cost_objective": -r["reward"].mean(),
    }
    by_fallback = run.attempts[(run.attempts["fallback"] > 0) & (run.attempts["status"] == "completed")]["request"]
    if "fallback_ratio" in run.metrics: expected["fallback_ratio"] = ok["request"].isin(by_fallback).mean()
    if "answered_ratio" in run.metrics: expected["answered_ratio"] = (ok["status"] == "answered").mean()
    for name, value in expected.items():
        said = run.metrics.get(name)
        said = float("inf") if said is None and numpy.isinf(value) else said
        if said is None or not (said == value or close(said, value)):
            yield f"{name}: {said} in the catalogue, {value} from the trace"


RETRY, HEDGE, SHED = 1, 2, 4                              # bits of role
FAILED = ["timeout", "lost", "rejected", "blocked"]


def audit_copies(s, run):
    """A copy begins beside another attempt of its task; the first answer wins, the others end with it. A retry follows an
    attempt that failed. Budgets hold; an answered request has one answer a task."""
    a = run.attempts
    if not (a["role"] > 0).any():
        return
    budget = {c: t.get("retry", {}) for c, d in s.classes.items() for t in d["pipeline"][:1]}
    for (request, task), group in a[a.groupby(["request", "task"])["role"].transform("max") > 0].groupby(["request", "task"]):
        done = group[group["status"] == "completed"]
        if len(done) > 1:
            yield f"request {request} has {len(done)} answers"
        if len(done) and (group["ended_ns"] > done["ended_ns"].max()).any():
            yield f"request {request}: an attempt outlives the answer"
        for i, row in group[group["role"] & HEDGE > 0].iterrows():
            others = group.drop(i)
            if not ((others["started_ns"] <= row["started_ns"]) & (others["ended_ns"] >= row["started_ns"])).any():
                yield f"request {request}: a copy of nothing"
        for i, row in group[group["role"] & RETRY > 0].iterrows():
            before = group[group["ended_ns"] <= row["started_ns"]]
            if not before["status"].isin(FAILED).any():
                yield f"request {request}: tried again though nothing had failed"
    for c, d in budget.items():
        rows = a[a["class"] == c]
        retries, firsts = (rows["role"] & RETRY > 0).sum(), rows["request"].nunique()
        if isinstance(d.get("budget"), (int, float)) and retries > d.get("burst", 10) + d["budget"] * firsts + 1e-6:
            yield f"class {c}: {retries} retries of {firsts} requests"


def audit_probes(s, run):
    """Each message crosses one link here: the bytes are those of the summary, the times those of the period."""
    probes = run.transfers[run.transfers["kind"] == "probe"] if run.transfers is not None else ()
    said = run.metrics.get("probe_bytes") or 0
    if len(probes) == 0:
        if said: yield f"{said} bytes of probes without a transfer"
        return
    if not close(probes["bytes"].sum(), said): yield f"{probes['bytes'].sum()} bytes of probes in the trace, {said} in the catalogue"
    for p in (p for p in s.places.values() if p.get("health")):
        there = probes[probes["zone"] == p["zone"]]
        if (there["started_ns"] % round(p["health"]["every"] * 1e9) != 0).any(): yield f"a probe of {p['name']} out of its turn"


def audit_waste(s, run):
    r = run.requests[run.requests["measured"] == 1]
    a = run.attempts[run.attempts["measured"] == 1]
    vain = a[~a["status"].isin(["completed", "censored"])]
    joules = vain[["energy_device_j", "energy_network_j", "energy_server_j"]].sum(axis=1).sum()
    expected = {"wasted_energy_j_per_request": joules / len(r), "wasted_cost_usd_per_1k_requests": 1000 * vain["cost_usd"].sum() / len(r),
                "wasted_service_ratio": vain["serve_ns"].sum() / max(1, a["serve_ns"].sum()),
                "retry_ratio": (a["role"] & RETRY > 0).sum() / len(r), "hedge_ratio": (a["role"] & HEDGE > 0).sum() / len(r),
                "shed_ratio": (a["role"] & SHED > 0).sum() / len(a)}
    for name, value in expected.items():
        if not close(run.metrics[name] or 0, value): yield f"{name}: {run.metrics[name]} in the catalogue, {value} from the trace"


AUDITS = [("copies and retries", audit_copies), ("probes", audit_probes), ("what was in vain", audit_waste), ("phases add up", audit_phases), ("energy and money", audit_ledgers), ("bytes per zone", audit_zones), ("metrics", audit_metrics)]


def plant_phase(run): run.attempts.loc[run.attempts.index[5], "serve_ns"] += 1
def plant_double_charge(run): run.attempts.loc[run.attempts["cost_usd"].idxmax(), "cost_usd"] *= 2
def plant_lost_joule(run): run.requests.loc[run.requests["energy_direct_j"].idxmax(), "energy_direct_j"] -= 1e-3
def plant_leak(run): run.transfers.loc[run.transfers.index[run.transfers["kind"] == "data"][0], "zone"] = "elsewhere"
def plant_latency(run): run.requests.loc[run.requests.index[run.requests["measured"] == 1][0], "completed_ns"] += 1_000_000


PLANTS = [("a phase shifted by 1 ns", plant_phase, audit_phases), ("a double charge", plant_double_charge, audit_ledgers),
          ("a lost millijoule", plant_lost_joule, audit_ledgers), ("a leak into another zone", plant_leak, audit_zones),
          ("a latency off by 1 ms", plant_latency, audit_metrics)]


def plant_batch(run):
    """A joule moved from one member of a batch to another: all sums stay."""
    sizes = run.attempts.groupby(["place", "member", "batch"])["energy_server_j"].transform("size")
    together = run.attempts[(sizes > 1) & (run.attempts["energy_server_j"] > 0) & (run.attempts["batch"] > 0)]
    key = together[["place", "member", "batch"]].iloc[0]
    group = together[(together[["place", "member", "batch"]] == key).all(axis=1)].index
    run.attempts.loc[group[0], "energy_server_j"] += 1e-3
    run.attempts.loc[group[1], "energy_server_j"] -= 1e-3


def first_where(run, condition): return run.attempts.index[condition][0]


def plant_copy_alone(run):
    """A first attempt that calls itself a copy."""
    a = run.attempts
    run.attempts.loc[first_where(run, (a["role"] == 0) & ~a["request"].duplicated(keep=False)), "role"] = HEDGE


def plant_late_loser(run):
    a = run.attempts
    answered = run.requests[run.requests["status"] == "completed"].set_index("request")["completed_ns"]
    i = first_where(run, (a["status"] == "cancelled") & (a["ended_ns"].to_numpy() == answered.reindex(a["request"]).to_numpy()))
    run.attempts.loc[i, ["ended_ns", "downlink_ns"]] += 1


def plant_free_loser(run):
    a = run.attempts
    run.attempts.loc[first_where(run, (a["status"] == "cancelled") & (a["energy_server_j"] > 0)), "energy_server_j"] = 0


def plant_groundless_retry(run):
    a = run.attempts
    run.attempts.loc[first_where(run, (a["role"] == 0) & ~a["request"].duplicated(keep=False)), "role"] = RETRY


def plant_hidden_probe(run):
    run.transfers = run.transfers.drop(run.transfers.index[run.transfers["kind"] == "probe"][3])


def plant_leak_by_copy(run):
    """The bytes of a copy pass a zone that the class does not allow."""
    a, t = run.attempts, run.transfers
    copies = set(zip(a["request"][a["role"] & HEDGE > 0], a["attempt"][a["role"] & HEDGE > 0]))
    at = [i for i, k, r, n in zip(t.index, t["kind"], t["request"], t["attempt"]) if k == "data" and (r, n) in copies]
    run.transfers.loc[at[0], "zone"] = "elsewhere"


LIFE = [("a copy beside nothing", plant_copy_alone, audit_copies), ("a copy that outlives the answer by 1 ns", plant_late_loser, audit_copies),
        ("a copy that paid nothing", plant_free_loser, audit_ledgers), ("a retry without a failure", plant_groundless_retry, audit_copies),
        ("a probe that is not told", plant_hidden_probe, audit_probes), ("a leak by a copy", plant_leak_by_copy, audit_zones)]


class Folder:
    def __init__(self, folder):
        self.folder, self.db = folder, sqlite3.connect(os.path.join(folder, "catalog.sqlite"))
        self.scenario = Scenario(self.db.execute("select resolved from study").fetchone()[0])
        self.runs = self.db.execute("select id, policy, replication, trace_file from run where state = 'done' order by policy, replication").fetchall()

    def load(self, row):
        metrics = dict(self.db.execute("select name, value from metric where run = ? and class = '' and place = ''", (row[0],)))
        return Run(os.path.join(self.folder, row[3]), metrics)


def main(folder):
    f = Folder(folder)
    scenario, runs, load = f.scenario, f.runs, f.load
    number, failed = 0, 0

    def tell(ok, title, lines=()):
        nonlocal number, failed
        number += 1
        failed += not ok
        print("ok" if ok else "not ok", number, "-", title)
        for line in lines: print("#  ", line)

    for row in runs:
        run = load(row)
        for title, audit in AUDITS:
            faults = list(audit(scenario, run))
            tell(not faults, f"{row[1]}, replication {row[2]}: {title}", faults)
    batched = [("a millijoule moved within a batch", plant_batch, audit_ledgers)] if any(map(scenario.batches, scenario.places)) else []
    life = LIFE if any(t.get("hedge") for d in scenario.classes.values() for t in d["pipeline"]) else []
    for title, plant, audit in PLANTS + batched + life:
        run = load(runs[0])
        plant(run)
        tell(bool(list(audit(scenario, run))), f"planted: {title} is seen")
    print(f"1..{number}")
    return 1 if failed or not runs else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
