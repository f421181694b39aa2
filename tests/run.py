#!/usr/bin/env python3
"""Runs every test known to CTest and counts what the programs themselves count.

The last line is `N passed, N failed`; skipped tests stand above it with their reasons. Two tests run at a time, those first that
take longest (their COST in CMakeLists.txt).

    tests/run.py --build build/release [--python VENV_PYTHON] [--only REGEX] [--jobs N]
"""
import argparse
import concurrent.futures
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
        yield {"name": test["name"], "command": test.get("command"), "labels": properties.get("LABELS", []),
               "variables": dict(text.split("=", 1) for text in properties.get("ENVIRONMENT", [])),
               "cost": float(properties.get("COST", 0)), "before_others": "FIXTURES_SETUP" in properties}


def run_gtest(name, command, environment):
    """(passed, failed names, [(skipped name, reason)], what to print)"""
    with tempfile.TemporaryDirectory() as folder:
        result_file = os.path.join(folder, "result.json")
        done = subprocess.run(command + [f"--gtest_output=json:{result_file}", "--gtest_brief=1"], env=environment,
                              capture_output=True, text=True, errors="replace")
        try:
            with open(result_file) as f:
                report = json.load(f)
        except (OSError, ValueError):
            return 0, [f"{name} (ended with {done.returncode} before its report)"], [], [done.stdout[-4000:], done.stderr[-4000:]]
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
    if done.returncode != 0 and not failed:
        failed.append(f"{name} (exit code {done.returncode})")
    return passed, failed, skipped, [done.stdout[-12000:], done.stderr[-4000:]] if failed else []


def run_script(name, command, environment):
    """A script prints `N passed, N failed` on its last line, or counts as one test by its exit status."""
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    last = lines[-1] if lines else ""
    if done.returncode == SKIPPED:
        return 0, [], [(name, last)], []
    counted = re.fullmatch(r"(\d+) passed, (\d+) failed", last)
    passed = int(counted.group(1)) if counted else int(done.returncode == 0)
    failed = [name] if done.returncode != 0 else []
    told = [f"  {line}" for line in lines if failed or line.startswith(("SKIPPED", "node tests", "note:"))]
    skipped = [(name, line[len("SKIPPED "):]) for line in lines if line.startswith("SKIPPED ")]
    return passed, failed, skipped, told


def run_test(test, environment):
    """(test, seconds, what its runner returns)"""
    began = time.time()
    if test["command"] is None:
        return test, 0, (0, [f"{test['name']} (its program is not built)"], [], [])
    run = run_gtest if "gtest" in test["labels"] else run_script
    outcome = run(test["name"], test["command"], environment | test["variables"])
    return test, time.time() - began, outcome


def run_all(tests, environment, jobs):
    """Yields what run_test returns, as tests end."""
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for before_others in (True, False):
            now = sorted((t for t in tests if t["before_others"] == before_others), key=lambda t: -t["cost"])
            for done in concurrent.futures.as_completed([pool.submit(run_test, test, environment) for test in now]):
                yield done.result()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--only", default="", help="regular expression on test names")
    parser.add_argument("--jobs", type=int, default=min(2, len(os.sched_getaffinity(0))), help="tests at a time")
    parser.add_argument("--all", action="store_true", help="the slow tests too")
    args = parser.parse_args()
    # Threads that wait do so asleep: there are more of them than cores.
    environment = {"OMP_WAIT_POLICY": "passive", **os.environ, "INC_PYTHON": args.python}
    chosen = [test for test in known_tests(args.build) if re.search(args.only, test["name"]) and (args.all or "slow" not in test["labels"])]
    passed, failed, skipped = 0, [], []
    start = time.time()
    for test, seconds, (ok, bad, left_out, told) in run_all(chosen, environment, args.jobs):
        passed, failed, skipped = passed + ok, failed + bad, skipped + left_out
        if told:
            print(*told, sep="\n")
        print(f"{'FAILED' if bad else 'ok':<7} {test['name']:<28} {ok:5d} passed  {seconds:6.1f} s", flush=True)
    for name, reason in skipped:
        print(f"SKIPPED {name}: {reason}")
    for name in failed:
        print(f"FAILED {name}")
    print(f"{len(skipped)} skipped, {time.time() - start:.0f} s")
    print(f"{passed} passed, {len(failed)} failed")
    return 1 if failed or passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
