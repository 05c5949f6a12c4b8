#!/usr/bin/python3
"""Privacy zones under random scenarios: classes, places, links that pass zones, relays, pipelines, fallbacks, hedges,
policies. Every row of /transfers that carries a request's bytes is held against the zones of its class, by sums of its
own: the zone that the row names, and those that its link passes. Planted leaks (a relay, a hedge's copy, telemetry about
a request) must be seen. Prints TAP and the seed.

usage: zones.py PROGRAM DECISIONS SEED WORK
"""
import os, random, shutil, sqlite3, subprocess, sys
import h5py, numpy

program, wanted, seed, work = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
dice = random.Random(seed)
ZONES = ["user", "telco", "partner", "public"]


def scenario(requests):
    place = [{"name": "phone", "tier": "device", "zone": "user", "count": dice.randint(1, 20), "servers": 4}]
    for i, tier in enumerate(["edge", "edge", "cloud", "cloud"][: dice.randint(2, 4)]):
        place.append({"name": f"site{i}", "tier": tier, "zone": dice.choice(ZONES[1:]), "count": dice.randint(1, 2), "servers": 4})
    link = []
    for i in range(1, len(place)):                        # a tree, so that some ways are relays, and a few more
        link.append({"name": f"l{i}", "between": [place[0 if i == 1 else dice.randrange(i)]["name"], place[i]["name"]]})
    for i in range(dice.randint(0, 2)):
        a, b = dice.sample(place, 2)
        link.append({"name": f"x{i}", "between": [a["name"], b["name"]]})
    for l in link:
        l.update(latency=f"{dice.randint(1, 30)} ms", rate=f"{dice.choice([8, 80])} Mbit/s", shared_by=dice.choice(["none", "link", "device"]))
        if dice.random() < 0.3:
            ends = {p["zone"] for p in place if p["name"] in l["between"]}
            l["zones"] = sorted(ends | {dice.choice(ZONES)})
    others = [p["name"] for p in place[1:]]
    classes = []
    for k in range(dice.randint(1, 3)):
        task = []
        for t in range(dice.randint(1, 3)):
            d = {"task": f"t{t}", "work": {"time": {"exponential": {"mean": "20 ms"}}}, "places": ["origin"] + dice.sample(others, dice.randint(1, len(others))), "output": "5 kB"}
            if t > 1: d["after"] = ["t0"]
            if dice.random() < 0.4:
                d["timeout"] = {"e2e": "60 ms"}
                d["fallback"] = [{"place": dice.choice(others)}, {"place": "origin"}][: dice.randint(1, 2)]
            if dice.random() < 0.3: d["stream"] = True
            if dice.random() < 0.4: d["hedge"] = {"after": "25 ms"}
            task.append(d)
        c = {"name": f"c{k}", "from": ["phone"], "arrivals": {"poisson": {"rate": "20 /s"}}, "input": "20 kB", "pipeline": task}
        if dice.random() < 0.8: c["zones"] = ["user"] + dice.sample(ZONES[1:], dice.randint(0, 2))
        classes.append(c)
    policy = [dice.choice(["random", "ucb1", "latency_greedy", "round_robin", "least_loaded", "cost_aware"])]
    if dice.random() < 0.3: policy = [{"policy": policy[0], "at": dice.choice(others)}]
    s = {"name": "z", "seed": dice.randrange(10**6), "horizon": {"duration": "1000 min", "max_requests": requests, "drain_max": "1 min"},
         "places": place, "links": link, "classes": classes, "policies": policy, "output": {"trace": "links"}}
    if dice.random() < 0.3:
        s["changes"] = [{"at": "1 s", "every": "3 s", "for": "1 s", "path": f"links.{link[0]['name']}.available", "to": "false"}]
    return s


def flow(x):
    """YAML without quotes, which would make words of numbers."""
    if isinstance(x, dict): return "{" + ", ".join(f"{k}: {flow(v)}" for k, v in x.items()) + "}"
    if isinstance(x, list): return "[" + ", ".join(map(flow, x)) + "]"
    return "true" if x is True else str(x)


