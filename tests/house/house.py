#!/usr/bin/python3
"""The rules of the house, checked: who may include whom, one library per file, sizes of functions, no mutable
globals, exported symbols. Prints TAP. Every rule is also tried on a planted offender that it must see.

usage: house.py ROOT BUILD
"""
import os, re, subprocess, sys, tempfile

ROOMS = ("sim", "models", "policies", "scenarios", "experiments", "analysis")

# A room may include these rooms (its own always). Single headers are named whole.
MAY = {
    "sim": [],
    "models": ["sim/", "policies/offsim_policy.h"],
    "policies": [],
    "scenarios": ["sim/", "models/", "policies/offsim_policy.h"],
    "analysis": ["sim/check.h", "sim/err.h", "sim/stat.h", "sim/trust.h", "sim/json.h", "sim/hash.h", "models/record.h"],
    "experiments": ["sim/", "models/", "policies/", "scenarios/", "analysis/"],
}
# A library's headers appear in one file of the program.
ONE_FILE = {
    r"yaml\.h": "scenarios/yaml.c", r"igraph.*": "models/graph.c", r"libxml/.*": "models/graphml.c", r"zlib\.h": "models/trace_in.c",
    r"dlfcn\.h": "models/policy_host.c", r"sqlite3\.h": "analysis/store/catalog.c", r"hdf5\.h": "analysis/store/trace.c",
    r"libdeflate\.h": "analysis/store/trace.c", r"jansson\.h": "sim/json.c", r"xxhash\.h": "sim/hash.c",
}
# offsim-kernels is a program of its own: its folder sees itself, libc and the libraries that it times; nobody sees it.
KERNELS = "experiments/kernels/"
KERNEL_LIBRARIES = r"(?:cblas|zlib|sqlite3)\.h|openssl/.*"
CUDA, CUDA_LIBRARIES = KERNELS + "cuda/", r"dlfcn\.h"   # NVML is loaded when the program runs
OF_NVCC = r"__device_stub__|__fatDeviceText|__cudaFatCubinHandle|__nv_"     # what its compiler keeps for itself
OF_KERNELS = r"cblas.*\.h|openblas.*|openssl/.*"
OF_OTHERS = "|".join(ONE_FILE) + r"|gsl/.*|Random123/.*|libomp.*|omp\.h"
INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]', re.M)


def sources(root):
    for room in ROOMS:
        for folder, _, names in os.walk(os.path.join(root, room)):
            for name in sorted(names):
                if name.endswith((".c", ".h")):
                    path = os.path.join(folder, name)
                    yield os.path.relpath(path, root), open(path, encoding="utf-8").read()


def include_rules(root):
    for path, text in sources(root):
        room = path.split("/")[0]
        for kind, header in INCLUDE.findall(text):
            if kind == '"' and not header.startswith(room + "/") and not any(header.startswith(m) for m in MAY[room]):
                yield f"{path} includes {header}"
            if kind == '"' and room == "policies" and header not in ("policies/offsim_policy.h", "policies/policy_util.h"):
                yield f"{path} includes {header}"


def one_library_per_file(root):
    for path, text in sources(root):
        for kind, header in INCLUDE.findall(text):
            for pattern, owner in ONE_FILE.items():
                if path.startswith(KERNELS):
                    continue                            # kernel_rules
                if kind == "<" and re.fullmatch(pattern, header) and path != owner:
                    yield f"{path} includes {header}, which belongs to {owner}"


def kernel_rules(root):
    for path, text in sources(root):
        inside = path.startswith(KERNELS)
        for kind, header in INCLUDE.findall(text):
            own = kind == '"' and header.startswith(KERNELS)
            if inside and kind == '"' and not own:
                yield f"{path} includes {header}: the kernels see only their own headers"
            loads = path.startswith(CUDA) and re.fullmatch(CUDA_LIBRARIES, header)
            if inside and kind == "<" and re.fullmatch(OF_OTHERS, header) and not re.fullmatch(KERNEL_LIBRARIES, header) and not loads:
                yield f"{path} includes {header}, a library of the simulator"
            if not inside and (own or (kind == "<" and re.fullmatch(OF_KERNELS, header))):
                yield f"{path} includes {header}, which belongs to {KERNELS}"


