#include "core/onnx/contrib_expansion.h"

namespace inc::onnx_io {
namespace {

constexpr std::int64_t kToTheEnd = std::int64_t{1} << 40;

std::string unsqueezed(Expansion& e, const std::string& x, std::int64_t axis) {
  return e.of("Unsqueeze", {x, e.integers({axis})});
}

std::string joined(Expansion& e, const std::string& a, const std::string& b, std::int64_t axis) {
  auto& added = e.add("Concat", {a, b});
  Expansion::set(added, "axis", axis);
  return added.output(0);
}

/// Of the last axis.
std::string slice(Expansion& e, const std::string& x, std::int64_t from, std::int64_t to, std::int64_t step = 1) {
  return e.of("Slice", {x, e.integers({from}), e.integers({to}), e.integers({-1}), e.integers({step})});
}

/// The pairs (a, b) of `x` turned: a · cos - b · sin, a · sin + b · cos. `pairs`: of the last axis.
std::string turned(Expansion& e, const std::string& x, const std::string& cos, const std::string& sin, std::int64_t pairs) {
  const bool interleaved = e.integer("interleaved", 0) != 0;
  const std::string a = interleaved ? slice(e, x, 0, kToTheEnd, 2) : slice(e, x, 0, pairs);
  const std::string b = interleaved ? slice(e, x, 1, kToTheEnd, 2) : slice(e, x, pairs, 2 * pairs);
  const std::string first = e.of("Sub", {e.of("Mul", {a, cos}), e.of("Mul", {b, sin})});
  const std::string second = e.of("Add", {e.of("Mul", {a, sin}), e.of("Mul", {b, cos})});
  if (!interleaved) return joined(e, first, second, -1);
  return e.of("Reshape", {joined(e, unsqueezed(e, first, -1), unsqueezed(e, second, -1), -1), e.of("Shape", {x})});
}

/// x [batch, tokens, heads · elements] or [batch, heads, tokens, elements], positions [batch, tokens] or the first one [1],
/// tables of cosines and sines [positions, pairs].
void expand_rotary_embedding(Expansion& e) {
  const int rank = e.rank(e.input(0)), position_rank = e.rank(e.input(1));
  const std::int64_t pairs = e.size(e.input(2), 1), heads = e.integer("num_heads", 0);
  if (rank != 3 && rank != 4) e.refuse("an input of unknown rank found, 3 or 4 expected");
  if (position_rank != 1 && position_rank != 2) e.refuse("positions of unknown rank found, 1 or 2 expected");
  if (pairs < 1) e.refuse("a table of cosines of unknown width found");
  if (e.integer("is_packed_batching", 0) != 0 || e.real("scale", 1) != 1) e.refuse("is_packed_batching or scale found");
  const bool partial = e.integer("rotary_embedding_dim", 0) > 0;
  if (partial && rank == 3 && heads < 1) e.refuse(fmt::format("num_heads {} found, at least 1 expected", heads));
  std::string x = e.input(0), positions = e.input(1);
  if (rank == 3) x = e.of("Reshape", {x, e.integers({0, 0, heads > 0 ? heads : -1, heads > 0 ? -1 : 2 * pairs})});
  if (position_rank == 1) {
    auto& tokens = e.add("Shape", {e.input(0)});
    const std::string count = e.of("Gather", {tokens.output(0), e.integer_constant(rank - 2)});
    positions = e.of("Add", {e.of("Range", {e.integer_constant(0), count, e.integer_constant(1)}), positions});
  }
  const std::int64_t axis = position_rank == 1 ? (rank == 3 ? 1 : 0) : (rank == 3 ? 2 : 1);
  const std::string cos = unsqueezed(e, e.of("Gather", {e.input(2), positions}), axis);
  const std::string sin = unsqueezed(e, e.of("Gather", {e.input(3), positions}), axis);
  std::string y = turned(e, partial ? slice(e, x, 0, 2 * pairs) : x, cos, sin, pairs);
  if (partial) y = joined(e, y, slice(e, x, 2 * pairs, kToTheEnd), -1);
  e.of("Reshape", {y, e.of("Shape", {e.input(0)})}, e.node.output(0));
}

/// Two numbers of 4 bits from each byte, the lower one first: [rows, bytes] → [rows, 2 · bytes].
std::string halves(Expansion& e, const std::string& bytes, std::int64_t rows) {
  auto& low = e.add("Mod", {bytes, e.byte(16)});
  auto& high = e.add("BitShift", {bytes, e.byte(4)});
  auto* direction = high.add_attribute();
  direction->set_name("direction");
  direction->set_type(onnx::AttributeProto::STRING);
  direction->set_s("RIGHT");
  const std::string a = low.output(0), b = high.output(0);
  return e.of("Reshape", {joined(e, unsqueezed(e, a, -1), unsqueezed(e, b, -1), -1), e.integers({rows, -1})});
}

std::string as_float(Expansion& e, const std::string& x) {
  auto& added = e.add("Cast", {x});
  Expansion::set(added, "to", std::int64_t{onnx::TensorProto::FLOAT});
  return added.output(0);
}

/// x, weights [N, blocks, bytes of a block], scales [N · blocks], levels of zero (packed like the weights, or floats),
/// order, bias.
void expand_matmul_bits(Expansion& e) {
  const std::int64_t k = e.integer("K", 0), n = e.integer("N", 0), bits = e.integer("bits", 4);
  const std::int64_t block = e.integer("block_size", 0);
  if (k < 1 || n < 1 || block < 1) e.refuse(fmt::format("K {}, N {} and block_size {} found", k, n, block));
  if (bits != 4 && bits != 8) e.refuse(fmt::format("bits {} found, 4 or 8 expected", bits));
  if (!e.input(4).empty()) e.refuse("input 4 (an order of the columns) found, none expected");
  const std::int64_t blocks = (k + block - 1) / block;
  const auto levels = [&](const std::string& packed, std::int64_t columns) {
    const std::string flat = e.of("Reshape", {packed, e.integers({n, -1})});
    return as_float(e, slice(e, bits == 4 ? halves(e, flat, n) : flat, 0, columns));
  };
  const std::string apart = e.of("Reshape", {levels(e.input(1), blocks * block), e.integers({n, blocks, block})});
  std::string zero = e.real(bits == 4 ? 8.0f : 128.0f);
  if (!e.input(3).empty()) {
    const int type = e.element(e.input(3));
    if (type != onnx::TensorProto::UINT8 && type != onnx::TensorProto::FLOAT)
      e.refuse("levels of zero of unknown type found");
    const bool packed = type == onnx::TensorProto::UINT8;
    zero = e.of("Reshape", {packed ? levels(e.input(3), blocks) : as_float(e, e.input(3)), e.integers({n, blocks, 1})});
  }
  const std::string scale = e.of("Reshape", {e.input(2), e.integers({n, blocks, 1})});
  const std::string whole = e.of("Mul", {e.of("Sub", {apart, zero}), scale});
  const std::string weights = slice(e, e.of("Reshape", {whole, e.integers({n, blocks * block})}), 0, k);
  auto& upright = e.add("Transpose", {weights});
  Expansion::set(upright, "perm", std::vector<std::int64_t>{1, 0});
  const std::string bias = e.input(5), matrix = upright.output(0);
  const std::string product = e.of("MatMul", {e.input(0), matrix}, bias.empty() ? e.node.output(0) : "");
  if (!bias.empty()) e.of("Add", {product, bias}, e.node.output(0));
}

}  // namespace

const std::vector<ContribRow>& decoder_rows() {
  static const std::vector<ContribRow> rows = {
      {"RotaryEmbedding", 4, 1, expand_rotary_embedding},
      {"MatMulNBits", 3, 1, expand_matmul_bits},
  };
  return rows;
}

}  // namespace inc::onnx_io
