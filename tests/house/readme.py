#!/usr/bin/python3
"""Runs every `sh` code block of a document in one temporary folder, top to bottom, as a reader would. Blocks marked
`sh skip=REASON` are counted as skipped, blocks marked `file=NAME` are files of the folder. `offsim` stands for the
program under test. Prints TAP.

usage: readme.py FILE [short|long]
"""
import os, re, subprocess, sys, tempfile

BLOCK = re.compile(r"^```sh([^\n]*)\n(.*?)^```", re.M | re.S)
FILE = re.compile(r"^```\w+ file=([\w.-]+)\n(.*?)^```", re.M | re.S)


def main(path):
    document = open(path, encoding="utf-8").read()
    blocks = BLOCK.findall(document)
    folder = tempfile.mkdtemp()
    for name, text in FILE.findall(document):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)
    root = os.path.dirname(os.path.abspath(path)) if os.path.basename(path) == "README.md" else os.getcwd()
    environment = dict(os.environ, PATH=os.path.dirname(os.environ["OFFSIM"]) + ":" + os.environ["PATH"], NO_COLOR="1")
    for name in ("scenarios", "bench", "policies"):
        if os.path.exists(os.path.join(root, name)):
            os.symlink(os.path.join(root, name), os.path.join(folder, name))
    print(f"1..{len(blocks)}")
    failed = 0
    for number, (marks, text) in enumerate(blocks, 1):
        title = text.strip().split("\n")[0]
        skip = re.search(r"skip=(\S+)", marks)
        if skip:
            print(f"ok {number} - {title} # SKIP {skip.group(1)}")
            continue
        run = subprocess.run(["bash", "-euo", "pipefail", "-c", text], cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
        print(("ok" if run.returncode == 0 else "not ok"), number, "-", title)
        if run.returncode:
            failed += 1
            print("#  ", "\n#   ".join((run.stdout + run.stderr).strip().split("\n")[-15:]))
    return 1 if failed or not blocks else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
