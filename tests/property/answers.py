#!/usr/bin/python3
"""answers.py OFFSIM FOLDER: whose answer the user has, and when, where attempts are called off, given up or cut: by hand.

Links of 100 Mbit/s take 80 us for 1 kB. Each case: scenario, number of the request, and what its row of /requests says.
"""
import os
import subprocess
import sys

import h5py

HERE = os.path.join(os.path.dirname(__file__), "..", "data", "answers")
CASES = [
    # 5.08 ms there, 1 s, 5.08 ms back
    ("ends-first-token", 0, {"first_token_ms": 5.08 + 1000 + 5.08, "slo_met": 0}),
    # given up at 1 s; 6.16 ms to the cloud, 50 ms to read, 1.08 ms to the edge, 50 ms to read, 5 ms back
    ("flow-first-token", 0, {"first_token_ms": 1000 + 6.16 + 50 + 1.08 + 50 + 5}),
    # embed again at 58 ms, 300 ms; 5.08 ms to the edge, 10 ms, 5.08 ms back
    ("ends-late", 1, {"completed_ms": 58 + 300 + 5.08 + 10 + 5.08}),
    # the miss at 55.08 ms, the cloud given up 62 ms later; 10 ms at the edge, without a message, 5.08 ms back
    ("judge-kept", 1, {"completed_ms": 5.08 + 50 + 62 + 10 + 5.08, "look_hit": 0}),
    # 50.08 ms each way
    ("hedge-quality", 2, {"completed_ms": 50.08 + 1 + 50.08, "quality": 0.9}),
]


def row(offsim, folder, case, number):
    out = os.path.join(folder, case)
    subprocess.run([offsim, "run", os.path.join(HERE, case + ".yaml"), "-o", out, "--quiet"], check=True,
                   stdout=subprocess.DEVNULL)
    traces = os.path.join(out, "traces")
    with h5py.File(os.path.join(traces, os.listdir(traces)[0]), "r") as f:
        got = {k: v[:][number] for k, v in f["requests"].items() if len(v) > number}
    for k in ("first_token", "completed"):
        got[k + "_ms"] = (got[k + "_ns"] - got["arrived_ns"]) / 1e6
    return got


def main():
    bad = 0
    for i, (case, number, want) in enumerate(CASES, 1):
        got = row(sys.argv[1], sys.argv[2], case, number)
        wrong = {k: (float(got[k]), v) for k, v in want.items() if abs(got[k] - v) > 1e-6}
        print(f"{'not ok' if wrong else 'ok'} {i} - {case}")
        if wrong:
            print(f"#   has, and must have: {wrong}")
        bad |= bool(wrong)
    print(f"1..{len(CASES)}")
    return bad


if __name__ == "__main__":
    sys.exit(main())
