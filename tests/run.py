#!/usr/bin/env python3
"""Runs every test known to CTest and counts what the programs themselves count.

The last line is `N passed, N failed`; skipped tests stand above it with their reasons.

    tests/run.py --build build/release [--python VENV_PYTHON] [--only REGEX]
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time

SKIPPED = 77


def known_tests(build):
    listing = subprocess.run(["ctest", "--show-only=json-v1"], cwd=build, check=True, capture_output=True, text=True)
    for test in json.loads(listing.stdout)["tests"]:
        properties = {p["name"]: p["value"] for p in test.get("properties", [])}
        variables = dict(text.split("=", 1) for text in properties.get("ENVIRONMENT", []))
        yield test["name"], test.get("command"), properties.get("LABELS", []), variables


def run_gtest(name, command, environment):
    """(passed, failed names, [(skipped name, reason)])"""
    with tempfile.TemporaryDirectory() as folder:
        result_file = os.path.join(folder, "result.json")
        done = subprocess.run(command + [f"--gtest_output=json:{result_file}", "--gtest_brief=1"], env=environment,
                              capture_output=True, text=True, errors="replace")
        try:
            with open(result_file) as f:
                report = json.load(f)
        except (OSError, ValueError):
            print(done.stdout[-4000:], done.stderr[-4000:], sep="\n")
            return 0, [f"{name} (ended with {done.returncode} before its report)"], []
    reasons = iter(re.findall(r": Skipped\n(.*)", done.stdout))
    passed, failed, skipped = 0, [], []
    for suite in report["testsuites"]:
        for test in suite["testsuite"]:
            full = f"{name}: {suite['name']}.{test['name']}"
            if test.get("failures"):
                failed.append(full)
            elif test.get("result") == "SKIPPED":
                skipped.append((full, next(reasons, "no reason given")))
            else:
                passed += 1
    if failed or done.returncode != 0:
        print(done.stdout[-12000:], done.stderr[-4000:], sep="\n")
        if not failed:
            failed.append(f"{name} (exit code {done.returncode})")
    return passed, failed, skipped


def run_script(name, command, environment):
    """A script prints `N passed, N failed` on its last line, or counts as one test by its exit status."""
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    last = lines[-1] if lines else ""
    if done.returncode == SKIPPED:
        return 0, [], [(name, last)]
    counted = re.fullmatch(r"(\d+) passed, (\d+) failed", last)
    passed = int(counted.group(1)) if counted else int(done.returncode == 0)
    failed = [name] if done.returncode != 0 else []
    for line in lines:
        if failed or line.startswith(("SKIPPED", "node tests", "note:")):
            print(f"  {line}")
    skipped = [(name, line[len("SKIPPED "):]) for line in lines if line.startswith("SKIPPED ")]
    return passed, failed, skipped


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--only", default="", help="regular expression on test names")
    parser.add_argument("--all", action="store_true", help="the slow tests too")
    args = parser.parse_args()
    environment = dict(os.environ, INC_PYTHON=args.python)
    passed, failed, skipped = 0, [], []
    start = time.time()
    for name, command, labels, variables in known_tests(args.build):
        if not re.search(args.only, name) or ("slow" in labels and not args.all):
            continue
        if command is None:
            failed.append(f"{name} (its program is not built)")
            continue
        began = time.time()
        run = run_gtest if "gtest" in labels else run_script
        ok, bad, left_out = run(name, command, environment | variables)
        passed, failed, skipped = passed + ok, failed + bad, skipped + left_out
        print(f"{'FAILED' if bad else 'ok':<7} {name:<28} {ok:5d} passed  {time.time() - began:6.1f} s", flush=True)
    for name, reason in skipped:
        print(f"SKIPPED {name}: {reason}")
    for name in failed:
        print(f"FAILED {name}")
    print(f"{len(skipped)} skipped, {time.time() - start:.0f} s")
    print(f"{passed} passed, {len(failed)} failed")
    return 1 if failed or passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
