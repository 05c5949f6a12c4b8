"""Caches in whole runs against formulas: Che's approximation, TTL caches, similarity laws, who shares what, messages, money.

Ratios of n look-ups are asked to be within 4 standard errors of a coin, 2 / sqrt(n): more than those of each formula here,
so that a right program misses one of the 14 such checks in less than 1000 seeds; the seed is fixed.
"""
import json
import math
import os
import sqlite3
import subprocess
import sys
import tempfile

import h5py

from tap import end, tell

OFFSIM = os.environ.get("OFFSIM", "build/offsim")
WORK = tempfile.TemporaryDirectory()


def run(name, text=None, *more):
    path, out = f"{WORK.name}/{name}.yaml", f"{WORK.name}/{name}"
    if text is None:
        path = f"scenarios/validation/{name}.yaml"
    else:
        open(path, "w", encoding="utf-8").write(text)
    done = subprocess.run([OFFSIM, "run", path, "-o", out, "--quiet", "--format", "json", *more], capture_output=True,
                          text=True, env={**os.environ, "NO_COLOR": "1", "LC_ALL": "C"}, check=False)
    if done.returncode:
        sys.exit(f"not ok - {name} runs\n{done.stderr}")
    return json.loads(done.stdout)["policies"][0]


def value(policy, metric, klass=None, place=None):
    part = policy["classes"][klass] if klass else policy["places"][place] if place else policy["metrics"]
    return part[metric]["value"]


def coin(title, got, want, n):
    tell(abs(got - want) < 2 / math.sqrt(n), f"{title}: {got:.4f}, expected {want:.4f} +- {2 / math.sqrt(n):.4f}")


def klass(name, look, make, rate="poisson: {rate: 1 /s}", places="[origin]", at="[origin]", more="", item="1"):
    return f"""
  - name: {name}
    from: [user]
    arrivals: {{{rate}}}
    {more}
    attributes: {{item: {{dist: {item}}}}}
    pipeline:
      - {{task: look, work: {{time: 5 ms}}, places: {places}, output: 50 B, ends: look_hit, cache: {{item: item, {look}}}}}
      - {{task: make, {make}, places: {at}, output: 200 B}}"""


def world(classes, horizon="{kind: steady, warmup: 100 s, duration: 20000 s}", count=1):
    return f"""
name: caches
seed: 5
horizon: {horizon}
replications: 1
places:
  - {{name: user, tier: device, zone: u, count: {count}, slots: 100, idle_power: 1 W, busy_power: 101 W}}
  - {{name: edge, tier: edge, zone: e, count: 1, slots: 1000}}
links: [{{name: way, between: [user, edge], latency: 100 ms, price: 0.001 USD/kB}}]
variants: {{coin: {{skill: 0.5, width: 0, top: 1}}}}
classes: {classes}
output: {{trace: full}}
"""


TIME = "work: {time: 20 ms}"


def che(n, s, room):
    weight = [k ** -s for k in range(1, n + 1)]
    total = sum(weight)
    p = [x / total for x in weight]
    low, high = 0.0, 1e9
    for _ in range(100):
        t = (low + high) / 2
        low, high = (t, high) if sum(-math.expm1(-x * t) for x in p) < room else (low, t)
    return sum(-x * math.expm1(-x * low) for x in p)


def lru():
    got, want = value(run("cache-lru", None, "--replications", "1", "--set", "horizon.max_requests=200000"),
                      "cache_hit_ratio"), che(10000, .8, 500)
    tell(abs(got / want - 1) < .02, f"LRU under Zipf is within 2 % of Che's approximation: {got:.4f}, {want:.4f}")
    tell(abs(che(10000, .8, 550) / want - 1) > .02, "a cache a tenth larger would be seen")


