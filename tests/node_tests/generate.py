"""Writes the ONNX backend node tests into one archive for run_node_tests.

usage: generate.py ARCHIVE        an existing archive is kept; exit code 77 without the onnx package

Archive, little-endian: "INCNODE1", u32 cases; per case: name, f64 rtol, f64 atol, model, u32 sets; per set: inputs, outputs
(u32 count, values). A string or model is u64 length + bytes. A value is u8 kind: 0 left out; 1 tensor: element type, u32 rank,
i64 dimensions, data; 2 anything else: string saying what it is.
"""
import os
import struct
import sys
import warnings

ELEMENT_TYPES = {
    "float32": "float", "float64": "double", "float16": "float16", "bfloat16": "bfloat16", "bool": "bool",
    "int8": "int8", "uint8": "uint8", "int16": "int16", "uint16": "uint16", "int32": "int32", "uint32": "uint32",
    "int64": "int64", "uint64": "uint64",
}


def blob(data):
    data = data.encode() if isinstance(data, str) else data
    return struct.pack("<Q", len(data)) + data


def value(item, numpy, onnx):
    if item is None:
        return b"\0"
    if isinstance(item, onnx.TensorProto):
        item = onnx.numpy_helper.to_array(item)
    if not isinstance(item, (numpy.ndarray, numpy.generic)):
        return b"\2" + blob("sequence or optional")
    array = numpy.asarray(item)
    kind = ELEMENT_TYPES.get(array.dtype.name)
    if kind is None:
        return b"\2" + blob("element type " + ("string" if array.dtype.kind in "OSU" else array.dtype.name))
    header = b"\1" + blob(kind) + struct.pack("<I", array.ndim) + struct.pack(f"<{array.ndim}q", *array.shape)
    return header + blob(numpy.ascontiguousarray(array).tobytes())


def values(items, numpy, onnx):
    return struct.pack("<I", len(items)) + b"".join(value(item, numpy, onnx) for item in items)


def main(path):
    if os.path.exists(path):
        return 0
    try:
        import numpy
        import onnx
        import onnx.numpy_helper
        from onnx.backend.test.case.node import collect_testcases
    except ImportError as missing:
        print(f"SKIPPED: {missing}")
        return 77
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cases = sorted(collect_testcases(None), key=lambda case: case.name)
    unfinished = path + ".part"
    with open(unfinished, "wb") as out:
        out.write(b"INCNODE1" + struct.pack("<I", len(cases)))
        for case in cases:
            out.write(blob(case.name) + struct.pack("<dd", case.rtol, case.atol) + blob(case.model.SerializeToString()))
            out.write(struct.pack("<I", len(case.data_sets)))
            for inputs, outputs in case.data_sets:
                out.write(values(inputs, numpy, onnx) + values(outputs, numpy, onnx))
    os.rename(unfinished, path)
    print(f"{len(cases)} cases of onnx {onnx.__version__}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
