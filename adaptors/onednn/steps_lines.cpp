#include <algorithm>
#include <cmath>
#include <limits>

#include "adaptors/onednn/emitters.h"
#include "adaptors/onednn/qdq.h"
#include "adaptors/onednn/walk.h"
#include "kernels/quantize/quantize.h"

namespace inc::onednn {
namespace {

/// x · factor + shift, cut below `low`, in 8 bits where nothing else is wanted: a BatchNormalization that no convolution
/// took, with what follows it. DenseNet-121 on one Zen 5 core: FP32 30.1 ms to 29.2, INT8 11.7 to 9.9.
struct Line {
  ir::ValueId x;
  int axis = -1;  ///< -1: one factor and one shift
  std::vector<float> factors, shifts;
  float low = -std::numeric_limits<float>::infinity();
  ir::ValueId y;
  std::vector<const ir::Node*> parts;  ///< behind the first node
  std::optional<Sink> sink;
};

std::optional<Line> line_of_product(const Builder& b, const ir::Node& node) {
  const auto f = factors(b, node);
  if (!f) return std::nullopt;
  Line line;
  line.x = f->x, line.y = f->y, line.axis = f->axis, line.factors = f->values;
  line.shifts.assign(line.factors.size(), -0.0f);
  return line;
}

std::optional<Line> line_of_batch_norm(const Builder& b, const ir::Node& node) {
  if (node.attrs.integer("training_mode", 0) != 0 || b.shape(node.inputs[0]).size() < 2) return std::nullopt;
  for (std::size_t i = 1; i < node.outputs.size(); ++i)
    if (!node.outputs[i].none()) return std::nullopt;
  std::vector<std::vector<float>> p;
  for (std::size_t i = 1; i < 5; ++i) {
    if (b.known(node.input(i)) == nullptr || b.dtype(node.input(i)) != DType::Float) return std::nullopt;
    p.push_back(b.known(node.input(i))->to_floats());
  }
  const auto epsilon = static_cast<double>(node.attrs.real("epsilon", 1e-5f));
  Line line;
  line.x = node.inputs[0], line.y = node.outputs[0], line.axis = 1;
  for (std::size_t c = 0; c < p[0].size(); ++c) {
    const double f = static_cast<double>(p[0][c]) / std::sqrt(static_cast<double>(p[3][c]) + epsilon);
    line.factors.push_back(static_cast<float>(f));
    line.shifts.push_back(static_cast<float>(static_cast<double>(p[1][c]) - f * static_cast<double>(p[2][c])));
  }
  return line;
}

/// As many numbers as there are factors, along the same axis.
bool take_shift(const Builder& b, Line& line, const ir::Node& add) {
  const auto shift = constants_of(b, add);
  if (!shift || shift->x != line.y || b.shape(shift->y) != b.shape(line.y)) return false;
  if (line.axis >= 0 && shift->axis >= 0 && line.axis != shift->axis) return false;
  const std::size_t count = std::max(line.factors.size(), shift->values.size());
  if (line.axis < 0) line.axis = shift->axis;
  line.shifts = shift->values;
  line.shifts.resize(count, shift->values[0]);
  line.factors.resize(count, line.factors[0]);
  return true;
}

std::optional<Line> line_of(const Builder& b, const ir::Node& node) {
  const bool normalizes = node.op == "BatchNormalization";
  if ((!normalizes && node.op != "Mul") || b.dtype(node.inputs[0]) != DType::Float) return std::nullopt;
  std::optional<Line> line = normalizes ? line_of_batch_norm(b, node) : line_of_product(b, node);
  if (!line) return std::nullopt;
  const ir::Node* next = only_user(b, line->y);
  if (!normalizes && next != nullptr && next->op == "Add" && take_shift(b, *line, *next)) {
    line->parts.push_back(next);
    line->y = next->outputs[0];
    next = only_user(b, line->y);
  }
  if (next != nullptr && next->op == "Relu") {
    line->low = 0;
    line->parts.push_back(next);
    line->y = next->outputs[0];
  }
  line->sink = quantized_sink(b, line->y);
  if (!normalizes && line->parts.empty() && !line->sink) return std::nullopt;
  return line;
}

/// A product with one number per sample and channel that the run computes, into 8 bits: the gates of squeeze-and-excitation.
bool emit_gate(Builder& b, const ir::Node& node) {
  if (node.op != "Mul") return false;
  const auto sink = quantized_sink(b, node.outputs[0]);
  const ir::Shape& shape = b.shape(node.outputs[0]);
  if (!sink || shape.size() < 3) return false;
  ir::Shape per_channel(shape.size(), 1);
  std::copy_n(shape.begin(), 2, per_channel.begin());
  const std::size_t which = b.shape(node.inputs[0]) == per_channel ? 0 : 1;
  const ir::ValueId gate = node.inputs[which], x = node.inputs[1 - which];
  if (b.shape(gate) != per_channel || b.shape(x) != shape || b.dtype(x) != DType::Float) return false;

  const int from = b.permuted(x), by = b.plain(gate);
  const auto order = memory_order(b.slot(from).desc, shape.size());
  const bool last = order.back() == 1;
  if (order[0] != 0 || (!last && order[1] != 1)) return false;
  const DType type = sink->scale.dtype;
  const Desc& desc = b.slot(from).desc;
  const int to = b.scratch(type, shape, last ? like(desc, *data_type(type), shape) : plain_desc(type, shape));
  const std::int64_t samples = shape[0], channels = shape[1], inner = ir::element_count(shape) / (samples * channels);
  const kernels::Affine8 as{sink->scale.scale, sink->scale.zero_point, type == DType::Int8};
  const std::vector<float> shift(static_cast<std::size_t>(channels), -0.0f);
  const auto work = [=](Frame& frame) {
    for (std::int64_t i = 0; i < samples; ++i)
      kernels::quantize_lines(frame.as<float>(from) + i * channels * inner, frame.at(to) + i * channels * inner,
                              last ? inner : 1, channels, last ? 1 : inner,
                              {frame.as<float>(by) + i * channels, shift.data()}, as);
  };
  b.step(node, "inc:quantize_lines", {from, by}, {to}, work).profile.precision = "int8";
  bind_sink(b, *sink, to);
  return true;
}

}  // namespace

bool emit_line(Builder& b, const ir::Node& node) {
  const auto found = line_of(b, node);
  if (!found) return emit_gate(b, node);
  const Line& line = *found;
  const ir::Shape& shape = b.shape(line.x);
  const int from = b.permuted(line.x);
  std::int64_t outer = 1, channels = 1, inner = 1;
  bool behind = line.axis < 0;
  for (const std::size_t i : memory_order(b.slot(from).desc, shape.size())) {
    const bool here = static_cast<int>(i) == line.axis;
    (here ? channels : behind ? inner : outer) *= shape[i];
    behind = behind || here;
  }
  const DType type = line.sink ? line.sink->scale.dtype : DType::Float;
  const Desc& desc = b.slot(from).desc;
  const bool plain = desc.is_zero() || is_plain(desc);
  const int to = b.scratch(type, shape, plain ? plain_desc(type, shape) : like(desc, *data_type(type), shape));
  const auto work = [=, f = line.factors, s = line.shifts, low = line.low, sink = line.sink](Frame& frame) {
    const kernels::ChannelLines lines{f.data(), s.data(), low};
    if (!sink) return kernels::channel_lines(frame.as<float>(from), frame.as<float>(to), outer, channels, inner, lines);
    const TensorScale& as = sink->scale;
    kernels::quantize_lines(frame.as<float>(from), frame.at(to), outer, channels, inner, lines,
                            {as.scale, as.zero_point, as.dtype == DType::Int8});
  };
  Step& step = b.step(node, line.sink ? "inc:quantize_lines" : "inc:lines", {from}, {to}, work);
  if (line.sink) step.profile.precision = "int8";
  for (const ir::Node* part : line.parts) b.mark_done(part->id);
  if (line.sink)
    bind_sink(b, *line.sink, to);
  else
    b.bind(line.y, to);
  return true;
}

}  // namespace inc::onednn