def kernel_rules_plants():
    """Each rule sees its own offender: as many as there are rules."""
    offenders = {"experiments/kernels/x.c": '#include "sim/err.h"\n', "experiments/kernels/y.c": "#include <gsl/gsl_math.h>\n",
                 "experiments/x.c": '#include "experiments/kernels/kernel.h"\n', "models/x.c": "#include <openssl/ssl.h>\n"}
    fair = {"experiments/kernels/x.c": '#include "experiments/kernels/out.h"\n#include <zlib.h>\n#include <cblas.h>\n'}
    return all(len(planted(kernel_rules, {name: text})) == 1 for name, text in offenders.items()) and not planted(kernel_rules, fair)


def no_shell(root):
    for path, text in sources(root):
        for word in re.findall(r"\b(system|popen|longjmp|setjmp)\s*\(", text):
            yield f"{path} calls {word}"


def functions(root):
    """(path, line, name, length) of every function: from the line of '{' in column 0 to the '}' in column 0."""
    for path, text in sources(root):
        if not path.endswith(".c"):
            continue
        start = None
        lines = text.split("\n")
        for i, line in enumerate(lines):
            if line == "{" and i and ")" in lines[i - 1]:
                start = i
            elif line == "}" and start is not None:
                name = re.search(r"(\w+)\s*\(", " ".join(lines[max(0, start - 2):start]) or "")
                yield path, start, name.group(1) if name else "?", i - start - 1
                start = None


