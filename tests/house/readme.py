#!/usr/bin/python3
"""Runs every `sh` and `python` code block of a document in one temporary folder, top to bottom, as a reader would. Python
blocks share their names, as in one session. Blocks marked `skip=REASON` are counted as skipped, blocks marked `file=NAME`
are files of the folder. `offsim` stands for the program under test. Prints TAP.

usage: readme.py FILE [short|long]
"""
import contextlib, io, os, re, subprocess, sys, tempfile, traceback

BLOCK = re.compile(r"^```(sh|python)([^\n]*)\n(.*?)^```", re.M | re.S)
FILE = re.compile(r"^```\w+ file=([\w.-]+)\n(.*?)^```", re.M | re.S)


def run_sh(text, folder, environment):
    run = subprocess.run(["bash", "-euo", "pipefail", "-c", text], cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    return run.returncode == 0, run.stdout + run.stderr


def run_python(text, folder, names):
    said = io.StringIO()
    os.chdir(folder)
    with contextlib.redirect_stdout(said):
        try:
            exec(compile(text, "block", "exec"), names)
            return True, said.getvalue()
        except Exception:
            return False, said.getvalue() + traceback.format_exc()


def main(path):
    document = open(path, encoding="utf-8").read()
    blocks = [block for block in BLOCK.findall(document) if " file=" not in block[1]]
    folder = tempfile.mkdtemp()
    for name, text in FILE.findall(document):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)
    root = os.path.dirname(os.path.abspath(path)) if os.path.basename(path) == "README.md" else os.getcwd()
    environment = dict(os.environ, PATH=os.path.dirname(os.path.abspath(os.environ["OFFSIM"])) + ":" + os.environ["PATH"], NO_COLOR="1")
    for name in ("scenarios", "bench", "policies"):
        if os.path.exists(os.path.join(root, name)):
            os.symlink(os.path.join(root, name), os.path.join(folder, name))
    print(f"1..{len(blocks)}")
    failed, names = 0, {"__name__": "document"}
    for number, (language, marks, text) in enumerate(blocks, 1):
        title = text.strip().split("\n")[0].replace("#", "")
        skip = re.search(r"skip=(\S+)", marks)
        if skip:
            print(f"ok {number} - {title} # SKIP {skip.group(1)}")
            continue
        ok, said = run_sh(text, folder, environment) if language == "sh" else run_python(text, folder, names)
        print("ok" if ok else "not ok", number, "-", title)
        if not ok:
            failed += 1
            print("#  ", "\n#   ".join(said.strip().split("\n")[-15:]))
        elif "--show" in sys.argv:
            print("#  ", "\n#   ".join(said.strip().split("\n")))
    return 1 if failed or not blocks else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
