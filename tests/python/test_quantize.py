"""Quantizing from Python."""
import gc
import os
import signal
import weakref

import numpy as np
import onnx
import pytest
from conftest import FEATURES, SAMPLES, two_inputs

import inc_cpp

#: What is quantized must not depend on the machine's speed: nothing is kept back, and points come in an order that is fixed.
SETTINGS = {"tuning.cost_model.keep_back": False}


def run(model, **arguments):
    return inc_cpp.quantize(model, overrides=SETTINGS, **{"strategy": "basic", **arguments})


def test_returns_a_model_that_meets_the_target(model, data, accuracy, tmp_path):
    x, labels = data
    result = run(model, calib=x, eval_func=accuracy, target=0.02)
    assert result.met and not result.interrupted
    assert result.baseline == 1.0
    assert result.relative_loss <= 0.02
    assert accuracy(result.session()) == result.accuracy
    assert result.session().precision == "int8"
    assert isinstance(result.model, onnx.ModelProto)
    assert result.save(tmp_path / "sub" / "saved.onnx").read_bytes() == result.model_bytes
    assert len(result.model_bytes) < 0.5 * len(model.SerializeToString())
    assert result.report["metric"] == "accuracy"


def test_tells_about_the_result_in_data_frames(model, data, accuracy):
    result = run(model, calib=data[0], eval_func=accuracy)
    assert list(result.statistics.columns) == ["op_type", "total", "int8", "bf16", "fp32"]
    assert result.statistics.set_index("op_type").total["MatMul"] == 3
    assert set(result.ops.columns) >= {"name", "op_type", "precision", "reason"}
    assert len(result.trials) == result.report["cost"]["trials"]
    assert len(result.pareto) >= 1
    assert "target met" in repr(result) and "<table>" in result._repr_html_()


def test_files_go_with_the_result_unless_a_directory_was_named(model, data, tmp_path):
    result = run(model, calib=data[0])
    directory = result.directory
    assert (directory / "report.html").exists()
    result.save_report(tmp_path / "kept")
    del result
    gc.collect()
    assert not directory.exists() and (tmp_path / "kept" / "model.onnx").exists()
    assert run(model, calib=data[0], output=tmp_path / "out").path == tmp_path / "out" / "model.onnx"


def batches(x, size=32):
    for first in range(0, len(x), size):
        yield x[first:first + size]


@pytest.fixture(scope="module")
def from_array(model, data):
    """The model that 100 samples of an array give."""
    return run(model, calib=data[0], batch_size=8).model_bytes


FORMS = ["array", "samples", "batches", "dicts", "dict", "labelled", "loader", "sequence", "float64"]


@pytest.mark.parametrize("form", FORMS)
def test_calibrates_alike_from_every_form_of_data(model, data, from_array, form):
    x, labels = data

    class Tensor:
        """What a torch tensor is to us."""

        def __init__(self, array):
            self.array = array

        def detach(self):
            return self

        def cpu(self):
            return self

        def numpy(self):
            return self.array

    class Loader:
        batch_size = 32

        def __iter__(self):
            return ((Tensor(part), Tensor(labels[:len(part)])) for part in batches(x))

    class Sequence:
        def __len__(self):
            return len(x)

        def __getitem__(self, i):
            return x[i], labels[i]

    forms = {"array": x, "samples": iter(x), "batches": batches(x), "dicts": ({"x": part} for part in batches(x)),
             "dict": {"x": x}, "labelled": zip(x, labels), "loader": Loader(), "sequence": Sequence(),
             "float64": x.astype("f8")}
    assert run(model, calib=forms[form], batch_size=8).model_bytes == from_array


def test_a_generator_is_read_no_further_than_needed(model, data):
    read = []

    def samples():
        for row in data[0]:
            read.append(1)
            yield row

    run(model, calib=samples(), calib_samples=20)
    run(model, calib=samples(), config={"quantization": {"calibration": {"sampling_size": [10, 30]}}})
    assert len(read) == 20 + 30


def test_a_buffer_may_be_reused_by_its_generator(model, data, accuracy):
    x, _ = data

    def reused():
        buffer = np.empty((1, FEATURES), "f4")
        for row in x[:50]:
            buffer[0] = row
            yield buffer

    wanted = run(model, calib=x[:50], eval_func=accuracy)
    assert run(model, calib=reused(), eval_func=accuracy).model_bytes == wanted.model_bytes


def test_calibrates_on_what_the_evaluation_feeds(model, data, accuracy):
    result = run(model, eval_func=accuracy)
    assert result.model_bytes == run(model, calib=data[0], eval_func=accuracy).model_bytes


