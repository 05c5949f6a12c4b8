#!/usr/bin/python3
"""What must hold in every shipped scenario, whatever it is about: Little's law for each place and each link, conservation of
requests and of bytes, the identities of energy (for each boundary) and of money, and a network that does not depend on who
decides. Prints TAP.

Each law holds two sides against each other that were counted apart. Requests, attempts and transfers come from the trace;
meters and totals from `laws/true`, the program with witnesses (laws/witness.c), whose runs have the same hashes. What links
are is seen under two policies that have little in common, `always_edge` and `random`: wherever both looked at the same
(link, entity, time), they must have seen the same. Then programs with one fault each, and traces that were tampered with:
the law concerned must say so. Nothing here is statistical, so there are no false alarms.

usage: laws.py PROGRAM LAWS WORK [SCENARIO...]
"""
import collections, copy, glob, json, os, shutil, subprocess, sys
import numpy, pandas
sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), d) for d in ("..", "../differential")]
import auditor
from tap import end, tell

PROGRAM, LAWS, WORK = sys.argv[1:4]
SHIPPED = sys.argv[4:] or sorted(glob.glob("scenarios/*.yaml") + glob.glob("scenarios/changes/*.yaml"))
POLICIES = ("always_edge", "random")
BOUNDARIES = ("device", "access", "server", "facility")
REQUESTS = int(os.environ.get("LAWS_REQUESTS", 5000))      # of a run, at most
ROW = numpy.dtype([("what", "u8"), ("link", "u8"), ("entity", "u8"), ("from", "i8"), ("until", "i8"), ("x", "f8"), ("y", "f8")])
RATE, AVAILABLE, EPISODE, LOSSES, LATENCY, ATTACHED, ROUTED = range(7)
PRESENT = ["queue_ns", "cold_start_ns", "batch_ns", "serve_ns"]


def close(a, b, scale=0.0):
    return numpy.all(numpy.abs(numpy.asarray(a) - numpy.asarray(b)) <= 1e-9 * (1 + numpy.abs(b) + scale))


class Run:
    def __init__(self, folder, row, watched, policy):
        loaded = folder.load(row)
        self.requests, self.attempts, self.transfers, self.metrics = loaded.requests, loaded.attempts, loaded.transfers, loaded.metrics
        self.total = json.load(open(os.path.join(watched, policy + "-0.json")))
        self.rows = numpy.fromfile(os.path.join(watched, policy + "-0.rows"), dtype=ROW)


def runs_of(scenario, program="true", policies=POLICIES, requests=REQUESTS, options=()):
    """One replication under each policy: {policy: Run}, the scenario with all its defaults, and the runs' hashes."""
    watched, out = os.path.join(WORK, "watched"), os.path.join(WORK, "out")
    for d in (watched, out): shutil.rmtree(d, ignore_errors=True)
    os.makedirs(watched)
    done = subprocess.run([os.path.join(LAWS, program) if "/" not in program else program, "run", scenario, "--policy", ",".join(policies), "--replications", "1", "-o", out,
                           "--set", "output.trace=links", "--set", f"horizon.max_requests={requests}", "--quiet", *options],
                          env={**os.environ, "OFFSIM_WITNESS": watched}, capture_output=True, text=True)
    if done.returncode: raise RuntimeError(f"{scenario}: exit {done.returncode}: {done.stderr[-400:]}")
    folder = auditor.Folder(out)
    hashes = dict(folder.db.execute("select policy, trace_hash from run").fetchall())
    runs, named = {r[1]: r for r in folder.runs}, {p["policy"]: p["name"] for p in folder.scenario.policies if "name" in p}
    names = {p: p if p in runs else named[p] for p in policies}
    return {p: Run(folder, runs[n], watched, n) for p, n in names.items()} if program != PROGRAM else None, folder.scenario, hashes


# ---- laws of one run: each yields what is wrong --------------------------------------------------------------------------

