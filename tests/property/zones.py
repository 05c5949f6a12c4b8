#!/usr/bin/python3
"""Privacy zones under random scenarios: classes, places, links that pass zones, relays, pipelines, fallbacks, copies (tied
or not, to places of their own), learners that live elsewhere, policies. Every row of /transfers that is of a request is held
against the zones of its class, by sums of its own: the zone that the row names, and those that its link passes; the
auditor of tests/differential reads a sample of the same traces. Then faulty simulators, each with one function replaced
(tests/property/leaks), run random scenarios: both must find the leak by a relay, by a copy, and by telemetry about requests,
and nothing of another kind. Prints TAP and the seed.

usage: zones.py PROGRAM DECISIONS SEED WORK LEAKS
"""
import collections, os, random, shutil, sqlite3, subprocess, sys
import h5py, numpy
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../differential"))
import auditor

program, wanted, seed, work, faulty = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5]
dice = random.Random(seed)
ZONES = ["user", "telco", "partner", "public"]


def scenario(requests, kinds=True):
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
    there = sorted(({p["zone"] for p in place} | {z for l in link for z in l.get("zones", [])}) - {"user"})
    held = ["user"] + dice.sample(there, dice.randint(0, 1))            # where data of a kind may be
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
            if dice.random() < 0.4: 
                d["hedge"] = {"after": "25 ms"}
                if dice.random() < 0.6: d["hedge"]["place"] = dice.choice(others)
                if dice.random() < 0.3: d["hedge"]["tied"] = True
            task.append(d)
        c = {"name": f"c{k}", "from": ["phone"], "arrivals": {"poisson": {"rate": "20 /s"}}, "input": "20 kB", "slo": {"e2e": "200 ms"}, "pipeline": task}
        if dice.random() < 0.8: c["zones"] = ["user"] + dice.sample(there, min(len(there), dice.randint(0, 2)))
        if kinds and dice.random() < 0.5: c["data"] = {"held": dice.choice([0.3, "0.2 * (delicate > 0.5)"])}
        c["attributes"] = {"delicate": {"dist": {"uniform": {"low": 0, "high": 1}}}}
        home = [p["name"] for p in place if p["zone"] in set(c.get("zones", ZONES)) & (set(held) if "data" in c else set(ZONES))] + ["origin"]
        for d in task:                                    # what is masked for certain is refused before the run
            d["fallback"] = [f for f in d.get("fallback", []) if f["place"] in home]
        classes.append(c)
    policy = [dice.choice(["random", "ucb1", "latency_greedy", "round_robin", "least_loaded", "cost_aware"])]
    if dice.random() < 0.3: policy = [{"policy": policy[0], "at": dice.choice(others)}]
    s = {"name": "z", "seed": dice.randrange(10**6), "horizon": {"duration": "1000 min", "max_requests": requests, "drain_max": "1 min"},
         "places": place, "links": link, "data": {"held": {"zones": held}}, "classes": classes, "policies": policy, "output": {"trace": "links"}}
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
        rows = {k: (words(t[k]) if h5py.check_enum_dtype(t[k].dtype) else t[k][:]) for k in ("request", "task", "attempt", "link", "zone", "kind", "carries")}
        rows["delicate"] = dict(zip(q["request"][:], q["delicate"][:]))
        return klass, rows, len(f["decisions/request"])


def leaks(s, klass, rows):
    """Rows that took bytes of a request where its class does not allow them, counted by kind and attempt."""
    allowed = {c["name"]: set(c.get("zones", ZONES)) for c in s["classes"]}
    zone = {p["name"]: p["zone"] for p in s["places"]}
    passes = {l["name"]: set(l.get("zones", [])) | {zone[e] for e in l["between"]} for l in s["links"]}
    memo, bad = {}, collections.Counter()
    held, data = set(s["data"]["held"]["zones"]), {c["name"]: c.get("data", {}).get("held", 0) for c in s["classes"]}
    for request, link, at, kind, task, attempt, carries in zip(*(rows[k] for k in ("request", "link", "zone", "kind", "task", "attempt", "carries"))):
        share = data.get(klass.get(request), 0)           # a kind of data may be in fewer zones than its class
        if carries and (share == 0.3 or (share and rows["delicate"][request] > 0.5)) and not {at} | passes[link] <= held:
            bad[(request, kind, task, attempt)] += 1
    for row in zip(rows["request"], rows["link"], rows["zone"], rows["kind"], rows["task"], rows["attempt"]):
        request, link, at = row[:3]
        c = klass.get(request)
        if c is None: continue                            # telemetry: about places, of nobody
        if (c, link, at) not in memo: memo[c, link, at] = not ({at} | passes[link] <= allowed[c])
        if memo[c, link, at]: bad[(request, *row[3:])] += 1
    return bad


def run(with_program, s):
    """Exit status, standard error and the folder."""
    path, out = os.path.join(work, "z.yaml"), os.path.join(work, "z")
    open(path, "w").write("\n".join(f"{k}: {flow(v)}" for k, v in s.items()) + "\n")
    shutil.rmtree(out, ignore_errors=True)
    done = subprocess.run([with_program, "run", path, "-o", out, "--quiet"], capture_output=True, text=True)
    return done.returncode, done.stderr, out


