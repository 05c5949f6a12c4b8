#!/usr/bin/python3
"""The gallery of changes: what each scenario shows, against closed forms, from its trace. Prints TAP.

False alarms: the seeds are the scenarios' own, so that a run either passes always or never; tolerances of means are 4
standard errors or more.

usage: changes.py PROGRAM SCENARIOS WORK
"""
import glob, os, sqlite3, subprocess, sys, time
import h5py, numpy
from tap import end, tell

program, scenarios, work = sys.argv[1:4]


class Results:
    def __init__(self, name, *options):
        self.folder = os.path.join(work, name)
        self.cpu_s = -os.times().children_user
        run = subprocess.run([program, "run", os.path.join(scenarios, name + ".yaml"), "-o", self.folder, "--quiet", *options],
                             capture_output=True, text=True)
        self.cpu_s += os.times().children_user
        self.said = run.stderr
        if run.returncode: print("#  ", run.stderr[-500:])

    def by_replication(self, policy, begin, end, column):
        return numpy.array([v[(at >= begin) & (at < end)].mean() for at, v in self.parts(policy, column)])

    def of(self, policy, column=None):
        """Arrival (s) and latency (s), or another column, of measured requests over all replications."""
        return numpy.concatenate(self.parts(policy, column), axis=1)

    def parts(self, policy, column=None):
        db = sqlite3.connect(os.path.join(self.folder, "catalog.sqlite"))
        parts = []
        for (path,) in db.execute("select trace_file from run where policy = ? and state = 'done' order by replication", (policy,)):
            with h5py.File(os.path.join(self.folder, path), "r") as f:
                q = f["requests"]
                value = q[column][:] if column else (q["completed_ns"][:] - q["arrived_ns"][:]) / 1e9
                parts.append(numpy.stack([q["arrived_ns"][:] / 1e9, value])[:, q["measured"][:] == 1])
        return parts

    def mean(self, policy, begin, end, column=None):
        at, value = self.of(policy, column)
        return value[(at >= begin) & (at < end)].mean()


# Who declares `adapts`, or is wrapped by a detector of changes; and the others.
ADAPTS, STAYS = ("sw_ucb", "d_linucb", "ucb1-detect"), ("ucb1", "linucb", "thompson")
CRITICAL = 4.297                                # Student's t, 9 degrees of freedom (10 replications), 1 - 1e-3


def shown(x):
    """Is the mean over replications above 0? One-sided t test: wrong once in 1000, on either side of it."""
    return len(x) == 10 and x.mean() > CRITICAL * x.std(ddof=1) / len(x) ** 0.5


def told(x): return f"{x.mean():.3f} +- {x.std(ddof=1) / len(x) ** 0.5:.3f}"


def near(a, b, relative): return abs(a - b) <= relative * abs(b)


def bandwidth_step():
    r = Results("bandwidth-step")
    tell(near(r.mean("always_edge", 0, 890), 0.13, 1e-3), f"bandwidth-step: 130 ms at the edge before it ({r.mean('always_edge', 0, 890):.6f} s)")
    tell(near(r.mean("always_edge", 900, 1500), 0.53, 1e-3), f"bandwidth-step: 530 ms after it ({r.mean('always_edge', 900, 1500):.6f} s)")
    best = r.mean("always_local", 1200, 1500)
    ratio = {p: r.by_replication(p, 1200, 1500, "reward") / -best for p in ADAPTS + STAYS}
    for p in ADAPTS:
        tell(shown(1.1 - ratio[p]), f"bandwidth-step: {p} recovers: {told(ratio[p])} of the best fixed in the last half")
    for p in STAYS:
        tell(shown(ratio[p] - 1.1), f"bandwidth-step: {p} does not: {told(ratio[p])}")
        tell(not shown(1.1 - ratio[p]), f"bandwidth-step: planted: {p}, were it to declare `adapts`, would be found out")
    plot = os.path.join(work, "recovery.png")
    done = subprocess.run([program, "plot", r.folder, "--kind", "recovery", "-o", plot], capture_output=True, text=True)
    made = done.returncode == 0
    curves = [b for b in open(plot[:-4] + ".dat").read().split("\n\n\n") if b.strip()] if made else []
    script = open(plot[:-4] + ".gp").read() if made else ""
    tell(len(curves) == 8 and all(len(b.splitlines()[0].split()) == 4 for b in curves),
         "bandwidth-step: one figure with 8 curves and their intervals" + done.stderr[-200:])
    tell(all(f"'{p}'" in script for p in ADAPTS + STAYS) and "best_fixed'" in script,
         "bandwidth-step: its key names each learner, and best_fixed with the curve that it equals")
    return r


