#!/usr/bin/env python3
"""Runs the tests of the Python package; the last line is `N passed, N failed`.

    tests/python/run.py BUILD [pytest arguments]

BUILD/python is where the package is. Ends with 77, after a reason, where pytest or the package is not there.
"""
import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
SKIPPED = 77


class Count:
    def __init__(self):
        self.passed, self.failed, self.skipped = 0, [], []

    def pytest_runtest_logreport(self, report):
        if report.skipped:
            why = report.longrepr[2] if isinstance(report.longrepr, tuple) else "expected to fail"
            self.skipped.append((report.nodeid, why))
        elif report.failed:
            self.failed.append(report.nodeid)
        elif report.when == "call":
            self.passed += 1

    def pytest_collectreport(self, report):
        if report.failed:
            self.failed.append(report.nodeid)


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    package = build / "python" / "inc_cpp"
    try:
        import pytest
    except ImportError:
        print("pytest is not installed in " + sys.executable)
        return SKIPPED
    if not list(package.glob("_core*.so")):
        print("the extension is not built: Python's headers or pybind11 were not found")
        return SKIPPED
    sys.path.insert(0, str(package.parent))
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(package.parent), os.environ.get("PYTHONPATH")]))
    os.environ["INC_BUILD"] = str(build)
    count = Count()
    options = ["-q", "-p", "no:cacheprovider", "--no-header", "-W", "ignore::DeprecationWarning"]
    code = pytest.main([*options, *(sys.argv[2:] or [str(HERE)])], plugins=[count])
    for name, reason in count.skipped:
        print(f"SKIPPED {name}: {reason}")
    print(f"{count.passed} passed, {len(count.failed)} failed")
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
