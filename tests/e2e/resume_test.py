#!/usr/bin/env python3
"""A run that is killed, cut off, starved of disk or interrupted ends, resumed, as the one that was left alone.
Usage: resume_test.py INC_CPP"""
import json
import os
import platform
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import numpy as np
import onnx

import small_nets
from tool_case import ToolCase, main

TOOL = os.path.abspath(sys.argv[1])
ENVIRONMENT = dict(os.environ, OMP_NUM_THREADS="1")
KILLS = 60
# and what is measured in bytes of memory
TIMES = {"seconds", "cpu_seconds", "calibration_seconds", "cost", "latency_ms", "ms", "fp32_ms", "peak_rss_bytes", "check"}

CONFIG = """
version: 1.0
model: {{name: small, framework: onnxrt_qdq, path: {model}}}
quantization:
  calibration:
    sampling_size: [16]
    dataloader: {{batch_size: 4, dataset: {{Arrays: {{inputs: {inputs}, count: 16}}}}}}
tuning:
  strategy: {{name: {strategy}}}
  accuracy_criterion: {{absolute: {target}}}
  exit_policy: {{max_trials: {trials}}}
  random_seed: {seed}
  cost_model: {{keep_back: false}}
evaluation:
  accuracy:
    metric: {{topk: {k}}}
    dataloader: {{batch_size: 16, dataset: {{Arrays: {{inputs: {inputs}, labels: y.npy}}}}}}
"""


def hash64(text):
    """As core/base/hash.h has it."""
    value = 0xcbf29ce484222325
    for byte in text + len(text).to_bytes(8, "little"):
        value = (value ^ byte) * 0x100000001b3 % 2**64
    return f"{value:016x}"


def about_to_write(pid):
    """Whether the process waits for a file that it has begun to create, and what system calls look like is known."""
    with open(f"/proc/{pid}/syscall") as f:
        words = f.read().split()
    return words[0] == "257" and int(words[3], 16) == os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC


def without_times(value):
    if isinstance(value, dict):
        return {k: without_times(v) for k, v in value.items() if k not in TIMES or (k == "cost" and isinstance(v, dict))}
    return [without_times(v) for v in value] if isinstance(value, list) else value


class Workspace(ToolCase):
    strategy, target, always = "random", 0.0, ()

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="inc_resume_")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        model = small_nets.attention()
        onnx.save(model, cls.path("small.onnx"))
        data = small_nets.samples(model, 512)
        for name, values in data.items():
            np.save(cls.path(f"{name}.npy"), values)
        cls.inputs = "{" + ", ".join(f"{name}: {name}.npy" for name in data) + "}"
        import onnxruntime
        session = onnxruntime.InferenceSession(cls.path("small.onnx"))
        np.save(cls.path("y.npy"), session.run(None, data)[0].argmax(1))  # so that the target is hard to meet
        cls.prepare()
        start = time.monotonic()
        cls.quantize_in("undisturbed")
        cls.duration = time.monotonic() - start
        cls.journal = cls.read("undisturbed/journal.jsonl")
        assert cls.journal.count(b"\n") > 4, "a search of several trials"

    @classmethod
    def prepare(cls):
        """Before the first run."""

    @classmethod
    def with_made_up_times(cls):
        """Arguments for a search by predicted speed: every operator four times as fast in INT8."""
        keep_back = ("--set", "tuning.cost_model.keep_back=true")
        cls.quantize_in("measured", *keep_back)
        costs = json.loads(cls.read("measured/costs.json"))
        names = [op["name"] for op in costs["operators"]]
        for sample in costs["samples"]:
            sample["site_ms"] = [(4.0 if sample["classes"][names.index(site)] else 1.0) if site in names else 0.0 for site in costs["sites"]]
            sample["run_ms"] = sum(sample["site_ms"])
        with open(cls.path("costs.json"), "w") as f:
            json.dump(costs | {"checks": [], "noise": 0.0}, f)
        return (*keep_back, "--profile-from", cls.path("costs.json"))

    @classmethod
    def path(cls, name):
        return os.path.join(cls.folder, name)

    @classmethod
    def read(cls, name):
        with open(cls.path(name), "rb") as f:
            return f.read()

    @classmethod
    def command(cls, output, *more, **changes):
        values = dict(model="small.onnx", inputs=cls.inputs, strategy=cls.strategy, target=cls.target, trials=8, seed=3, k=1) | changes
        config = cls.path("c.yaml")
        with open(config, "w") as f:
            f.write(CONFIG.format(**values))
        return [TOOL, "quantize", "--config", config, "--output", cls.path(output), *cls.always, *more]

    @classmethod
    def quantize_in(cls, output, *more, limit=None, **changes):
        def starve():
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        return subprocess.run(cls.command(output, *more, **changes), capture_output=True, text=True, timeout=120, env=ENVIRONMENT,
                              preexec_fn=starve if limit is not None else None)

    def put(self, output, journal):
        shutil.rmtree(self.path(output), ignore_errors=True)
        os.mkdir(self.path(output))
        with open(self.path(f"{output}/journal.jsonl"), "wb") as f:
            f.write(journal)

    @staticmethod
    def events(journal):
        return [without_times(json.loads(line)) for line in journal.splitlines()]

    def ends_as_if_undisturbed(self, output):
        self.assertEqual(sorted(os.listdir(self.path(output))), sorted(os.listdir(self.path("undisturbed"))))
        self.assertEqual(self.read(f"{output}/model.onnx"), self.read("undisturbed/model.onnx"))
        self.assertEqual(self.events(self.read(f"{output}/journal.jsonl")), self.events(self.journal))
        reports = [without_times(json.loads(self.read(f"{name}/report.json"))) for name in (output, "undisturbed")]
        for report in reports:
            report.pop("pareto", None)  # ordered by measured latency
        self.assertEqual(*reports)