def conservation(s, run):
    """Who came is there once, and has ended; the attempts are theirs."""
    r, a, t = run.requests, run.attempts, run.total
    if t["all_in"] != t["all_out"]: yield f"{t['all_in']} requests came, {t['all_out']} ended"
    if len(r) != t["all_in"] or r["request"].nunique() != len(r): yield f"{t['all_in']} requests came, {r['request'].nunique()} are told in {len(r)} rows"
    if (r["status"] == "open").any(): yield "a request has not ended"
    count = a.groupby("request").size().reindex(r["request"]).fillna(0).to_numpy()
    if (count != r["n_attempts"].to_numpy()).any(): yield "a request has another number of attempts"
    if not set(a["request"]) <= set(r["request"]): yield "an attempt of nobody"
    m = run.metrics
    if m["requests"] != (r["measured"] == 1).sum() or m["requests_settled"] != len(r): yield "the catalogue counts other requests"


def presence_ns(run, place, window_ns):
    """Nanoseconds in the window that attempts were at the place; of those, waiting in its queue or for an instance."""
    a = run.attempts[run.attempts["place"] == place]
    come = (a["started_ns"] + a["decide_ns"] + a["uplink_ns"]).to_numpy()
    inside = lambda begin, length: (numpy.clip(begin + length, *window_ns) - numpy.clip(begin, *window_ns)).sum()
    return inside(come, a[PRESENT].sum(axis=1).to_numpy()), inside(come, a[["queue_ns", "cold_start_ns"]].sum(axis=1).to_numpy())


def littles_law(s, run):
    """L = lambda W. Places over the window, links over the whole run."""
    t = run.total
    warmup = s.horizon.get("warmup", 0) if s.horizon["kind"] == "steady" else 0
    window_ns = [round(warmup * 1e9), round((warmup + t["window_s"]) * 1e9)]
    for name, p in t["places"].items():
        here, waits = presence_ns(run, name, window_ns)
        if not close(p["in_system_mean"] * t["window_s"], here / 1e9): yield f"{name}: {p['in_system_mean'] * t['window_s']:.9g} attempt-seconds by the meter, {here / 1e9:.9g} by the trace"
        if p["queue_length_mean"] > 0 and not close(p["queue_length_mean"] * t["window_s"], waits / 1e9):
            yield f"{name}: {p['queue_length_mean'] * t['window_s']:.9g} s of waiting by the meter, {waits / 1e9:.9g} by the trace"
    rows = run.transfers[~run.transfers["kind"].isin(["setup", "resent"])]
    took = ((rows["ended_ns"] - rows["started_ns"]) / 1e9).groupby(rows["link"]).sum()
    for name, l in t["links"].items():
        metered, told = l["in_flight_mean"] * t["run_s"], took.get(name, 0.0)
        wrong = metered < told * (1 - 1e-9) - 1e-9 or metered > told + l["left"] * t["run_s"] if l["left"] else not close(metered, told)
        if wrong: yield f"link {name}: {metered:.9g} message-seconds by the meter, {told:.9g} by the records"


def touched(s, link):
    """Places at its ends; a topology as a whole is one of them, for links inside it and to sites at its nodes."""
    places = s.links[link]["between"] if link in s.links else [link]
    return {*places, *(s.places.get(p, {}).get("sited", {}).get("topology", p.split(".")[0]) for p in places)}


def is_device(s, place): return s.places.get(place, {"tier": "edge"})["tier"] == "device"     # else: nodes of a topology


