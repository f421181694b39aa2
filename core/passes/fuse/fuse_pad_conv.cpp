#include <fmt/format.h>

#include <algorithm>

#include "core/passes/facts.h"
#include "core/passes/rules.h"

namespace inc::passes {
namespace {

/// One pad per axis and side, begins first; empty when the amounts are not constant.
std::vector<std::int64_t> all_pads(const ir::Graph& g, const ir::Node& pad, std::size_t rank) {
  const auto given = integers(g, pad.input(1));
  if (!given) return {};
  if (pad.input(3).none()) return given->size() == 2 * rank ? *given : std::vector<std::int64_t>{};
  const auto axes = integers(g, pad.input(3));
  if (!axes || given->size() != 2 * axes->size()) return {};
  std::vector<std::int64_t> pads(2 * rank, 0);
  for (std::size_t i = 0; i < axes->size(); ++i) {
    const auto axis = static_cast<std::size_t>((*axes)[i] < 0 ? (*axes)[i] + static_cast<std::int64_t>(rank) : (*axes)[i]);
    if (axis >= rank) return {};
    pads[axis] = (*given)[i];
    pads[rank + axis] = (*given)[axes->size() + i];
  }
  return pads;
}

std::size_t rank_of(const ir::Graph& g, const Match& m) {
  return static_cast<std::size_t>(g.value(m["w"]).type.rank());
}

Support paddable(const ir::Graph& g, const Match& m) {
  const ir::Node &pad = g.node(m.node("p")), &conv = g.node(m.node("y"));
  if (const auto mode = pad.attrs.text("mode", "constant"); mode != "constant")
    return Support::no("the Pad mode is " + mode + ", a convolution pads with zeros");
  if (!pad.input(2).none() && scalar(g, pad.input(2)) != 0.0f) return Support::no("the Pad value is not a constant zero");
  if (const auto kind = conv.attrs.text("auto_pad", "NOTSET"); kind != "NOTSET" && kind != "VALID")
    return Support::no(fmt::format("'{}' computes its own padding ({})", conv.name, kind));
  if (g.value(m["w"]).type.rank() < 3) return Support::no("the rank of the weight is unknown");
  const std::size_t rank = rank_of(g, m);
  const auto pads = all_pads(g, pad, rank);
  if (pads.empty()) return Support::no("the Pad amounts are not constant");
  if (std::any_of(pads.begin(), pads.end(), [](std::int64_t v) { return v < 0; })) return Support::no("the Pad crops");
  if (pads[0] + pads[1] + pads[rank] + pads[rank + 1] != 0) return Support::no("the Pad touches batch or channels");
  return Support::yes();
}

}  // namespace

Rule fuse_pad_conv() {
  return {.name = "fuse_pad_conv",
          .pattern = R"(
            p = Pad(x, ...)
            y = Conv(p, w, ...)
          )",
          .where = paddable,
          .rewrite = [](const ir::Graph& g, const Match& m) {
            const ir::Node &pad = g.node(m.node("p")), &conv = g.node(m.node("y"));
            const std::size_t rank = rank_of(g, m), spatial = rank - 2;
            const auto extra = all_pads(g, pad, rank);
            auto pads = conv.attrs.integers("pads", std::vector<std::int64_t>(2 * spatial, 0));
            for (std::size_t i = 0; i < spatial; ++i) {
              pads[i] += extra[2 + i];
              pads[spatial + i] += extra[rank + 2 + i];
            }
            ir::NodeSpec spec{conv.op, conv.inputs, conv.attrs, conv.name, {g.value(m["y"]).type}, {}};
            spec.inputs[0] = m["x"];
            spec.attrs.erase("auto_pad");
            spec.attrs.set("pads", pads);
            ir::Patch patch(g, fmt::format("Pad '{}' into '{}'", pad.name, conv.name));
            patch.replace(m["y"], patch.add_node(std::move(spec))[0]);
            return patch;
          }};
}

}  // namespace inc::passes
