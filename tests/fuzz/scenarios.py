#!/usr/bin/python3
"""Random damage to scenario files: the program must answer every one with exit 0, 2 or 3 and a message, never crash.
Prints TAP and the seed. Planted positive: a program that dies of a signal must be seen.

usage: scenarios.py PROGRAM COUNT [SEED] FILES...
"""
import os, random, stat, subprocess, sys, tempfile

WORDS = ["-1", "1e400", "nan", "5 s", "10 GB", "[", "{", "}", "]", ": ", "- ", "~", "null", "\t", "\u00e9", "!!int", "&a", "*a", "name", "places", "''", '"', "0", "99999999999999999999", "# ", "\n"]


def damage(text, dice):
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(text) + 1)
        how = dice.randrange(6)
        if how == 0: text = text[:at] + dice.choice(WORDS) + text[at:]
        elif how == 1: text = text[:at] + text[at + dice.randint(1, 30):]
        elif how == 2:
            lines = text.split("\n"); i = dice.randrange(len(lines)); lines.insert(dice.randrange(len(lines) + 1), lines[i]); text = "\n".join(lines)
        elif how == 3:
            lines = text.split("\n"); lines.pop(dice.randrange(len(lines))); text = "\n".join(lines)
        elif how == 4: text = text[:at] + chr(dice.randrange(1, 256)) + text[at + 1:]
        else:
            words = text.split(" "); i, j = dice.randrange(len(words)), dice.randrange(len(words)); words[i], words[j] = words[j], words[i]; text = " ".join(words)
        text = text or "x"
    return text


def judge(program, text, folder):
    path = os.path.join(folder, "fuzzed.yaml")
    open(path, "w", encoding="utf-8").write(text)
    try:
        run = subprocess.run([program, "check", path], capture_output=True, timeout=20)
    except subprocess.TimeoutExpired:
        return "runs for more than 20 s"
    if run.returncode not in (0, 2, 3):
        return f"exit {run.returncode}: {run.stderr[-600:]!r}"
    if run.returncode and not run.stderr.strip():
        return "an error without a message"
    return None


def main(program, count, seed, files):
    dice, folder, bad = random.Random(seed), tempfile.mkdtemp(), 0
    for k in range(count):
        text = damage(open(dice.choice(files), encoding="utf-8").read(), dice)
        fault = judge(program, text, folder)
        if fault:
            bad += 1
            keep = f"/tmp/offsim-fuzz-{seed}-{k}.yaml"
            open(keep, "w", encoding="utf-8").write(text)
            print(f"#   {fault} ({keep})")
    print("not ok 1 -" if bad else "ok 1 -", f"{count} damaged scenarios, seed {seed}")
    crasher = os.path.join(folder, "crasher")
    open(crasher, "w").write("#!/bin/sh\nkill -SEGV $$\n")
    os.chmod(crasher, stat.S_IRWXU)
    seen = judge(crasher, "x", folder)
    print("ok 2 - planted: a crash is seen" if seen else "not ok 2 - planted: a crash is not seen")
    print("1..2")
    return 1 if bad or not seen else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]))
