#include "app/compare_factors.h"

#include <algorithm>

#include "core/ops/ops.h"

namespace inc::app {
namespace {

using FactorsOf = std::map<ir::ValueId, ChannelFactors>;

/// What a reader's noise must come down to, of what it is without the factors.
constexpr double kGain = 0.5;

/// The axis of a weight that meets the channels of its data, where there is one for all of them.
std::optional<int> input_axis(const ir::Graph& graph, const ir::Node& node, const ir::Tensor& weight, std::size_t channels) {
  const auto along = [&](int axis) {
    return weight.shape()[static_cast<std::size_t>(axis)] == static_cast<std::int64_t>(channels);
  };
  if (kind_of(node) == "Conv") {
    if (along(1)) return 1;
    return weight.shape()[1] == 1 && along(0) ? std::optional(0) : std::nullopt;
  }
  if (kind_of(node) != "MatMul" || weight.rank() < 2) return {};
  const int axis = ops::weight_axis(graph, node) == weight.rank() - 1 ? weight.rank() - 2 : weight.rank() - 1;
  return along(axis) ? std::optional(axis) : std::nullopt;
}

class Finder {
 public:
  Finder(const ir::Graph& a_plain, const ir::Graph& b_plain, const Match& match, const Regions& regions,
         const std::vector<std::unique_ptr<Runnable>>& runnables, const Values& a, const Values& b)
      : a_plain_(a_plain), b_plain_(b_plain), match_(match), regions_(regions), runnables_(runnables), a_(a), b_(b) {
    for (std::size_t i = 0; i < regions.all.size(); ++i)
      for (const ir::ValueId read : regions.all[i].reads) readers_[read].push_back(i);
  }

  /// Readers come first: what they make may have factors itself.
  FactorsOf run() {
    FactorsOf wanted;
    for (const Region& region : regions_.all)
      if (auto factors = candidate(region, wanted)) wanted[region.a] = std::move(*factors);
    for (std::size_t i = regions_.all.size(); i-- > 0;) {
      const ir::ValueId value = regions_.all[i].a;
      const auto it = wanted.find(value);
      if (it == wanted.end()) continue;
      const ChannelFactors least = over_least(it->second);
      for (const ChannelFactors* tried : {static_cast<const ChannelFactors*>(&it->second), &least})
        if (taken_back(value, *tried)) {
          found_[value] = *tried;
          break;
        }
    }
    return std::move(found_);
  }

 private:
  std::optional<ChannelFactors> candidate(const Region& region, const FactorsOf& before) const {
    if (region.axis == -1 || !known(region)) return {};
    const int axis = region.axis == -2 ? a_.at(region.a).rank() - 1 : region.axis;
    const ir::Node& p = a_plain_.node(region.node);
    const ir::Node* q = b_plain_.producer(match_.twin.at(p.outputs[0]));
    const bool scales = kind_of(p).ends_with("Normalization");
    const int slot = scales ? 1 : ops::info(p.op).weight_input;
    if (q == nullptr || slot < 0 || kind_of(p) != kind_of(*q)) return {};
    const ir::Tensor *x = a_plain_.constant(p.input(static_cast<std::size_t>(slot))),
                     *y = b_plain_.constant(q->input(static_cast<std::size_t>(slot)));
    if (x == nullptr || y == nullptr || x->dtype() != DType::Float || y->dtype() != DType::Float || x->shape() != y->shape())
      return fitted_factors(a_.at(region.a), b_.at(region.b), axis);
    ir::Tensor whole = *y;
    for (const ir::ValueId read : region.reads)
      if (const auto it = before.find(read); it != before.end() && !scales)
        if (const auto along = input_axis(a_plain_, p, *y, it->second.factor.size()))
          whole = multiplied(whole, {*along, it->second.factor});
    auto fitted = fitted_factors(*x, whole, scales ? x->rank() - 1 : ops::weight_axis(a_plain_, p));
    if (!fitted ||
        static_cast<std::int64_t>(fitted->factor.size()) != a_.at(region.a).shape()[static_cast<std::size_t>(axis)])
      return {};
    return ChannelFactors{axis, std::move(fitted->factor)};
  }

  bool known(const Region& region) const {
    const auto x = a_.find(region.a);
    const auto y = b_.find(region.b);
    return x != a_.end() && y != b_.end() && x->second.dtype() == DType::Float && y->second.dtype() == DType::Float &&
           x->second.shape() == y->second.shape() && x->second.rank() > 1;
  }

  static ChannelFactors over_least(ChannelFactors factors) {
    const float least = *std::min_element(factors.factor.begin(), factors.factor.end());
    for (float& factor : factors.factor) factor /= least;
    return factors;
  }

  double noise(std::size_t reader, const FactorsOf& factors) const {
    const Region& region = regions_.all[reader];
    const auto own = found_.find(region.a);
    Closeness closeness;
    const ir::Tensor made = runnables_[reader]->run(a_, factors);
    if (made.dtype() != DType::Float || made.shape() != a_.at(region.a).shape()) return 0;
    add(closeness, a_.at(region.a), made, own == found_.end() ? nullptr : &own->second);
    return closeness.relative();
  }

  bool taken_back(ir::ValueId value, const ChannelFactors& tried) const {
    const auto readers = readers_.find(value);
    if (readers == readers_.end()) return false;
    FactorsOf with = found_;
    with[value] = tried;
    return std::all_of(readers->second.begin(), readers->second.end(), [&](std::size_t reader) {
      try {
        return runnables_[reader]->runs() && noise(reader, with) < kGain * noise(reader, found_);
      } catch (const Error&) {
        return false;
      }
    });
  }

  const ir::Graph &a_plain_, &b_plain_;
  const Match& match_;
  const Regions& regions_;
  const std::vector<std::unique_ptr<Runnable>>& runnables_;
  const Values &a_, &b_;
  std::map<ir::ValueId, std::vector<std::size_t>> readers_;
  FactorsOf found_;
};

}  // namespace

std::map<ir::ValueId, ChannelFactors> shared_factors(const ir::Graph& a_plain, const ir::Graph& b_plain, const Match& match,
                                                     const Regions& regions,
                                                     const std::vector<std::unique_ptr<Runnable>>& runnables,
                                                     const Values& a, const Values& b) {
  return Finder(a_plain, b_plain, match, regions, runnables, a, b).run();
}

}  // namespace inc::app