def test_metrics_by_name_function_and_object_agree(model, data):
    x, labels = data

    class Running:
        def __init__(self):
            self.reset()

        def reset(self):
            self.right, self.seen = 0, 0

        def update(self, outputs, wanted):
            self.right += int((outputs.argmax(axis=1) == wanted).sum())
            self.seen += len(wanted)

        def value(self):
            return self.right / self.seen

    def share(outputs, wanted):
        assert outputs.shape == (SAMPLES, 10) and wanted.shape == (SAMPLES,)
        return (outputs.argmax(axis=1) == wanted).mean()

    found = [run(model, metric=metric, eval_data=(x, labels), batch_size=16) for metric in
             ("topk", {"topk": {"k": 1}}, share, Running())]
    assert len({result.accuracy for result in found}) == 1
    assert len({result.baseline for result in found}) == 1
    score = inc_cpp.evaluate(model, metric="topk", eval_data=(x, labels))
    assert score["accuracy"] == found[0].baseline and score["samples"] == SAMPLES
    assert inc_cpp.evaluate(model, metric=share, eval_data=(x, labels), batch_size=256)["accuracy"] == 1.0


def test_lower_may_be_better(model, data):
    x, _ = data
    wanted = inc_cpp.Session(model).run(None, {"x": x})[0]

    def distance(session):
        return 1 + float(np.abs(session.run(None, {"x": x})[0] - wanted).mean())

    result = run(model, calib=x, eval_func=distance, higher_is_better=False, target=0.5)
    assert result.met and result.accuracy > result.baseline


def test_candidates_can_run_in_onnxruntime(model, data, accuracy):
    result = run(model, calib=data[0], eval_func=accuracy, engine="onnxruntime", target=0.02)
    assert result.met
    assert result.session().precision == "int8"


def test_dynamic_quantization(model, accuracy):
    result = run(model, eval_func=accuracy, approach="dynamic")
    assert result.met
    assert "DynamicQuantizeLinear" in {node.op_type for node in result.model.graph.node}


def test_bf16_travels_with_the_model_in_every_form(model, data, accuracy, monkeypatch):
    monkeypatch.setenv("FORCE_BF16", "1")
    result = run(model, approach="bf16", eval_func=accuracy, target=0.5)
    assert result.statistics.set_index("op_type").bf16["MatMul"] == 3
    for form in (result.path, result.model_bytes, result.model):
        session = inc_cpp.Session(form)
        assert session.precision == "bf16"
        assert accuracy(session) == result.accuracy
        assert inc_cpp.evaluate(form, metric="topk", eval_data=data)["accuracy"] == result.accuracy


def test_a_configuration_and_arguments_are_one(model, data, accuracy, tmp_path):
    config = {"quantization": {"calibration": {"sampling_size": [40]}}, "tuning": {"exit_policy": {"max_trials": 3}}}
    file = tmp_path / "c.yaml"
    file.write_text("quantization: {calibration: {sampling_size: [40]}}\ntuning: {exit_policy: {max_trials: 3}}\n")
    one = run(model, config=config, calib=data[0], eval_func=accuracy, target=0.05)
    two = run(model, config=file, calib=data[0], eval_func=accuracy, target=0.05)
    assert one.model_bytes == two.model_bytes
    assert "0.05" in one.report["result"]["target"]


class Fallback(inc_cpp.Strategy):
    """Operators return to FP32 one after the other."""
    goes_on = True

    def ask(self, history):
        if len(history) > len(self.space.dims):
            return None
        assert history.sensitivity is not None
        point = list(self.space.fastest)
        for i in range(len(history)):
            point[i] = len(self.space.dims[i].options) - 1
        return point

    def wants_sensitivity(self, history):
        return len(history) == 0


def test_asks_a_strategy_written_in_python(model, data, accuracy):
    result = run(model, calib=data[0], eval_func=accuracy, strategy=Fallback)
    assert result.report["strategy"] == "Fallback"
    assert list(result.trials.int8) == [3, 2, 1, 0]


@pytest.mark.parametrize("proposal, said", [([0], "expected 3 indices"), ([99, 0, 0], "expected 3 indices"),
                                            ("abc", "one index for each"), ([0, 0, 0], "again")])
def test_what_strategies_propose_is_checked(model, data, accuracy, proposal, said):
    class Bad(inc_cpp.Strategy):
        goes_on = True

        def ask(self, history):
            return proposal

    with pytest.raises(inc_cpp.ConfigError, match=said):
        run(model, calib=data[0], eval_func=accuracy, strategy=Bad)


class Mine(Exception):
    pass


@pytest.mark.parametrize("where", ["eval_func", "metric", "strategy", "data", "late"])
def test_exceptions_of_the_user_arrive_as_they_were_raised(model, data, accuracy, where):
    x, labels = data
    raised = Mine("42")
    calls = []

    def fail(*_):
        raise raised

    def late(session):
        calls.append(1)
        return accuracy(session) if len(calls) < 2 else fail()

    def samples():
        yield x[0]
        fail()

    class Bad(inc_cpp.Strategy):
        ask = fail

    arguments = {"eval_func": {"calib": x, "eval_func": fail}, "metric": {"metric": fail, "eval_data": data},
                 "strategy": {"calib": x, "eval_func": accuracy, "strategy": Bad}, "data": {"calib": samples()},
                 "late": {"calib": x, "eval_func": late}}[where]
    with pytest.raises(Mine) as seen:
        run(model, **arguments)
    assert seen.value is raised