def heads(run, s):
    """Of each row of data, whether it is the first hop of its message, and its message's first row."""
    t = run.transfers[run.transfers["kind"] == "data"]
    ends = {l: touched(s, l) for l in t["link"].unique()}
    link, began, ended, size = (t[c].to_numpy() for c in ("link", "started_ns", "ended_ns", "bytes"))
    owner = t.groupby(["request", "task", "attempt"]).ngroup().to_numpy()
    first, of, before = numpy.ones(len(t), bool), numpy.arange(len(t)), collections.defaultdict(list)
    for i in range(len(t)):
        for j in reversed(before[owner[i]]):
            follows = ended[j] == began[i] or (began[j] == began[i] and ended[j] == ended[i])
            if follows and link[j] != link[i] and ends[link[j]] & ends[link[i]] and size[i] <= size[j] * (1 + 1e-12):
                first[i], of[i] = False, of[j]
                break
        before[owner[i]].append(i)
    return t, first, of


def may_break(s):
    """Ways that end before a message is through, so that it is cut and sent again from its beginning."""
    scenario = s.whole
    lost = lambda d: d.get("on_outage", "wait") != "wait" or d.get("nodes", {}).get("outages")
    return any("mobility" in p for p in s.places.values()) or any(map(lost, [*scenario["links"], *scenario.get("topologies", [])]))


def inputs_of(s):
    """Messages that a task may need to begin, by class and number of the task: one for each task before it; through one that
    may be skipped, what that would have needed."""
    n = {}
    for c, d in s.classes.items():
        tasks = {t["task"]: t for t in d["pipeline"]}
        names = list(tasks)

        def before(name):
            after = tasks[name].get("after", names[:names.index(name)][-1:])
            return after if isinstance(after, list) else [after]

        def count(name):
            return max(1, sum(count(p) if "when" in tasks[p] else 1 for p in before(name)))

        n.update({(c, i): count(name) for i, name in enumerate(names)})
    return n


def kept_heads(s, a, t, first):
    """First hops that count for what their attempts moved: all, but for messages that were sent again; of these the last
    ones there, as many as it has inputs, and the last one back. How many are left out."""
    heads = t[first]
    if not may_break(s): return heads, 0
    come = a.set_index(["request", "task", "attempt"])
    come = (come["started_ns"] + come["decide_ns"] + come["uplink_ns"]).rename("come")
    heads = heads.join(come, on=["request", "task", "attempt"])
    there = (heads["started_ns"] < heads["come"]) | (heads["ended_ns"] <= heads["come"])
    needs, key = inputs_of(s), ["request", "task", "attempt"]
    most = pandas.Series([needs[x] for x in zip(a["class"], a["task"])], pandas.MultiIndex.from_frame(a[key]))
    most = most[~most.index.duplicated()]
    heads = heads.assign(there=there).sort_values("started_ns", kind="stable")
    from_last = heads.groupby([*key, "there"]).cumcount(ascending=False).to_numpy()
    last = heads[from_last < numpy.where(heads["there"], most.reindex(pandas.MultiIndex.from_frame(heads[key])).to_numpy(), 1)]
    return last, len(heads) - len(last)


def bytes_kept(s, run):
    """What attempts say they moved is what entered their first links; nothing is lost from hop to hop, but for what was cut;
    a link carried what its records say."""
    t, first, of = heads(run, s)
    key = ["request", "task", "attempt"]
    a = run.attempts.assign(task=auditor.task_index(s, run.attempts), moved=run.attempts["bytes_up"] + run.attempts["bytes_down"])
    entered, again = kept_heads(s, a, t, first)
    if again > 0.2 * len(entered): yield f"{again} of {len(entered)} messages were sent again"
    entered = entered.groupby(key)["bytes"].sum().reindex(pandas.MultiIndex.from_frame(a[key])).fillna(0).to_numpy()
    wrong = ~(numpy.abs(a["moved"].to_numpy() - entered) <= 1e-9 * (1 + entered))
    local = a["place"].map(lambda p: is_device(s, p)).to_numpy(bool)
    if (wrong & ~local).any():
        i = numpy.flatnonzero(wrong & ~local)[0]
        yield f"{(wrong & ~local).sum()} attempts moved other bytes than their links took, the first {a['moved'].iloc[i]:.9g} instead of {entered[i]:.9g} (request {a['request'].iloc[i]})"
    ends = a.set_index(key)["status"]
    done = (ends.reindex(pandas.MultiIndex.from_frame(t[key])) == "completed").to_numpy()
    size = t["bytes"].to_numpy()
    if (numpy.abs(size - size[of]) > 1e-9 * (1 + size))[done].any() and not may_break(s): yield "a completed message lost bytes on its way"
    every = run.transfers[~run.transfers["kind"].isin(["setup", "resent"])].groupby("link")["bytes"].sum()
    for name, l in run.total["links"].items():
        if not close(l["bytes"], every.get(name, 0.0)): yield f"link {name} carried {l['bytes']:.12g} B, its records say {every.get(name, 0.0):.12g}"
        if l["cut_bytes"] < 0: yield f"link {name}: {l['cut_bytes']} B were cut"


