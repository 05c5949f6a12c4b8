#!/usr/bin/python3
"""Two folders of one study: the same runs, rows and trace bytes? Times and hosts are left out, and nothing else.

same_study.py DIR       prints a digest, then (finished runs, different ones)
same_study.py DIR DIR   prints what differs, a line each; exit 1 when something does
"""
import hashlib
import pathlib
import sqlite3
import sys

TABLES = ["study", "point", "policy", "run", "point_run", "metric", "sketch", "provenance"]
TIMES_AND_HOSTS = " WHERE key NOT IN ('elapsed_s', 'host', 'system', 'cpu')"


def rows_of(db, table):
    n = len(db.execute(f"SELECT * FROM {table} LIMIT 1").description)
    where = TIMES_AND_HOSTS if table == "provenance" else ""
    order = ", ".join(str(i + 1) for i in range(n))
    return db.execute(f"SELECT * FROM {table}{where} ORDER BY {order}").fetchall()


class Folder:
    def __init__(self, path):
        self.path = pathlib.Path(path)
        db = sqlite3.connect(self.path / "catalog.sqlite")
        self.rows = {t: rows_of(db, t) for t in TABLES}
        self.runs = {r[0] for r in db.execute("SELECT id FROM run WHERE state = 'done'")}
        self.finished = db.execute("SELECT count(*), count(DISTINCT id) FROM run WHERE state = 'done'").fetchone()
        self.twice = db.execute("SELECT o.point, r.policy, r.replication, count(*) FROM point_run o JOIN run r ON r.id = o.run"
                                " GROUP BY 1, 2, 3 HAVING count(*) > 1").fetchall()
        self.own = db.execute("SELECT count(*) FROM run WHERE NOT EXISTS (SELECT * FROM point_run WHERE run = id)").fetchone()[0]
        files = [f for f in sorted(self.path.rglob("*")) if f.is_file() and f.name != "catalog.sqlite"]
        self.traces = {f.name: hashlib.sha256(f.read_bytes()).digest() for f in files if f.suffix == ".h5"}
        self.left_over = [str(f.relative_to(self.path)) for f in files if f.suffix != ".h5"]

    def digest(self):
        h = hashlib.sha256()
        for table in TABLES:
            for row in self.rows[table]:
                h.update(repr((table, row)).encode())
        for name, digest in self.traces.items():
            h.update(name.encode() + digest)
        h.update(repr(self.left_over).encode())
        return h.hexdigest()


def differences(whole, other):
    lost, more = whole.runs - other.runs, other.runs - whole.runs
    said = [f"lost: {len(lost)} runs, e.g. {min(lost)}"] if lost else []
    said += [f"not of the study: {len(more)} runs, e.g. {min(more)}"] if more else []
    said += [f"duplicated: point {p}, {policy}, replication {r}: {n} runs" for p, policy, r, n in other.twice]
    said += [f"of no point: {other.own} runs"] if other.own != whole.own else []
    for table in TABLES:
        a, b = set(whole.rows[table]), set(other.rows[table])
        if whole.rows[table] != other.rows[table]:
            said.append(f"table {table}: {len(a - b)} rows missing, {len(b - a)} more, {len(b)} in all: {str(sorted(map(repr, a ^ b))[:1])[:150]}")
    said += [f"trace {name}: missing" for name in sorted(whole.traces.keys() - other.traces.keys())]
    said += [f"trace {name}: nobody's" for name in sorted(other.traces.keys() - whole.traces.keys())]
    said += [f"trace {name}: other bytes" for name in sorted(whole.traces.keys() & other.traces.keys())
             if whole.traces[name] != other.traces[name]]
    return said + [f"left over: {name}" for name in other.left_over if name not in whole.left_over]


def main(folders):
    if len(folders) == 1:
        folder = Folder(folders[0])
        print(folder.digest(), folder.finished)
        return 0
    said = differences(Folder(folders[0]), Folder(folders[1]))
    print("\n".join(said) if said else "the same")
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
