#include <fmt/format.h>

#include <array>
#include <limits>

#include "core/passes/anchor.h"
#include "core/passes/facts.h"
#include "core/passes/rules.h"

namespace inc::passes {
namespace {

/// Every `step`-th row and column of `source`, from these on; step 1: not sliced along that axis.
struct Phase {
  ir::ValueId source;
  std::array<std::int64_t, 2> first{0, 0}, step{1, 1};
};

/// Slices along height and width, none of them twice, read from `value` back to what they are taken of.
Support read_phase(const ir::Graph& g, ir::ValueId value, Phase& phase) {
  constexpr std::int64_t kOpenEnd = std::numeric_limits<std::int32_t>::max();
  for (phase.source = value;;) {
    const ir::Node* slice = g.producer(phase.source);
    if (slice == nullptr || slice->op != "Slice") return Support::yes();
    const auto starts = integers(g, slice->input(1)), ends = integers(g, slice->input(2)),
               axes = integers(g, slice->input(3)), steps = integers(g, slice->input(4));
    if (!starts || !ends || !axes || !steps) return Support::no(name_of(g, phase.source) + " is not sliced by constants");
    for (std::size_t i = 0; i < axes->size(); ++i) {
      const std::int64_t axis = (*axes)[i] < 0 ? (*axes)[i] + 4 : (*axes)[i];
      if (axis != 2 && axis != 3) return Support::no(name_of(g, phase.source) + " is sliced along batch or channels");
      auto &first = phase.first[static_cast<std::size_t>(axis - 2)], &step = phase.step[static_cast<std::size_t>(axis - 2)];
      if (step != 1 || (*steps)[i] < 2 || (*starts)[i] < 0 || (*starts)[i] >= (*steps)[i] || (*ends)[i] < kOpenEnd)
        return Support::no(name_of(g, phase.source) + " does not take every n-th row or column to the end");
      first = (*starts)[i];
      step = (*steps)[i];
    }
    phase.source = slice->inputs[0];
  }
}

/// What the inputs of the Concat are taken of, in steps of `block`.
struct Blocks {
  ir::ValueId source;
  std::int64_t block = 0;
  std::vector<std::array<std::int64_t, 2>> first;  ///< per input
};

Support read_blocks(const ir::Graph& g, const ir::Node& concat, Blocks& blocks) {
  std::vector<bool> seen;
  for (const ir::ValueId input : concat.inputs) {
    Phase phase;
    if (Support s = read_phase(g, input, phase); !s) return s;
    if (phase.source == input) return Support::no("");
    if (blocks.source.none()) {
      blocks.source = phase.source;
      blocks.block = phase.step[0];
      seen.resize(static_cast<std::size_t>(blocks.block * blocks.block));
    }
    if (phase.source != blocks.source || phase.step[0] != blocks.block || phase.step[1] != blocks.block)
      return Support::no("the slices are not taken alike of one value");
    const auto at = static_cast<std::size_t>(phase.first[0] * blocks.block + phase.first[1]);
    if (seen[at]) return Support::no("two slices are the same");
    seen[at] = true;
    blocks.first.push_back(phase.first);
  }
  if (blocks.first.size() != seen.size()) return Support::no("the slices leave rows or columns out");
  return Support::yes();
}

Support where(const ir::Graph& g, const Match& m) {
  const ir::Node &concat = g.node(m.node("t")), &conv = g.node(m.node("y"));
  const auto axis = concat.attrs.integer("axis");
  Blocks blocks;
  if (axis != 1 && axis != -3) return Support::no("");
  if (Support s = read_blocks(g, concat, blocks); !s) return s;
  if (Support s = foldable(g, conv); !s) return s;
  const ir::Shape& weight = g.constant(m["w"])->shape();
  if (weight.size() != 4 || weight[1] % static_cast<std::int64_t>(blocks.first.size()) != 0)
    return Support::no("the weight is not two-dimensional over all slices");
  if (conv.attrs.integer("group", 1) != 1) return Support::no(fmt::format("'{}' has groups", conv.name));
  for (const std::int64_t d : conv.attrs.integers("dilations", {1, 1}))
    if (d != 1) return Support::no(fmt::format("'{}' is dilated", conv.name));
  if (const auto kind = conv.attrs.text("auto_pad", "NOTSET"); kind != "NOTSET" && kind != "VALID")
    return Support::no(fmt::format("'{}' computes its own padding ({})", conv.name, kind));
  return Support::yes();
}

/// [outs, slices × channels, h, w] → [outs, channels, block × h, block × w].
ir::Tensor spread(const ir::Tensor& old, const Blocks& blocks) {
  const ir::Shape& s = old.shape();
  const std::int64_t block = blocks.block, channels = s[1] / (block * block);
  ir::Tensor weight(DType::Float, {s[0], channels, s[2] * block, s[3] * block});
  const float* from = old.data<float>();
  for (std::int64_t o = 0; o < s[0]; ++o)
    for (const auto& [row, column] : blocks.first)
      for (std::int64_t c = 0; c < channels; ++c)
        for (std::int64_t h = 0; h < s[2]; ++h)
          for (std::int64_t w = 0; w < s[3]; ++w)
            weight.mutable_data<float>()[((o * channels + c) * s[2] * block + h * block + row) * s[3] * block + w * block +
                                         column] = *from++;
  return weight;
}

ir::Patch rewrite(const ir::Graph& g, const Match& m) {
  const ir::Node &concat = g.node(m.node("t")), &conv = g.node(m.node("y"));
  Blocks blocks;
  (void)read_blocks(g, concat, blocks);
  ir::NodeSpec spec{conv.op, conv.inputs, conv.attrs, conv.name, {g.value(m["y"]).type}, {}};
  ir::Patch patch(g, fmt::format("the slices of {} into '{}'", name_of(g, blocks.source), conv.name));
  const ir::Tensor weight = spread(*g.constant(m["w"]), blocks);
  spec.inputs[0] = blocks.source;
  spec.inputs[1] = patch.add_constant(g.value(m["w"]).name, weight);
  const auto scaled = [&](const char* name, std::vector<std::int64_t> otherwise) {
    auto values = conv.attrs.integers(name, std::move(otherwise));
    for (std::int64_t& v : values) v *= blocks.block;
    spec.attrs.set(name, std::move(values));
  };
  scaled("strides", {1, 1});
  scaled("pads", {0, 0, 0, 0});
  spec.attrs.set("kernel_shape", std::vector<std::int64_t>{weight.shape()[2], weight.shape()[3]});
  patch.replace(m["y"], patch.add_node(std::move(spec))[0]);
  return patch;
}

}  // namespace

Rule fuse_slices_conv() {
  return {.name = "fuse_slices_conv",
          .pattern = R"(
            t = Concat(a, b, ...)
            y = Conv(t, w, ...)
          )",
          .where = where,
          .rewrite = rewrite};
}

}  // namespace inc::passes