def sums(run, columns): return run.attempts[columns].sum().to_numpy()


def energy(s, run):
    """Request = its attempts; run = direct + residual = places + radios + network, each part counted once by the boundary."""
    r, a, t = run.requests, run.attempts, run.total
    parts = ["energy_device_j", "energy_network_j", "energy_server_j"]
    of = a.groupby("request")[parts].sum().reindex(r["request"]).fillna(0)
    if not close(r["energy_direct_j"], of.sum(axis=1)): yield "a request's direct energy is not that of its attempts"
    if not close(r["energy_device_j"], of["energy_device_j"]): yield "a request's device energy is not that of its attempts"
    if not close(r["energy_direct_j"].sum(), t["energy_direct_j"]): yield "the run's direct energy is not that of its requests"
    counts_network = s.boundary != "device"
    network = t["network_j"] * counts_network
    around = t["idle_radio_j"] + (t["telemetry_j"] + t["base_j"] if counts_network else t["telemetry_device_j"])
    places = [(n, p, is_device(s, n)) for n, p in t["places"].items()]
    total = sum(p["counted"] * p["energy_j"] for _, p, _ in places) + t["radio_j"] + network + around
    direct = sum(p["counted"] * p["direct_j"] for _, p, _ in places) + t["radio_j"] + network
    if not close(t["energy_total_j"], total): yield f"{t['energy_total_j']:.12g} J in all, {total:.12g} J are the sum of the parts"
    if not close(t["energy_direct_j"], direct): yield f"{t['energy_direct_j']:.12g} J direct, {direct:.12g} J are the sum of the parts"
    if t["energy_total_j"] < t["energy_direct_j"] * (1 - 1e-9): yield "direct energy beyond the total"
    for n, p, device in places:
        if p["energy_j"] < p["direct_j"] * (1 - 1e-9): yield f"{n}: direct energy beyond its total"
        said = a.loc[a["place"] == n, "energy_server_j"].sum()
        if not device and not close(said, p["counted"] * p["direct_j"]): yield f"{n}: attempts say {said:.12g} J, the place {p['counted'] * p['direct_j']:.12g} J"
    device_j = t["radio_j"] + sum(p["counted"] * p["direct_j"] for _, p, d in places if d)
    if not close(a["energy_device_j"].sum(), device_j): yield "device energy of attempts is not that of radios and device places"
    if not close(a["energy_network_j"].sum(), network): yield "network energy of attempts is not that of the links"
    m, measured = run.metrics, r[r["measured"] == 1]
    told = measured["energy_direct_j"].mean() + (t["energy_total_j"] - t["energy_direct_j"]) / len(r)
    if len(measured) and not close(m["energy_total_j_per_request"], told): yield "the catalogue's total is another"


