#!/usr/bin/python3
"""bounds.py OFFSIM N [SEED]: on N random scenarios no policy does better than `alone_bound`.

Policies and the bound run on the same random numbers, so the comparison is exact: request by request in latency and
cost, for those that were answered, and in the mean cost of all. Planted: a bound of a world with slower links, which
some policy must beat. Exit 1 when a bound is broken, or the planted one is not.
"""
import json
import os
import random
import subprocess
import sys
import tempfile

import h5py

POLICIES = ["random", "least_loaded", "cost_aware", "clairvoyant", "jsq", "always_edge"]


def dist(r, mean):
    kind = r.choice(["constant", "exponential", "lognormal", "uniform"])
    if kind == "constant":
        return f"{mean:.6g} ms"
    if kind == "exponential":
        return f"{{exponential: {{mean: {mean:.6g} ms}}}}"
    if kind == "lognormal":
        return f"{{lognormal: {{median: {mean:.6g} ms, sigma: {r.uniform(.1, 1):.3g}}}}}"
    return f"{{uniform: {{low: {mean / 2:.6g} ms, high: {1.5 * mean:.6g} ms}}}}"


def place(r, name, tier):
    parts = [f"name: {name}", f"tier: {tier}", f"count: {r.randint(1, 3)}", f"servers: {r.randint(1, 2)}"]
    if r.random() < .5:
        parts.append(f"slots: {r.randint(1, 3)}")
    parts.append("idle_power: 5 W")
    parts.append("busy_power: 25 W")
    if r.random() < .3:
        parts.append(f"tariff: {{request: {r.uniform(0, 1e-3):.3g} USD}}")
    if r.random() < .3:
        parts.append("discipline: " + r.choice(["fifo", "lifo", "processor_sharing"]))
    if tier != "device" and r.random() < .1:
        parts.append(f"shed: {{queue: {r.randint(2, 10)}}}")
    if tier != "device" and r.random() < .2:
        parts.append("capacity: 20")
    return "{" + ", ".join(parts) + "}"


def task(r, name, after):
    parts = [f"task: {name}", f"work: {{time: {dist(r, r.uniform(5, 200))}}}",
             f"places: [{r.choice(['origin, edge', 'origin, nearest, cloud', 'edge[*], cloud', 'origin, edge[*], cloud'])}]",
             f"output: {r.randint(1, 50)} kB"]
    parts[2] = parts[2].replace("edge[*]", "'edge[*]'")
    if after is not None:
        parts.append(f"after: [{after}]")
    if r.random() < .1:
        parts.append(f"hedge: {{after: {r.uniform(10, 200):.4g} ms}}")
    if r.random() < .1:
        parts.append(f"retry: {{attempts: 3}}, timeout: {{e2e: {r.uniform(50, 500):.4g} ms}}")
    elif r.random() < .15:
        parts.append(f"timeout: {{e2e: {r.uniform(50, 500):.4g} ms}}, fallback: [{{place: origin}}]")
    return "{" + ", ".join(parts + condition(r, name, after)) + "}"


def condition(r, name, after):
    """Tasks that are skipped, that end the request, that search; what they produce."""
    parts = []
    if r.random() < .2:
        parts.append("recall: {value: 0.7, missed: 0.5}")
        if r.random() < .3:
            parts.append(f"ends: {name}_found")
    elif r.random() < .1:
        parts.append("ends: x > 0.7")
    if r.random() < .2:
        parts.append(f"when: x < {r.uniform(0, 1):.2f}")
    return parts


def pipeline(r):
    names = ["a", "b", "c"][: r.choice([1, 1, 2, 3])]
    out = []
    for i, name in enumerate(names):
        after = None if i == 0 else ", ".join(r.sample(names[:i], r.randint(1, i)))
        out.append(task(r, name, after))
    return "\n      - ".join([""] + out)


def link(r, name, a, b):
    parts = [f"name: {name}", f"between: [{a}, {b}]", f"latency: {dist(r, r.uniform(1, 60))}",
             f"rate: {r.uniform(2, 100):.4g} Mbit/s", "shared_by: " + r.choice(["none", "link", "cell"])]
    return "{" + ", ".join(parts) + "}"