def ttl():
    p = run("cache-ttl", None, "--replications", "1")
    n = value(p, "requests", "fixed")
    coin("TTL without refresh", value(p, "cache_hit_ratio", "fixed"), 1 / 2, n)
    coin("TTL with refresh", value(p, "cache_hit_ratio", "refreshed"), 1 - math.exp(-1), n)
    coin("similarity uniform, threshold .7", value(p, "cache_hit_ratio", "alike"), .3, n)


def false_hits():
    nobody = "{zipf: {n: 1000000000000, s: 0}}"         # hardly any item comes twice
    uniform = "other: {uniform: {low: 0, high: 1}}, threshold: 0.7"
    p = run("false", world(klass("nearest", f"entries: 3, false_quality: 0.25, similarity: {{{uniform}}}", TIME, item=nobody)
                           + klass("each", f"entries: 3, similarity: {{{uniform}, others: each}}", TIME, item=nobody)
                           + klass("never", "entries: 3, similarity: {other: 0.69, threshold: 0.7}", TIME, item=nobody)
                           + klass("equal", "entries: 3, similarity: {other: 0.7, threshold: 0.7}", TIME, item=nobody)))
    n = value(p, "requests", "nearest")
    coin("false hits, nearest of the others uniform", value(p, "cache_hit_ratio", "nearest"), .3, n)
    tell(value(p, "cache_false_hit_ratio", "nearest") == 1, "all of them are false")
    tell(abs(value(p, "quality_mean", "nearest") - (1 - .75 * value(p, "cache_hit_ratio", "nearest"))) < 1e-12,
         "each costs the quality that the scenario says")
    coin("false hits, each of 3 others uniform", value(p, "cache_hit_ratio", "each"), 1 - .7 ** 3, n)
    tell(value(p, "cache_hit_ratio", "never") == 0, "others below the threshold answer nothing")
    tell(value(p, "cache_hit_ratio", "equal") > .99, "others at the threshold answer, once one is there")
    both = "similarity: {same: {uniform: {low: 0, high: 1}}, other: {uniform: {low: 0, high: 1}}, threshold: 0.7}"
    p = run("both", world(klass("both", f"entries: 100, {both}", TIME, item="{zipf: {n: 2, s: 0}}")))
    # two entries; a true hit where s >= .7 and the other, v, is not above it; a false one where v > max(s, .7)
    coin("true and false hits", value(p, "cache_hit_ratio"), 1 - .49, value(p, "requests"))
    coin("false ones among them", value(p, "cache_false_hit_ratio"), (.7 * .3 + .3 ** 2 / 2) / .51, .51 * value(p, "requests"))


def sharing():
    own = world(klass("own", "ttl: 2 s", TIME), count=4)
    shared = world(klass("shared", "ttl: 2 s, per: place", TIME), count=4)
    two = world(klass("a", "ttl: 2 s, store: ours", TIME) + klass("b", "ttl: 2 s, store: ours", TIME) +
                klass("c", "ttl: 2 s", TIME))
    # answers are there 25 ms after they were asked for: a miss with every request of that time
    late = lambda rate: rate * 2 / (1 + rate * 2 + rate * .02)
    p = run("own", own)
    n = value(p, "requests")
    coin("each device a cache of its own", value(p, "cache_hit_ratio"), late(1 / 4), n)
    coin("one of all devices", value(run("shared", shared), "cache_hit_ratio"), late(1), n)
    p = run("two", two)
    coin("two classes with one store", value(p, "cache_hit_ratio", "a"), late(2), n)
    coin("the class beside them has its own", value(p, "cache_hit_ratio", "c"), late(1), n)