def money(s, run):
    r, a, t = run.requests, run.attempts, run.total
    of = a.groupby("request")["cost_usd"].sum().reindex(r["request"]).fillna(0)
    if not close(r["cost_usd"], of): yield "a request's money is not that of its attempts"
    if not close(r["cost_usd"].sum(), t["cost_direct_usd"]): yield "the run's direct money is not that of its requests"
    total = sum(p["cost_usd"] for p in t["places"].values()) + t["network_usd"] + t["telemetry_usd"]
    direct = sum(p["direct_usd"] for p in t["places"].values()) + t["network_usd"]
    if not close(t["cost_total_usd"], total): yield f"{t['cost_total_usd']:.12g} USD in all, {total:.12g} are the sum of the bills"
    if not close(t["cost_direct_usd"], direct): yield f"{t['cost_direct_usd']:.12g} USD direct, {direct:.12g} are the sum of the bills"
    measured = r[r["measured"] == 1]
    told = 1000 * (measured["cost_usd"].mean() + (t["cost_total_usd"] - t["cost_direct_usd"]) / len(r))
    if len(measured) and not close(run.metrics["cost_total_usd_per_1k_requests"], told): yield "the catalogue's total is another"


OF_A_RUN = {"requests are conserved": conservation, "Little's law of places and links": littles_law, "bytes are conserved": bytes_kept,
            "energy is the sum of its parts": energy, "money is the sum of its bills": money}


# ---- laws of two runs ------------------------------------------------------------------------------------------------------

def held_alike(rows):
    """Rows of a state that holds from..until: those that overlap must end together and be alike. (faults, pairs of both)"""
    o = numpy.lexsort((rows["from"], rows["entity"], rows["link"]))
    r, who = rows[o], rows["policy"][o]
    same = (r["link"][1:] == r["link"][:-1]) & (r["entity"][1:] == r["entity"][:-1]) & (r["from"][1:] < r["until"][:-1])
    alike = (r["until"][1:] == r["until"][:-1]) & (r["x"][1:] == r["x"][:-1]) & (r["y"][1:] == r["y"][:-1])
    return (same & ~alike).sum(), (same & (who[1:] != who[:-1])).sum()


def drawn_alike(rows):
    """The same for what belongs to one message or moment."""
    o = numpy.lexsort((rows["until"], rows["from"], rows["entity"], rows["link"]))
    r, who = rows[o], rows["policy"][o]
    same = numpy.logical_and.reduce([r[c][1:] == r[c][:-1] for c in ("link", "entity", "from", "until")])
    alike = (r["x"][1:] == r["x"][:-1]) & (r["y"][1:] == r["y"][:-1])
    return (same & ~alike).sum(), (same & (who[1:] != who[:-1])).sum()


STATES = {"rates": (RATE, held_alike), "outages": (AVAILABLE, held_alike), "spikes": (EPISODE, held_alike), "losses": (LOSSES, drawn_alike),
          "attachments": (ATTACHED, drawn_alike), "routes": (ROUTED, drawn_alike), "latencies": (LATENCY, drawn_alike)}


def steady(s, *runs):
    """No link changes while the run lasts, so that latency is of the message alone."""
    return not s.changes and not any(numpy.isin(r.rows["what"], (RATE, AVAILABLE, EPISODE)).any() for r in runs)


def independence(s, a, b):
    """(faults, how often both looked at the same thing), by kind of state."""
    both = [numpy.zeros(len(r), dtype=ROW.descr + [("policy", "u1")]) for r in (a.rows, b.rows)]
    for k, (r, out) in enumerate(zip((a.rows, b.rows), both)):
        for c in ROW.names: out[c] = r[c]
        out["policy"] = k
    rows, seen, faults = numpy.concatenate(both), {}, []
    for name, (what, law) in STATES.items():
        if what == LATENCY and not steady(s, a, b): continue
        mine = rows[rows["what"] == what]
        wrong, met = law(mine) if len(mine) > 1 else (0, 0)
        seen[name] = int(met)
        if wrong: faults.append(f"{wrong} {name} differ")
    return faults, seen


