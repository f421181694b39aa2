#!/usr/bin/env python3
"""A real model, quantized as its configuration says, one scale broken: `compare` finds it. Usage: compare_test.py INC_CPP"""
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, os.pardir, "support"))
SHARED = os.environ.setdefault("INC_SHARED", os.path.join(HERE, os.pardir, os.pardir, os.pardir, "shared"))
MODEL, CONFIG = os.path.join(SHARED, "realdata/cifar10/resnet20.onnx"), os.path.join(HERE, "configs/cifar10.yaml")


def run(tool, *args):
    return subprocess.run([tool, *args], capture_output=True, text=True, check=True, timeout=240,
                          env=dict(os.environ, OMP_NUM_THREADS="1")).stdout


def main(tool):
    if not os.path.exists(MODEL):
        print(f"SKIPPED: no shared file {MODEL} (INC_SHARED)")
        return 77
    from broken import break_weight_scale
    with tempfile.TemporaryDirectory() as directory:
        run(tool, "quantize", "--config", CONFIG, "--output", directory, "--quiet", "--set", "tuning.exit_policy.performance_only=true",
            "--set", "tuning.cost_model.keep_back=false")
        model, broken = os.path.join(directory, "model.onnx"), os.path.join(directory, "broken.onnx")
        sound = json.loads(run(tool, "compare", MODEL, model, "--config", CONFIG, "--json"))
        assert sound["matched"] == sound["operators"] == 46, sound["unmatched"]
        assert sound["ops"][0]["own"]["relative"] < 0.05, sound["ops"][0]
        for index in (3, 12):
            name = break_weight_scale(model, broken, index, 1.5)
            found = json.loads(run(tool, "compare", MODEL, broken, "--config", CONFIG, "--json"))
            assert found["ops"][0]["b_name"] == name, (name, found["ops"][0])
            print(f"{name}: own error {found['ops'][0]['own']['relative']:.2f}, next {found['ops'][1]['own']['relative']:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
