#!/usr/bin/python3
"""kills.py [long] [SEED]: a study of 1000 runs with traces, killed at 20 random moments and resumed each time; long: five
such studies, 100 kills. In the end: no run lost, none twice, the same rows and trace bytes as of one that nobody killed.

A moment is a number of finished traces drawn at random over the whole study and then up to 30 ms; one in five falls
into the first 150 ms of a supervisor instead (reading, planning, recovering). The victim's kind is dealt from a deck: the
supervisor, one of its workers, the child of a worker that does a run. A kill counts when the victim was what it was
meant to be at the signal (a pidfd, its parent read after it was opened) and the study had not ended.
"""
import ctypes
import itertools
import os
import pathlib
import random
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, "tests")
sys.dont_write_bytecode = True
from same_study import Folder, differences  # noqa: E402

OFFSIM = os.environ.get("OFFSIM", "build/offsim")
KINDS = ["supervisor", "worker", "run"]
PR_SET_CHILD_SUBREAPER = 36
number = bad = 0


def result(ok, name, why=()):
    global number, bad
    number += 1
    bad |= not ok
    print(f"{'ok' if ok else 'not ok'} {number} - {name}", *[f"#   {w}" for w in (why if not ok else ())], sep="\n", flush=True)


def make_studies(work):
    subprocess.run([OFFSIM, "new", work / "s.yaml"], check=True, stdout=subprocess.DEVNULL)
    text = (work / "s.yaml").read_text().replace("duration: 10 min", "duration: 5 s")
    (work / "s.yaml").write_text("\n".join("name: tiny" if l.startswith("name:") else l for l in text.split("\n")))
    for name, replications, levels in [("k", 100, "0.25, 0.5, 1, 2, 4"), ("pair", 30, "0.25, 1")]:
        (work / f"{name}.yaml").write_text(
            f"study: {name}\nscenario: s.yaml\nreplications: {replications}\ntrace: full\nfactors:\n"
            f"  bw: {{path: links.access.rate_scale, values: [{levels}]}}\n  policy: [always_local, always_edge]\n")


