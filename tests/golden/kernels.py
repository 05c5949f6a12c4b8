#!/usr/bin/python3
"""A stand-in for offsim-kernels: raw lines of a machine whose costs are known, without measuring anything.

usage: kernels.py measure [--quick] [--seed S] [--kernels a,b] [--off-grid N]      as `offsim calibrate` and
       `offsim validate calibration` call it ($OFFSIM_KERNELS)
Modes by $KERNELS_PY: fast (half the costs), cut (no end), crash, hang (until a signal), nothing (exit 1), garbage, slow.

True costs, as functions of the working set w (B):
  gemm_f32   20 ps x (1 + 400 kB / (w + 10 kB)) / FLOP, CPU clock; cold caches + 300 ps x w; two at once x 1.1; 2 threads x 1.9
  triad      40 ps / B below 1 MB, 100 ps / B above 4 MB, log-linear between; no cold; 2 threads x 1.5
  sqlite_point  5 us / read x (w / 1 MB)^0.1, wall clock, 3 times the CPU time
  aes_gcm    a self-check fails at one shape, one sample is unstable
  deflate    unavailable
The core's clock wanders by 2 % from sample to sample, which GEMM and aes_gcm follow; GEMM, of wide vectors, lowers it by 10 % besides,
always: its cost is that at its own clock.
One execution scatters log-normally with sigma 0.02; each shape of GEMM is off by its own factor of sigma 0.01. With
$KERNELS_SCATTER each shape of every kernel is off by its own factor of that sigma, the same in every run.
"""
import json, math, os, random, signal, sys, time

SIGMA, SHAPE_SIGMA, FETCH, CLOCK_SIGMA, WIDE = 0.02, 0.01, 300e-12, 0.02, 1.1
KERNELS = {
    "gemm_f32": (1, "FLOP", "compute", ["m", "n", "k"], ["working_set", "weights", "m"]),
    "triad": (1, "B", "memory", ["size"], ["working_set"]),
    "sqlite_point": (1, "read", "system", ["rows"], ["working_set"]),
    "aes_gcm": (1, "B", "compute", ["size"], ["working_set"]),
    "deflate": (2, "B", "compute", ["size", "level"], ["working_set"]),
}


def shapes(name, quick):
    step = 2 if quick else 1
    if name == "gemm_f32":
        return [{"m": m, "n": n, "k": n} for n in (32, 64, 128, 256, 512, 1024)[::step] for m in (8, 32, 128, 512)[::step]]
    if name == "triad":
        return [{"size": round(2 ** (i / 2))} for i in range(26, 55, step)]
    if name == "sqlite_point":
        return [{"rows": 10 ** i} for i in (3, 4, 5, 6)]
    return [{"size": 2 ** i} for i in range(10, 24, 2 * step)]


def own_factor(name, p, rng):
    scatter = os.environ.get("KERNELS_SCATTER")
    if scatter:
        return math.exp(random.Random(name + json.dumps(p)).gauss(0, float(scatter)))
    return math.exp(rng.gauss(0, SHAPE_SIGMA)) if name == "gemm_f32" else 1


def drawn(name, n, rng):
    """Shapes off the grid, between its outermost ones."""
    def between(low, high):
        return round(low * (high / low) ** rng.random())
    if name == "gemm_f32":
        return [{"m": between(8, 512), "n": (k := between(32, 1024)), "k": k} for _ in range(n)]
    if name == "triad":
        return [{"size": between(2 ** 13, 2 ** 27)} for _ in range(n)]
    return [{"rows": between(1e3, 1e6)} if name == "sqlite_point" else {"size": between(2 ** 10, 2 ** 22)} for _ in range(n)]


def axes(name, p):
    if name == "gemm_f32":
        return [4 * (p["m"] * p["k"] + p["k"] * p["n"] + p["m"] * p["n"]), 4 * p["k"] * p["n"], p["m"]]
    return [{"triad": 3, "sqlite_point": 100}.get(name, 1) * p.get("size", p.get("rows", 0))]


def units(name, p):
    if name == "gemm_f32":
        return 2 * p["m"] * p["n"] * p["k"]
    return {"triad": 3 * p.get("size", 0), "sqlite_point": 1}.get(name, p.get("size", 0))


def cost(name, w):
    if name == "gemm_f32":
        return 20e-12 * (1 + 4e5 / (w + 1e4))
    if name == "triad":
        share = min(1, max(0, math.log(w / 1e6) / math.log(4)))
        return 40e-12 * 2.5 ** share
    if name == "sqlite_point":
        return 5e-6 * (w / 1e6) ** 0.1
    return 0.4e-9 * (1 + 500 / w)


def say(**line):
    """A line; pass_ stands for `pass`, a word of Python."""
    print(json.dumps({k.rstrip("_"): v for k, v in line.items()}), flush=True)


def clock(name, p, pass_, order):
    return math.exp(random.Random(f"{name} {p} {pass_} {order}").gauss(0, CLOCK_SIGMA))


