"""TAP for the scripts in Python: tell(ok, title) a line, end() the plan and the exit code."""
import sys

told = []


def tell(ok, title):
    told.append(bool(ok))
    print("ok" if ok else "not ok", len(told), "-", title)


def end():
    print(f"1..{len(told)}")
    sys.exit(not all(told))