class Killed(Workspace):
    def journal_of(self, output):
        try:
            return self.read(f"{output}/journal.jsonl")
        except FileNotFoundError:
            return b""

    def lines(self, output):
        return self.journal_of(output).count(b"\n")

    def killed(self, wanted, seed, **changes):
        """Runs until `wanted` kills have hit, at any time or a moment after a line was written; after each undisturbed end it begins anew.
        Returns how many lines the journal had then."""
        moments, lines_at_kill, kills = random.Random(seed), [], 0
        while kills < wanted:
            shutil.rmtree(self.path("q"), ignore_errors=True)
            kept = b""
            for attempt in range(1000):
                process = subprocess.Popen(self.command("q", *(["--resume"] if attempt else []), **changes), stdout=subprocess.DEVNULL,
                                           stderr=subprocess.DEVNULL, env=ENVIRONMENT)
                more_lines = moments.choice((0, 1, 2))
                try:
                    while more_lines and process.poll() is None and self.lines("q") < kept.count(b"\n") + more_lines:
                        time.sleep(0.0005)
                    code = process.wait(60 if kills == wanted else moments.uniform(0, 0.005 if more_lines else self.duration))
                except subprocess.TimeoutExpired:
                    process.kill()
                    code = process.wait()
                journal = self.journal_of("q")
                self.assertTrue(journal.startswith(kept), "what was in the journal stays there")
                kept = journal[:journal.rfind(b"\n") + 1]
                if code != -signal.SIGKILL:
                    break
                kills += 1
                lines_at_kill.append(kept.count(b"\n"))
            self.assertIn(code, (0, 1))
            self.ends_as_if_undisturbed("q")
        return set(lines_at_kill)

    def test_at_random_moments(self):
        self.assertGreater(len(self.killed(KILLS, seed=5)), 3, "kills hit different parts of the search")

    def test_the_journal_cut_at_any_place(self):
        ends = [i + 1 for i, byte in enumerate(self.journal) if byte == ord("\n")]
        places = {0, 1, len(self.journal) - 1, *(end + d for end in ends[:3] for d in (-1, 0, 1)), ends[0] // 2, ends[-2]}
        places |= set(random.Random(6).sample(range(len(self.journal)), 8))
        trials = self.journal.count(b"\n") - 1
        for place in sorted(places):
            with self.subTest(place=place):
                self.put("cut", self.journal[:place])
                done = self.quantize_in("cut", "--resume")
                self.assertIn(done.returncode, (0, 1), done.stderr)
                kept = max(0, self.journal[:place].count(b"\n") - 1)
                self.assertEqual(done.stderr.count("\ntrial "), trials - kept, done.stderr)
                self.assertEqual("torn" in done.stderr, place not in (0, *ends), done.stderr)
                self.ends_as_if_undisturbed("cut")


class KilledWithSensitivities(Killed):
    """The same of a search that measures sensitivities and goes on after the first hit."""
    strategy, target = "auto", 0.004
    test_the_journal_cut_at_any_place = None

    @classmethod
    def prepare(cls):
        cls.always = cls.with_made_up_times()

    def test_at_random_moments(self):
        self.assertIn(b'"kind":"sensitivity"', self.journal)
        self.assertGreater(len(self.killed(20, seed=6)), 2)


class MeasuredForTheSearch(Workspace):
    """costs_search.json belongs to a search from its sensitivities on: measured before them, read behind them."""
    strategy, target, always = "auto", 0.004, ("--set", "tuning.cost_model.keep_back=true")

    @classmethod
    def prepare(cls):
        made_up = cls.with_made_up_times()
        costs = json.loads(cls.read("costs.json"))
        with open(cls.path("costs.json"), "w") as f:
            json.dump(costs | {"samples": costs["samples"][:2]}, f)  # every operator in INT8, every one in FP32: none mixed
        cls.quantize_in("begun", *made_up, trials=1)
        cls.always = (*cls.always, "--resume")  # by the times of the begun run, and more may be measured
        shutil.copytree(cls.path("begun"), cls.path("sensed"))
        cls.quantize_in("sensed", trials=2)
        cls.measured = cls.read("sensed/costs_search.json")
        for sample in costs["samples"]:
            sample["site_ms"] = [ms * (1 + place) for place, ms in enumerate(sample["site_ms"])]
            sample["run_ms"] = sum(sample["site_ms"])
        cls.costs = json.dumps(costs).encode()
        cls.journal = cls.read("sensed/journal.jsonl")
        cls.begin("undisturbed", 3, cls.costs)
        refused = cls.quantize_in("undisturbed").stderr  # names what these times would have been pinned by
        cls.journal = cls.pinned(cls.journal, re.search(r"hash ([0-9a-f]{16}) found", refused)[1])
        cls.begin("undisturbed", 3, cls.costs)

    @staticmethod
    def pinned(journal, costs):
        """The journal of a search that went by other times."""
        lines = journal.splitlines(keepends=True)
        place = next(i for i, line in enumerate(lines) if b'"kind":"sensitivity"' in line)
        event = lines[place][len(b'{"event":'):lines[place].rindex(b',"check"')]
        event = re.sub(rb'"costs":"\w+"', b'"costs":"%s"' % costs.encode(), event)
        lines[place] = b'{"event":%s,"check":"%s"}\n' % (event, hash64(event).encode())
        return b"".join(lines)

    @classmethod
    def begin(cls, output, lines, costs):
        shutil.rmtree(cls.path(output), ignore_errors=True)
        shutil.copytree(cls.path("begun"), cls.path(output))
        with open(cls.path(f"{output}/journal.jsonl"), "wb") as f:
            f.writelines(cls.journal.splitlines(keepends=True)[:lines])
        with open(cls.path(f"{output}/costs_search.json"), "wb") as f:
            f.write(costs)

    def test_before_the_sensitivities_it_is_measured(self):
        self.assertEqual([event["event"]["kind"] for event in self.events(self.journal)[1:3]], ["trial", "sensitivity"])
        self.assertGreater(len(json.loads(self.measured)["samples"]), 2)
        self.begin("stale", 2, b"of an earlier run")
        self.assertIn(self.quantize_in("stale").returncode, (0, 1))
        self.assertGreater(len(json.loads(self.read("stale/costs_search.json"))["samples"]), 2)

    def test_behind_the_sensitivities_it_is_read(self):
        predicted = [json.loads(self.read(f"{name}/report.json"))["cost_model"]["predicted_ms"]["fp32"] for name in ("undisturbed", "begun")]
        self.assertGreater(predicted[0], 2 * predicted[1])
        for lines in range(3, self.journal.count(b"\n") + 1):
            with self.subTest(lines=lines):
                self.begin("cut", lines, self.costs)
                self.quantize_in("cut")
                self.assertEqual(self.read("cut/costs_search.json"), self.costs)
                self.ends_as_if_undisturbed("cut")

    def test_a_new_run_begins_without_it(self):
        self.begin("new", 3, self.costs)
        anew = [word for word in self.command("new", "--profile-from", self.path("costs.json"), trials=1) if word != "--resume"]
        self.assertIn(subprocess.run(anew, capture_output=True, env=ENVIRONMENT).returncode, (0, 1))
        self.assertFalse(os.path.exists(self.path("new/costs_search.json")))

    def test_a_kill_behind_the_sensitivities(self):
        shutil.copytree(self.path("begun"), self.path("killed"))
        process = subprocess.Popen(self.command("killed"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=ENVIRONMENT)
        while process.poll() is None and b'"kind":"sensitivity"' not in self.read("killed/journal.jsonl"):
            time.sleep(0.0005)
        process.kill()
        process.wait()
        costs, journal = self.read("killed/costs_search.json"), self.read("killed/journal.jsonl")
        kept = journal[:journal.rfind(b"\n") + 1]
        self.assertIn(self.quantize_in("killed").returncode, (0, 1))
        self.assertEqual(self.read("killed/costs_search.json"), costs)
        journal = self.read("killed/journal.jsonl")
        self.assertTrue(journal.startswith(kept))
        points = [str(line["event"]["point"]) for line in map(json.loads, journal.splitlines()) if line["event"]["kind"] == "trial"]
        self.assertEqual(len(points), len(set(points)))

    def test_a_file_that_does_not_fit_is_refused(self):
        for costs, code in ((b"garbage", 4), (json.dumps(json.loads(self.costs) | {"model": "0123456789abcdef"}).encode(), 2)):
            self.begin("damaged", 3, costs)
            self.refused(self.quantize_in("damaged"), code, "costs_search.json")

    def test_one_that_is_missing_or_was_changed_is_refused_and_the_journal_stays(self):
        self.begin("changed", 3, self.measured)
        self.refused(self.quantize_in("changed"), 2, "costs_search.json' is not what the search went by", "hash")
        os.remove(self.path("changed/costs_search.json"))
        self.refused(self.quantize_in("changed"), 2, "costs_search.json' is missing")
        self.assertEqual(self.read("changed/journal.jsonl"), b"".join(self.journal.splitlines(keepends=True)[:3]))
        with open(self.path("changed/costs_search.json"), "wb") as f:
            f.write(self.costs)
        self.quantize_in("changed")
        self.ends_as_if_undisturbed("changed")

    def test_the_costs_of_the_run_missing_or_changed_are_refused_too(self):
        self.begin("other", 3, self.costs)
        with open(self.path("other/costs.json"), "r+") as f:
            costs = json.load(f)
            f.seek(0)
            f.truncate()
            json.dump(costs | {"seconds": costs["seconds"] + 1}, f)
        self.refused(self.quantize_in("other"), 2, "another run", "costs_hash")
        os.remove(self.path("other/costs.json"))
        self.refused(self.quantize_in("other"), 2, "costs.json' is missing")
        self.assertFalse(os.path.exists(self.path("other/costs.json")))

    def test_with_a_profile_that_is_named_nothing_is_measured(self):
        shutil.copytree(self.path("begun"), self.path("named"))
        self.assertIn(self.quantize_in("named", "--profile-from", self.path("costs.json")).returncode, (0, 1))
        self.assertIn(b'"kind":"sensitivity"', self.read("named/journal.jsonl"))
        self.assertFalse(os.path.exists(self.path("named/costs_search.json")))


class Pinned(Workspace):
    """Nothing kept back, and candidates rated by the times of another run."""

    def run_by(self, profile, output, *more):
        time = ("--set", "tuning.exit_policy.timeout=1000")
        done = self.quantize_in(output, *time, *profile, *more, strategy="bayesian", target=0.01, trials=14)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        trials = [json.loads(line)["event"] for line in self.read(f"{output}/journal.jsonl").splitlines()[1:]]
        return [(trial["point"], trial["cost"]) for trial in trials]

    def test_runs_with_the_same_times_are_the_same(self):
        profile = self.with_made_up_times()[2:]
        first = self.run_by(profile, "first")
        self.assertEqual(self.run_by(profile, "second"), first)
        self.assertEqual(self.read("second/model.onnx"), self.read("first/model.onnx"))
        self.assertEqual(json.loads(self.read("first/report.json"))["cost_model"]["kept_back"], [])
        journal = self.read("second/journal.jsonl").splitlines(keepends=True)
        with open(self.path("second/journal.jsonl"), "wb") as f:
            f.writelines(journal[:5])
        self.assertEqual(self.run_by((), "second", "--resume"), first)
        self.assertEqual(self.read("second/model.onnx"), self.read("first/model.onnx"))


class NoRoom(Workspace):
    def test_for_the_next_line_of_the_journal(self):
        first = self.journal.index(b"\n") + 1
        for limit in (0, first, first + 10, len(self.journal) - 200):
            with self.subTest(limit=limit):
                shutil.rmtree(self.path("full"), ignore_errors=True)
                self.refused(self.quantize_in("full", limit=limit), 5, "journal.jsonl", "File too large")
                self.assertFalse(os.path.exists(self.path("full/model.onnx")))
                done = self.quantize_in("full", "--resume")
                self.assertNotIn("torn", done.stderr)
                self.ends_as_if_undisturbed("full")

    def test_for_the_model(self):
        shutil.rmtree(self.path("full"), ignore_errors=True)
        size = len(self.read("undisturbed/model.onnx"))
        self.assertGreater(size, len(self.journal) + 100)
        self.refused(self.quantize_in("full", limit=size - 1), 5, "model.onnx")
        self.assertEqual(os.listdir(self.path("full")), ["journal.jsonl"])
        self.quantize_in("full", "--resume")
        self.ends_as_if_undisturbed("full")

    def test_on_a_small_disk(self):
        if os.geteuid() != 0 or shutil.which("mount") is None:
            self.skipTest("needs root to mount a small file system")
        os.mkdir(self.path("tiny"))
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "none", self.path("tiny")], capture_output=True).returncode != 0:
            self.skipTest("cannot mount a small file system here")
        try:
            self.refused(self.quantize_in("tiny"), 5, "No space left on device", "journal.jsonl")
            journal = self.read("tiny/journal.jsonl")
            self.assertTrue(journal.endswith(b"\n") and journal.count(b"\n") > 1, "the journal ends with a whole line")
            subprocess.run(["mount", "-o", "remount,size=4m", self.path("tiny")], check=True)
            done = self.quantize_in("tiny", "--resume")
            self.assertEqual(done.stderr.count("\ntrial "), self.journal.count(b"\n") - journal.count(b"\n"))
            self.ends_as_if_undisturbed("tiny")
        finally:
            subprocess.run(["umount", self.path("tiny")])


