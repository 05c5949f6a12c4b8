#!/usr/bin/python3
"""Does the program that measures kernels mean the same by them as the presets that scenarios read? Prints TAP.

Of each kernel of offsim-kernels: a preset of its name, the same version, unit, axes and parameters; and for every shape of its
grid the preset's `units` and `axes`, evaluated here, are what `offsim-kernels describe` says (relative 1e-9). Expressions of
presets are Python's as well. Planted: a preset whose units are off by one part in a thousand is seen.

usage: kernel_presets.py KERNELS-PROGRAM FOLDER-OF-PRESETS
"""
import json, os, re, subprocess, sys


def lines(*words):
    out = subprocess.run([sys.argv[1], *words], capture_output=True, text=True, check=True).stdout
    return [json.loads(line) for line in out.splitlines()]


def preset(name):
    """What stands under `value:` of the preset; numbers of `parameters` only."""
    with open(os.path.join(sys.argv[2], name + ".yaml"), encoding="utf-8") as f: text = f.read()
    text = text[text.index("\nvalue:"):]
    found = {key: re.search(rf"^  {key}: (.*)$", text, re.M).group(1) for key in ("parameters", "version", "unit", "units")}
    pairs = [part.split(":") for part in found["parameters"].strip("{}").split(",")]
    found["parameters"] = {key.strip(): float(value) for key, value in pairs}
    found["axes"] = dict(re.findall(r"^    (\w+): (.*)$", text[text.index("\n  axes:"):], re.M))
    return found


def differences(kernel, own):
    """Why the preset is not the kernel's; empty: it is."""
    if int(own["version"]) != kernel["version"] or own["unit"] != kernel["unit"]: return "another version or unit"
    if list(own["axes"]) != kernel["axes"]: return f"axes {list(own['axes'])}, not {kernel['axes']}"
    lacks = [p for p in kernel["parameters"] if p not in own["parameters"] and p != "top"]
    if lacks: return f"no parameter {lacks}"
    for shape in lines("describe", kernel["name"]):
        values = dict(own["parameters"], **shape["shape"], min=min, max=max)
        wanted = [shape["units"], *shape["axes"]]
        for text, want in zip([own["units"], *own["axes"].values()], wanted):
            got = eval(text, {"__builtins__": {}}, values)
            if abs(got - want) > 1e-9 * abs(want): return f"{text} is {got:g} at {shape['shape']}, not {want:g}"
    return ""


def main():
    n = 0
    def tell(good, what):
        nonlocal n
        n += 1
        print("ok" if good else "not ok", n, "-", what)
    for kernel in lines("list"):
        try: why = differences(kernel, preset(kernel["name"]))
        except (OSError, ValueError, AttributeError, NameError) as error: why = f"{type(error).__name__}: {error}"
        tell(not why, f"preset and kernel {kernel['name']} mean the same" + (f": {why}" if why else ""))
        if kernel["name"] == "gemm_f32":
            planted = preset("gemm_f32")
            planted["units"] += " * 1.001"
            tell("is" in differences(kernel, planted), "planted: units that are off by a thousandth are seen")
    print(f"1..{n}")


main()
