#!/usr/bin/python3
"""Each device of resilience in scenarios/troubles.yaml: what it gains against none, where, and what it costs. Prints TAP.

Missed: share of measured requests outside their SLO, by when they came. Differences are paired over replications (the same
arrivals and demands); each must be seen by a one-sided t test at 1e-3 (10 replications: t = 4.30), which finds a gain
that is not there once in 1000. The seed is the scenario's, so that a run passes always or never.

usage: troubles.py PROGRAM SCENARIO WORK [--markdown]
"""
import json, os, sqlite3, subprocess, sys
import h5py, numpy
from tap import end, tell

program, scenario, work = sys.argv[1:4]
TASK, EDGE = "classes.ask.pipeline.answer.", "places.edge."
RETRY = "attempts: 8, on: [timeout, lost, rejected], backoff: {first: 50 ms, factor: 1.5, max: 1 s, jitter: full}"
DEVICES = {
    "none": {},
    "retry": {TASK + "retry": "{%s}" % RETRY},
    "retry, budget": {TASK + "retry": "{%s, budget: 10 %%, burst: 10}" % RETRY},
    "hedge": {TASK + "hedge": "{after: p95, place: region}"},
    "breaker": {EDGE + "breaker": "{window: 20, failures: 60 %, open_for: 5 s, half_open_probes: 3}"},
    "health": {EDGE + "health": "{every: 1 s, timeout: 500 ms, bytes: 200 B, down_after: 2, up_after: 1}"},
    "shed": {EDGE + "shed": "{queue: 6}"},
    "useless": {EDGE + "shed": "{queue: 1000000}"}}
DEVICES["all"] = {k: v for d in ("retry, budget", "hedge", "breaker", "health", "shed") for k, v in DEVICES[d].items()}
WHEN = {"calm": (0, 120), "slow": (120, 240), "gone": (360, 380), "load": (540, 580), "after": (660, 900)}
CRITICAL = 4.297                                # Student's t, 9 degrees of freedom, 1 - 1e-3


class Results:
    """Metrics, and missed[when] by replication."""
    def __init__(self, name):
        folder = os.path.join(work, name.replace(", ", "-"))
        sets = [x for k, v in DEVICES[name].items() for x in ("--set", f"{k}={v}")]
        run = subprocess.run([program, "run", scenario, "-o", folder, "--quiet", "--format", "json", *sets],
                             capture_output=True, text=True)
        if run.returncode: sys.exit(f"{name}: {run.stderr[-500:]}")
        self.metrics = json.loads(run.stdout)["policies"][0]["metrics"]
        self.missed = {w: [] for w in WHEN}
        files = sqlite3.connect(os.path.join(folder, "catalog.sqlite")).execute("select trace_file from run order by replication")
        for (path,) in files:
            with h5py.File(os.path.join(folder, path), "r") as f:
                at, met = f["requests/arrived_ns"][:] / 1e9, f["requests/slo_met"][:]
                for w, (begin, end) in WHEN.items():
                    self.missed[w].append(1 - met[(at >= begin) & (at < end)].mean())

    def of(self, metric): return self.metrics[metric]["value"] or 0
    def in_all(self, when): return numpy.mean(self.missed[when])

    def load(self): return 1 + self.of("retry_ratio") + self.of("hedge_ratio")


def fewer(a, b, when):
    """Does a miss fewer than b, seen at 1e-3?"""
    gain = numpy.array(b.missed[when]) - numpy.array(a.missed[when])
    se = gain.std(ddof=1) / len(gain) ** 0.5
    return gain.mean() > CRITICAL * se and gain.mean() > 0


def row(name, r):
    slo = r.metrics["slo_attainment"]
    cells = [name, f"{slo['value']:.3f} ± {(slo['hi_95'] - slo['lo_95']) / 2:.3f}", *(f"{r.in_all(w):.3f}" for w in WHEN),
             f"{r.load():.3f}", f"{r.of('energy_direct_j_per_request'):.1f}", f"{r.of('cost_direct_usd_per_1k_requests'):.4f}",
             f"{r.of('wasted_service_ratio'):.3f}", f"{r.of('probe_bytes') / 1e3:.0f}"]
    return "| " + " | ".join(cells) + " |"


all_of = {name: Results(name) for name in DEVICES}
if "--markdown" in sys.argv:
    print("\n".join(row(n, r) for n, r in all_of.items() if n != "useless"))
    sys.exit()
none = all_of["none"]
GAINS = {"retry": ["calm"], "retry, budget": ["calm", "after"], "hedge": ["slow", "gone", "load"], "breaker": ["gone", "load"],
         "health": ["gone"], "shed": ["load"], "all": list(WHEN)}
for name, where in GAINS.items():
    for w in where:
        r = all_of[name]
        tell(fewer(r, none, w), f"{name}, {w}: {r.in_all(w):.3f} missed instead of {none.in_all(w):.3f}")
storm, saved = all_of["retry"], all_of["retry, budget"]
tell(storm.in_all("after") > 0.9, f"a storm: {storm.in_all('after'):.3f} missed 80 s and more after the load was normal again")
tell(saved.in_all("after") < 0.01, f"with a budget none: {saved.in_all('after'):.4f}")
# n first attempts have at most burst + 0.1 n retries; n is 4 /s x 900 s + 8 /s x 30 s = 3840 on average, 10 of burst
tell(1 < saved.load() <= 1.1 + 10 / 3500, f"its load is at most 1.1 and the burst: {saved.load():.4f}; without it {storm.load():.2f}")
costs = lambda r: r.of("cost_direct_usd_per_1k_requests")
tell(costs(none) == costs(saved) == costs(all_of["shed"]) == 0, "the edge is free: who stays there pays nothing")
for name in ("hedge", "breaker", "health"):
    tell(costs(all_of[name]) > 0, f"{name} pays the region: {costs(all_of[name]):.4f} USD per 1000 requests")
tell(all_of["hedge"].load() > 1.01, f"hedge: {all_of['hedge'].load():.3f} attempts a request")
joules = lambda r: r.of("energy_direct_j_per_request")
tell(joules(storm) > 1.5 * joules(none), f"the storm costs {joules(storm):.1f} J a request instead of {joules(none):.1f}")
# 960 s at most, one a second, 200 B there and as much back; 900 s at least; those of the blackout do not come back
probes = all_of["health"].of("probe_bytes")
tell(880 * 200 <= probes <= 961 * 400 and none.of("probe_bytes") == 0, f"probes are counted: {probes:.0f} B a run")
tell(all_of["shed"].of("shed_ratio") > 0 and all_of["shed"].of("wasted_service_ratio") < 0.6 * none.of("wasted_service_ratio"),
     "shed: less work in vain")
tell(not any(fewer(all_of["useless"], none, w) for w in WHEN), "planted: shedding that never sheds gains nothing")
end()
