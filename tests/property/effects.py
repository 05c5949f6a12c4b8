#!/usr/bin/python3
"""Does each scenario show what it is for, and does its line in docs/gallery.md draw its figure? Prints TAP.

A file effects/NAME.json is about scenarios/NAME.yaml:
  set            PATH: VALUE, what makes its reduced form of it (a second or two of computing)
  replications   of each run (10)
  settings       NAME: {PATH: VALUE}, further runs: `set` and these
  effects        [{says, metric, class or place when it is of one, more, less}]: the metric is larger in `more` than in `less`
`more` and `less` are a POLICY of the scenario, or SETTING/POLICY, or a number.

Test. Differences are paired over replications (the same arrivals and demands in both). The two-sided 99.8 % interval of
Student's t has to lie wholly above zero: an effect that is not there is found once in 1000 rows at most. Seeds are the
scenarios', so that a row passes always or never. The same test must not find effects that are planted the wrong way
round, nor one between two halves of the replications of one policy.

The line of the gallery runs as it stands but for `--replications` and `--set` of the reduced form, and has to leave an
image; with `long` the lines of all scenarios run, unreduced.

usage: effects.py PROGRAM WORK [short|long] [NAME...]
"""
import glob, json, os, re, shlex, sqlite3, subprocess, sys, time
import numpy
from tap import end, tell

# Student's t, 1 - 1e-3, by degrees of freedom
CRITICAL = {3: 10.215, 4: 7.173, 5: 5.893, 6: 5.208, 7: 4.785, 9: 4.297, 11: 4.025, 14: 3.787, 19: 3.579, 29: 3.396, 39: 3.313}
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LINE = re.compile(r"^```sh[^\n]*\n(offsim (?:run|sweep) scenarios/(\S+)\.yaml[^\n]*)\n```", re.M)


def command(words, folder):
    """Runs the program; its last words where it failed."""
    run = subprocess.run([PROGRAM, *words], cwd=folder, capture_output=True, text=True, env=dict(os.environ, NO_COLOR="1"))
    return "" if run.returncode == 0 else " ".join(["offsim", *words]) + ": " + run.stderr[-800:]


def options(sets):
    return [x for path, value in sets.items() for x in ("--set", f"{path}={value}")]


class Scenario:
    """Its rows, and the values that they ask for, run when first asked."""
    def __init__(self, name):
        self.name, self.done = name, {}
        with open(os.path.join(ROOT, "tests/property/effects", name + ".json"), encoding="utf-8") as f: self.rows = json.load(f)
        self.reduced = self.rows.get("set", {})
        self.n = self.rows.get("replications", 10)

    def folder(self, setting):
        """Of the runs of a setting ("": the reduced form)."""
        if setting not in self.done:
            to = os.path.join(WORK, self.name.replace("/", "-") + "@" + setting)
            sets = dict(self.reduced, **(self.rows["settings"][setting] if setting else {}), **{"output.trace": "none"})
            failed = command(["run", f"scenarios/{self.name}.yaml", "-o", to, "--quiet", "--replications", str(self.n), *options(sets)], ROOT)
            if failed: raise RuntimeError(failed)
            self.done[setting] = to
        return self.done[setting]

    def values(self, row, whose):
        """The metric by replication."""
        if isinstance(whose, (int, float)): return numpy.full(self.n, float(whose))
        setting, _, policy = whose.rpartition("/")
        with sqlite3.connect(os.path.join(self.folder(setting), "catalog.sqlite")) as base:
            found = base.execute("select m.value from metric m join run r on r.id = m.run where r.policy = ? and m.name = ? and "
                                 "m.class = ? and m.place = ? order by r.replication",
                                 (policy, row["metric"], row.get("class", ""), row.get("place", ""))).fetchall()
        if len(found) != self.n: raise RuntimeError(f"{whose} has {len(found)} values of {row['metric']}, not {self.n}")
        return numpy.array([v for v, in found], dtype=float)


def interval(more, less):
    """Of the paired difference, 99.8 %."""
    d = more - less
    half = CRITICAL[len(d) - 1] * d.std(ddof=1) / len(d) ** 0.5
    return d.mean() - half, d.mean() + half


