#include "core/ops/macs.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace inc::ops {
namespace {

using Shapes = std::span<const ir::Shape>;

struct Work {
  const ir::Node& node;
  Shapes inputs, outputs;
  std::int64_t in(std::size_t i) const { return i < inputs.size() ? ir::element_count(inputs[i]) : 0; }
  std::int64_t dim(std::size_t i, int axis) const {
    const auto rank = i < inputs.size() ? static_cast<int>(inputs[i].size()) : 0;
    const int at = axis < 0 ? rank + axis : axis;
    return at >= 0 && at < rank ? inputs[i][static_cast<std::size_t>(at)] : 1;
  }
  std::int64_t out() const { return outputs.empty() ? 0 : ir::element_count(outputs[0]); }
  std::int64_t filter(std::size_t i) const { return dim(i, 0) > 0 ? in(i) / dim(i, 0) : 0; }
};

std::int64_t convolution(const Work& w) {
  return w.out() * w.filter(1);
}
std::int64_t quantized_convolution(const Work& w) {
  return w.out() * w.filter(3);
}
std::int64_t transposed_convolution(const Work& w) {
  return w.in(0) * w.filter(1);
}
std::int64_t product(const Work& w) {
  return w.out() * w.dim(0, -1);
}
std::int64_t gemm(const Work& w) {
  return w.out() * w.dim(0, w.node.attrs.integer("transA", 0) != 0 ? 0 : 1);
}
std::int64_t recurrent(const Work& w) {
  return w.dim(0, 0) * w.dim(0, 1) * (w.in(1) + w.in(2));
}
std::int64_t attention(const Work& w) {
  const std::int64_t past = w.inputs.size() > 4 && w.inputs[4].size() == 4 ? w.dim(4, -2) : 0;
  return (w.dim(1, -2) + past) * (w.in(0) + w.out());
}

struct Row {
  std::string_view op;
  std::int64_t (*count)(const Work&);
};
constexpr std::array kRows{Row{"Conv", convolution},
                           Row{"inc.Conv", convolution},
                           Row{"ConvInteger", convolution},
                           Row{"QLinearConv", quantized_convolution},
                           Row{"ConvTranspose", transposed_convolution},
                           Row{"DeformConv", convolution},
                           Row{"MatMul", product},
                           Row{"inc.MatMul", product},
                           Row{"MatMulInteger", product},
                           Row{"QLinearMatMul", product},
                           Row{"Gemm", gemm},
                           Row{"inc.Gemm", gemm},
                           Row{"RNN", recurrent},
                           Row{"GRU", recurrent},
                           Row{"LSTM", recurrent},
                           Row{"Attention", attention}};

}  // namespace

std::int64_t macs(const ir::Node& node, Shapes inputs, Shapes outputs) {
  const auto row = std::find_if(kRows.begin(), kRows.end(), [&](const Row& r) { return r.op == node.op; });
  return row == kRows.end() ? 0 : row->count({node, inputs, outputs});
}

}  // namespace inc::ops
