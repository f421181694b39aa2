"""Running models from Python."""
import threading

import numpy as np
import onnxruntime
import pytest
from conftest import model_of, two_inputs
from onnx import TensorProto, helper

import inc_cpp


@pytest.fixture(scope="module")
def pair():
    return two_inputs()


def rows(seed, n=2):
    return np.random.default_rng(seed).normal(size=(n, 3)).astype("f4")


def test_answers_as_onnxruntime_does(model, data):
    x, _ = data
    theirs = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, {"x": x})
    np.testing.assert_allclose(inc_cpp.Session(model).run(None, {"x": x})[0], theirs[0], rtol=1e-4, atol=1e-4,
                               err_msg="sums of 512 products in another order")


def test_describes_inputs_and_outputs_as_onnxruntime_does(model, pair):
    for given in (model, pair):
        ours = inc_cpp.Session(given)
        theirs = onnxruntime.InferenceSession(given.SerializeToString(), providers=["CPUExecutionProvider"])
        for mine, other in ((ours.get_inputs(), theirs.get_inputs()), (ours.get_outputs(), theirs.get_outputs())):
            assert [(a.name, a.type, a.shape) for a in mine] == [(a.name, a.type, a.shape) for a in other]


def test_reads_paths_bytes_and_protos(pair, tmp_path):
    path = tmp_path / "pair.onnx"
    path.write_bytes(pair.SerializeToString())
    a, b = rows(1), rows(2)
    for given in (path, str(path), path.read_bytes(), pair):
        np.testing.assert_array_equal(inc_cpp.Session(given).run(None, {"a": a, "b": b})[0], a + b)


def test_returns_the_outputs_asked_for_in_that_order(pair):
    a, b = rows(1), rows(2)
    product, total = inc_cpp.Session(pair).run(["product", "sum"], {"b": b, "a": a})
    np.testing.assert_array_equal(product, a * b)
    np.testing.assert_array_equal(total, a + b)
    assert set(inc_cpp.Session(pair)(a, b=b)) == {"sum", "product"}


def test_takes_views_lists_and_other_byte_orders(pair):
    a, b = rows(1, 4), rows(2, 4)
    session = inc_cpp.Session(pair)
    np.testing.assert_array_equal(session.run(["sum"], {"a": a[::2], "b": b[::-2]})[0], a[::2] + b[::-2])
    np.testing.assert_array_equal(session.run(["sum"], {"a": a.tolist(), "b": b.astype(">f4")})[0], a + b)
    np.testing.assert_array_equal(session.run(["sum"], {"a": np.asfortranarray(a), "b": b})[0], a + b)
    unaligned = np.frombuffer(b"?" + a.tobytes(), "f4", offset=1).reshape(a.shape)
    np.testing.assert_array_equal(session.run(["sum"], {"a": unaligned, "b": b})[0], a + b)


def test_results_may_be_written_to():
    weights = {"w": np.ones((2, 3), "f4")}
    nodes = [helper.make_node("Identity", ["x"], ["same"]), helper.make_node("Identity", ["w"], ["constant"])]
    kind = (TensorProto.FLOAT, [2, 3])
    session = inc_cpp.Session(model_of(nodes, [("x", *kind)], [("same", *kind), ("constant", *kind)], weights))
    x = np.zeros((2, 3), "f4")
    same, constant = session.run(None, {"x": x})
    same += 1
    constant += 1
    assert x.sum() == 0
    assert session.run(["constant"], {"x": x})[0].sum() == 6


def test_results_outlive_the_session(pair):
    a, b = rows(1), rows(2)
    results = inc_cpp.Session(pair).run(None, {"a": a, "b": b})
    np.testing.assert_array_equal(results[0], a + b)


@pytest.mark.parametrize("feeds, said", [
    ({}, "input 'a' is missing"),
    ({"a": 1, "b": 2, "c": 3}, "no input 'c'"),
    ({"a": np.zeros((2, 3)), "b": np.zeros((2, 3))}, "double"),
    ({"a": np.zeros((2, 4), "f4"), "b": np.zeros((2, 3), "f4")}, r"float\[2,4\] found"),
    ({"a": np.array(["x"]), "b": np.zeros((2, 3), "f4")}, "expected numbers"),
    ({"a": object(), "b": np.zeros((2, 3), "f4")}, "expected numbers"),
])
def test_wrong_inputs_are_data_errors(pair, feeds, said):
    with pytest.raises(inc_cpp.DataError, match=said):
        inc_cpp.Session(pair).run(None, feeds)


def test_errors_are_those_of_the_command_line(tmp_path):
    with pytest.raises(inc_cpp.ModelError, match="No such file") as seen:
        inc_cpp.Session(tmp_path / "none.onnx")
    assert seen.value.exit_code == 3
    assert seen.value.notes and seen.value.notes[0] in str(seen.value)
    assert str(seen.value).startswith(seen.value.message)
    with pytest.raises(inc_cpp.ConfigError) as seen:
        inc_cpp.Session(3)
    assert seen.value.exit_code == 2
    with pytest.raises(inc_cpp.ConfigError, match="unknown adaptor"):
        inc_cpp.Session(two_inputs(), engine="none")
    strange = model_of([helper.make_node("StringNormalizer", ["x"], ["y"])], [("x", TensorProto.STRING, [2])],
                       [("y", TensorProto.STRING, ["M"])], {})
    with pytest.raises(inc_cpp.UnsupportedError) as seen:
        inc_cpp.Session(strange)
    assert isinstance(seen.value, inc_cpp.ModelError) and isinstance(seen.value, inc_cpp.Error)


def test_several_threads_share_a_session(model, data):
    x, _ = data
    session = inc_cpp.Session(model, threads=1)
    wanted = session.run(None, {"x": x})[0]
    results = [None] * 4

    def work(i):
        results[i] = session.run(None, {"x": x})[0]

    workers = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    for result in results:
        np.testing.assert_array_equal(result, wanted)


def test_other_threads_run_while_kernels_do(model):
    x = np.zeros((20000, 64), "f4")
    session = inc_cpp.Session(model, threads=1)
    ended, counted = threading.Event(), []

    def count():
        while not ended.is_set():
            counted.append(1)
            ended.wait(0.0005)

    counter = threading.Thread(target=count)
    counter.start()
    before = len(counted)
    session.run(None, {"x": x})
    during = len(counted) - before
    ended.set()
    counter.join(60)
    assert during > 1


def test_profiles_steps(model, data):
    steps = inc_cpp.Session(model).profile({"x": data[0][:1]}, iterations=2)
    assert {step["op_type"] for step in steps} >= {"MatMul"}
    assert all(step["ms"] >= 0 and step["kernel"] for step in steps)
