#!/usr/bin/env python3
"""`inc-cpp launch` and `inc-cpp doctor` from outside:  launch_test.py INC_CPP"""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from tool_case import main

INC_CPP = os.path.abspath(sys.argv[1])
CPUS = sorted(os.sched_getaffinity(0))
SAY = ("import json, os, sys; print(json.dumps({'cpus': sorted(os.sched_getaffinity(0)), 'arguments': sys.argv[1:], "
       "'environment': dict(os.environ), 'input': sys.stdin.read(), 'maps': open('/proc/self/maps').read()}))")


def launch(*arguments, environment=None, timeout=60):
    return subprocess.run([INC_CPP, "launch", *arguments], capture_output=True, text=True, timeout=timeout,
                          env={**os.environ, **(environment or {})})


def said(done):
    """What each instance has printed, by its number."""
    rows = {}
    for line in done.stdout.splitlines():
        prefix, text = line.split("] ", 1)
        rows[int(prefix[1:])] = json.loads(text)
    return rows


class Launch(unittest.TestCase):
    def test_an_instance_has_the_cores_the_variables_and_the_number_that_were_promised(self):
        done = launch("--cores-per-instance", "1", "--", sys.executable, "-c", SAY, "a{instance}", "--json",
                      environment={"KMP_AFFINITY": "compact"})
        self.assertEqual(done.returncode, 0, done.stderr)
        row = said(done)[0]
        self.assertEqual(len(row["cpus"]), 1)
        self.assertIn(row["cpus"][0], CPUS)
        self.assertEqual(row["arguments"], ["a0", "--json"])
        self.assertEqual(row["environment"]["OMP_NUM_THREADS"], "1")
        self.assertEqual(row["environment"]["OMP_PLACES"], "{%d}" % row["cpus"][0])
        self.assertNotIn("KMP_AFFINITY", row["environment"])
        self.assertEqual(row["input"], "")
        self.assertIn("removed      KMP_AFFINITY", done.stderr)

    def test_instances_share_no_core(self):
        dry = launch("--instances", "2", "--cores-per-instance", "1", "--dry-run", "--", "true")
        if dry.returncode == 2:
            self.assertIn("2 instances of 1 cores are 2 cores", dry.stderr)
            self.skipTest("one core")
        rows = said(launch("--instances", "2", "--cores-per-instance", "1", "--", sys.executable, "-c", SAY))
        self.assertEqual(sorted(rows), [0, 1])
        self.assertFalse(set(rows[0]["cpus"]) & set(rows[1]["cpus"]))

    def test_cores_are_counted_although_openmp_has_bound_the_first_thread(self):
        wanted = launch("--dry-run", "--", "true").stdout.splitlines()[0]
        for bound in ({"OMP_PROC_BIND": "true"}, {"GOMP_CPU_AFFINITY": ",".join(map(str, CPUS))}):
            self.assertEqual(launch("--dry-run", "--", "true", environment=bound).stdout.splitlines()[0], wanted)

    def test_memory_comes_from_the_node_where_the_system_lets_it(self):
        done = launch("--cores-per-instance", "1", "--numa", "--", sys.executable, "-c",
                      "print(open('/proc/self/numa_maps').read())")
        if done.returncode != 0:
            self.assertTrue("NUMA memory policy" in done.stderr or "numa_maps" in done.stderr, done.stderr)
            self.skipTest(done.stderr.splitlines()[-1])
        self.assertIn(" bind:", done.stdout)

    def test_a_dry_run_says_the_same_and_starts_nothing(self):
        with tempfile.TemporaryDirectory() as folder:
            done = launch("--cores-per-instance", "1", "--dry-run", "--", "touch", folder + "/made")
            self.assertEqual(done.returncode, 0)
            self.assertIn("1 instance of 1 core; this process may use", done.stdout)
            self.assertIn("set          KMP_BLOCKTIME=1 OMP_NUM_THREADS=1 OMP_PLACES={", done.stdout)
            self.assertEqual(os.listdir(folder), [])

    def test_an_allocator_is_preloaded_from_where_the_loader_looks(self):
        with open("/proc/self/maps") as maps:
            library = next((line.split()[-1] for line in maps if "/libm.so" in line or "/libz.so" in line), None)
        if library is None:
            self.skipTest("no small library to stand in for an allocator")
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(library, folder + "/libjemalloc.so.2")
            done = launch("--cores-per-instance", "1", "--allocator", "jemalloc", "--", sys.executable, "-c", SAY,
                          environment={"LD_LIBRARY_PATH": folder})
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn(folder + "/libjemalloc.so.2", said(done)[0]["maps"])

    def test_every_line_has_its_instance_in_front(self):
        done = launch("--", "printf", "one\\rtwo\\r\\n\\nlast")
        self.assertEqual(done.stdout, "[0] one\n[0] two\n[0] \n[0] last\n")

    def test_the_exit_code_is_that_of_the_program(self):
        self.assertEqual(launch("--", "sh", "-c", "exit 7").returncode, 7)
        self.assertEqual(launch("--", "sh", "-c", "kill -KILL $$").returncode, 128 + signal.SIGKILL)
        missing = launch("--", "/nowhere/program")
        self.assertEqual(missing.returncode, 2)
        self.assertIn("'/nowhere/program': No such file or directory", missing.stderr)

    def test_when_one_fails_the_others_are_stopped_unless_told_otherwise(self):
        if len(CPUS) < 2 or launch("--instances", "2", "--dry-run", "--", "true").returncode != 0:
            self.skipTest("one core")
        fail_or_wait = "if [ {instance} = 1 ]; then exit 3; fi; sleep %s; echo slept"
        start = time.monotonic()
        done = launch("--instances", "2", "--", "sh", "-c", fail_or_wait % "50")
        self.assertEqual(done.returncode, 3)
        self.assertLess(time.monotonic() - start, 45)
        self.assertNotIn("slept", done.stdout)
        self.assertIn("instance 1: exit code 3, the others are stopped", done.stderr)
        patient = launch("--instances", "2", "--keep-going", "--", "sh", "-c", fail_or_wait % "0.2")
        self.assertEqual(patient.returncode, 3)
        self.assertIn("[0] slept", patient.stdout)

    def test_signals_reach_the_instances_and_lines_keep_their_stream(self):
        script = ("import signal, sys, time\n"
                  "signal.signal(signal.SIGTERM, lambda *_: (print('told to end', file=sys.stderr), sys.exit(5)))\n"
                  "print('ready', flush=True)\ntime.sleep(50)")
        with subprocess.Popen([INC_CPP, "launch", "--", sys.executable, "-c", script], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) as process:
            self.assertEqual(process.stdout.readline(), "[0] ready\n")
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 5)
        self.assertEqual(out, "")
        self.assertIn("[0] told to end", err)


