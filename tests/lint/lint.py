#!/usr/bin/env python3
"""Layout rules: who may include whom, one door per third-party package, sizes of files and functions, room READMEs."""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

BELOW = {
    "core/base": [],
    "core/ir": ["core/base"],
    "core/ops": ["core/ir"],
    "core/onnx": ["core/ops"],
    "core/passes": ["core/ops"],
    "core/quant": ["core/ops"],
    "core/config": ["core/quant"],
    "core/runtime": ["core/quant"],
    "core/eval": ["core/runtime", "core/config"],
    "core/calib": ["core/eval", "core/passes"],
    "core/search": ["core/base"],
    "core/tuning": ["core/search", "core/calib"],
    "core/report": ["core/tuning"],
    "core/pipeline": ["core/onnx", "core/passes", "core/report", "strategies"],
    "strategies": ["core/search"],
    "kernels": ["core/base"],
    "adaptors/onednn": ["core/runtime", "kernels"],
    "adaptors/reference": ["core/runtime"],
    "adaptors/callback": ["core/runtime"],
    "python": ["app"],
    "app": ["core/pipeline", "adaptors/onednn", "adaptors/reference", "adaptors/callback"],
}
DOORS = {
    r"onnx/|google/protobuf": ["core/onnx"],
    r"yaml-cpp/": ["core/config"],
    r"(oneapi/)?dnnl|dnnl\.": ["adaptors/onednn"],
    r"nlohmann/": ["core/search", "core/tuning", "core/report", "core/config", "core/quant", "core/eval", "app"],
    r"CLI/": ["app"],
    r"jpeglib|png\.h|zlib": ["core/eval"],
    r"spdlog/": ["core/base"],
    r"hwloc": ["app"],
    r"Eigen/": ["strategies"],
    r"omp\.h": ["core/base"],
    r"mpi\.h": ["app"],
    r"pybind11/": ["python"],
    r"immintrin|x86intrin": ["kernels"],
}
MACHINE_WORDS = re.compile(r"/work/|/root/|pythonhosted|pypi\.org/simple|\bTODO\b|\bFIXME\b|\bXXX\b")
MAX_LINES, MAX_TEST_LINES, MAX_FUNCTION, MAX_README = 500, 800, 60, 40


def reachable(room):
    seen, pending = {room}, [room]
    while pending:
        for lower in BELOW[pending.pop()]:
            if lower not in seen:
                seen.add(lower)
                pending.append(lower)
    return seen


def room_of(path):
    return next((room for room in sorted(BELOW, key=len, reverse=True) if path.startswith(room + "/")), None)


def sources(*suffixes):
    for folder, names, files in os.walk(ROOT):
        names[:] = [n for n in names if n not in (".git", "build", "inc_cpp_workspace", "__pycache__")]
        for file in files:
            if file.endswith(suffixes):
                yield os.path.relpath(os.path.join(folder, file), ROOT)


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8", errors="replace") as f:
        return f.read()


def check_includes(path, text):
    room = room_of(path)
    for line in re.findall(r'^\s*#include\s+[<"]([^>"]+)[>"]', text, re.M):
        target = room_of(line)
        if room and target and target not in reachable(room):
            yield f"{path}: {room} may not include {line}"
        for pattern, doors in DOORS.items():
            if re.match(pattern, line) and target is None and not path.startswith("tests/") and room not in doors:
                yield f"{path}: {line} enters through {', '.join(doors)} only"


def check_sizes(path, text):
    lines = text.splitlines()
    limit = MAX_TEST_LINES if path.startswith(("tests/", "kernels/")) else MAX_LINES
    if len(lines) > limit:
        yield f"{path}: {len(lines)} lines, at most {limit}"
    start = None
    for number, line in enumerate(lines, 1):
        if re.match(r"^(?!namespace|class|struct|enum|extern|const|static const|constexpr)[A-Za-z].*\)[^;]*\{$", line):
            start = number
        elif start and re.match(r"^\}", line):
            if number - start + 1 > MAX_FUNCTION and not path.startswith("tests/"):
                yield f"{path}:{start}: function of {number - start + 1} lines, at most {MAX_FUNCTION}"
            start = None


def main():
    problems = []
    for path in sources(".h", ".cpp", ".inc"):
        text = read(path)
        problems += check_includes(path, text)
        problems += check_sizes(path, text)
    for path in sources(".h", ".cpp", ".py", ".md", ".sh", ".txt", ".cmake", ".yaml", ".json"):
        if path == "tests/lint/lint.py":
            continue
        problems += [f"{path}: '{m.group(0)}' does not belong here" for m in MACHINE_WORDS.finditer(read(path))]
    for room in BELOW:
        readme = os.path.join(room, "README.md")
        if not os.path.exists(os.path.join(ROOT, readme)):
            problems.append(f"{readme}: missing")
        elif len(read(readme).splitlines()) > MAX_README:
            problems.append(f"{readme}: more than {MAX_README} lines")
    for problem in problems:
        print(problem)
    print(f"{len(problems)} layout problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
