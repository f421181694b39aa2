#include <fmt/format.h>

#include <algorithm>

#include "core/passes/facts.h"
#include "core/passes/lower/quantized_group.h"
#include "core/passes/rules.h"

namespace inc::passes {
namespace {

bool all_zero(const ir::Graph& g, const Quantized& q) {
  const auto zeros = zero_points(g, q);
  return std::all_of(zeros.begin(), zeros.end(), [](std::int64_t z) { return z == 0; });
}

/// One value per output channel, shaped to broadcast over [N,C,…]; one value as a scalar.
ir::Tensor over_channels(const ir::Tensor& values, int rank) {
  if (values.count() == 1) return values.reshaped({});
  ir::Shape shape(static_cast<std::size_t>(rank), 1);
  shape[1] = values.count();
  return values.reshaped(std::move(shape));
}

Support where(const ir::Graph& g, const Match& m) {
  const ir::Node& conv = g.node(m.node("y"));
  if (!dequantizes_operands(g, conv)) return Support::no("");
  if (!dynamically_quantized(g, conv.inputs[0])) return Support::no(taken_at_run_time(g, conv));
  const Quantized w = *dequantized_from(g, conv.inputs[1]);
  if (!g.constant(w.data) || !per_channel(g, w, 0))
    return Support::no(
        fmt::format("{} is not constant with one scale or one per output channel", name_of(g, conv.inputs[1])));
  if (!all_zero(g, w) && zero_points(g, w).size() != 1)
    return Support::no(fmt::format("{} has a zero point per channel", name_of(g, conv.inputs[1])));
  if (!conv.input(2).none() && !fixed_value(g, conv.inputs[2]).defined())
    return Support::no(fmt::format("the bias {} is not constant", name_of(g, conv.inputs[2])));
  return Support::yes();
}

ir::Patch rewrite(const ir::Graph& g, const Match& m) {
  const ir::Node& conv = g.node(m.node("y"));
  const Quantized x = *dynamically_quantized(g, conv.inputs[0]), w = *dequantized_from(g, conv.inputs[1]);
  const int rank = g.value(w.data).type.rank();
  ir::Patch patch(g, "ConvInteger");
  std::vector<ir::ValueId> inputs = {x.data, w.data, x.zero_point};
  if (!all_zero(g, w)) inputs.push_back(w.zero_point);
  ir::ValueId y = add_scaled(g, patch, conv, {"ConvInteger", std::move(inputs), conv.attrs, "", {}, {}}, x.scale,
                             over_channels(*g.constant(w.scale), rank));
  if (!conv.input(2).none()) {
    const ir::ValueId bias = patch.add_constant(conv.name + "_bias", over_channels(fixed_value(g, conv.inputs[2]), rank));
    y = patch.add_node({"Add", {y, bias}, {}, conv.name + "/bias", {g.value(m["y"]).type}, {}})[0];
  }
  patch.replace(m["y"], y);
  return patch;
}

}  // namespace

Rule lower_conv_integer() {
  return {.name = "lower_conv_integer", .pattern = "y = Conv(x, w, ...)", .where = where, .rewrite = rewrite};
}

}  // namespace inc::passes
