#include <fmt/format.h>

#include "core/ops/linear.h"

namespace inc::ops {
namespace {

void require_broadcasts(const InferContext& c, std::size_t input, const ir::Shape& to) {
  if (!c.has(input)) return;
  const auto& from = c.inputs[input].shape;
  if (from.size() > to.size() || broadcast(from, to) != to)
    throw ModelError(fmt::format("input {} of shape {} does not broadcast to {}", input, to_string(from), to_string(to)));
}

void require_number(const InferContext& c) {
  if (c.inputs[0].dtype == DType::Bool) refuse_dtype(c.inputs[0].dtype);
}

std::vector<OutputSpec> infer_matmul(const InferContext& c) {
  require_same_dtype(c, 0, 4);
  require_number(c);
  auto shape = matmul_shape(c.inputs[0].shape, c.inputs[1].shape).output;
  require_broadcasts(c, 2, shape);
  require(!c.has(3) || c.inputs[3].shape == shape, "the residual has not the shape of the output");
  return {{c.inputs[0].dtype, std::move(shape)}};
}

/// Offsets of a broadcast addend at the start of each row of the output, and its step along a row.
struct Addend {
  std::vector<std::int64_t> rows;
  std::int64_t step = 0;
  Addend(const ir::Shape& from, const ir::Shape& to, std::int64_t row_length) {
    Strides strides = broadcast_strides(from, to);
    ir::Shape outer = to;
    if (row_length != 1 || (!to.empty() && to.back() == 1)) {
      step = strides.empty() ? 0 : strides.back();
      if (!outer.empty()) outer.pop_back();
      if (!strides.empty()) strides.pop_back();
    }
    for_each_position(outer, {strides}, [&](std::int64_t, const std::int64_t* at) { rows.push_back(at[0]); });
  }
};

/// finish(alpha * sum + beta * addend + residual)
template <class T>
struct RowSink {
  using A = Acc<T>;
  Finish<T> finish;
  const T* addend;
  const Addend* places;
  const T* residual;
  T* y;
  double alpha, beta;
  void operator()(std::int64_t row, std::int64_t n, const A* sums) const {
    const T* add = addend == nullptr ? nullptr : addend + places->rows[static_cast<std::size_t>(row)];
    for (std::int64_t i = 0; i < n; ++i) {
      const std::int64_t at = row * n + i;
      if constexpr (std::is_same_v<A, double>) {
        double sum = alpha * sums[i];
        if (add != nullptr) sum += beta * static_cast<double>(wide(add[i * places->step]));
        if (residual != nullptr) sum += static_cast<double>(wide(residual[at]));
        y[at] = finish(sum);
      } else if (alpha == 1 && beta == 1) {
        y[at] = finish(sums[i] + (add == nullptr ? A{} : static_cast<A>(add[i * places->step])));
      } else {
        const double exact = alpha * static_cast<double>(static_cast<std::int64_t>(sums[i]));
        y[at] = clamped<T>(exact + (add == nullptr ? 0.0 : beta * static_cast<double>(add[i * places->step])));
      }
    }
  }
};

template <class T>
RowSink<T> sink_of(const EvalContext& c, const Addend* places) {
  return {Finish<T>(c.attrs),
          c.has(2) ? c.inputs[2].data<T>() : nullptr,
          places,
          c.has(3) ? c.inputs[3].data<T>() : nullptr,
          c.outputs[0].mutable_data<T>(),
          static_cast<double>(c.attrs.real("alpha", 1)),
          static_cast<double>(c.attrs.real("beta", 1))};
}

template <class T>
void matmul(const EvalContext& c) {
  using A = Acc<T>;
  const auto s = matmul_shape(c.inputs[0].shape(), c.inputs[1].shape());
  const Addend places(c.has(2) ? c.inputs[2].shape() : ir::Shape{}, c.outputs[0].shape(), s.n);
  const RowSink<T> sink = sink_of<T>(c, &places);
  std::vector<A> a(static_cast<std::size_t>(s.m * s.k)), b(static_cast<std::size_t>(s.k * s.n));
  std::int64_t loaded = -1;
  for (std::size_t i = 0; i < s.a_batch.size(); ++i) {
    widen<A>(c.inputs[0], s.a_batch[i] * s.m * s.k, s.m * s.k, 0, a.data());
    if (s.b_batch[i] != loaded) widen<A>(c.inputs[1], s.b_batch[i] * s.k * s.n, s.k * s.n, 0, b.data());
    loaded = s.b_batch[i];
    multiply<A>(s.m, s.k, s.n, a.data(), b.data(),
                [&](std::int64_t row, const A* sums) { sink(static_cast<std::int64_t>(i) * s.m + row, s.n, sums); });
  }
}

void eval_matmul(const EvalContext& c) {
  visit_number(c.inputs[0].dtype(), [&](auto tag) { matmul<decltype(tag)>(c); });
}

struct GemmShape {
  std::int64_t m, k, n;
  bool a_turned, b_turned;
};

GemmShape gemm_shape(const ir::Attrs& attrs, const ir::Shape& a, const ir::Shape& b) {
  if (a.size() != 2 || b.size() != 2)
    throw ModelError(fmt::format("{} times {}: two matrices expected", to_string(a), to_string(b)));
  const bool ta = attrs.integer("transA") != 0, tb = attrs.integer("transB") != 0;
  const std::int64_t inner = tb ? b[1] : b[0];
  const GemmShape s{ta ? a[1] : a[0], ta ? a[0] : a[1], tb ? b[0] : b[1], ta, tb};
  if (s.k != inner)
    throw ModelError(fmt::format("{} times {}: inner dimensions {} and {} differ", to_string(a), to_string(b), s.k, inner));
  return s;
}

std::vector<OutputSpec> infer_gemm(const InferContext& c) {
  require_same_dtype(c, 0, 4);
  require_number(c);
  const auto s = gemm_shape(c.attrs, c.inputs[0].shape, c.inputs[1].shape);
  const ir::Shape shape = {s.m, s.n};
  require_broadcasts(c, 2, shape);
  require(!c.has(3) || c.inputs[3].shape == shape, "the residual has not the shape of the output");
  return {{c.inputs[0].dtype, shape}};
}

template <class A>
std::vector<A> turned(std::vector<A> matrix, bool turn, std::int64_t rows, std::int64_t columns) {
  if (!turn) return matrix;
  std::vector<A> out(matrix.size());
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t i = 0; i < columns; ++i)
      out[static_cast<std::size_t>(r * columns + i)] = matrix[static_cast<std::size_t>(i * rows + r)];
  return out;
}

void eval_gemm(const EvalContext& c) {
  const auto s = gemm_shape(c.attrs, c.inputs[0].shape(), c.inputs[1].shape());
  const Addend places(c.has(2) ? c.inputs[2].shape() : ir::Shape{}, {s.m, s.n}, s.n);
  visit_number(c.inputs[0].dtype(), [&](auto tag) {
    using T = decltype(tag);
    using A = Acc<T>;
    const auto a = turned(widened<A>(c.inputs[0]), s.a_turned, s.m, s.k);
    const auto b = turned(widened<A>(c.inputs[1]), s.b_turned, s.k, s.n);
    const RowSink<T> sink = sink_of<T>(c, &places);
    multiply<A>(s.m, s.k, s.n, a.data(), b.data(), [&](std::int64_t row, const A* sums) { sink(row, s.n, sums); });
  });
}

constexpr OpInfo kMatMul = {.name = "MatMul",
                            .min_inputs = 2,
                            .max_inputs = 2,
                            .weight_input = 1,
                            .quant = QuantRole::Anchor,
                            .bf16 = Bf16Policy::Allow,
                            .infer = infer_matmul,
                            .eval = eval_matmul};
constexpr OpInfo kGemm = {.name = "Gemm",
                          .min_inputs = 2,
                          .max_inputs = 3,
                          .weight_input = 1,
                          .bias_input = 2,
                          .quant = QuantRole::Anchor,
                          .bf16 = Bf16Policy::Allow,
                          .infer = infer_gemm,
                          .eval = eval_gemm};

OpInfo fused(OpInfo row, std::string_view name) {
  row.report_as = row.name;
  row.name = name;
  row.max_inputs = 4;
  row.bias_input = 2;
  row.supports = epilogue_supported;
  return row;
}

}  // namespace

std::span<const OpInfo> matmul_rows() {
  static const std::vector<OpInfo> rows = {kMatMul, kGemm, fused(kMatMul, "inc.MatMul"), fused(kGemm, "inc.Gemm")};
  return rows;
}

}  // namespace inc::ops
