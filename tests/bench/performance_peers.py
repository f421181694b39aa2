"""Other tools' INT8 models for performance_table.py, made once and kept in a folder; each is made in a process of its own.

    performance_peers.py KIND SOURCE TARGET CLEAN name=0x3x224x224...

KIND: qdq_u8s8, dynamic (onnxruntime), nncf. Calibration: 8 random samples. CLEAN: where the source as onnxruntime cleans it is kept.
"""
import importlib.util
import pathlib
import subprocess
import sys

SAMPLES = 8
MODULES = ("onnx", "onnxruntime", "openvino", "nncf")
NEEDED = {"qdq_u8s8": ("onnx", "onnxruntime"), "dynamic": ("onnx", "onnxruntime"), "nncf": ("openvino", "nncf")}


def missing():
    return [(name, f"not in {pathlib.Path(sys.executable).name}") for name in MODULES if importlib.util.find_spec(name) is None]


def capped():
    """Whether these are the packages that capped_peers.py made."""
    found = importlib.util.find_spec("openvino")
    return found is not None and (pathlib.Path(found.origin).parents[1] / "cap.so").exists()


def file_of(kind, name, source, work, shapes):
    """The path of the model; made where it is missing. Throws RuntimeError with the tool's own words."""
    if kind == "fp32":
        return source
    target = work / f"{name}.{kind}{'.xml' if kind == 'nncf' else '.onnx'}"
    if target.exists():
        return target
    failed = target.with_suffix(".failed")
    if failed.exists():
        raise RuntimeError(failed.read_text())
    absent = [module for module in NEEDED[kind] if importlib.util.find_spec(module) is None]
    if absent:
        raise RuntimeError(f"needs {', '.join(absent)}")
    command = [sys.executable, __file__, kind, source, target, work / f"{name}.clean.onnx",
               *(f"{n}={'x'.join(map(str, dims))}" for n, dims in shapes.items())]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode != 0 or not target.exists():
        failed.write_text((done.stderr.strip().splitlines() or ["no message"])[-1][:200])
        raise RuntimeError(failed.read_text())
    return target


def sample(shapes, types, seed):
    import numpy as np
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal([d or 1 for d in dims]).astype(np.float32) if types[name] == 1 else
            rng.integers(0, 2, [d or 1 for d in dims]).astype(np.int32 if types[name] == 6 else np.int64) for name, dims in shapes.items()}


def clean(source, path):
    """For quantization per channel: at least opset 13, shapes inferred, constants folded."""
    import onnx
    from onnxruntime.quantization.shape_inference import quant_pre_process
    if path.exists():
        return
    model = onnx.load(source)
    if next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx")) < 13:
        names = {i.name for i in model.graph.initializer}
        kept = [i for i in model.graph.input if i.name not in names]
        del model.graph.input[:]
        model.graph.input.extend(kept)
        model.ir_version = max(model.ir_version, 7)
        source = path.with_suffix(".opset13.onnx")
        onnx.save(onnx.version_converter.convert_version(model, 13), source)
    quant_pre_process(str(source), str(path), skip_symbolic_shape=True)


def make(kind, source, target, cleaned, shapes):
    import onnx
    given = {i.name: i.type.tensor_type.elem_type for i in onnx.load(source, load_external_data=False).graph.input}
    samples = [sample(shapes, given, seed) for seed in range(SAMPLES)]
    if kind == "nncf":
        import nncf
        import openvino
        model = openvino.Core().read_model(source)
        transformer = nncf.ModelType.TRANSFORMER if len(shapes) > 1 else None
        quantized = nncf.quantize(model, nncf.Dataset(samples), subset_size=SAMPLES, model_type=transformer)
        return openvino.save_model(quantized, target, compress_to_fp16=False)
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static

    class Reader(CalibrationDataReader):
        def __init__(self):
            self.items = iter(samples)

        def get_next(self):
            return next(self.items, None)

    clean(source, cleaned)
    if kind == "dynamic":
        return quantize_dynamic(cleaned, target, per_channel=True, weight_type=QuantType.QInt8)
    static = dict(quant_format=QuantFormat.QDQ, per_channel=True, activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8)
    try:
        return quantize_static(cleaned, target, Reader(), **static)
    except ValueError:  # its adjustment of weights to biases fails on some models
        return quantize_static(cleaned, target, Reader(), **static, extra_options={"QDQDisableWeightAdjustForInt32Bias": True})


if __name__ == "__main__":
    kind, source, target, cleaned, *rest = sys.argv[1:]
    parsed = {name: [int(d) for d in dims.split("x")] for name, dims in (text.rsplit("=", 1) for text in rest)}
    make(kind, pathlib.Path(source), pathlib.Path(target), pathlib.Path(cleaned), parsed)