def median(x):
    return sorted(x)[len(x) // 2]


def sample(rng, name, p, pass_, order, cache="hot", threads=1, together="alone", own=1.0, stable=True,
           off_grid=False):
    w = axes(name, p)[0]
    factor = {"fast": 0.5}.get(os.environ.get("KERNELS_PY"), 1)
    factor *= 1.1 if together == "interference" else 1
    wander = clock(name, p, pass_, order)
    factor *= wander if name in ("gemm_f32", "aes_gcm") else 1
    true = factor * own * cost(name, w) * units(name, p) + (FETCH * w if cache == "cold" else 0)
    n = 15
    cpu = [true * math.exp(rng.gauss(0, SIGMA)) for _ in range(n)]
    split = {"gemm_f32": 1.9, "triad": 1.5}.get(name, 1) if threads > 1 else 1
    wall = [x * 1.002 / split for x in cpu]
    if name == "sqlite_point":
        wall, cpu = cpu, [x / 3 for x in cpu]
    a, b = sorted(wall), sorted(cpu)
    flop = units(name, p) if name == "gemm_f32" else None
    say(type="sample", kernel=name, shape=p, units=units(name, p), axes=axes(name, p), flop=flop,
        bytes=w if name in ("gemm_f32", "triad") else None, pass_=pass_, order=order, cache=cache, threads=threads,
        **{"with": together}, off_grid=off_grid, inner=1 + int(1e-4 / wall[0]), discarded=1 if order % 7 == 0 else 0, wall_s=wall, cpu_s=cpu,
        wall_low_s=a[4], wall_high_s=a[10], cpu_low_s=b[4], cpu_high_s=b[10], stable=stable, joule=None,
        clock_s=1e-9 * wander * (WIDE if name == "gemm_f32" else 1))


def plan(names, quick, rng):
    jobs = []
    for name in names:
        own = {json.dumps(p): own_factor(name, p, rng) for p in shapes(name, quick)}
        for i, p in enumerate(shapes(name, quick)):
            for pass_ in (0, 1):
                unstable = name == "aes_gcm" and i == 2 and pass_ == 1
                jobs.append((name, p, pass_, dict(own=own[json.dumps(p)], stable=not unstable)))
            if name in ("gemm_f32", "triad"):
                jobs.append((name, p, 0, dict(own=own[json.dumps(p)], threads=2)))
            if name == "gemm_f32":
                jobs.append((name, p, 0, dict(own=own[json.dumps(p)], cache="cold")))
                jobs.append((name, p, 0, dict(own=own[json.dumps(p)], together="interference")))
    rng.shuffle(jobs)
    return jobs


def plan_off_grid(names, n, rng):
    jobs = []
    for name in names:
        for p in drawn(name, n, rng):
            own = own_factor(name, p, rng)
            jobs += [(name, p, pass_, dict(own=own, off_grid=True)) for pass_ in (0, 1)]
    rng.shuffle(jobs)
    return jobs


def option(name, otherwise):
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else otherwise


def main():
    mode, quick, seed = os.environ.get("KERNELS_PY", ""), "--quick" in sys.argv, int(option("--seed", "1"))
    rng = random.Random(seed)
    names = option("--kernels", ",".join(KERNELS)).split(",")
    for name in names:
        if name not in KERNELS:
            print(f"offsim-kernels: unknown kernel '{name}'", file=sys.stderr)
            sys.exit(2)
    if mode == "nothing":
        print("offsim-kernels: every kernel is unavailable", file=sys.stderr)
        sys.exit(1)
    say(type="begin", format=1, program="offsim-kernels", version="0.1.0", seed=seed, quick=quick, passes=2, unix_time=1790000000)
    say(type="machine", cpu="Made Up(R) CPU 9000 @ 3.00GHz", architecture="x86_64", cores=2, core=0, pinned=False,
        pin_problem="sched_setaffinity: not permitted", governor=None, frequency_hz=3e9, temperature_c=None, memory_bytes=8 * 2 ** 30,
        caches=[{"level": 1, "bytes": 32768, "kind": "data"}, {"level": 2, "bytes": 2 ** 20, "kind": "unified"},
                {"level": 3, "bytes": 2 ** 22, "kind": "unified"}],
        kernel="Linux 6.1", virtual=None, compiler="gcc 12.2", flags="-O3", libraries={"openblas": "0.3.21", "openssl": "3.0", "zlib": None},
        load_1=0.1, steal_share=0.001, rapl="unavailable: no powercap", counters=None)
    for name in names:
        version, unit, bound, parameters, axis = KERNELS[name]
        say(type="kernel", name=name, version=version, unit=unit, bound=bound, parameters=parameters, axes=axis,
            available=name != "deflate", why="built without zlib" if name == "deflate" else None)
    names = [n for n in names if n != "deflate"]
    off_grid = int(option("--off-grid", "0"))
    jobs = plan_off_grid(names, off_grid, rng) if off_grid else plan(names, quick, rng)
    if "aes_gcm" in names:
        say(type="self_check", kernel="aes_gcm", shape={"size": 1024}, ok=False, why="the tag is wrong")
    count = 0
    for order, (name, p, pass_, how) in enumerate(jobs):
        say(type="progress", done=order, total=len(jobs), kernel=name)
        if mode == "slow":
            time.sleep(0.012)
        if mode == "hang" and order == 20:
            stop = []
            for s in (signal.SIGINT, signal.SIGTERM):
                signal.signal(s, lambda *_: stop.append(1))
            print("offsim-kernels: waiting", file=sys.stderr, flush=True)
            while not stop:
                time.sleep(0.02)
            say(type="end", samples=count, unstable=0, elapsed_s=1, interrupted=True)
            sys.exit(75)
        if mode == "crash" and order == 20:
            os.kill(os.getpid(), signal.SIGSEGV)
        if mode == "garbage" and order == 20:
            print("half a li", flush=True)
        if mode == "cut" and order == 20:
            sys.exit(0)
        if name == "aes_gcm" and p["size"] == 1024:
            continue
        sample(rng, name, p, pass_, order, **how)
        count += 1
        if order % 10 == 0:
            say(type="sentinel", order=order, wall_s=1e-3 * math.exp(rng.gauss(0, 0.005)), cpu_s=1e-3 * math.exp(rng.gauss(0, 0.005)))
    say(type="end", samples=count, unstable=sum(j[3].get("stable") is False for j in jobs), elapsed_s=12.5, interrupted=False,
        steal_share=0.002, load_1=0.2)


if __name__ == "__main__":
    main()