def finds(more, less):
    low, high = interval(more, less)
    return low > 0 and high > 0                             # NaN: nothing was found


def judge(scenario):
    for row in scenario.rows["effects"]:
        try:
            more, less = scenario.values(row, row["more"]), scenario.values(row, row["less"])
        except RuntimeError as problem:
            tell(False, f"{scenario.name}: {row['says']}: {problem}")
            continue
        low, high = interval(more, less)
        unit = f"{row['metric']} {more.mean():.4g} against {less.mean():.4g}, difference in [{low:.3g}, {high:.3g}]"
        tell(finds(more, less), f"{scenario.name}: {row['says']} ({unit})")
        if finds(less, more): tell(False, f"{scenario.name}: the wrong way round: {row['says']}")


def lines():
    with open(os.path.join(ROOT, "docs/gallery.md"), encoding="utf-8") as f: return {name: line for line, name in LINE.findall(f.read())}


def draws(name, line, extra):
    """Runs the gallery's line in a folder of its own."""
    folder = os.path.join(WORK, "figure-" + name.replace("/", "-"))
    os.makedirs(folder)
    os.symlink(os.path.join(ROOT, "scenarios"), os.path.join(folder, "scenarios"))
    for number, part in enumerate(line.split(" && ")):
        words = shlex.split(part)[1:]
        if words[0] == "run": words += extra + ["--quiet"]
        elif words[0] == "sweep": words += extra[:2] + ["--quiet"]
        failed = command(words, folder)
        if failed: return failed
    made = [f for kind in ("svg", "png", "pdf") for f in glob.glob(folder + "/**/*." + kind, recursive=True)]
    return "" if any(os.path.getsize(f) > 2000 for f in made) else "no image"


def planted():
    """Faults that the tests above must see."""
    rng = numpy.random.default_rng(7)
    a = rng.normal(1, .1, 10)
    tell(finds(a + .1, a) and finds(a + rng.normal(.5, .1, 10), a), "an effect that is there is found")
    tell(not finds(a, a + .1), "planted: the wrong way round is not found")
    tell(not finds(a, a) and not finds(a, rng.normal(1, .1, 10)), "planted: no effect is not found")
    false = sum(finds(x, y) for x, y in (rng.normal(0, 1, (2, 10)) for _ in range(20000)))
    tell(4 <= false <= 45, f"of 20000 effects that are not there {false} are found; 20 are expected (outside 4 .. 45: 1 in 100,000)")


def main(size, only):
    planted()
    drawn = lines()
    shipped = [os.path.relpath(f, ROOT + "/scenarios")[:-5] for where in ("", "changes/", "studies/")
               for f in sorted(glob.glob(f"{ROOT}/scenarios/{where}*.yaml"))]
    missing = [name for name in shipped if name not in drawn]
    tell(not missing, "every scenario has its paragraph and its line in docs/gallery.md" + "".join(" - " + m for m in missing))
    unknown = [name for name in drawn if name not in shipped]
    tell(not unknown, "every line of docs/gallery.md is of a scenario" + "".join(" - " + u for u in unknown))
    files = sorted(glob.glob(ROOT + "/tests/property/effects/**/*.json", recursive=True))
    names = [os.path.relpath(f, ROOT + "/tests/property/effects")[:-5] for f in files]
    for name in names:
        if only and name not in only: continue
        began, scenario = time.monotonic(), Scenario(name)
        judge(scenario)
        if size == "short" and name in drawn:
            problem = draws(name, drawn[name], ["--replications", "2", *options(scenario.reduced)])
            tell(not problem, f"{name}: its line draws a figure {problem}")
        print(f"# {name}: {time.monotonic() - began:.1f} s")
    if size == "long":
        for name, line in drawn.items():
            if only and name not in only: continue
            problem = draws(name, line, [])
            tell(not problem, f"{name}: its line draws a figure {problem}")
    end()


if __name__ == "__main__":
    PROGRAM, WORK = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    main(sys.argv[3] if len(sys.argv) > 3 else "short", sys.argv[4:])
