"""A real model from Python, beside the command line."""
import json
import os
import pathlib
import subprocess

import numpy as np
from conftest import ROOT

import inc_cpp

KEEP = "tuning.cost_model.keep_back"
COUNT = 1000


def test_python_reaches_what_the_command_line_reaches(shared, tmp_path):
    """The first samples of the speech commands, with the configuration's own data there and arrays and a function here."""
    speech = shared / "speech"
    config = ROOT / "tests" / "realdata" / "configs" / "speech_dscnn.yaml"
    arrays = {"inputs": {"input": str(speech / "mfcc.npy")}, "labels": str(speech / "labels.npy"), "count": COUNT}
    command = pathlib.Path(os.environ["INC_BUILD"]) / "app" / "cli" / "inc-cpp"
    ran = subprocess.run([command, "quantize", "--config", config, "--output", tmp_path / "cli", "--quiet", "--json",
                          "--set", f"{KEEP}=false",
                          "--set", "evaluation.accuracy.dataloader.dataset=" + json.dumps({"Arrays": arrays})],
                         env={**os.environ, "INC_SHARED": str(shared.parent)}, capture_output=True, text=True, check=True)
    theirs = json.loads(ran.stdout)

    x, labels = np.load(speech / "mfcc.npy")[:COUNT], np.load(speech / "labels.npy")[:COUNT]

    def accuracy(session):
        (name,) = [arg.name for arg in session.get_inputs()]
        right = sum(int((session.run(None, {name: x[i:i + 50]})[0].argmax(axis=1) == labels[i:i + 50]).sum())
                    for i in range(0, COUNT, 50))
        return right / COUNT

    result = inc_cpp.quantize(speech / "ds_cnn_l.onnx", calib=np.load(speech / "calib_mfcc.npy"), calib_samples=200,
                              batch_size=50, eval_func=accuracy, strategy="basic", overrides={KEEP: False},
                              output=tmp_path / "python")
    assert result.baseline == theirs["baseline"]["accuracy"]
    assert result.accuracy == theirs["result"]["accuracy"]
    assert result.path.stat().st_size > 10000
    assert accuracy(result.session()) == result.accuracy
    assert accuracy(inc_cpp.Session(tmp_path / "cli" / "model.onnx")) == theirs["result"]["accuracy"]
