"""Models with one deliberate fault."""
import numpy as np
import onnx
from onnx import numpy_helper


def break_weight_scale(source: str, target: str, index: int, factor: float) -> str:
    """Multiplies the scale of the index-th 8-bit weight of a QDQ model; the name of the node that reads it."""
    model = onnx.load(source)
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    weights = [node for node in model.graph.node if node.op_type == "DequantizeLinear" and node.input[0] in constants
               and constants[node.input[0]].data_type in (onnx.TensorProto.INT8, onnx.TensorProto.UINT8)]
    node = weights[index]
    scale = numpy_helper.to_array(constants[node.input[1]]) * np.float32(factor)
    model.graph.initializer.append(numpy_helper.from_array(scale, node.input[1] + "_broken"))
    node.input[1] += "_broken"
    onnx.save(model, target)
    return next(user.name for user in model.graph.node if node.output[0] in user.input)