def words(column):
    back = {v: k for k, v in h5py.check_enum_dtype(column.dtype).items()}
    return numpy.array([back[x] for x in range(max(back) + 1)] if set(back) == set(range(max(back) + 1)) else [back.get(x, "") for x in range(max(back) + 1)])[column[:]]


def read(path):
    with h5py.File(path, "r") as f:
        t, q = f["transfers"], f["requests"]
        klass = dict(zip(q["request"][:], words(q["class"])))
        rows = {k: (words(t[k]) if h5py.check_enum_dtype(t[k].dtype) else t[k][:]) for k in ("request", "attempt", "link", "zone", "kind", "bytes")}
        return klass, rows, len(f["decisions/request"])


def leaks(s, klass, rows):
    """Rows that took bytes of a request where its class does not allow them."""
    allowed = {c["name"]: set(c.get("zones", ZONES)) for c in s["classes"]}
    zone = {p["name"]: p["zone"] for p in s["places"]}
    passes = {l["name"]: set(l.get("zones", [])) | {zone[e] for e in l["between"]} for l in s["links"]}
    memo, bad = {}, 0
    for request, link, at in zip(rows["request"], rows["link"], rows["zone"]):
        c = klass.get(request)
        if c is None: continue                            # telemetry: about places, of nobody
        if (c, link, at) not in memo: memo[c, link, at] = not ({at} | passes[link] <= allowed[c])
        bad += memo[c, link, at]
    return bad


def plant(s, klass, rows, kind, chosen):
    """One row more: bytes of a private request in a zone that its class forbids."""
    for c in s["classes"]:
        forbidden = sorted(set(ZONES) - set(c.get("zones", ZONES)))
        mine = [r for r, k in klass.items() if k == c["name"]]
        if not forbidden or not mine: continue
        more = {"request": mine[0], "attempt": chosen, "link": s["links"][0]["name"], "zone": forbidden[0], "kind": kind, "bytes": 100}
        return {k: numpy.append(v, more[k]) for k, v in rows.items()}
    return None


def main():
    decisions = transfers = bad = worlds = refused = 0
    planted = {"relay": None, "hedge": None, "telemetry": None}
    crashed = []
    while decisions < wanted:
        s = scenario(min(5000, max(300, wanted // 40)))
        path, out = os.path.join(work, "z.yaml"), os.path.join(work, "z")
        open(path, "w").write("\n".join(f"{k}: {flow(v)}" for k, v in s.items()) + "\n")
        shutil.rmtree(out, ignore_errors=True)
        run = subprocess.run([program, "run", path, "-o", out, "--quiet"], capture_output=True, text=True)
        if run.returncode == 2:                           # nothing is allowed there, or no way: said before the run
            refused += 1
            if refused > 50 + 20 * worlds: print("#  ", run.stderr[:600]); break
            continue
        if run.returncode:
            crashed.append(f"exit {run.returncode}, world {worlds}: {run.stderr[:300]}")
            if len(crashed) > 3: break
            continue
        worlds += 1
        for (file,) in sqlite3.connect(os.path.join(out, "catalog.sqlite")).execute("select trace_file from run where state = 'done'"):
            klass, rows, n = read(os.path.join(out, file))
            decisions, transfers, bad = decisions + n, transfers + len(rows["request"]), bad + leaks(s, klass, rows)
            for name, (kind, attempt) in {"relay": ("relay", 0), "hedge": ("data", 1), "telemetry": ("telemetry", 0)}.items():
                wrong = plant(s, klass, rows, kind, attempt) if planted[name] is None else None
                if wrong is not None: planted[name] = leaks(s, klass, wrong) > leaks(s, klass, rows)
    tests = [(not crashed, f"no world crashes ({worlds} ran, {refused} refused before they ran)"),
             (decisions >= wanted and bad == 0, f"{bad} violations in {decisions} decisions, {transfers} rows, seed {seed}")]
    tests += [(seen is True, f"planted: a leak by {name} is seen") for name, seen in planted.items()]
    for line in crashed: print("#  ", line)
    for i, (ok, title) in enumerate(tests): print("ok" if ok else "not ok", i + 1, "-", title)
    print(f"1..{len(tests)}")
    return not all(ok for ok, _ in tests)


sys.exit(main())
