"""The wheel: built, installed into a fresh environment laid out as pip does it, used there."""
import os
import pathlib
import subprocess
import sys

import pytest
from conftest import ROOT

BUILD = pathlib.Path(os.environ["INC_BUILD"])


def done(command, **arguments):
    ran = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **arguments)
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]
    return ran.stdout


def compiler():
    """That of the build: another name of the same one would miss its cache."""
    cache = (BUILD / "CMakeCache.txt").read_text()
    return next(line.split("=", 1)[1] for line in cache.splitlines() if line.startswith("CMAKE_CXX_COMPILER:"))


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    """An environment with the wheel, NumPy and libdnnl.so.3; nothing else."""
    folder = tmp_path_factory.mktemp("wheel")
    environment = {**os.environ, "CXX": compiler()}
    environment.pop("PYTHONPATH", None)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    done([*pip, "wheel", "--no-deps", "--no-build-isolation", "--config-settings", f"build-dir={BUILD}-wheel",
          "--wheel-dir", folder, ROOT], env=environment)
    (wheel,) = folder.glob("inc_cpp-*.whl")
    prefix = folder / "venv"
    done([sys.executable, "-m", "venv", "--without-pip", prefix])
    done([*pip, "--python", prefix / "bin" / "python", "install", "--no-deps", "--no-index", wheel], env=environment)
    import numpy
    (packages,) = (prefix / "lib").glob("python3*/site-packages")
    (packages / "numpy.pth").write_text(str(pathlib.Path(numpy.__file__).parents[1]) + "\n")
    return prefix


def library():
    """libdnnl.so.3 of the environment that runs the tests."""
    return pathlib.Path(sys.prefix) / "lib" / "libdnnl.so.3"


@pytest.fixture(scope="module")
def complete(prefix):
    if not library().exists():
        pytest.skip("onednn-cpu-gomp is not installed beside this Python")
    (prefix / "lib" / "libdnnl.so.3").symlink_to(library())
    return prefix


QUANTIZE = """
import sys, inc_cpp
assert inc_cpp.__file__.startswith(sys.prefix), inc_cpp.__file__
import numpy as np
model, out = sys.argv[1:]
x = np.random.default_rng(0).normal(size=(32, 64)).astype("f4")
result = inc_cpp.quantize(model, calib=x, overrides={"tuning.cost_model.keep_back": False})
result.save(out)
print(inc_cpp.Session(out).precision)
maps = open("/proc/self/maps").read()
print([line.split()[-1] for line in maps.splitlines() if "libdnnl" in line][0])
"""


def bare():
    """No variable of the tests' own: what is found is found by the wheel."""
    return {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "LD_LIBRARY_PATH")}


def test_without_its_library_it_says_what_to_install(prefix):
    packages = str(next((prefix / "lib").glob("python3*/site-packages")))
    code = f"import sys; sys.path.append({packages!r}); import inc_cpp"
    ran = subprocess.run([prefix / "bin" / "python", "-S", "-c", code], capture_output=True, text=True, env=bare(),
                         check=False)
    assert "ImportError" in ran.stderr and "pip install onednn-cpu-gomp==2023.2.0" in ran.stderr, ran.stderr


def test_quantizes_where_it_is_installed(complete, model, tmp_path):
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    said = done([complete / "bin" / "python", "-c", QUANTIZE, tmp_path / "model.onnx", tmp_path / "out.onnx"], env=bare(),
                cwd=tmp_path)
    precision, loaded = said.split()
    assert precision == "int8"
    assert pathlib.Path(loaded) == library().resolve()


def test_brings_the_command(complete, tmp_path):
    import inc_cpp
    said = done([complete / "bin" / "inc-cpp", "--version"], env=bare())
    assert said.strip() == f"inc-cpp {inc_cpp.__version__}"


def test_says_what_it_needs(prefix):
    (metadata,) = (prefix / "lib").glob("python3*/site-packages/inc_cpp-*.dist-info/METADATA")
    needs = [line for line in metadata.read_text().splitlines() if line.startswith("Requires-Dist") and "extra" not in line]
    assert needs == ["Requires-Dist: numpy>=1.23", "Requires-Dist: onednn-cpu-gomp==2023.2.0"]
    assert (metadata.parents[1] / "inc_cpp" / "py.typed").exists()
