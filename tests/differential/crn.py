#!/usr/bin/python3
"""Common random numbers: over all policies of a results folder, a replication has the same requests, arrivals, devices
and attributes, the same service demand for the same attempt, and the same latency on the same way. Another replication
must differ (planted positive). Prints TAP.

usage: crn.py DIR
"""
import os, sqlite3, sys
import h5py, numpy, pandas


def columns(path, group, names=None):
    with h5py.File(path, "r") as f:
        g = f[group]
        return pandas.DataFrame({k: g[k][:] for k in g if names is None or k in names})


def zones(path):
    with h5py.File(path, "r") as f:
        return h5py.check_enum_dtype(f["transfers/zone"].dtype)


def given(path):
    """What the world gives, whatever the policy: all columns of /requests that are no result."""
    frame = columns(path, "requests").set_index("request").sort_index()
    results = {"completed_ns", "first_token_ns", "server_first_token_ns", "quality", "energy_device_j", "energy_direct_j", "cost_usd",
               "reward", "tokens", "status", "slo_met", "n_attempts", "n_decisions", "offloaded", "cold", "measured"}
    return frame[[c for c in frame if c not in results]]


def same_requests(a, b):
    """Over the cohort: after it, arrivals go on as long as a policy needs to drain."""
    a, b = given(a), given(b)
    both = a.index.intersection(b.index)
    return len(both) > 100 and a.loc[both].equals(b.loc[both])


KEY = ["request", "task", "attempt", "place", "member", "variant"]


def same_way(a, b, link_columns=("request", "task", "attempt", "link", "zone", "bytes")):
    """Data of the same attempt over the same link takes the same time, but for the few that met others on the link."""
    t = [columns(p, "transfers") for p in (a, b)]
    user = zones(a)["user"]                               # answers are streams: they last as long as the engine takes
    t = [x[(x["kind"] == 0) & (x["zone"] != user)] for x in t]
    joined = t[0].merge(t[1], on=list(link_columns))
    took = [joined["ended_ns_x"] - joined["started_ns_x"], joined["ended_ns_y"] - joined["started_ns_y"]]
    return len(joined) > 50 and (took[0] == took[1]).mean() > 0.9


def same_demand(a, b):
    """Service of the first task, alone on its device: the same number of nanoseconds."""
    t = [columns(p, "attempts", KEY + ["serve_ns", "status"]) for p in (a, b)]
    joined = t[0][t[0]["task"] == 0].merge(t[1][t[1]["task"] == 0], on=KEY)
    return len(joined) > 100 and (joined["serve_ns_x"] == joined["serve_ns_y"]).mean() > 0.99


def main(folder):
    db = sqlite3.connect(os.path.join(folder, "catalog.sqlite"))
    runs = db.execute("select replication, policy, trace_file from run where state = 'done' order by replication, policy").fetchall()
    by = {}
    for replication, policy, file in runs:
        by.setdefault(replication, []).append((policy, os.path.join(folder, file)))
    number, failed = 0, 0

    def tell(ok, title):
        nonlocal number, failed
        number, failed = number + 1, failed + (not ok)
        print("ok" if ok else "not ok", number, "-", title)

    for replication, rows in by.items():
        base = rows[0]
        for policy, path in rows[1:]:
            tell(same_requests(base[1], path), f"replication {replication}: {policy} sees the requests of {base[0]}")
            tell(same_demand(base[1], path), f"replication {replication}: {policy} has the service demand of {base[0]}")
    edge = {p: f for p, f in by[min(by)]}
    if "random" in edge and "always_edge" in edge:
        tell(same_way(edge["random"], edge["always_edge"]), "the same way takes the same time under random and always_edge")
    first, other = list(by)[:2]
    tell(not same_requests(by[first][0][1], by[other][0][1]), "planted: another replication has other requests")
    print(f"1..{number}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