class Doctor(unittest.TestCase):
    def test_prints_one_json_object_or_a_text_with_the_verdict_first(self):
        done = subprocess.run([INC_CPP, "doctor", "--json"], capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        found = json.loads(done.stdout)
        self.assertEqual(set(found["precisions"]), {"fp32", "bf16", "int8"})
        for facts in found["precisions"].values():
            self.assertGreater(facts["gops_one_core"], 0)
        for path, why in found["unknown"].items():
            self.assertTrue(why, path)
        text = subprocess.run([INC_CPP, "doctor", "--no-probe"], capture_output=True, text=True, timeout=120).stdout
        self.assertTrue(text.startswith("INT8 "), text[:100])
        self.assertLessEqual(max(map(len, text.splitlines())), 100 + max(
            (len(a["command"]) for a in found["advice"]), default=0))

    def test_names_an_oversubscription_and_a_cap(self):
        done = subprocess.run([INC_CPP, "doctor", "--json", "--no-probe"], capture_output=True, text=True, timeout=120,
                              env={**os.environ, "OMP_NUM_THREADS": "4096", "INC_MAX_ISA": "avx2"})
        found = json.loads(done.stdout)
        self.assertEqual(found["advice"][0]["gain"], "large")
        self.assertTrue(any("OMP_NUM_THREADS=4096" in a["problem"] for a in found["advice"]))
        self.assertTrue(any("INC_MAX_ISA=avx2" in a["problem"] for a in found["advice"]))
        self.assertEqual(found["precisions"]["int8"]["way"], "exact")
        self.assertEqual(found["precisions"]["bf16"]["way"], "emulated")


if __name__ == "__main__":
    sys.exit(main())