class Sweep:
    """One supervisor: alive until end() or poll() tells its exit code (negative: the signal that it died of)."""

    count = itertools.count()

    def __init__(self, work, study, folder, workers=2):
        self.said = work / f"said{next(Sweep.count) % 4}"
        out = os.open(self.said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        self.process = subprocess.Popen([OFFSIM, "sweep", work / f"{study}.yaml", "--quiet", "--format", "json", "-j",
                                         str(workers), "-o", folder], stdout=subprocess.DEVNULL, stderr=out)
        os.close(out)
        self.pid = self.process.pid

    def poll(self):
        return self.process.poll()

    def end(self):
        return self.process.wait()


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as f:
            return [int(x) for x in f.read().split()]
    except OSError:
        return []


def parent(pid):
    with open(f"/proc/{pid}/stat") as f:
        return int(f.read().rsplit(")", 1)[1].split()[1])


def strike(sweep, kind, chance):
    """True: a victim of this kind was alive and got SIGKILL."""
    workers = children(sweep.pid)
    above = os.getpid() if kind == "supervisor" else sweep.pid if kind == "worker" else chance.choice(workers or [0])
    found = [sweep.pid] if kind == "supervisor" else children(above)
    victim = chance.choice(found) if found else 0
    try:
        handle = os.pidfd_open(victim) if victim else -1
    except OSError:
        return False
    try:
        if handle < 0 or parent(victim) != above or select.select([handle], [], [], 0)[0]:
            return False
        signal.pidfd_send_signal(handle, signal.SIGKILL)
        select.select([handle], [], [], 10)
        return True
    except OSError:
        return False
    finally:
        if handle >= 0:
            os.close(handle)


def finished(folder):
    try:
        return len(os.listdir(folder / "traces"))
    except OSError:
        return 0


def wait_until(sweep, folder, traces):
    """False: the study ended before it had so many."""
    while finished(folder) < traces:
        if sweep.poll() is not None:
            return False
        time.sleep(0.02)
    return True


def aim(sweep, kind, chance):
    """Runs are short: look for one until it is there."""
    end = time.monotonic() + 2
    while sweep.poll() is None and time.monotonic() < end:
        if strike(sweep, kind, chance):
            return True
    return False


class Tally:
    def __init__(self):
        self.hit = dict.fromkeys(KINDS, 0)
        self.moments, self.late, self.bad = [], 0, []

    def kills(self):
        return sum(self.hit.values())


def deck_of(n, chance):
    deck = [KINDS[i % 3] for i in range(n)]
    chance.shuffle(deck)
    return deck


def hunt(sweep, folder, moment, deck, runs, chance, tally):
    """Wait for the moment and kill; False: no victim was there."""
    if moment is None:
        time.sleep(chance.random() * 0.15)
    elif wait_until(sweep, folder, moment):
        time.sleep(chance.random() * 0.03)
    done = finished(folder)
    if done >= runs or not aim(sweep, deck[-1], chance):
        return False
    tally.hit[deck.pop()] += 1
    tally.moments.append(done)
    return True


def wreck(work, folder, kills, runs, chance, tally):
    """One study, killed so often and gone on with until it is done."""
    moments = sorted(chance.randrange(runs * 97 // 100) for _ in range(kills))
    deck, code = deck_of(kills, chance), None
    while code != 0:
        sweep, early = Sweep(work, "k", folder), chance.random() < 0.2
        while moments and sweep.poll() is None:
            if hunt(sweep, folder, None if early else moments[0], deck, runs, chance, tally):
                moments.pop(0)
            early = False
        code = sweep.end()
        if code not in (0, 3, -signal.SIGKILL):
            tally.bad.append(f"exit {code}: {sweep.said.read_text()[-300:]}")
            return
    tally.late += len(moments)


def plant(work, whole, name, change):
    """The comparison must see it: `change` spoils a copy and returns what has to be said."""
    copy = work / "planted"
    shutil.copytree(whole.path, copy)
    db = sqlite3.connect(copy / "catalog.sqlite")
    wanted = change(copy, db)
    db.commit()
    db.close()
    said = differences(whole, Folder(copy))
    result(any(s.startswith(wanted) for s in said), f"planted: {name} is seen", said or ["nothing was said"])
    shutil.rmtree(copy)


def lose(copy, db):
    run, = db.execute("SELECT min(id) FROM run").fetchone()
    for table, key in [("run", "id"), ("metric", "run"), ("sketch", "run"), ("provenance", "run")]:
        db.execute(f"DELETE FROM {table} WHERE {key} = ?", (run,))
    (copy / f"traces/{run}.h5").unlink()
    return f"lost: 1 runs, e.g. {run}"


def repeat(copy, db):
    run, point = db.execute("SELECT run, point FROM point_run ORDER BY point, run").fetchone()
    db.execute("CREATE TEMP TABLE t AS SELECT * FROM run WHERE id = ?", (run,))
    db.execute("UPDATE t SET id = 'again'")
    db.execute("INSERT INTO run SELECT * FROM t")
    db.execute("INSERT INTO point_run VALUES(?, 'again')", (point,))
    return f"duplicated: point {point}, "


def flip(copy, db):
    trace = min((copy / "traces").iterdir())
    bytes_ = bytearray(trace.read_bytes())
    bytes_[len(bytes_) // 2] ^= 1
    trace.write_bytes(bytes_)
    return f"trace {trace.name}: other bytes"


def nudge(copy, db):
    db.execute("UPDATE metric SET value = value * 1.0000001 WHERE name = 'latency_mean_s' AND class = ''"
               " AND run = (SELECT min(id) FROM run)")
    return "table metric: 1 rows missing, 1 more"


def leave(copy, db):
    (copy / "traces/x.h5.part").write_bytes(b"")
    return "left over: traces/x.h5.part"


def pair(work, whole, chance, tally):
    """Two supervisors started on one folder at once, the winner killed, two more, to the end."""
    folder, locked, kinds = work / "pair", 0, deck_of(6, chance)
    while True:
        both = [Sweep(work, "pair", folder, 1) for _ in range(2)]
        while kinds and None in [s.poll() for s in both]:
            time.sleep(chance.random() * 0.15)
            alive = [s for s in both if s.poll() is None]
            if alive and aim(chance.choice(alive), kinds[-1], chance):
                tally.append(kinds.pop())
        codes = [s.end() for s in both]
        locked += sum(s.end() == 3 and "is locked" in s.said.read_text() for s in both)
        if any(c not in (0, 3, -signal.SIGKILL) for c in codes):
            return locked, [f"exits {codes}: {both[0].said.read_text()}"]
        if 0 in codes:
            return locked, differences(whole, Folder(folder))


def reap():
    """Who was orphaned comes to us, so that its CPU time counts."""
    try:
        while os.waitpid(-1, 0):
            pass
    except ChildProcessError:
        pass


def main(arguments):
    long = "long" in arguments
    seed = int(arguments[-1]) if arguments and arguments[-1].isdigit() else 4
    studies, chance = 5 if long else 1, random.Random(seed)
    kills, runs = 20 * studies, 1000
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    work = pathlib.Path(tempfile.mkdtemp())
    try:
        make_studies(work)
        codes = [Sweep(work, "k", work / "whole").end(), Sweep(work, "pair", work / "whole_pair").end()]
        whole, whole_pair = Folder(work / "whole"), Folder(work / "whole_pair")
        result(codes == [0, 0] and (whole.finished, whole_pair.finished) == ((1000, 1000), (120, 120))
               and len(whole.traces) == 1000 and not whole.twice, "studies of 1000 and 120 runs with traces, uninterrupted",
               [codes, whole.finished, whole_pair.finished, len(whole.traces)])
        for name, change in [("a lost run", lose), ("a duplicated run", repeat), ("an altered byte of a trace", flip),
                             ("an altered metric", nudge), ("a file that was left behind", leave)]:
            plant(work, whole_pair, name, change)
        tally = Tally()
        for i in range(studies):
            wreck(work, work / f"k{i}", 20, runs, chance, tally)
            said = differences(whole, Folder(work / f"k{i}")) if not tally.bad else tally.bad
            result(not said, f"study {i + 1} after 20 kills: 0 lost, 0 twice, the same rows and trace bytes", said)
            shutil.rmtree(work / f"k{i}")
        hit = ", ".join(f"{tally.hit[k]} of a {k}" for k in KINDS)
        result(tally.kills() == kills and tally.late == 0, f"{kills} kills, each before the end ({hit})", [tally.hit, tally.late])
        result(min(tally.hit.values()) >= kills // 4, "each kind was hit, a quarter of the kills at least", [tally.hit])
        thirds = [sum(i * runs // 3 <= m < (i + 1) * runs // 3 for m in tally.moments) for i in range(3)]
        result(min(thirds) >= kills // 10, f"moments: from {min(tally.moments)} to {max(tally.moments)} finished runs, by thirds"
               f" {thirds}", [tally.moments])
        hit_pair = []
        locked, said = pair(work, whole_pair, chance, hit_pair)
        result(not said, f"two supervisors at once, {len(hit_pair)} kills among them: as uninterrupted", said)
        result(locked > 0 and len(hit_pair) >= 3, f"the second was told that the folder is locked ({locked} times)", [hit_pair])
    finally:
        shutil.rmtree(work)
    reap()
    t = os.times()
    print(f"# seed {seed}; {t.user + t.system + t.children_user + t.children_system:.1f} s CPU", f"1..{number}", sep="\n")
    return bad


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