def diurnal():
    r = Results("diurnal")
    night, noon = r.mean("always_edge", 60, 300), r.mean("always_edge", 700, 900)
    tell(near(night, 0.23 + 0.004, 0.03), f"diurnal: {night:.4f} s at night, 0.23 s and little waiting")
    tell(noon > 0.23 + 0.2, f"diurnal: {noon:.4f} s at noon")
    return r


def blackout():
    r = Results("blackout")
    at, latency = r.of("always_edge")
    lost = latency[(at >= 240) & (at < 279.9)]
    tell(len(lost) > 500 and near(lost.mean(), 20.3, 1e-3), f"blackout: who comes in the first 40 s gives up after 20 s and takes 0.3 s more ({lost.mean():.4f} s)")
    wait = (at + latency)[(at >= 281) & (at < 300)] - 300
    tell(wait.min() > 0.124 and wait.max() < 0.25, f"blackout: the others are through {wait.min():.3f} to {wait.max():.3f} s after its end")
    tell(near(latency[(at > 301) | (at < 239)].mean(), 0.13, 0.01), "blackout: before and after it nothing is felt")
    return r


def slow_server():
    r = Results("slow-server")
    before, slow = r.mean("always_edge", 0, 239), r.mean("always_edge", 245, 479)
    tell(near(before, 0.01 + 0.02 + 0.02 * 0.08 / (2 * 0.92), 0.02), f"slow-server: M/D/1 at load 0.08 ({before:.5f} s)")
    tell(near(slow, 0.01 + 0.1 + 0.1 * 0.4 / (2 * 0.6), 0.05), f"slow-server: M/D/1 at load 0.4 ({slow:.5f} s; 0.14333)")
    tell(near(r.mean("always_edge", 482, 720), before, 0.02), "slow-server: as before, afterwards")
    return r


def cold_wave():
    r = Results("cold-wave")
    at, latency = r.of("always_cloud")
    calm, wave = latency[(at > 100) & (at < 239)], latency[(at >= 240) & (at < 241)]
    tell(latency[(at > 240) & (at < 240.1)].max() >= 2.14, "cold-wave: who comes with the deployment waits for 2 s")
    tell((calm > 1).mean() < 0.01 and (wave > 0.2).mean() > 0.5, f"cold-wave: waits in {(wave > 0.2).mean():.0%} of the first second, {(calm > 1).mean():.2%} before")
    again = latency[(at >= 540) & (at < 541)]
    tell((again > 0.2).mean() > 0.5, "cold-wave: and again 5 min later")
    return r


def price_change():
    r = Results("price-change")
    at, usd = r.of("always_cloud", "cost_usd")
    tell(numpy.allclose(usd[at < 299], 1e-4 + 0.1 * 1e-4, rtol=1e-9, atol=0), "price-change: 0.11 USD per 1000 before")
    tell(numpy.allclose(usd[at > 300.1], 5e-4 + 0.1 * 3e-4, rtol=1e-9, atol=0), "price-change: 0.53 USD per 1000 after")
    tell(r.mean("cost_aware", 301, 600, "offloaded") < 0.01 < r.mean("cost_aware", 0, 299, "offloaded"), "price-change: who reads prices leaves at once")
    return r


def backhaul(*options):
    """Up: access 15 ms, fibre 6 ms or copper and ring 46 ms; service 20 ms; down: 5.1 ms, 5.01 ms or 35.11 ms."""
    r = Results("backhaul", *options)
    at, latency = r.of("always_edge")
    usual, cut = (at < 239.8) | (at > 300), (at >= 240) & (at < 299.8)
    round_it = cut.sum() > 1000 and numpy.allclose(latency[cut], 0.12121, rtol=0, atol=1e-8)
    if options: return round_it
    tell(numpy.allclose(latency[usual], 0.05111, rtol=0, atol=1e-8), "backhaul: 51.11 ms over the fibre")
    tell(round_it, "backhaul: 121.21 ms round it")
    between = latency[~usual & ~cut]
    tell(len(between) > 0 and between.max() < 0.12121 + 0.02, "backhaul: what is on the fibre when it breaks is late by its second way")
    return r


for case in (backhaul, bandwidth_step, diurnal, blackout, slow_server, cold_wave, price_change):
    r = case()
    tell(r.cpu_s < 20, f"{case.__name__}: {r.cpu_s:.1f} CPU s for all policies")
tell(not backhaul("--set", "links.fibre.on_outage=wait"), "planted: traffic that waits for the fibre is seen")
planted = Results("blackout", "--set", "changes.blackout.for=30 s")
at, latency = planted.of("always_edge")
tell(latency.max() < 20.3 or numpy.mean(latency[(at > 240) & (at < 279)]) < 19, "planted: a shorter blackout is seen")
end()
