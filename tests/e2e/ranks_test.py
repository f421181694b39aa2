#!/usr/bin/env python3
"""Several processes end with the model, the journal and the messages of one. Usage: ranks_test.py INC_CPP"""
import json
import os
import shutil
import signal
import subprocess
import sys
import unittest

import numpy as np

from resume_test import ENVIRONMENT, Workspace
from tool_case import main

MPIRUN = shutil.which("mpirun")


def mpirun(size):
    return [MPIRUN, "--allow-run-as-root", "--oversubscribe", "-np", str(size)]


def why_not():
    if MPIRUN is None:
        return "mpirun is not here"
    said = subprocess.run([*mpirun(2), sys.argv[1], "quantize", "--config", "none.yaml"], capture_output=True, text=True, timeout=60).stderr
    if "built without MPI" in said:
        return "inc-cpp was built without MPI"
    return None if "none.yaml" in said else f"mpirun cannot start two processes here: {said.strip()[-200:]}"


WHY_NOT = why_not()


@unittest.skipIf(WHY_NOT, WHY_NOT)
class Ranks(Workspace):
    def run_on(self, size, output, *more, keep=False, **changes):
        if not keep:
            shutil.rmtree(self.path(output), ignore_errors=True)
        return subprocess.run([*mpirun(size), *self.command(output, *more, **changes)], capture_output=True, text=True, timeout=120, env=ENVIRONMENT)

    def start(self, size, output, **changes):
        shutil.rmtree(self.path(output), ignore_errors=True)
        return subprocess.Popen([*mpirun(size), *self.command(output, **changes)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                env=ENVIRONMENT)

    def wait_for_trial(self, process, number):
        for line in process.stderr:
            if line.startswith(f"trial {number}"):
                return
        self.fail("the trial was never reached")

    def test_the_result_is_that_of_one_process(self):
        for size in (2, 3):
            with self.subTest(size=size):
                done = self.run_on(size, "many")
                self.assertIn(done.returncode, (0, 1), done.stderr)
                self.assertEqual(done.stderr.count("\ntrial "), self.journal.count(b"\n") - 1, "one process speaks")
                self.ends_as_if_undisturbed("many")

    def test_every_strategy_ends_as_in_one_process(self):
        strategies = [line.split()[0] for line in subprocess.run([sys.argv[1], "list", "strategies"], capture_output=True, text=True).stdout.splitlines()]
        predicted = self.with_made_up_times()
        self.assertIn("random", strategies)
        for strategy in strategies:
            self.quantize_in("one", *predicted, strategy=strategy, target=0.003)
            for size in (2, 3):
                with self.subTest(strategy=strategy, size=size):
                    self.run_on(size, "many", *predicted, strategy=strategy, target=0.003)
                    self.assertEqual(self.read("many/model.onnx"), self.read("one/model.onnx"))
                    self.assertEqual(self.events(self.read("many/journal.jsonl")), self.events(self.read("one/journal.jsonl")))

    def test_a_lost_process_ends_the_job_and_the_journal_resumes(self):
        job = self.start(2, "lost")
        self.wait_for_trial(job, 2)
        with open(f"/proc/{job.pid}/task/{job.pid}/children") as f:
            ranks = [int(pid) for pid in f.read().split()]
        for pid in ranks:
            with open(f"/proc/{pid}/environ", "rb") as f:
                if b"OMPI_COMM_WORLD_RANK=1" in f.read().split(b"\0"):
                    os.kill(pid, signal.SIGKILL)
        said = job.communicate(timeout=60)[1]
        self.assertNotIn(job.returncode, (0, 1))
        self.assertIn("signal 9", said)
        self.assertTrue(self.read("lost/journal.jsonl").endswith(b"\n"))
        self.run_on(3, "lost", "--resume", keep=True)
        self.ends_as_if_undisturbed("lost")

    def test_a_signal_that_mpirun_passes_on_stops_all_with_the_best_so_far(self):
        job = self.start(2, "stopped")
        self.wait_for_trial(job, 2)
        job.send_signal(signal.SIGUSR1)
        job.communicate(timeout=60)
        report = json.loads(self.read("stopped/report.json"))
        self.assertEqual((report["stopped"], job.returncode), ("interrupted", 0 if report["result"]["met"] else 1))
        self.run_on(2, "stopped", "--resume", keep=True)
        self.ends_as_if_undisturbed("stopped")

    def test_errors_are_said_once_with_the_exit_code_of_one_process(self):
        x = np.load(self.path("x.npy"))
        x[13, 2] = np.nan
        np.save(self.path("bad.npy"), x)
        inputs = self.inputs.replace("x.npy", "bad.npy")
        for code, changes, word in ((4, {"inputs": inputs}, "13"), (3, {"model": "none.onnx"}, "none.onnx"), (2, {"strategy": "basik"}, "basik")):
            with self.subTest(changes=changes):
                done = self.run_on(2, "bad", **changes)
                self.assertEqual(done.returncode, code, done.stderr)
                self.assertEqual(done.stderr.count("error: "), 1, done.stderr)
                self.assertIn(word, done.stderr)

    def test_cores_are_shared_out(self):
        cores = len(os.sched_getaffinity(0))
        done = subprocess.run([*mpirun(cores), "--bind-to", "none", *self.command("cores", "--json")], capture_output=True, text=True, timeout=120,
                              env={k: v for k, v in ENVIRONMENT.items() if k != "OMP_NUM_THREADS"})
        self.assertEqual(json.loads(done.stdout)["machine"]["threads"], 1)
        self.assertEqual(self.read("cores/model.onnx"), self.read("undisturbed/model.onnx"))


if __name__ == "__main__":
    sys.exit(main())
