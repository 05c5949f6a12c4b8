#!/usr/bin/python3
"""What `offsim inspect --json` blames: the first cell and the first cause, the share of it, when its requests came; that
cells add up; and that most misses of the budget, if any, are of the same task and phase.

usage: blame.py FOLDER JSON TASK.PLACE.PHASE FROM_S TO_S SHARE
"""
import json, sqlite3, sys

folder, path, where, begin, finish, share = sys.argv[1:]
c = json.load(open(path))["classes"][0]
named = lambda x: f"{x['task']}.{x['place']}.{x['phase']}"
cell, cause = c["cells"][0], c["causes"][0]
assert named(cell) == where, f"{named(cell)} takes longest beyond the usual"
assert cell["share"] >= float(share), cell
assert named(cause) == where and cause["requests"] >= float(share) * c["slow"], cause
assert float(begin) <= cause["first_arrived_s"] and cause["last_arrived_s"] <= float(finish), cause
assert abs(sum(x["excess_s"] for x in c["cells"]) - c["excess_s"]) < 1e-7, "cells do not add up"
assert abs(sum(x["share"] for x in c["cells"]) - 1) < 1e-5
assert sum(x["requests"] for x in c["causes"]) == c["slow"]
db = sqlite3.connect(f"file:{folder}/catalog.sqlite?mode=ro", uri=True)
missed = db.execute("SELECT place, SUM(value) FROM metric WHERE name = 'budget_misses' AND value > 0 GROUP BY place").fetchall()
task, _, phase = where.split(".")
assert not missed or max(missed, key=lambda m: m[1])[0] == f"{task}.{phase}", missed