def audited(out):
    """What the auditor says of all runs."""
    f = auditor.Folder(out)
    return [f"{title}: {fault}" for one in map(f.load, f.runs) for title, audit in auditor.AUDITS for fault in audit(f.scenario, one)]


def traces(out):
    for (file,) in sqlite3.connect(os.path.join(out, "catalog.sqlite")).execute("select trace_file from run where state = 'done'"):
        yield os.path.join(out, file)


# What makes a leak one of this kind: (kind of transfer, whether its attempt is a copy, whether its place is allowed).
LABELS = {"relay": lambda kind, copy, home: kind == "data" and home, "hedge": lambda kind, copy, home: kind == "data" and copy and not home,
          "telemetry": lambda kind, copy, home: kind == "telemetry"}
# And what else may come with it: other messages on the same ways; what a copy and its successors do where it is.
COMPANY = {"relay": lambda kind, copy, home: home or kind in ("relay", "telemetry", "decision"), "hedge": lambda kind, copy, home: kind in ("data", "relay"),
           "telemetry": lambda kind, copy, home: kind in ("telemetry", "decision")}


def labelled(s, out):
    """Each leak of the runs: kind, attempt, whether that is a copy, whether its place is allowed."""
    allowed = {c["name"]: set(c.get("zones", ZONES)) for c in s["classes"]}
    zone = {p["name"]: p["zone"] for p in s["places"]}
    f = auditor.Folder(out)
    for row, path in zip(f.runs, traces(out)):
        klass, rows, _ = read(path)
        a = f.load(row).attempts
        of = dict(zip(zip(a["request"], auditor.task_index(f.scenario, a), a["attempt"]), zip(a["role"], a["place"])))
        for (request, kind, task, attempt) in leaks(s, klass, rows):
            role, place = of.get((request, task, attempt), (0, None))
            yield kind, attempt, bool(role & auditor.HEDGE), place is None or zone[place] in allowed[klass[request]]


def hunt(name):
    """Random worlds until the faulty simulator has leaked: (by its label, nothing else, the auditor too, words, worlds)."""
    for worlds in range(1, 400):
        s = scenario(300, kinds=False)
        code, _, out = run(os.path.join(faulty, name), s)
        found = list(labelled(s, out)) if code == 0 else []
        mine = [x for x in found if LABELS[name](x[0], *x[2:])]
        if not mine: continue
        kind, attempt = mine[0][:2]
        said = [x for x in audited(out) if x.startswith("bytes per zone: class") and f": {kind} of attempt {attempt} in" in x]
        return True, all(COMPANY[name](x[0], *x[2:]) for x in found), bool(said), f"{kind} of attempt {attempt}, {len(found)} rows", worlds
    return False, False, False, "nothing", worlds


def hunt_kind():
    """The same for kinds of data: seen by the rows, and by the run's own count of misplaced bytes; (both, worlds)."""
    for worlds in range(1, 200):
        s = scenario(300)
        code, _, out = run(os.path.join(faulty, "kind"), s)
        if code or not any(leaks(s, *read(path)[:2]) for path in traces(out)): continue
        with sqlite3.connect(os.path.join(out, "catalog.sqlite")) as base:
            said = base.execute("select max(value) from metric where name = 'misplaced_bytes'").fetchone()[0]
        return (said or 0) > 0, worlds
    return False, worlds


def main():
    decisions = transfers = bad = worlds = refused = looked = 0
    crashed, objections = [], []
    requests = min(5000, max(300, wanted // 40))
    while decisions < wanted:
        s = scenario(requests)
        code, said, out = run(program, s)
        if code == 2:                                     # nothing is allowed there, or no way: said before the run
            refused += 1
            if refused > 50 + 20 * worlds: print("#  ", said[:600]); break
            continue
        if code:
            crashed.append(f"exit {code}, world {worlds}: {said[:300]}")
            if len(crashed) > 3: break
            continue
        worlds += 1
        for path in traces(out):
            klass, rows, n = read(path)
            decisions, transfers, bad = decisions + n, transfers + len(rows["request"]), bad + sum(leaks(s, klass, rows).values())
        if worlds % 4 == 1:
            looked += 1
            objections += audited(out)
    tests = [(not crashed, f"no world crashes ({worlds} ran, {refused} refused before they ran)"),
             (decisions >= wanted and bad == 0, f"{bad} violations in {decisions} decisions, {transfers} rows, seed {seed}"),
             (looked and not objections, f"the auditor agrees on {looked} of these worlds")]
    for name in LABELS:
        mine, alone, heard, words, tried = hunt(name)
        tests += [(mine, f"planted: a leak by {name} is seen in world {tried}: {words}"), (alone, f"{name}: and no other leak"),
                  (heard, f"planted: the auditor names the leak by {name}")]
    both, tried = hunt_kind()
    tests.append((both, f"planted: a kind of data beyond its zones is seen in world {tried}, by the rows and by the run itself"))
    for line in crashed + objections[:10]: print("#  ", line)
    for i, (ok, title) in enumerate(tests): print("ok" if ok else "not ok", i + 1, "-", title)
    print(f"1..{len(tests)}")
    return not all(ok for ok, _ in tests)


sys.exit(main())