def test_interrupted_it_returns_the_best_so_far(model, data, accuracy):
    calls = []

    def interrupted(session):
        calls.append(1)
        if len(calls) == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return accuracy(session)

    with pytest.warns(UserWarning, match="interrupted"):
        result = run(model, calib=data[0], eval_func=interrupted, strategy=Fallback)
    assert result.interrupted and result.report["stopped"] == "interrupted"
    assert result.report["cost"]["trials"] == 1
    assert result.session().precision == "int8"


def test_interrupted_while_kernels_run_it_returns_the_best_so_far(model, data):
    """The signal comes while no Python code is being executed, or nearly so: from a thread, during the second trial."""
    from threading import Timer

    class Slow(Fallback):
        def ask(self, history):
            if len(history) == 1:
                Timer(0.02, os.kill, (os.getpid(), signal.SIGINT)).start()
            return super().ask(history) if len(history) < 2 else list(self.space.fp32)

    x, labels = (np.tile(part, (40,) + (1,) * (part.ndim - 1)) for part in data)
    with pytest.warns(UserWarning, match="interrupted"):
        result = run(model, calib=data[0], metric="topk", eval_data=(x, labels), strategy=Slow, threads=1)
    assert result.interrupted and result.report["cost"]["trials"] >= 1


def test_interrupted_before_anything_was_found_it_raises(model, data):
    def interrupted(session):
        os.kill(os.getpid(), signal.SIGINT)
        return session.run(None, {"x": data[0]})[0].mean()

    with pytest.raises(KeyboardInterrupt):
        run(model, calib=data[0], eval_func=interrupted)


def test_a_session_ends_with_its_evaluation(model, data, accuracy):
    kept = []

    def keep(session):
        kept.append(session)
        return accuracy(session)

    run(model, calib=data[0], eval_func=keep)
    with pytest.raises(inc_cpp.ConfigError, match="no use of it afterwards"):
        kept[0].run(None, {"x": data[0]})


def test_nothing_of_the_users_is_kept(model, data, accuracy):
    class Callable:
        def __call__(self, session):
            return accuracy(session)

    function = Callable()
    seen = weakref.ref(function)
    result = run(model, calib=data[0], eval_func=function, strategy=Fallback)
    del function
    gc.collect()
    assert seen() is None and result.met


@pytest.mark.parametrize("arguments, error, said", [
    ({}, inc_cpp.ConfigError, "no data given"),
    ({"calib": np.zeros((3, 5), "f4")}, inc_cpp.DataError, "64"),
    ({"calib": 3}, inc_cpp.DataError, "int found"),
    ({"calib": []}, inc_cpp.DataError, "no samples"),
    ({"calib": [{"y": np.zeros(64, "f4")}]}, inc_cpp.DataError, "'x' is missing"),
    ({"calib": np.full((3, 64), np.nan, "f4")}, inc_cpp.DataError, "finite"),
    ({"eval_data": (np.zeros((3, 64), "f4"), np.zeros(3, "i8"))}, inc_cpp.ConfigError, "without a metric"),
    ({"metric": "topk"}, inc_cpp.ConfigError, "no data given"),
    ({"metric": "top", "eval_data": (np.zeros((3, 64), "f4"), np.zeros(3, "i8"))}, inc_cpp.ConfigError, "topk"),
    ({"metric": "topk", "eval_data": (np.zeros((3, 64), "f4"), np.zeros(2, "i8"))}, inc_cpp.DataError, "first axes"),
    ({"calib": np.zeros((3, 64), "f4"), "target": "x"}, inc_cpp.ConfigError, "relative"),
    ({"calib": np.zeros((3, 64), "f4"), "strategy": "best"}, inc_cpp.ConfigError, "strategy"),
    ({"calib": np.zeros((3, 64), "f4"), "engine": "none"}, inc_cpp.ConfigError, "unknown adaptor"),
    ({"calib": np.zeros((3, 64), "f4"), "config": {"quantisation": {}}}, inc_cpp.ConfigError, "quantization"),
    ({"calib": np.zeros((3, 64), "f4"), "eval_func": lambda s: "good"}, inc_cpp.DataError, "expected a number"),
    ({"calib": np.zeros((3, 64), "f4"), "eval_func": lambda s: float("nan")}, inc_cpp.DataError, "finite"),
    ({"calib": np.zeros((3, 64), "f4"), "resume": True}, inc_cpp.ConfigError, "output"),
])
def test_wrong_arguments_are_typed_errors(model, arguments, error, said):
    with pytest.raises(error, match=said):
        run(model, **arguments)


def test_models_of_several_inputs():
    rng = np.random.default_rng(3)
    a, b = (rng.normal(size=(8, 3)).astype("f4") for _ in "ab")
    wanted = []

    def accuracy(session):
        return 1.0 + 0.0 * session.run(None, {"a": a, "b": b})[0].sum()

    for data in ({"a": a, "b": b}, list(zip(a, b)), [{"a": a, "b": b}], [((x, y), 0) for x, y in zip(a, b)]):
        wanted.append(run(two_inputs(), calib=data, eval_func=accuracy).model_bytes)
    assert len(set(wanted)) == 1
