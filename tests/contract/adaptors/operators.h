#pragma once
// One row per operator or short chain, for whoever executes graphs.
#include <string>

#include "core/onnx/onnx_io.h"
#include "tests/support/approx.h"

namespace inc::testing {

struct OperatorCase {
  const char* name;
  const char* signature;  // inputs => output <constants>
  const char* body;
  Tolerance tolerance;
};

inline const Exact kExact;
inline const Nmse kClose{1e-11};
inline const Nmse kRecurrent{1e-10};  // exp to 3e-7, over several steps

inline const OperatorCase kOperators[] = {
    {"Conv", "float[2,3,9,9] x) => (float[2,8,9,9] y) <float[8,3,3,3] w, float[8] b>",
     "y = Conv <pads = [1,1,1,1]> (x, w, b)", kClose},
    {"ConvSameUpper", "float[1,5,8,7] x) => (float[1,8,4,4] y) <float[8,5,4,4] w>",
     "y = Conv <auto_pad = \"SAME_UPPER\", strides = [2,2]> (x, w)", kClose},
    {"ConvDepthwise", "float[2,20,9,9] x) => (float[2,20,5,5] y) <float[20,1,3,3] w>",
     "y = Conv <group = 20, pads = [1,1,1,1], strides = [2,2]> (x, w)", kClose},
    {"Conv1d", "float[2,6,30] x) => (float[2,9,28] y) <float[9,6,3] w>", "y = Conv (x, w)", kClose},
    {"Conv3d", "float[1,2,5,6,7] x) => (float[1,4,4,5,6] y) <float[4,2,2,2,2] w>", "y = Conv (x, w)", kClose},
    {"ConvChain", "float[2,17,8,8] x) => (float[2,17,4,4] y) <float[17,17,3,3] w, float[17,17,1,1] v>",
     "a = Conv <pads = [1,1,1,1]> (x, w) b = Relu(a) c = Conv(b, v) d = Add(c, b) e = Sigmoid(d) f = Mul(d, e) "
     "y = MaxPool <kernel_shape = [2,2], strides = [2,2]> (f)",
     kClose},
    {"ConvThenBroadcast",
     "float[2,16,6,6] x) => (float[2,16,6,6] y) <float[16,16,1,1] w, float[1,16,1,1] s, float[2,1,6,6] t>",
     "a = Conv(x, w) b = Mul(a, s) y = Sub(t, b)", kClose},
    {"ConvThenMoves",
     "float[2,16,6,6] x) => (float[2,24,8,3] y) <float[16,16,1,1] w, int64[4] from = {0,0,0,0}, "
     "int64[4] to = {2,16,6,6}, int64[4] axes = {0,1,2,3}, int64[4] steps = {1,1,1,2}, int64[8] pads = {0,4,1,0,0,4,1,0}>",
     "a = Conv(x, w) b = Slice(a, from, to, axes, steps) y = Pad(b, pads)", kClose},
    {"ConvConcatSplit",
     "float[1,8,5,5] x) => (float[1,20,5,5] y) <float[12,8,1,1] w, float[8,8,3,3] v, int64[2] parts = {6,14}>",
     "a = Conv(x, w) b = Conv <pads = [1,1,1,1]> (x, v) c = Concat <axis = 1> (a, b) p, q = Split <axis = 1> (c, parts) "
     "y = Concat <axis = 1> (q, p)",
     kClose},
    {"ConvTranspose", "float[2,6,7,7] x) => (float[2,10,14,14] y) <float[6,10,2,2] w, float[10] b>",
     "y = ConvTranspose <strides = [2,2]> (x, w, b)", kClose},
    {"ConvTransposePadded", "float[2,16,5,6] x) => (float[2,8,10,12] y) <float[16,8,3,3] w>",
     "y = ConvTranspose <strides = [2,2], pads = [1,1,1,1], output_padding = [1,1]> (x, w)", kClose},
    {"ConvTransposeGroups", "float[1,8,5,5] x) => (float[1,12,11,11] y) <float[8,6,3,3] w>",
     "y = ConvTranspose <strides = [2,2], group = 2> (x, w)", kClose},
    {"ConvTransposeDilatedSame", "float[1,4,5,5] x) => (float[1,4,10,10] y) <float[4,4,3,3] w>",
     "y = ConvTranspose <strides = [2,2], dilations = [2,2], auto_pad = \"SAME_LOWER\"> (x, w)", kClose},
    {"ConvTranspose1d", "float[2,3,9] x) => (float[2,5,20] y) <float[3,5,4] w>", "y = ConvTranspose <strides = [2]> (x, w)",
     kClose},
    {"ConvTransposeReshape", "float[2,16,4,4] x) => (float[2,16,16] y) <float[16,16,1,1] w, int64[3] s = {2,16,-1}>",
     "a = Conv(x, w) b = Transpose <perm = [0,2,3,1]> (a) y = Reshape(b, s)", kClose},
    {"ConvMean", "float[3,20,7,5] x) => (float[3,20] y) <float[20,20,1,1] w, int64[2] axes = {2,3}>",
     "a = Conv(x, w) y = ReduceMean <keepdims = 0> (a, axes)", kClose},
    {"InstanceNormalization", "float[2,6,7,5] x, float[6] s) => (float[2,6,7,5] y) <float[6] t>",
     "y = InstanceNormalization(x, s, t)", kClose},
    {"GroupNormalization", "float[2,8,5,5] x) => (float[2,8,5,5] y) <float[8,8,1,1] w, float[8] s, float[8] t>",
     "a = Conv(x, w) y = GroupNormalization <num_groups = 4> (a, s, t)", kClose},
    {"Lstm",
     "float[5,3,7] x, float[1,3,6] h, float[1,3,6] c) => (float[5,1,3,6] y, float[1,3,6] yh, float[1,3,6] yc) "
     "<float[1,24,7] w, float[1,24,6] r, float[1,48] b>",
     "y, yh, yc = LSTM <hidden_size = 6> (x, w, r, b, , h, c)", kRecurrent},
    {"LstmBothWays", "float[9,2,20] x) => (float[9,2,2,18] y) <float[2,72,20] w, float[2,72,18] r, int32[2] n = {9,9}>",
     "y = LSTM <hidden_size = 18, direction = \"bidirectional\"> (x, w, r, , n)", kRecurrent},
    {"GruReverse",
     "float[6,2,5] x) => (float[6,1,2,9] y, float[1,2,9] yh) <float[1,27,5] w, float[1,27,9] r, float[1,54] b>",
     "y, yh = GRU <hidden_size = 9, direction = \"reverse\"> (x, w, r, b)", kRecurrent},
    {"GruResetAfter",
     "float[6,2,5] x, float[1,2,9] h) => (float[1,2,9] yh) <float[1,27,5] w, float[1,27,9] r, float[1,54] b>",
     "y, yh = GRU <hidden_size = 9, linear_before_reset = 1> (x, w, r, b, , h)", kRecurrent},
    {"RnnRelu", "float[4,2,5] x) => (float[4,1,2,8] y) <float[1,8,5] w, float[1,8,8] r, float[1,16] b>",
     "y = RNN <hidden_size = 8, activations = [\"Relu\"]> (x, w, r, b)", kRecurrent},
    {"RnnLengths", "float[4,2,5] x) => (float[4,1,2,8] y) <float[1,8,5] w, float[1,8,8] r, int32[2] n = {4,2}>",
     "y = RNN <hidden_size = 8> (x, w, r, , n)", kRecurrent},
    {"RoundHalfToEven", "float[3,40] x) => (float[3,40] y) <float eight = {8}, float half = {0.5}>",
     "a = Mul(x, eight) b = Floor(a) c = Mul(b, half) y = Round(c)", kExact},
    {"Softplus", "float[3,40] x) => (float[3,40] y)", "y = Softplus(x)", kClose},
    {"Mish", "float[3,40] x) => (float[3,40] y)", "y = Mish(x)", kClose},
    {"ResizeLinear", "float[2,5,7,6] x) => (float[2,5,10,15] y) <int64[4] s = {2,5,10,15}>",
     "y = Resize <mode = \"linear\"> (x, , , s)", kClose},
    {"ResizeLinearCorners", "float[1,16,7,6] x) => (float[1,16,14,12] y) <float[16,16,1,1] w, float[4] s = {1,1,2,2}>",
     "a = Conv(x, w) y = Resize <mode = \"linear\", coordinate_transformation_mode = \"align_corners\"> (a, , s)", kClose},
    {"ResizeCubic", "float[1,3,8,8] x) => (float[1,3,5,11] y) <int64[4] s = {1,3,5,11}>",
     "y = Resize <mode = \"cubic\", antialias = 1> (x, , , s)", kClose},
    {"ResizeToTheSameSize", "float[1,16,7,6] x) => (float[1,16,7,6] y) <float[16,16,1,1] w, float[4] s = {1,1,1,1}>",
     "a = Conv(x, w) y = Resize <mode = \"linear\"> (a, , s)", kClose},
    {"ResizeNearestUneven", "float[1,3,8,8] x) => (float[1,3,5,11] y) <int64[4] s = {1,3,5,11}>",
     "y = Resize <mode = \"nearest\"> (x, , , s)", kExact},
    {"ConvResize", "float[1,16,5,5] x) => (float[1,16,10,10] y) <float[16,16,1,1] w, float[4] s = {1,1,2,2}>",
     "a = Conv(x, w) y = Resize <mode = \"nearest\", nearest_mode = \"floor\", coordinate_transformation_mode = "
     "\"asymmetric\"> (a, , s)",
     kClose},
    {"MatMul", "float[4,9] x) => (float[4,6] y) <float[9,6] w>", "y = MatMul(x, w)", kClose},
    {"MatMulBatched", "float[2,3,5,7] x, float[2,3,7,4] z) => (float[2,3,5,4] y)", "y = MatMul(x, z)", kClose},
    {"MatMulBroadcast", "float[2,1,5,7] x, float[3,7,4] z) => (float[2,3,5,4] y)", "y = MatMul(x, z)", kClose},
    {"MatMulVectors", "float[7] x, float[7] z) => (float y)", "y = MatMul(x, z)", kClose},
    {"MatMulVectorMatrix", "float[7] x, float[2,7,3] z) => (float[2,3] y)", "y = MatMul(x, z)", kClose},
    {"MatMulMatrixVector", "float[2,3,7] x, float[7] z) => (float[2,3] y)", "y = MatMul(x, z)", kClose},
    {"Gemm", "float[7,4] x) => (float[4,5] y) <float[5,7] w, float[5] b>",
     "y = Gemm <transA = 1, transB = 1, alpha = 0.5, beta = 0.25> (x, w, b)", kClose},
    {"GemmFullAddend", "float[4,7] x, float[4,5] c) => (float[4,5] y) <float[7,5] w>", "y = Gemm(x, w, c)", kClose},
    {"AveragePool", "float[2,5,9,9] x) => (float[2,5,5,5] y)",
     "y = AveragePool <kernel_shape = [3,3], strides = [2,2], pads = [1,1,1,1]> (x)", kClose},
    {"AveragePoolAmongChannels", "float[2,1,9,5,6] x) => (float[2,1,9,5,6] y)",
     "y = AveragePool <kernel_shape = [5,1,1], pads = [2,0,0,2,0,0]> (x)", kClose},
    {"AveragePoolAlongRows", "float[2,3,4,9] x) => (float[2,3,4,5] y)",
     "y = AveragePool <kernel_shape = [1,3], pads = [0,1,0,1], strides = [1,2], count_include_pad = 1> (x)", kClose},
    {"AveragePoolWithPads", "float[2,5,9,9] x) => (float[2,5,5,5] y)",
     "y = AveragePool <kernel_shape = [3,3], strides = [2,2], pads = [1,1,1,1], count_include_pad = 1> (x)", kClose},
    {"AveragePoolCeil", "float[1,4,8,8] x) => (float[1,4,4,4] y)",
     "y = AveragePool <kernel_shape = [3,3], strides = [2,2], ceil_mode = 1> (x)", kClose},
    {"MaxPool", "float[2,5,9,9] x) => (float[2,5,5,5] y)",
     "y = MaxPool <kernel_shape = [3,3], strides = [2,2], pads = [1,1,1,1]> (x)", kExact},
    {"GlobalAveragePool", "float[2,5,9,9] x) => (float[2,5,1,1] y)", "y = GlobalAveragePool(x)", kClose},
    {"BatchNormalization",
     "float[2,5,4,3] x) => (float[2,5,4,3] y) <float[5] s, float[5] b, float[5] m, float[5] v = {0.5,1,2,0.25,3}>",
     "a = Relu(x) y = BatchNormalization(a, s, b, m, v)", kClose},
    {"Softmax", "float[3,4,9] x) => (float[3,4,9] y)", "y = Softmax <axis = -1> (x)", kClose},
    {"SoftmaxMiddle", "float[3,4,9] x) => (float[3,4,9] y)", "y = Softmax <axis = 1> (x)", kClose},
    {"LayerNormalization", "float[3,5,33] x) => (float[3,5,33] y) <float[33] s, float[33] b>",
     "y = LayerNormalization <axis = -1> (x, s, b)", kClose},
    {"Erf", "float[5,67] x) => (float[5,67] y) <float k = {4.0}>", "a = Mul(x, k) y = Erf(a)", Nmse{1e-12}},
    {"Activations", "float[5,67] x) => (float[5,67] y) <float k = {6.0}>",
     "a = Mul(x, k) b = Tanh(a) c = Sigmoid(a) d = Exp(b) e = HardSigmoid(a) f = LeakyRelu(a) g = Elu(a) h = HardSwish(a) "
     "y = Sum(b, c, d, e, f, g, h)",
     kClose},
    {"Gelu", "float[5,67] x) => (float[5,67] y)", "a = Gelu(x) b = Gelu <approximate = \"tanh\"> (x) y = Sub(a, b)",
     Nmse{1e-4}},
    {"Clip", "float[5,67] x) => (float[5,67] y) <float lo = {-0.5}, float hi = {0.25}>", "y = Clip(x, lo, hi)", kExact},
    {"Powers", "float[3,19] x) => (float[3,19] y) <float two = {2.0}, float three = {3.0}>",
     "a = Pow(x, two) b = Pow(x, three) c = Sqrt(a) d = Add(a, b) y = Add(c, d)", kClose},
    {"Broadcasts", "float[2,1,4,1] x, float[3,1,5] z) => (float[2,3,4,5] y)",
     "a = Add(x, z) b = Sub(z, a) c = Mul(b, x) d = Max(c, a) e = Min(z, d) y = Div(e, x)", Ulp{2}},
    {"InPlaceChain", "float[4,8] x) => (float[4,8] y, float[4,8] a) <float[8] w>",
     "a = Add(x, w) b = Mul(a, w) c = Sub(b, a) y = Add(c, x)", Ulp{2}},
    {"Compares", "int32[4,1] x, int32[1,5] z) => (float[4,5] y)",
     "a = Equal(x, z) b = Cast <to = 1> (a) c = Less(x, z) d = Cast <to = 1> (c) y = Add(b, d)", kExact},
    {"Where", "float[4,5] x, float[5] z) => (float[4,5] y) <float t = {0.1}>", "c = Greater(x, t) y = Where(c, x, z)",
     kExact},
    {"Transpose", "float[3,4,5,6] x) => (float[6,3,5,4] y)", "y = Transpose <perm = [3,0,2,1]> (x)", kExact},
    {"SliceBackwards",
     "float[6,7] x) => (float[3,7] y) <int64[2] s = {5,6}, int64[2] e = {-100,-100}, int64[2] a = {0,1}, int64[2] k = "
     "{-2,-1}>",
     "y = Slice(x, s, e, a, k)", kExact},
    {"PadNegative", "float[4,5] x) => (float[5,4] y) <int64[4] p = {1,-1,0,0}, float v = {3.5}>", "y = Pad(x, p, v)",
     kExact},
    {"PadReflect", "float[4,5] x) => (float[6,8] y) <int64[4] p = {1,2,1,1}>", "y = Pad <mode = \"reflect\"> (x, p)",
     kExact},
    {"PadReflectTwice", "float[2,3,2,3] x) => (float[2,4,8,12] y) <int64[8] p = {0,0,3,5,0,1,3,4}>",
     "y = Pad <mode = \"reflect\"> (x, p)", kExact},
    {"PadEdge", "float[1,8,5,6] x) => (float[1,8,8,9] y) <float[8,8,1,1] w, int64[4] p = {1,2,2,1}, int64[2] a = {2,-1}>",
     "c = Conv(x, w) y = Pad <mode = \"edge\"> (c, p, , a)", kClose},
    {"PadWrap", "float[3,4] x) => (float[9,7] y) <int64[4] p = {4,1,2,2}>", "y = Pad <mode = \"wrap\"> (x, p)", kExact},
    {"PadReflectAndCut", "float[4,5] x) => (float[5,4] y) <int64[4] p = {1,-1,0,0}>", "y = Pad <mode = \"reflect\"> (x, p)",
     kExact},
    {"Gather", "float[6,5] x) => (float[2,2,5] y) <int64[2,2] i = {0,-1,3,5}>", "y = Gather <axis = 0> (x, i)", kExact},
    {"GatherEvenly", "float[3,6,5] x) => (float[3,3,5] y) <int64[3] i = {5,-3,1}>", "y = Gather <axis = 1> (x, i)", kExact},
    {"GatherOne", "float[3,6,5] x) => (float[3,6] y) <int64 i = {-2}>", "y = Gather <axis = 2> (x, i)", kExact},
    {"MulShortRows", "float[3,7,5,4] x) => (float[3,7,5,4] y) <float[7,1,4] w>", "y = Mul(x, w)", kExact},
    {"OneHotProduct", "int32[2,5,1] x) => (float[2,5,3] y) <int32[4] i = {0,1,2,3}, float[4,3] w>",
     "e = Equal(x, i) c = Cast <to = 1> (e) y = MatMul(c, w)", kExact},
    {"GatherInner", "float[6,5] x) => (float[6,2] y) <int32[2] i = {4,-4}>", "y = Gather <axis = 1> (x, i)", kExact},
    {"Expand", "float[3,1] x) => (float[2,3,4] y) <int64[3] s = {2,3,4}>", "y = Expand(x, s)", kExact},
    {"Reductions", "float[3,4,50] x) => (float[3,1,50] y) <int64[1] m = {1}, int64[1] l = {2}>",
     "a = ReduceSum(x, m) b = ReduceMax(x, m) c = ReduceMin(x, m) d = ReduceMean(x, l) e = ReduceMean(d, m) "
     "y = Sum(a, b, c, e)",
     kClose},
    {"PowThreeQuarters", "float[3,70] x) => (float[3,70] y) <float e = {0.75}>", "a = Abs(x) y = Pow(a, e)", kClose},
    {"ReduceNorms",
     "float[3,4,70] x) => (float[3,4,1] a, float[4,70] b, float[3,4,1] c, float[3,1,70] d) "
     "<int64[1] f = {0}, int64[1] m = {1}, int64[1] l = {2}>",
     "a = ReduceL2(x, l) b = ReduceL2 <keepdims = 0> (x, f) c = ReduceL1(x, l) d = ReduceL1(x, m)", kClose},
    {"ReduceOuterAndInner", "float[3,4,50] x) => (float[4] y) <int64[2] a = {0,2}>", "y = ReduceSum <keepdims = 0> (x, a)",
     kClose},
    {"ShapeArithmetic", "float[N,4,6] x) => (float[N,24] y) <int64[1] z = {0}, int64[1] m = {-1}>",
     "s = Shape(x) n = Gather <axis = 0> (s, z) t = Concat <axis = 0> (n, m) y = Reshape(x, t)", kExact},
    {"DataDependent", "float[6] x) => (int64[1,M] y)", "r = Relu(x) y = NonZero(r)", kExact},
};

inline ir::Graph import(const OperatorCase& c) {
  return onnx_io::import_text(std::string("g (") + c.signature + " { " + c.body + " }");
}

}  // namespace inc::testing