def messages():
    """Every 150 ms: asked .1 s later at the edge, made at the user's, whence the answer comes to the edge .1 s later: the
    first request has its answer at 5 + 200 + 20 ms and is in the cache at 325 ms; the others ask there at 255 and 405 ms."""
    far = lambda entry: world(klass("far", f"entry: {entry}", TIME, "renewal: {interarrival: 150 ms}", "[edge]", "[origin]"),
                              "{kind: terminating, duration: 3 s, drain_max: 10 s}")
    near, much = run("near", far("0 B")), run("much", far("1 kB"))
    missed = lambda p: round((1 - value(p, "cache_hit_ratio")) * value(p, "cache_lookups", place="edge"))
    tell(missed(near) == 2 and missed(much) == 2, f"an answer on its way is not yet there: {missed(near)} misses of 2")
    more = value(much, "link_bytes", place="way") - value(near, "link_bytes", place="way")
    tell(more == 2000, f"each answer is a message of its size: {more:.0f} B of 2000")
    usd = lambda p, what: value(p, f"cost_{what}_usd_per_1k_requests") / 1000
    rest = lambda p: (usd(p, "total") - usd(p, "direct")) * value(p, "requests_settled")
    tell(abs(rest(much) - rest(near) - .002) < 1e-9 and abs(usd(much, "direct") - usd(near, "direct")) < 1e-12,
         f"its money is residual: {rest(much) - rest(near):.6f} of .002 USD")


def recorded():
    """Items and similarities of a trace: found where the item was asked for before and is as similar as .8."""
    rows = [(1, 1, 1), (2, 2, 1), (3, 1, .9), (4, 1, .7), (5, 3, 1), (6, 2, .8), (7, 3, .79), (8, 1, 1)]
    with open(f"{WORK.name}/asked.csv", "w", encoding="utf-8") as f:
        f.write("t,topic,alike,worth\n" + "".join(f"{t},{i},{s},0.5\n" for t, i, s in rows))
    trace = """trace: {file: asked.csv, time: t, columns: {item: topic, alike: alike, worth: worth}}"""
    text = world(klass("asked", "quality: worth, similarity: {measured: alike, threshold: 0.8}", TIME, trace),
                 "{kind: terminating, duration: 20 s}").replace("    attributes: {item: {dist: 1}}\n", "")
    p = run("recorded", text)
    tell(abs(value(p, "cache_hit_ratio") - 3 / 8) < 1e-12, f"a trace's items and similarities: {value(p, 'cache_hit_ratio')} of .375")
    tell(abs(value(p, "quality_mean") - (5 + 3 * .5) / 8) < 1e-12, "and what its answers are worth when they are used again")


JUDGED = """
name: judged
seed: 1
replications: 1
horizon: {kind: terminating, duration: 50 s, drain_max: 60 s}
data: {secret: {zones: [user, telco, far]}}
variants:
  v: {top: 0.4}
places:
  - {name: phone, tier: device, zone: user, count: 1}
  - {name: edge, tier: edge, zone: telco, slots: 8}
  - {name: cloud, tier: cloud, zone: far, slots: 8}
links:
  - {name: access, between: [phone, edge], latency: 5 ms, rate: 100 Mbit/s}
  - {name: back, between: [edge, cloud], latency: 5 ms, rate: 100 Mbit/s}
classes:
  - name: fill
    from: phone
    arrivals: {renewal: {interarrival: 5 s}}
    attributes: {topic: {dist: 1}}
    input: 1 kB
    pipeline:
      - {task: look, work: {time: 1 ms}, places: cloud, output: 1 kB, cache: {item: topic, store: s}}
      - {task: gen, work: {time: 1 ms}, places: cloud, output: 1 kB, data: {secret: 1}}
  - name: q
    from: phone
    arrivals: {renewal: {interarrival: 20 s}}
    attributes: {topic: {dist: 1}}
    input: 1 kB
    pipeline:
      - {task: look, variants: [v], work: {time: 50 ms}, places: edge, output: 1 kB, ends: look_hit, cache: {item: topic, store: s}, judge: {noise: 0, accept: 0.9}, timeout: {e2e: 62 ms}, fallback: [{place: cloud}]}
      - {task: gen, work: {time: 10 ms}, places: phone, output: 1 kB}
output: {trace: links}
telemetry: ideal
policies: [always_edge]
"""


