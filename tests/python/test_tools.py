"""benchmark, compare, doctor, lists, plots, and what is said about them."""
import ast
import inspect
import json
import os
import pathlib
import subprocess
import sys

import matplotlib.figure
import numpy as np
import onnx
import pytest
from conftest import model_of
from onnx import helper, numpy_helper

import inc_cpp
from inc_cpp import _core

QUICK = {"iterations": 3, "warmup": 0, "threads": 1}


def test_benchmark_compares_precisions_and_models(model):
    timed = inc_cpp.benchmark(model, model.SerializeToString(), precisions=["fp32", "int8"], **QUICK)
    assert [row["label"] for row in timed.rows] == ["fp32", "int8", "model 2"]
    assert [row["precision"] for row in timed.rows] == ["fp32", "int8", "fp32"]
    assert timed.rows[0]["ratio"] == 1.0
    for row in timed.rows:
        assert 0 < row["latency_ms"]["min"] <= row["latency_ms"]["p50"] and row["isa"] == inc_cpp.machine()["isa"]
    assert list(timed.frame.label) == ["fp32", "int8", "model 2"] and "p50_ms" in timed.frame
    assert isinstance(timed.plot(), matplotlib.figure.Figure) and "<table>" in timed._repr_html_()


def test_benchmark_profiles_and_takes_feeds(model, data):
    timed = inc_cpp.benchmark(model, feeds={"x": data[0][:4]}, profile=True, **QUICK)
    assert timed.rows[0]["batch"] == 4
    assert set(timed.ops.op_type) >= {"MatMul"} and set(timed.ops.label) == {"model"}


def test_benchmark_obeys_a_cap_of_the_isa(model, data):
    names = inc_cpp.isas()[:2]
    timed = inc_cpp.benchmark(model, isa=names, feeds={"x": data[0][:2]}, **QUICK)
    assert [row["isa"] for row in timed.rows] == names


@pytest.mark.parametrize("arguments, error", [({"precisions": ["fp4"]}, inc_cpp.ConfigError),
                                              ({"isa": "sse9"}, inc_cpp.ConfigError),
                                              ({"feeds": {"y": np.zeros((1, 64), "f4")}}, inc_cpp.DataError),
                                              ({"feeds": {"x": np.zeros((1, 63), "f4")}}, inc_cpp.DataError)])
def test_benchmark_refuses(model, arguments, error):
    with pytest.raises(error):
        inc_cpp.benchmark(model, **arguments, **QUICK)


def test_compare_finds_the_broken_operator(model, data):
    broken = onnx.ModelProto.FromString(model.SerializeToString())
    weight = next(tensor for tensor in broken.graph.initializer if tensor.name == "w1")
    weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight) * np.float32(1.1), "w1"))
    found = inc_cpp.compare(model, broken, data=data[0])
    assert found.ops.iloc[0]["name"] == "MatMul_c"
    assert found.ops.iloc[0]["own_relative"] == pytest.approx(0.1, rel=0.01)
    assert (found.ops.iloc[1:]["own_relative"] < 1e-5).all()
    assert len(found.outputs) == 1 and "<html" in found.html
    assert isinstance(found.plot(), matplotlib.figure.Figure)


def test_compare_refuses_models_of_another_form(model, data):
    other = model_of([helper.make_node("Relu", ["z"], ["y"])], [("z", 1, [1])], [("y", 1, [1])], {})
    with pytest.raises(inc_cpp.ModelError):
        inc_cpp.compare(model, other)


def test_doctor_tells_of_this_machine():
    found = inc_cpp.doctor(probe=False)
    assert list(found["precisions"]) == ["fp32", "bf16", "int8"]
    assert found["version"] == inc_cpp.__version__
    assert repr(found) == found.text and "<pre>" in found._repr_html_()


def test_lists_have_what_the_command_lists():
    command = pathlib.Path(os.environ["INC_BUILD"]) / "app" / "cli" / "inc-cpp"
    for name in ("strategies", "metrics", "datasets", "transforms", "postprocess"):
        said = subprocess.run([command, "list", name], capture_output=True, text=True, check=True).stdout
        rows = getattr(inc_cpp, name)()
        assert [row["name"] for row in rows] == [line.split()[0] for line in said.splitlines() if line[:1].strip()]
    assert {"family", "isa"} == set(inc_cpp.kernels()[0])
    assert "tuning" in json.loads(inc_cpp.schema_json())["properties"] and inc_cpp.schema_markdown().startswith("#")


def test_threads_can_be_set():
    before = inc_cpp.threads()
    inc_cpp.set_threads(1)
    assert inc_cpp.threads() == 1
    inc_cpp.set_threads(0)
    assert inc_cpp.threads() == before


def test_plots_of_results(model, data, accuracy, tmp_path):
    result = inc_cpp.quantize(model, calib=data[0], eval_func=accuracy)
    result.plot().savefig(tmp_path / "result.png")
    assert (tmp_path / "result.png").stat().st_size > 5000
    assert len(inc_cpp.quantize(model, calib=data[0]).plot().axes) == 3, "no accuracy is known"


def names_in(body):
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.AnnAssign):
            yield node.target.id


def public(names):
    return {name for name in names if not name.startswith("_") or name == "__version__"}


def test_the_stub_names_what_the_extension_has():
    stub = ast.parse((pathlib.Path(inc_cpp.__file__).parent / "_core.pyi").read_text())
    assert public(names_in(stub.body)) == public(vars(_core))
    for node in stub.body:
        if isinstance(node, ast.ClassDef) and not issubclass(getattr(_core, node.name), Exception):
            assert public(names_in(node.body)) == public(vars(getattr(_core, node.name))), node.name


def test_everything_public_is_documented():
    for name in inc_cpp.__all__:
        thing = getattr(inc_cpp, name)
        if name != "__version__":
            assert inspect.getdoc(thing), name
        if inspect.isclass(thing):
            for member, value in vars(thing).items():
                if not member.startswith("_") and (callable(value) or isinstance(value, property)):
                    assert inspect.getdoc(value), f"{name}.{member}"


def test_heavy_packages_are_imported_only_when_asked_for():
    heavy = ("pandas", "matplotlib", "tqdm", "onnx", "onnxruntime", "torch")
    code = f"import inc_cpp, sys; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
