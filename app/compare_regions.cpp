#include "app/compare_regions.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <set>

#include "core/ops/ops.h"

namespace inc::app {
namespace {

constexpr std::size_t kHeavy = std::size_t{4} << 20;

bool is_float(const ir::Graph& graph, ir::ValueId id) {
  const DType dtype = graph.value(id).type.dtype;
  return dtype == DType::Float || dtype == DType::BFloat16 || dtype == DType::Float16;
}

int factor_axis(const ir::Node& node) {
  const auto kind = kind_of(node);
  if (kind == "Conv" || kind == "ConvTranspose") return 1;
  return kind == "MatMul" || kind == "LayerNormalization" || kind == "RMSNormalization" ? -2 : -1;
}

class Cutter {
 public:
  Cutter(const ir::Graph& graph, const std::map<ir::ValueId, ir::ValueId>& known) : graph_(graph), known_(known) {}

  void cut(Region& region) const {
    std::set<ir::NodeId> nodes;
    std::vector<ir::ValueId> pending{region.b};
    while (!pending.empty()) {
      const ir::ValueId id = pending.back();
      pending.pop_back();
      const ir::Node* node = graph_.producer(id);
      if (node == nullptr) {
        region.why_not = fmt::format("B reads '{}', which A has not", graph_.value(id).name);
        return;
      }
      if (!nodes.insert(node->id).second) continue;
      for (const ir::ValueId input : node->inputs)
        if (!input.none() && !graph_.constant(input) && !known_.contains(input)) pending.push_back(input);
    }
    region.part = tuning::part_of(graph_, nodes, {region.b});
    for (const ir::ValueId input : region.part.inputs) region.reads.push_back(known_.at(input));
    find_requantized(region);
  }

 private:
  void find_requantized(Region& region) const {
    const ir::Graph& part = region.part.graph;
    for (const ir::NodeId id : part.nodes()) {
      const ir::Node& node = part.node(id);
      if (node.op != "DequantizeLinear") continue;
      const ir::Node* quantize = part.producer(node.inputs[0]);
      if (quantize == nullptr || (quantize->op != "QuantizeLinear" && quantize->op != "DynamicQuantizeLinear")) continue;
      const auto& inputs = part.inputs();
      const auto it = std::find(inputs.begin(), inputs.end(), quantize->inputs[0]);
      if (it != inputs.end() && part.value(*it).type.dtype == DType::Float &&
          part.value(node.outputs[0]).type.dtype == DType::Float && !part.is_output(node.outputs[0]))
        region.requantized[node.outputs[0]] = static_cast<std::size_t>(it - inputs.begin());
    }
  }

  const ir::Graph& graph_;
  const std::map<ir::ValueId, ir::ValueId>& known_;
};

}  // namespace

Regions regions_of(const Side& a, const Side& b, const Match& match) {
  Regions out;
  std::map<ir::ValueId, std::string> lost;
  for (const auto& [x, y] : match.twin) {
    const auto in_a = a.executed(x), in_b = b.executed(y);
    if (in_a && in_b && !a.run.constant(*in_a) && !b.run.constant(*in_b))
      out.known[*in_b] = *in_a;
    else
      lost[x] = fmt::format("{} computes it together with what follows", in_a ? "B" : "A");
  }
  const Cutter cutter(b.run, out.known);
  for (const ir::NodeId id : a.plain.topological_order()) {
    const ir::Node& node = a.plain.node(id);
    if (!is_float(a.plain, node.outputs[0])) continue;
    ++out.operators;
    const ir::ValueId value = node.outputs[0];
    const auto twin = match.twin.find(value);
    if (twin == match.twin.end() || lost.contains(value)) {
      const auto why = match.why_not.find(id);
      out.unmatched.push_back({node.name, ops::reported_type(node),
                               lost.contains(value)         ? lost.at(value)
                               : why != match.why_not.end() ? why->second
                                                            : "nothing in B is in its place"});
      continue;
    }
    Region region{id, *a.executed(value), *b.executed(twin->second), {}, {}, {}, "", factor_axis(node)};
    if (b.run.producer(region.b) == nullptr)
      region.why_not = "B makes nothing here: the value is an input";
    else
      cutter.cut(region);
    out.all.push_back(std::move(region));
  }
  return out;
}

std::optional<Closeness> weights_of(const Region& region, const Side& a, const Side& b, const Match& match) {
  const ir::Node& x = a.plain.node(region.node);
  const ir::Node* y = b.plain.producer(match.twin.at(x.outputs[0]));
  const int slot = ops::info(x.op).weight_input;
  if (y == nullptr || slot < 0 || kind_of(x) != kind_of(*y)) return {};
  for (const auto& [whole, part] : region.part.nodes)
    if (b.run.node(whole).op == "Mul" && b.run.node(whole).outputs[0] != region.b) return {};
  const ir::Tensor *p = a.plain.constant(x.input(static_cast<std::size_t>(slot))),
                   *q = b.plain.constant(y->input(static_cast<std::size_t>(slot)));
  if (p == nullptr || q == nullptr || p->dtype() != DType::Float || q->dtype() != DType::Float || p->shape() != q->shape() ||
      ops::weight_axis(a.plain, x) != ops::weight_axis(b.plain, *y))
    return {};
  Closeness closeness;
  add(closeness, *p, *q);
  return closeness;
}

Runnable::Runnable(const Region& region, const runtime::Adaptor& adaptor) : region_(region) {
  if (!region.why_not.empty()) return;
  executable_ = adaptor.prepare(region.part.graph);
  std::size_t bytes = 0;
  for (const ir::ValueId id : region.part.graph.values())
    if (const ir::Tensor* constant = region.part.graph.constant(id)) bytes += constant->bytes();
  heavy_ = bytes > kHeavy;
}

ir::Tensor Runnable::run(const Values& a, const std::map<ir::ValueId, ChannelFactors>& factors, Closeness* input) const {
  std::vector<ir::Tensor> fed;
  for (std::size_t i = 0; i < region_.reads.size(); ++i) {
    const ir::Tensor& seen = a.at(region_.reads[i]);
    const auto factor = factors.find(region_.reads[i]);
    const ir::Tensor whole = factor == factors.end() ? seen : multiplied(seen, factor->second);
    fed.push_back(as_type(whole, region_.part.graph.value(region_.part.graph.inputs()[i]).type.dtype));
  }
  runtime::TapSink tap;
  std::mutex mutex;
  if (input != nullptr && !region_.requantized.empty()) {
    for (const auto& [id, index] : region_.requantized) tap.wanted.insert(id);
    tap.on_value = [&](ir::ValueId id, const ir::Tensor& found) {
      const std::lock_guard lock(mutex);
      add(*input, fed[region_.requantized.at(id)], found);
    };
  }
  ir::Tensor made = as_fp32(executable_->run(fed, tap).front());
  if (heavy_) executable_->rest();
  return made;
}

}  // namespace inc::app
