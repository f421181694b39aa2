#include "core/quant/passage.h"

#include <algorithm>
#include <string_view>

#include "core/quant/quantize.h"

namespace inc::quant {
namespace {

struct Row {
  std::string_view op;
  Passage passage;
  bool (*applies)(const ir::Graph&, const ir::Node&) = nullptr;
};

bool picks_nearest(const ir::Graph&, const ir::Node& node) {
  return node.attrs.text("mode", "nearest") == "nearest";
}

bool pads_with_levels(const ir::Graph& graph, const ir::Node& node) {
  if (node.attrs.text("mode", "constant") != "constant" || node.input(2).none()) return true;
  const ir::Tensor* fill = graph.constant(node.input(2));
  return fill != nullptr && fill->count() == 1 && fill->to_floats()[0] == 0;
}

constexpr Row kRows[] = {
    {"MaxPool", Passage::Same},
    {"GlobalMaxPool", Passage::Same},
    {"Reshape", Passage::Same},
    {"Flatten", Passage::Same},
    {"Transpose", Passage::Same},
    {"Squeeze", Passage::Same},
    {"Unsqueeze", Passage::Same},
    {"Expand", Passage::Same},
    {"Slice", Passage::Same},
    {"DepthToSpace", Passage::Same},
    {"SpaceToDepth", Passage::Same},
    {"Identity", Passage::Same},
    {"Concat", Passage::Same},
    {"Pad", Passage::Same, pads_with_levels},
    {"Resize", Passage::Same, picks_nearest},
    {"Upsample", Passage::Same, picks_nearest},
    {"AveragePool", Passage::Average},
    {"GlobalAveragePool", Passage::Average},
};

}  // namespace

Passage passage_of(const ir::Graph& graph, const ir::Node& node) {
  if (node.outputs.size() != 1) return Passage::None;
  const auto* row = std::find_if(std::begin(kRows), std::end(kRows), [&](const Row& r) { return r.op == node.op; });
  if (row == std::end(kRows) || (row->applies != nullptr && !row->applies(graph, node))) return Passage::None;
  return row->passage;
}

std::vector<std::size_t> data_inputs(const ir::Node& node) {
  if (node.op != "Concat") return {0};
  std::vector<std::size_t> all(node.inputs.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  return all;
}

}  // namespace inc::quant