class AnotherJournal(Workspace):
    def test_is_refused_with_what_differs(self):
        for change, words in ({"seed": 4}, ("seed: '3' there, '4' here",)), ({"strategy": "basic"}, ("strategy: 'random' there",)), \
                ({"target": 0.01}, ("settings", "'absolute: 0.0' there, 'absolute: 0.01' here")), ({"k": 2}, ("'topk: 1' there",)):
            with self.subTest(change=change):
                self.put("other", self.journal)
                self.refused(self.quantize_in("other", "--resume", **change), 2, "another run", *words)
                self.assertEqual(self.read("other/journal.jsonl"), self.journal)

    def test_of_another_model_is_refused(self):
        model = onnx.load(self.path("small.onnx"))
        weight = next(t for t in model.graph.initializer if t.name == "wq")
        weight.raw_data = weight.raw_data[:-1] + bytes([weight.raw_data[-1] ^ 0x80])
        onnx.save(model, self.path("changed.onnx"))
        self.put("other", self.journal)
        self.refused(self.quantize_in("other", "--resume", model="changed.onnx"), 2, "model_hash")

    def test_of_another_instruction_set_is_refused(self):
        self.put("other", self.journal)
        done = subprocess.run(self.command("other", "--resume"), capture_output=True, text=True, env=ENVIRONMENT | {"INC_MAX_ISA": "avx2"})
        if json.loads(self.journal.splitlines()[0])["event"]["isa"] == "avx2":
            self.skipTest("this machine has AVX2 only")
        self.refused(done, 2, "isa: ", "'avx2' here")

    def test_garbage_is_refused_and_stays(self):
        for garbage in (b"hello\n", b"{}\n" * 3, random.Random(1).randbytes(1000), self.journal.replace(b"trial", b"trail", 1)):
            self.put("other", garbage)
            self.refused(self.quantize_in("other", "--resume"), 2, "journal.jsonl")
            self.assertEqual(self.read("other/journal.jsonl"), garbage)

    def test_what_only_ends_a_search_may_change(self):
        self.quantize_in("short", trials=4)
        self.quantize_in("short", "--resume", trials=8)
        self.assertEqual(self.events(self.read("short/journal.jsonl")), self.events(self.journal))
        self.assertEqual(self.read("short/model.onnx"), self.read("undisturbed/model.onnx"))

    def test_a_model_that_moved_is_the_same_model(self):
        shutil.copy(self.path("small.onnx"), self.path("moved.onnx"))
        self.put("moved", self.journal)
        self.assertIn(self.quantize_in("moved", "--resume", model="moved.onnx").returncode, (0, 1))

    def test_without_resume_the_run_begins_anew(self):
        self.put("other", b"hello\n")
        self.quantize_in("other")
        self.ends_as_if_undisturbed("other")