def judged():
    """At 20 s the edge has nothing: kept, for a judge; the cloud's answer, all secret, is cut on its way. What goes from the
    edge to the phone is what the edge made. At 40 s the edge has the phone's answer, with no secret in it either."""
    run("judged", JUDGED)
    with sqlite3.connect(f"{WORK.name}/judged/catalog.sqlite") as db:
        seen = db.execute("select sum(value) from metric where name = 'exposure_execution_bytes' and class = 'secret'").fetchone()[0]
    tell(seen == 0, f"of an answer that was cut nothing is counted: {seen} B of 0")


def zones():
    """What may not leave the device is not kept at the edge; what may is seen there, by the message that brings it."""
    make = "data: {%s: 0.5}, " + TIME
    one = lambda name, kind: klass(name, "entry: 1 kB", make % kind, "renewal: {interarrival: 1 s}", "[edge]", more="data: {personal: 0}")
    text = world(one("open", "personal") + one("closed", "secret"), "{kind: terminating, duration: 100 s}")
    p = run("zones", "data: {personal: {}, secret: {zones: [u]}}" + text)
    tell([round(value(p, "cache_hit_ratio", c), 9) for c in ("open", "closed")] == [.99, 0], "zones hold for answers that are kept")
    seen = value(p, "exposure_bytes_per_request") * value(p, "requests")
    tell(abs(seen - 500) < 1e-6 and value(p, "zone_violations") == 0, f"a fill shows what it carries: {seen:.0f} B of 500")


def two_levels():
    """Four devices, each with a cache, before one at the edge: each asks there once, and only the first finds nothing."""
    text = world(klass("both", "entry: 10 B", TIME, "renewal: {interarrival: 1 s}", "[edge]"), count=4,
                 horizon="{kind: terminating, duration: 200 s}")
    first = "      - {task: own, work: {time: 1 ms}, places: [origin], output: 50 B, ends: own_hit, cache: {item: item}}\n"
    p = run("levels", text.replace("    pipeline:\n", "    pipeline:\n" + first))
    got = [value(p, f"cache_{what}", place=place) for place in ("user", "edge") for what in ("lookups", "entries")]
    tell(got == [value(p, "requests"), 4, 4, 1], f"two levels: look-ups and entries {got}")
    tell(value(p, "cache_hit_ratio", place="edge") == 3 / 4, "what the edge had, the devices have afterwards")


def costs():
    p = run("costs", world(klass("costs", "ttl: 2 s", TIME)))
    h = value(p, "cache_hit_ratio")
    tell(abs(value(p, "latency_mean_s") - (.005 + (1 - h) * .02)) < 1e-9, "a look-up takes its time, a hit no more than that")
    joule = value(p, "energy_device_j_per_request")
    tell(abs(joule - (.005 + (1 - h) * .02)) < 1e-9, f"and its energy: 1 W a slot: {joule:.6f} J")


def kept_quality():
    """The answer that was kept is as good as it was when it was made, whoever gets it."""
    make = "variants: [coin], work: {time: 20 ms}"
    run("kept", world(klass("kept", "entries: 50", make, item="{zipf: {n: 50, s: 0.5}}"), "{kind: terminating, duration: 2000 s}"))
    path, = sqlite3.connect(f"{WORK.name}/kept/catalog.sqlite").execute("select trace_file from run").fetchone()
    of_item, good, hits = {}, True, 0
    with h5py.File(f"{WORK.name}/kept/{path}", "r") as f:
        rows = f["requests"]
        for item, hit, quality in zip(rows["item"][:], rows["look_hit"][:], rows["quality"][:]):
            hits += hit
            if hit:
                good &= quality in of_item[item]
            of_item.setdefault(item, set()).add(quality)
    tell(good and hits > 1500 and {0, 1} == set().union(*of_item.values()), f"a hit is as good as the answer kept: {hits:.0f} hits")


for part in (lru, ttl, false_hits, sharing, messages, recorded, judged, zones, two_levels, costs, kept_quality):
    part()
end()
