#include <cmath>

#include "core/onnx/contrib_expansion.h"

namespace inc::onnx_io {
namespace {

constexpr std::int64_t kGelu = 20, kLayerNormalization = 17, kAxesAreInputs = 18, kSplitCounts = 18;

std::string cast(Expansion& e, const std::string& x, onnx::TensorProto::DataType to) {
  auto& added = e.add("Cast", {x});
  Expansion::set(added, "to", std::int64_t{to});
  return added.output(0);
}

std::string with(Expansion& e, const std::string& x, const std::string& bias) {
  return bias.empty() ? x : e.of("Add", {x, bias});
}

std::string unsqueezed(Expansion& e, const std::string& x, const std::vector<std::int64_t>& axes) {
  return e.of("Unsqueeze", {x, e.integers(axes)});
}

/// One element of the shape of x: a tensor of rank 1.
std::string extent(Expansion& e, const std::string& x, std::int64_t axis) {
  return e.of("Gather", {e.of("Shape", {x}), e.integers({axis})});
}

std::string scalar(Expansion& e, const std::string& x) {
  return e.of("Squeeze", {x, e.integers({0})});
}

std::string mean_of_rows(Expansion& e, const std::string& x) {
  auto& added = e.add("ReduceMean", {x, e.opset < kAxesAreInputs ? "" : e.integers({-1})});
  if (e.opset < kAxesAreInputs) Expansion::set(added, "axes", std::vector<std::int64_t>{-1});
  Expansion::set(added, "keepdims", std::int64_t{1});
  return added.output(0);
}

void gelu(Expansion& e, const std::string& x, const std::string& y) {
  if (e.opset >= kGelu) {
    e.add("Gelu", {x}, y);
    return;
  }
  const std::string erf = e.of("Erf", {e.of("Div", {x, e.real(std::sqrt(2.0f))})});
  e.of("Mul", {e.of("Mul", {x, e.of("Add", {erf, e.real(1)})}), e.real(0.5f)}, y);
}

void gelu_tanh(Expansion& e, const std::string& x, const std::string& y) {
  const std::string cubic = e.of("Mul", {e.of("Pow", {x, e.real(3)}), e.real(0.044715f)});
  const std::string tanh = e.of("Tanh", {e.of("Mul", {e.of("Add", {x, cubic}), e.real(0.7978845608f)})});
  e.of("Mul", {e.of("Mul", {x, e.real(0.5f)}), e.of("Add", {tanh, e.real(1)})}, y);
}

void normalize_layer(Expansion& e, const std::string& x, const std::string& gamma, const std::string& beta, const std::string& y) {
  const float epsilon = e.real("epsilon", 1e-5f);
  if (e.opset >= kLayerNormalization) {
    Expansion::set(e.add("LayerNormalization", {x, gamma, beta}, y), "epsilon", epsilon);
    return;
  }
  const std::string centred = e.of("Sub", {x, mean_of_rows(e, x)});
  const std::string variance = mean_of_rows(e, e.of("Pow", {centred, e.real(2)}));
  const std::string deviation = e.of("Sqrt", {e.of("Add", {variance, e.real(epsilon)})});
  const std::string normal = e.of("Div", {centred, deviation});
  const std::string scaled = e.of("Mul", {normal, gamma}, beta.empty() ? y : "");
  if (!beta.empty()) e.of("Add", {scaled, beta}, y);
}

void normalize_rms(Expansion& e, const std::string& x, const std::string& gamma, const std::string& y) {
  const std::string square = mean_of_rows(e, e.of("Pow", {x, e.real(2)}));
  const std::string root = e.of("Sqrt", {e.of("Add", {square, e.real(e.real("epsilon", 1e-5f))})});
  e.of("Mul", {e.of("Div", {x, root}), gamma}, y);
}

void refuse_statistics(const Expansion& e) {
  for (const int i : {1, 2})
    if (!e.output(i).empty()) e.refuse(fmt::format("output {} (statistics for training) found, only 0 and 3 are made", i));
}

void refuse_other_axes(const Expansion& e) {
  const std::int64_t axis = e.integer("axis", -1);
  if (axis != -1 && axis != e.rank(e.input(0)) - 1) e.refuse(fmt::format("axis {} found, the last one expected", axis));
}

void expand_gelu(Expansion& e) {
  gelu(e, e.input(0), e.node.output(0));
}

void expand_bias_gelu(Expansion& e) {
  gelu(e, with(e, e.input(0), e.input(1)), e.node.output(0));
}

void expand_fast_gelu(Expansion& e) {
  gelu_tanh(e, with(e, e.input(0), e.input(1)), e.node.output(0));
}

void expand_quick_gelu(Expansion& e) {
  const std::string gate = e.of("Sigmoid", {e.of("Mul", {e.input(0), e.real(e.real("alpha", 1.702f))})});
  e.of("Mul", {e.input(0), gate}, e.node.output(0));
}

void expand_layer_normalization(Expansion& e) {
  refuse_statistics(e);
  refuse_other_axes(e);
  normalize_layer(e, e.input(0), e.input(1), e.input(2), e.node.output(0));
}

void expand_simplified_normalization(Expansion& e) {
  refuse_statistics(e);
  refuse_other_axes(e);
  normalize_rms(e, e.input(0), e.input(1), e.node.output(0));
}

/// x, skip, …, bias at `bias`; output 3 is their sum.
std::string skip_sum(Expansion& e, int bias) {
  refuse_statistics(e);
  const std::string sum = e.output(3), both = e.of("Add", {e.input(0), e.input(1)}, e.input(bias).empty() ? sum : "");
  return e.input(bias).empty() ? both : e.of("Add", {both, e.input(bias)}, sum);
}

void expand_skip_normalization(Expansion& e) {
  const std::string x = skip_sum(e, 4);
  normalize_layer(e, x, e.input(2), e.input(3), e.node.output(0));
}

void expand_skip_simplified_normalization(Expansion& e) {
  const std::string x = skip_sum(e, 3);
  normalize_rms(e, x, e.input(2), e.node.output(0));
}

/// ids, segments, tables of words, positions and segments, gamma, beta, mask, positions; outputs y, lengths, the sum.
void expand_embedding(Expansion& e) {
  const std::string words = e.of("Gather", {e.input(2), e.input(0)});
  std::string positions;
  if (e.input(8).empty()) {
    positions = e.of("Slice", {e.input(3), e.integers({0}), extent(e, e.input(0), 1), e.integers({0})});
  } else {
    positions = e.of("Gather", {e.input(3), e.input(8)});
  }
  const bool segments = !e.input(1).empty() && !e.input(4).empty();
  std::string x = e.of("Add", {words, positions}, segments ? "" : e.output(2));
  if (segments) x = e.of("Add", {x, e.of("Gather", {e.input(4), e.input(1)})}, e.output(2));
  normalize_layer(e, x, e.input(5), e.input(6), e.node.output(0));
  if (e.output(1).empty()) return;
  if (e.input(7).empty()) {
    const std::string zeros = e.of("ConstantOfShape", {extent(e, e.input(0), 0)});
    Expansion::set(e.add("Cast", {zeros}, e.output(1)), "to", std::int64_t{onnx::TensorProto::INT32});
    return;
  }
  auto& lengths = e.add("ReduceSum", {e.input(7), e.integers({1})}, e.output(1));
  Expansion::set(lengths, "keepdims", std::int64_t{0});
}

struct Heads {
  std::string q, k, v;  ///< [batch, heads, tokens, elements]
};

std::string split_heads(Expansion& e, const std::string& x, std::int64_t heads) {
  const std::string apart = e.of("Reshape", {x, e.integers({0, 0, heads, -1})});
  auto& turned = e.add("Transpose", {apart});
  Expansion::set(turned, "perm", std::vector<std::int64_t>{0, 2, 1, 3});
  return turned.output(0);
}

std::vector<std::string> thirds(Expansion& e, const std::string& x, std::int64_t axis) {
  auto& split = e.add("Split", {x});
  Expansion::set(split, "axis", axis);
  if (e.opset >= kSplitCounts) Expansion::set(split, "num_outputs", std::int64_t{3});
  const std::string q = split.output(0), k = e.fresh(), v = e.fresh();
  split.add_output(k);
  split.add_output(v);
  return {q, k, v};
}

/// What is added to the scores: 0 where the mask allows, mask_filter_value elsewhere.
std::string masking(Expansion& e, const std::string& mask, const std::string& k) {
  const int rank = e.rank(mask);
  std::string allowed;
  if (rank == 1) {
    const std::string tokens = scalar(e, extent(e, k, 2));
    const std::string at = e.of("Range", {e.integer_constant(0), tokens, e.integer_constant(1)});
    const std::string within = e.of("Less", {at, unsqueezed(e, cast(e, mask, onnx::TensorProto::INT64), {1})});
    allowed = unsqueezed(e, cast(e, within, onnx::TensorProto::FLOAT), {1, 2});
  } else if (rank == 2 || rank == 3) {
    const std::vector<std::int64_t> axes = rank == 2 ? std::vector<std::int64_t>{1, 2} : std::vector<std::int64_t>{1};
    allowed = unsqueezed(e, cast(e, mask, onnx::TensorProto::FLOAT), axes);
  } else {
    e.refuse(
        fmt::format("a mask of rank {} found, 1 (lengths), 2 or 3 expected", rank < 0 ? "unknown" : std::to_string(rank)));
  }
  return e.of("Mul", {e.of("Sub", {e.real(1), allowed}), e.real(e.real("mask_filter_value", -10000.0f))});
}

/// Query i of the last tokens sees the tokens up to its own.
std::string causal(Expansion& e, const std::string& scores, const Heads& heads) {
  const std::string tokens = scalar(e, extent(e, heads.k, 2)), queries = scalar(e, extent(e, heads.q, 2));
  const std::string at = e.of("Range", {e.integer_constant(0), tokens, e.integer_constant(1)});
  const std::string own = e.of("Range", {e.of("Sub", {tokens, queries}), tokens, e.integer_constant(1)});
  const std::string allowed = e.of("LessOrEqual", {at, unsqueezed(e, own, {1})});
  return e.of("Where", {allowed, scores, e.real(e.real("mask_filter_value", -10000.0f))});
}

void attend(Expansion& e, const Heads& heads, const std::string& mask, const std::string& added_scores) {
  auto& turned = e.add("Transpose", {heads.k});
  Expansion::set(turned, "perm", std::vector<std::int64_t>{0, 1, 3, 2});
  const std::string product = e.of("MatMul", {heads.q, turned.output(0)});
  const float scale = e.real("scale", 0);
  std::string scores;
  if (scale != 0) {
    scores = e.of("Mul", {product, e.real(scale)});
  } else {
    const std::string elements = cast(e, extent(e, heads.q, 3), onnx::TensorProto::FLOAT);
    scores = e.of("Div", {product, e.of("Sqrt", {elements})});
  }
  scores = with(e, scores, added_scores);
  if (!mask.empty()) scores = e.of("Add", {scores, masking(e, mask, heads.k)});
  if (e.integer("unidirectional", 0) != 0) scores = causal(e, scores, heads);
  auto& weights = e.add("Softmax", {scores});
  Expansion::set(weights, "axis", std::int64_t{-1});
  auto& joined = e.add("Transpose", {e.of("MatMul", {weights.output(0), heads.v})});
  Expansion::set(joined, "perm", std::vector<std::int64_t>{0, 2, 1, 3});
  e.of("Reshape", {joined.output(0), e.integers({0, 0, -1})}, e.node.output(0));
}

std::int64_t head_count(const Expansion& e) {
  const std::int64_t heads = e.integer("num_heads", 0);
  if (heads < 1) e.refuse(fmt::format("num_heads {} found, at least 1 expected", heads));
  return heads;
}

void refuse_inputs(const Expansion& e, std::initializer_list<int> indices, const std::string& what) {
  for (const int i : indices)
    if (!e.input(i).empty()) e.refuse(fmt::format("input {} ({}) found, none expected", i, what));
}

/// x, weights of q, k and v side by side, their bias, mask, past, scores to add.
void expand_attention(Expansion& e) {
  refuse_inputs(e, {4, 6}, "a cache of keys and values");
  if (!e.output(1).empty()) e.refuse("a cache of keys and values found as output, none expected");
  if (e.attribute("qkv_hidden_sizes") != nullptr || e.integer("do_rotary", 0) != 0)
    e.refuse("qkv_hidden_sizes or do_rotary found, none expected");
  const std::int64_t heads = head_count(e);
  const auto parts = thirds(e, with(e, e.of("MatMul", {e.input(0), e.input(1)}), e.input(2)), -1);
  const Heads split{split_heads(e, parts[0], heads), split_heads(e, parts[1], heads), split_heads(e, parts[2], heads)};
  attend(e, split, e.input(3), e.input(5));
}

/// q, k, v, bias of all three, mask, scores to add, past keys, past values; outputs y, keys, values.
void expand_multi_head_attention(Expansion& e) {
  refuse_inputs(e, {8, 9}, "a shared cache");
  if (e.rank(e.input(1)) == 4 || e.rank(e.input(0)) > 3 || e.input(1).empty() || e.input(2).empty())
    e.refuse("packed or split heads found, query, key and value of rank 3 expected");
  const std::int64_t heads = head_count(e);
  std::vector<std::string> x = {e.input(0), e.input(1), e.input(2)};
  if (!e.input(3).empty()) {
    const auto bias = thirds(e, e.input(3), 0);
    for (std::size_t i = 0; i < 3; ++i) x[i] = e.of("Add", {x[i], bias[i]});
  }
  Heads split{split_heads(e, x[0], heads), split_heads(e, x[1], heads), split_heads(e, x[2], heads)};
  const auto cached = [&](std::string& now, int past, int present) {
    if (!e.input(past).empty()) {
      auto& all = e.add("Concat", {e.input(past), now}, e.output(present));
      Expansion::set(all, "axis", std::int64_t{2});
      now = all.output(0);
    } else if (!e.output(present).empty()) {
      e.add("Identity", {now}, e.output(present));
    }
  };
  cached(split.k, 6, 1);
  cached(split.v, 7, 2);
  attend(e, split, e.input(4), e.input(5));
}

std::string turned_matrix(Expansion& e, int index, std::string_view flag) {
  const std::string x = e.input(index);
  if (e.integer(flag, 0) == 0) return x;
  const int rank = e.rank(x);
  if (rank < 0) e.refuse(fmt::format("{} on a value of unknown rank found", flag));
  if (rank < 2) return x;
  std::vector<std::int64_t> perm;
  for (int i = 0; i < rank; ++i) perm.push_back(i);
  std::swap(perm[perm.size() - 1], perm[perm.size() - 2]);
  auto& added = e.add("Transpose", {x});
  Expansion::set(added, "perm", perm);
  return added.output(0);
}

void expand_fused_matmul(Expansion& e) {
  if (e.integer("transBatchA", 0) != 0 || e.integer("transBatchB", 0) != 0) e.refuse("transposed batches found");
  const std::string a = turned_matrix(e, 0, "transA"), b = turned_matrix(e, 1, "transB");
  const float alpha = e.real("alpha", 1);
  const std::string product = e.of("MatMul", {a, b}, alpha == 1 ? e.node.output(0) : "");
  if (alpha != 1) e.of("Mul", {product, e.real(alpha)}, e.node.output(0));
}

/// The activation `name` with up to two parameters; none: an identity.
void activate(Expansion& e, const std::string& x, const std::string& name, const std::vector<float>& parameters) {
  const std::string y = e.node.output(0);
  const auto parameter = [&](std::size_t i, float otherwise) { return i < parameters.size() ? parameters[i] : otherwise; };
  if (name == "Relu" || name == "Tanh" || name == "Sigmoid") {
    e.of(name, {x}, y);
  } else if (name == "LeakyRelu") {
    Expansion::set(e.add(name, {x}, y), "alpha", parameter(0, 0.01f));
  } else if (name == "HardSigmoid") {
    auto& added = e.add(name, {x}, y);
    Expansion::set(added, "alpha", parameter(0, 0.2f));
    Expansion::set(added, "beta", parameter(1, 0.5f));
  } else if (name == "Clip" && parameters.size() == 2) {
    e.of(name, {x, e.real(parameters[0]), e.real(parameters[1])}, y);
  } else if (name.empty()) {
    e.of("Identity", {x}, y);
  } else {
    e.refuse(fmt::format("activation '{}' found, Relu, Tanh, Sigmoid, LeakyRelu, HardSigmoid or Clip expected", name));
  }
}

/// x, weight, bias, summand.
void expand_fused_conv(Expansion& e) {
  auto& conv = e.add("Conv", {e.input(0), e.input(1), e.input(2)});
  e.keep(conv, {"auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"});
  const auto* given = e.attribute("activation_params");
  std::vector<float> parameters;
  if (given != nullptr) parameters.assign(given->floats().begin(), given->floats().end());
  activate(e, with(e, conv.output(0), e.input(3)), e.text("activation"), parameters);
}

void expand_fused_gemm(Expansion& e) {
  auto& gemm = e.add("Gemm", {e.input(0), e.input(1), e.input(2)});
  e.keep(gemm, {"alpha", "beta", "transA", "transB"});
  std::vector<float> parameters;
  for (const auto* name : {"activation_alpha", "activation_beta"})
    if (const auto* a = e.attribute(name)) parameters.push_back(a->f());
  activate(e, gemm.output(0), e.text("activation"), parameters);
}

}  // namespace

const std::vector<ContribRow>& fused_rows() {
  static const std::vector<ContribRow> rows = {
      {"Gelu", 1, 1, expand_gelu},
      {"BiasGelu", 2, 1, expand_bias_gelu},
      {"FastGelu", 1, 1, expand_fast_gelu},
      {"QuickGelu", 1, 1, expand_quick_gelu},
      {"LayerNormalization", 2, 3, expand_layer_normalization},
      {"SimplifiedLayerNormalization", 2, 2, expand_simplified_normalization},
      {"SkipLayerNormalization", 3, 4, expand_skip_normalization},
      {"SkipSimplifiedLayerNormalization", 3, 4, expand_skip_simplified_normalization},
      {"EmbedLayerNormalization", 7, 3, expand_embedding},
      {"Attention", 2, 2, expand_attention},
      {"MultiHeadAttention", 3, 3, expand_multi_head_attention},
      {"FusedMatMul", 2, 1, expand_fused_matmul},
      {"FusedConv", 2, 1, expand_fused_conv},
      {"FusedGemm", 2, 1, expand_fused_gemm},
  };
  return rows;
}

}  // namespace inc::onnx_io