class Interrupted(Workspace):
    def interrupted_by(self, number):
        shutil.rmtree(self.path("stop"), ignore_errors=True)
        process = subprocess.Popen(self.command("stop"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
        for line in process.stderr:
            if line.startswith("trial 2"):
                process.send_signal(number)
                break
        process.communicate(timeout=60)
        report = json.loads(self.read("stop/report.json"))
        self.assertEqual(process.returncode, 0 if report["result"]["met"] else 1)
        self.assertTrue(os.path.exists(self.path("stop/model.onnx")))
        return report

    def test_by_a_signal_the_best_so_far_is_written_and_the_run_can_go_on(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(signal=number):
                report = self.interrupted_by(number)
                self.assertEqual(report["stopped"], "interrupted")
                self.assertGreaterEqual(report["cost"]["trials"], 2)
                self.quantize_in("stop", "--resume")
                self.ends_as_if_undisturbed("stop")


    @unittest.skipUnless(platform.machine() == "x86_64" and os.path.exists("/proc/self/syscall"), "needs to see system calls")
    def test_a_second_signal_ends_it_at_once_and_the_run_can_go_on(self):
        shutil.rmtree(self.path("stop"), ignore_errors=True)
        process = subprocess.Popen(self.command("stop"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
        for line in process.stderr:
            if line.startswith("trial 2"):
                break
        # the last step stands still where it begins to write the model: a pipe that nobody reads
        os.mkfifo(self.path(f"stop/model.onnx.tmp{process.pid}"))
        process.send_signal(signal.SIGINT)
        while not about_to_write(process.pid):
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=60)[1]
        self.assertEqual(process.returncode, -signal.SIGINT)
        self.assertIn("--resume", said)
        self.assertFalse(os.path.exists(self.path("stop/model.onnx")))
        journal = self.read("stop/journal.jsonl")
        self.assertTrue(self.events(self.journal)[:journal.count(b"\n")] == self.events(journal) and journal.count(b"\n") > 2)
        self.quantize_in("stop", "--resume")
        self.ends_as_if_undisturbed("stop")


if __name__ == "__main__":
    sys.exit(main())