def function_sizes(root):
    sizes = sorted(f[3] for f in functions(root))
    if not sizes:
        return
    if sizes[len(sizes) // 2] >= 14:
        yield f"half of the functions have {sizes[len(sizes) // 2]} lines or more; wanted: under 14"
    over = [f for f in functions(root) if f[3] >= 60]
    if len(over) > len(sizes) * 0.02:
        yield f"{len(over)} of {len(sizes)} functions have 60 lines or more: " + ", ".join(f"{f[0]}:{f[2]}" for f in over)
    for path, _, name, length in over:
        if length >= 100:
            yield f"{path}: {name} has {length} lines"


def braces(root):
    """The body of a function opens on a line of its own: function_sizes finds functions by that."""
    for path, text in sources(root):
        for line in re.findall(r"^(?:static |const |struct |enum )*[a-z]\w* \**\w+\([^;{}]*\) \{$", text, re.M):
            yield f"{path}: {line}"


def symbols(path, flags):
    out = subprocess.run(["nm", *flags, path], capture_output=True, text=True, check=True).stdout
    return [line.split() for line in out.splitlines() if line.strip()]


def mutable_globals(build):
    for folder, _, names in os.walk(build):
        for name in names:
            path = os.path.join(folder, name)
            if not name.endswith(".o") or "/tests/" in path or "/asan/" in path:
                continue
            for entry in symbols(path, []):
                if CUDA in path and re.search(OF_NVCC, entry[-1]):
                    continue
                if len(entry) == 3 and entry[1] in "BbDdCG" and not is_constant(path, entry[2]):
                    yield f"{os.path.relpath(path, build)}: {entry[2]} is a mutable global"


def is_constant(path, symbol):
    """Tables of pointers land in .data.rel.ro (nm says 'd'): constant after loading."""
    out = subprocess.run(["objdump", "-t", path], capture_output=True, text=True, check=True).stdout
    for line in out.splitlines():
        if line.endswith(" " + symbol):
            return ".rodata" in line or ".data.rel.ro" in line or ".tbss" in line or ".tdata" in line
    return False


def copied(path):
    """Addresses of variables of libraries: without link-time optimisation they are copied into the program, which then
    defines them for the library too (relocations of kind COPY)."""
    out = subprocess.run(["readelf", "-rW", path], capture_output=True, text=True, check=True).stdout
    rows = (line.split() for line in out.splitlines())
    return {int(row[0], 16) for row in rows if len(row) > 2 and row[2].endswith("_COPY")}


def exported(path):
    theirs = copied(path)
    for entry in symbols(path, ["-D", "--defined-only"]):
        if int(entry[0], 16) not in theirs and not entry[-1].startswith("offsim_"):
            yield f"{path} exports {entry[-1]}"


def planted(check, files):
    with tempfile.TemporaryDirectory() as root:
        for name, text in files.items():
            path = os.path.join(root, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            open(path, "w").write(text)
        return list(check(root))


def planted_object(check, text, shared=False):
    with tempfile.TemporaryDirectory() as root:
        source, out = os.path.join(root, "x.c"), os.path.join(root, "x.so" if shared else "x.o")
        open(source, "w").write(text)
        subprocess.run(["gcc", *(["-shared", "-fPIC"] if shared else ["-c"]), "-o", out, source], check=True)
        return list(check(out if shared else root))


def planted_program(check, text):
    """A program that uses a variable of a library by copy, and exports `leak2` where `text` defines it."""
    with tempfile.TemporaryDirectory() as root:
        library, program, out = (os.path.join(root, n) for n in ("l.c", "p.c", "p"))
        open(library, "w").write("int theirs = 1;\n")
        open(program, "w").write("extern int theirs;\n" + text + "int main(void) { return theirs; }\n")
        subprocess.run(["gcc", "-shared", "-fPIC", "-o", root + "/libl.so", library], check=True)
        subprocess.run(["gcc", "-O0", "-fPIE", "-pie", "-Wl,--export-dynamic-symbol=leak2", "-o", out, program, "-L" + root, "-ll"],
                       check=True)
        return list(check(out))


def main(root, build):
    plugins = [os.path.join(build, "policies", n) for n in sorted(os.listdir(os.path.join(build, "policies"))) if n.endswith(".so")]
    long_function = "int f(void)\n{\n" + "  ;\n" * 120 + "}\n"
    checks = [
        ("include rules", include_rules(root), lambda: planted(include_rules, {"sim/x.c": '#include "models/world.h"\n'})),
        ("one library per file", one_library_per_file(root), lambda: planted(one_library_per_file, {"models/x.c": "#include <sqlite3.h>\n"})),
        ("the kernels are on their own", kernel_rules(root), kernel_rules_plants),
        ("no shell, no longjmp", no_shell(root), lambda: planted(no_shell, {"sim/x.c": "void f(void) { system(0); }\n"})),
        ("function sizes", function_sizes(root), lambda: planted(function_sizes, {"sim/x.c": long_function})),
        ("bodies open on their own line", braces(root), lambda: planted(braces, {"sim/x.c": "int f(void) {\n  return 1;\n}\n"})),
        ("no mutable globals", mutable_globals(build), lambda: planted_object(mutable_globals, "int counter = 3; int *f(void) { return &counter; }\n")),
        ("plug-ins export one symbol", (e for p in plugins for e in exported(p)), lambda: planted_object(exported, "int leak(void) { return 1; }\n", True)),
        ("the program exports offsim_ only", exported(os.path.join(build, "offsim")), lambda: planted_program(exported, "int leak2(void) { return 1; }\n")),
        ("a copied variable is no export", planted_program(exported, ""), lambda: planted_program(exported, "int leak2 = 1;\n")),
    ]
    print(f"1..{2 * len(checks)}")
    number, failed = 0, 0
    for name, offences, plant in checks:
        for title, bad in ((name, list(offences)), (name + ": planted offender is seen", [] if plant() else ["not seen"])):
            number += 1
            failed += bool(bad)
            print(("not ok" if bad else "ok"), number, "-", title)
            for line in bad[:20]:
                print("#  ", line)
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: tests/house/house.py ROOT BUILD      (from the root: tests/house/house.py . build)")
    sys.exit(main(sys.argv[1], sys.argv[2]))