def undisturbed(t):
    """Rows of a link while nobody else was on it."""
    t = t.sort_values(["link", "started_ns"], kind="stable")
    link, began, ended = (t[c].to_numpy() for c in ("link", "started_ns", "ended_ns"))
    latest = t.groupby("link")["ended_ns"].cummax().to_numpy()
    next_to = link[1:] == link[:-1]
    alone = numpy.ones(len(t), bool)
    alone[1:] &= ~next_to | (latest[:-1] <= began[1:])
    alone[:-1] &= ~next_to | (began[1:] >= ended[:-1])
    return t[alone]


def same_ways(s, path, a, b):
    """Messages of the same attempt over a link that does not change, alone on it, take the same time. (faults, messages)
    What a radio or a connection did before depends on who was sent over it."""
    text = open(path).read()
    if not steady(s, a, b) or "radio:" in text or "transport:" in text: return 0, 0
    key, streams = ["request", "task", "attempt", "link", "zone", "bytes"], {c for c, d in s.classes.items() if any(t["stream"] in ("true", True) for t in d["pipeline"])}
    flowing = set(a.requests.loc[a.requests["class"].isin(streams), "request"])      # last as long as the engine takes
    t = [undisturbed(r.transfers.assign(twice=r.transfers.duplicated(key, keep=False))) for r in (a, b)]
    t = [x[(x["kind"] == "data") & (x["bytes"] > 0) & ~x["twice"]] for x in t]   # there and back alike: which is which?
    for k, run in enumerate((a, b)):                      # the way as a whole: hops of a message draw by their number
        of = run.attempts.assign(task=auditor.task_index(s, run.attempts))[["request", "task", "attempt", "place", "member"]]
        t[k] = t[k].merge(of, on=["request", "task", "attempt"])
        where = of["task"].astype(str) + "/" + of["place"].astype(str) + "/" + of["member"].astype(str)
        t[k]["tasks"] = t[k]["request"].map(where.groupby(of["request"]).agg(" ".join))       # where its input comes from, too
    key += ["tasks", "place", "member"]
    up = lambda x: ~x["request"].isin(flowing) | (x["zone"] != s.places[next(iter(s.places))]["zone"])
    j = t[0][up(t[0])].merge(t[1], on=key)
    return int(((j["ended_ns_x"] - j["started_ns_x"]) != (j["ended_ns_y"] - j["started_ns_y"])).sum()), len(j)


# ---- one scenario ----------------------------------------------------------------------------------------------------------

def say(faults, title):
    faults = list(faults)
    tell(not faults, title)
    for f in faults[:5]: print("#  ", f)


def judge(path):
    name = os.path.basename(path)[:-5]
    runs, s, hashes = runs_of(path)
    for policy, run in runs.items():
        for title, law in OF_A_RUN.items(): say(law(s, run), f"{name}, {policy}: {title}")
    a, b = (runs[p] for p in POLICIES)
    faults, seen = independence(s, a, b)
    wrong, ways = same_ways(s, path, a, b)
    if wrong: faults.append(f"{wrong} of {ways} messages took another time")
    met = ", ".join(f"{n} {k}" for k, n in seen.items() if n)
    say(faults, f"{name}: the network is the same for both (seen by both: {met or 'nothing'}; {ways} messages)")
    tell(hashes == runs_of(path, PROGRAM)[2], f"{name}: the witnesses change nothing")
    boundaries(path, name)