def scenario(seed):
    r = random.Random(seed)
    objective = [f"latency: {-r.uniform(.1, 5):.3g} /s"]
    if r.random() < .6:
        objective.append(f"money: {-r.uniform(1, 1e3):.3g} /USD")
    if r.random() < .6:
        objective.append(f"energy: {-r.uniform(.01, 1):.3g} /J")
    if r.random() < .7:
        objective.append(f"failure: {-r.uniform(0, 20):.3g}")
    return f"""name: bounds
seed: {seed}
horizon: {{kind: terminating, duration: {r.randint(10, 30)} s, drain_max: 10 min}}
objective: {{{", ".join(objective)}}}
places:
  - {place(r, "phone", "device")}
  - {place(r, "edge", "edge")}
  - {place(r, "cloud", "cloud")}
links:
  - {link(r, "access", "phone", "edge")}
  - {link(r, "wan", "edge", "cloud")}
classes:
  - name: c
    from: [phone]
    arrivals: {{poisson: {{rate: {r.uniform(1, 12):.3g} /s}}}}
    input: {r.randint(1, 200)} kB
    attributes: {{x: {{dist: {{uniform: {{low: 0, high: 1}}}}}}}}
    pipeline:{pipeline(r)}
telemetry: {{refresh: 100 ms, delay: 20 ms}}
policies: [{", ".join(POLICIES)}, {{policy: alone_bound, name: bound}}]
replications: 1
"""


def run(offsim, path, out, extra=()):
    done = subprocess.run([offsim, "run", path, "-o", out, "-j", "1", "--format", "json", "--quiet", *extra],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{path}: exit {done.returncode}\n{done.stderr}\n{open(path).read()}")
    return {p["policy"]: p for p in json.loads(done.stdout)["policies"]}


def requests(out, policy):
    """id -> (answered, latency in ns, cost) of the cohort's settled requests."""
    import sqlite3
    with sqlite3.connect(os.path.join(out, "catalog.sqlite")) as db:
        rows = db.execute("select trace_file from run where policy = ?", (policy,)).fetchall()
    table = {}
    with h5py.File(os.path.join(out, rows[-1][0]), "r") as f:
        g = f["requests"]
        status = h5py.check_enum_dtype(g["status"].dtype)
        good = {status[name] for name in ("completed", "answered") if name in status}
        for i, arrived, done, cost, s in zip(g["request"][:], g["arrived_ns"][:], g["completed_ns"][:],
                                             g["reward"][:], g["status"][:]):
            table[int(i)] = (int(s) in good, int(done) - int(arrived), -float(cost))
    return table


def broken(bound, table):
    """Requests that this policy serves faster or cheaper than the bound says."""
    return [i for i, (good, ns, cost) in table.items()
            if good and i in bound and bound[i][0] and (ns < bound[i][1] or cost < bound[i][2] - 1e-9 * (1 + abs(cost)))]


def check(offsim, seed, work):
    path, out = os.path.join(work, f"{seed}.yaml"), os.path.join(work, f"out{seed}")
    with open(path, "w") as f:
        f.write(scenario(seed))
    rows = run(offsim, path, out)
    assert rows["bound"]["kind"] == "bound"
    bound = requests(out, "bound")
    least = rows["bound"]["metrics"]["cost_objective"]["value"]
    faults = []
    for p in POLICIES:
        wrong = broken(bound, requests(out, p))
        cost, censored = (rows[p]["metrics"].get(m, {}).get("value") for m in ("cost_objective", "censored_ratio"))
        if wrong or (not censored and cost < least - 1e-9 * (1 + abs(cost))):
            faults.append(f"seed {seed}: {p} beats the bound: {len(wrong)} requests {wrong[:3]}, cost {cost} < {least}")
    return faults, out, path


def planted(offsim, out, path):
    """The bound of a world whose links are slower."""
    slow = out + "-slow"
    run(offsim, path, slow, ["--policy", "bound", "--set", "links.access.latency=400 ms", "--set", "links.wan.latency=400 ms"])
    bound = requests(slow, "bound")
    return any(broken(bound, requests(out, p)) for p in POLICIES)


def main():
    offsim, n = os.path.abspath(sys.argv[1]), int(sys.argv[2])
    first = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    faults, seen, tried = [], 0, 0
    with tempfile.TemporaryDirectory() as work:
        for seed in range(first, first + n):
            found, out, path = check(offsim, seed, work)
            faults += found
            if seed % 10 == 0 and "fallback" not in open(path).read():
                tried += 1
                seen += planted(offsim, out, path)
    for line in faults[:20]:
        print(line)
    print(f"{n} scenarios, {len(POLICIES)} policies: {len(faults)} broken bounds; planted slower links seen in {seen} of {tried}")
    return 1 if faults or (tried and not seen) else 0


if __name__ == "__main__":
    sys.exit(main())