def boundaries(path, name):
    """The boundary says what counts, and changes nothing else: each one adds what it names. A fifth of the requests shows it."""
    runs, scenario = {}, {}
    for b in BOUNDARIES:
        got, s, _ = runs_of(path, policies=("always_edge",), requests=REQUESTS // 5, options=("--set", f"energy_boundary={b}"))
        runs[b], scenario[b] = got["always_edge"], s
    t = {b: runs[b].total for b in BOUNDARIES}
    faults = [f"{b}: {f}" for b in BOUNDARIES for f in energy(scenario[b], runs[b])]
    places = t["server"]["places"]
    device = [p for p in places if is_device(scenario["server"], p)]
    servers = [p for p in places if p not in device]
    adds = {"device": sum(places[p]["energy_j"] for p in device) + t["server"]["radio_j"] + t["server"]["idle_radio_j"]
            + t["server"]["telemetry_device_j"],
            "access": t["server"]["network_j"] + t["server"]["telemetry_j"] - t["server"]["telemetry_device_j"] + t["server"]["base_j"],
            "server": sum(places[p]["energy_j"] for p in servers),
            "facility": sum((scenario["server"].places.get(p, {}).get("pue", 1) - 1) * places[p]["energy_j"] for p in servers)}
    total = 0.0
    for b in BOUNDARIES:
        total += adds[b]
        if not close(t[b]["energy_total_j"], total): faults.append(f"{b}: {t[b]['energy_total_j']:.12g} J, its parts are {total:.12g} J")
    if not close([t[b]["facility_j"] for b in BOUNDARIES], total): faults.append("what the buildings take depends on the boundary")
    say(faults, f"{name}: each boundary adds what it names ({', '.join(f'{adds[b]:.4g}' for b in BOUNDARIES)} J)")


# ---- planted ---------------------------------------------------------------------------------------------------------------

def drop_request(run): run.requests = run.requests.drop(run.requests.index[7])
def add_attempt(run): run.attempts = pandas.concat([run.attempts, run.attempts.iloc[[3]]])
def shift_presence(run): run.attempts.loc[run.attempts.index[run.attempts["serve_ns"] > 0][0], "serve_ns"] += 5_000_000
def shift_message(run): run.transfers.loc[run.transfers.index[run.transfers["kind"] == "data"][5], "ended_ns"] += 5_000_000
def eat_bytes(run): run.transfers.loc[run.transfers.index[(run.transfers["kind"] == "data") & (run.transfers["bytes"] > 0)][5], "bytes"] *= 0.999
def lose_joule(run): run.attempts.loc[run.attempts["energy_server_j"].idxmax(), "energy_server_j"] -= 1e-3
def charge_twice(run): run.attempts.loc[run.attempts["cost_usd"].idxmax(), "cost_usd"] *= 2


TAMPERED = [("a request that is not told", drop_request, conservation), ("an attempt told twice", add_attempt, conservation),
            ("5 ms more at a place", shift_presence, littles_law), ("5 ms more on a link", shift_message, littles_law),
            ("a message that lost 0.1 %", eat_bytes, bytes_kept), ("a lost millijoule", lose_joule, energy), ("a double charge", charge_twice, money)]
FAULTY = [("meter", "meters 0.1 % high", littles_law), ("lost", "messages that lose a tenth", bytes_kept),
          ("joule", "a place that lacks a joule", energy), ("cent", "a cent that nobody caused", money)]
VARIABLE = "scenarios/city-llm.yaml"


def planted():
    runs, s, _ = runs_of(VARIABLE, policies=("always_edge",))
    for title, tamper, law in TAMPERED:
        run = copy.copy(runs["always_edge"])
        run.requests, run.attempts, run.transfers = run.requests.copy(), run.attempts.copy(), run.transfers.copy()
        tamper(run)
        tell(any(law(s, run)), f"planted: {title} is seen")
    for program, title, law in FAULTY:
        runs, s, _ = runs_of(VARIABLE, program, ("always_edge",))
        tell(any(law(s, runs["always_edge"])), f"planted: {title}: seen")
    runs, s, _ = runs_of(VARIABLE, "order")
    faults, _ = independence(s, *(runs[p] for p in POLICIES))
    tell(bool(faults), f"planted: links that are what the first to ask makes them: {'; '.join(faults)}")


for path in SHIPPED: judge(path)
if len(sys.argv) < 5: planted()
end()
