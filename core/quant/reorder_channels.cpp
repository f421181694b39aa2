#include "core/quant/reorder_channels.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <span>

#include "core/base/parallel.h"
#include "core/ir/patch.h"
#include "core/ops/ops.h"
#include "core/quant/channel_groups.h"
#include "core/quant/pairs.h"
#include "core/quant/placement.h"

namespace inc::quant {
namespace {

constexpr std::int64_t kMostChannels = 4096;  ///< the costs between them are a table

constexpr double kLevels = 127;

using Order = std::vector<std::int64_t>;  ///< new position → old one

/// Comparisons of two weights that a group may cost; beyond, only every n-th output is looked at.
constexpr double kMostComparisons = 1e8;
/// A pair can exceed the largest weight only when one of the two is more than half of it.
constexpr float kLarge = 0.5f;

/// The weights that one consumer sums over the channels of a group: for each of its sums one row of channels, each output
/// divided by its largest weight.
struct Meeting {
  std::int64_t depth = 0;     ///< outputs · taps
  std::vector<float> rows;    ///< [depth, channels]
  std::vector<float> counts;  ///< how much of a pair with a large one counts: half where this one is large, too
};

std::int64_t product(const ir::Shape& shape, std::size_t begin, std::size_t end) {
  return std::accumulate(shape.begin() + static_cast<std::ptrdiff_t>(begin),
                         shape.begin() + static_cast<std::ptrdiff_t>(end), std::int64_t{1}, std::multiplies<>());
}

/// Consumers have [outputs, channels, taps] or [channels, outputs].
Meeting meeting_of(const ir::Tensor& weight, int axis, std::int64_t first, std::int64_t channels, std::int64_t every) {
  const ir::Shape& shape = weight.shape();
  const std::int64_t total = shape[static_cast<std::size_t>(axis)],
                     inner = product(shape, static_cast<std::size_t>(axis) + 1, shape.size());
  const std::int64_t all = axis == 1 ? shape[0] : inner, taps = axis == 1 ? inner : 1, outputs = (all + every - 1) / every;
  const auto at = [&](std::int64_t o, std::int64_t c, std::int64_t t) {
    return axis == 1 ? (o * every * total + c) * taps + t : c * all + o * every;
  };
  const ir::Tensor held = weight.at_hand();
  const float* w = held.data<float>();
  Meeting m{outputs * taps, std::vector<float>(static_cast<std::size_t>(channels * outputs * taps)), {}};
  for (std::int64_t o = 0; o < outputs; ++o) {
    float largest = 0;
    for (std::int64_t c = 0; c < total; ++c)
      for (std::int64_t t = 0; t < taps; ++t) largest = std::max(largest, std::abs(w[at(o, c, t)]));
    if (!(largest > 0)) continue;
    for (std::int64_t c = 0; c < channels; ++c)
      for (std::int64_t t = 0; t < taps; ++t)
        m.rows[static_cast<std::size_t>((o * taps + t) * channels + c)] = w[at(o, first + c, t)] / largest;
  }
  for (const float x : m.rows) m.counts.push_back(std::abs(x) > kLarge ? 0.5f : 1.0f);
  return m;
}

/// What it costs that a channel is the neighbour of each: what a pair exceeds the largest weight by, with large excesses
/// weighed more, since the largest of an output decides its scale. Only sums where the channel itself is large.
void add_costs(const Meeting& m, std::int64_t channel, std::span<float> costs) {
  const auto channels = static_cast<std::int64_t>(costs.size());
  float* out = costs.data();
  for (std::int64_t i = 0; i < m.depth; ++i) {
    const float *row = &m.rows[static_cast<std::size_t>(i * channels)],
                *count = &m.counts[static_cast<std::size_t>(i * channels)];
    const float own = row[channel];
    if (!(std::abs(own) > kLarge)) continue;
#pragma omp simd
    for (std::int64_t c = 0; c < channels; ++c) {
      const float excess = std::abs(own + row[c]) - 1, twice = excess + std::abs(excess), square = twice * twice;
      out[c] += square * square * count[c] / 16;
    }
  }
}

class Cost {
 public:
  explicit Cost(const std::vector<Meeting>& meetings, std::int64_t channels)
      : channels_(channels), one_sided_(static_cast<std::size_t>(channels * channels)), magnitude_(as_size(channels)) {
    parallel_for(channels, 4, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t c = begin; c < end; ++c)
        for (const Meeting& m : meetings) add_costs(m, c, std::span(one_sided_).subspan(index(c, 0), as_size(channels)));
    });
    for (const Meeting& m : meetings)
      for (std::size_t i = 0; i < m.rows.size(); ++i) {
        const auto v = static_cast<double>(m.rows[i]);
        magnitude_[i % as_size(channels)] += v * v * v * v;
      }
  }

  double operator()(std::int64_t a, std::int64_t b) const {
    return a < 0 || b < 0 ? 0 : static_cast<double>(one_sided_[index(a, b)] + one_sided_[index(b, a)]);
  }
  double magnitude(std::int64_t c) const { return magnitude_[as_size(c)]; }

 private:
  static std::size_t as_size(std::int64_t n) { return static_cast<std::size_t>(n); }
  std::size_t index(std::int64_t a, std::int64_t b) const { return as_size(a * channels_ + b); }

  std::int64_t channels_;
  std::vector<float> one_sided_;  ///< [channel, neighbour]
  std::vector<double> magnitude_;
};

struct Couple {
  std::int64_t a, b;
  double cost;
};

std::vector<Couple> large_with_small(const Cost& cost, std::int64_t channels) {
  std::vector<std::pair<double, std::int64_t>> sorted;
  for (std::int64_t c = 0; c < channels; ++c) sorted.emplace_back(-cost.magnitude(c), c);
  std::sort(sorted.begin(), sorted.end());
  Order by(static_cast<std::size_t>(channels + channels % 2), -1);
  for (std::size_t i = 0; i < sorted.size(); ++i) by[i] = sorted[i].second;
  std::vector<Couple> couples;
  for (std::size_t i = 0; i < by.size() / 2; ++i) couples.push_back({by[i], by[by.size() - 1 - i], 0});
  return couples;
}

std::vector<Couple> as_they_are(std::int64_t channels) {
  std::vector<Couple> couples;
  for (std::int64_t c = 0; c < channels; c += 2) couples.push_back({c, c + 1 < channels ? c + 1 : -1, 0});
  return couples;
}

double total(const std::vector<Couple>& couples) {
  return std::accumulate(couples.begin(), couples.end(), 0.0, [](double sum, const Couple& c) { return sum + c.cost; });
}

/// Exchanges partners of the dearest couple and any other, while that helps.
void improve(const Cost& cost, std::vector<Couple>& couples) {
  constexpr std::size_t kRounds = 4;
  for (Couple& c : couples) c.cost = cost(c.a, c.b);
  std::vector<bool> settled(couples.size(), false);
  for (std::size_t round = 0; round < kRounds * couples.size(); ++round) {
    std::size_t worst = couples.size();
    for (std::size_t i = 0; i < couples.size(); ++i)
      if (!settled[i] && couples[i].cost > 0 && (worst == couples.size() || couples[i].cost > couples[worst].cost))
        worst = i;
    if (worst == couples.size()) return;
    const Couple mine = couples[worst];
    double gain = 1e-6 * mine.cost;
    std::size_t partner = couples.size();
    Couple first{}, second{};
    for (std::size_t i = 0; i < couples.size(); ++i) {
      if (i == worst) continue;
      const Couple other = couples[i];
      for (const auto& [a, b] : {std::pair{other.b, other.a}, std::pair{other.a, other.b}}) {
        const Couple one{mine.a, a, cost(mine.a, a)}, two{mine.b, b, cost(mine.b, b)};
        const double gained = mine.cost + other.cost - one.cost - two.cost;
        if (gained <= gain) continue;
        gain = gained;
        partner = i;
        first = one;
        second = two;
      }
    }
    if (partner == couples.size()) {
      settled[worst] = true;
      continue;
    }
    couples[worst] = first;
    couples[partner] = second;
    settled[worst] = settled[partner] = false;
  }
}

Order chosen_order(const Cost& cost, std::int64_t channels) {
  auto before = as_they_are(channels), couples = large_with_small(cost, channels);
  improve(cost, before);
  improve(cost, couples);
  if (total(before) <= total(couples)) couples = before;
  std::stable_partition(couples.begin(), couples.end(), [](const Couple& c) { return c.a >= 0 && c.b >= 0; });
  Order order;
  for (const Couple& c : couples)
    for (const std::int64_t channel : {c.a, c.b})
      if (channel >= 0) order.push_back(channel);
  return order;
}

ir::Tensor permuted(const ir::Tensor& given, int axis, const Order& order) {
  const ir::Tensor t = given.at_hand();
  ir::Tensor out(t.dtype(), t.shape());
  const ir::Shape& shape = t.shape();
  const auto at = static_cast<std::size_t>(axis);
  const std::int64_t outer = product(shape, 0, at), extent = shape[at];
  const std::int64_t bytes = product(shape, at + 1, shape.size()) * static_cast<std::int64_t>(size_of(t.dtype()));
  auto* to = out.mutable_raw();
  for (std::int64_t o = 0; o < outer; ++o)
    for (std::int64_t i = 0; i < extent; ++i)
      std::copy_n(t.raw() + (o * extent + order[static_cast<std::size_t>(i)]) * bytes, bytes, to + (o * extent + i) * bytes);
  return out;
}

/// Pair-bounded scale over full scale before rounding, summed over the channels of a weight.
void add_growth(const ir::Graph& graph, const ir::Node& anchor, double& sum, double& channels) {
  const ir::Tensor weight = graph.constant(anchor.inputs.at(1))->at_hand();
  const ir::Shape& shape = weight.shape();
  const auto axis = static_cast<std::size_t>(ops::weight_axis(graph, anchor));
  const std::int64_t count = shape[axis], inner = product(shape, axis + 1, shape.size());
  std::vector<float> largest(static_cast<std::size_t>(count)), pair = largest;
  const float* w = weight.data<float>();
  const auto channel = [&](std::int64_t i) { return static_cast<std::size_t>(inner == 1 ? i % count : i / inner % count); };
  for (std::int64_t i = 0; i < weight.count(); ++i) largest[channel(i)] = std::max(largest[channel(i)], std::abs(w[i]));
  for_each_pair(shape, pair_order(graph, anchor), [&](std::int64_t i, std::int64_t j) {
    float& most = pair[channel(i)];
    if (w[i] * w[j] > 0) most = std::max(most, std::abs(w[i] + w[j]));
  });
  for (std::size_t c = 0; c < largest.size(); ++c)
    sum += largest[c] > 0 ? std::max(1.0, double{pair[c]} * kLevels / (kPairLimit * double{largest[c]})) : 1.0;
  channels += static_cast<double>(count);
}

double mean_growth(const ir::Graph& graph) {
  double sum = 0, channels = 0;
  for (const ir::NodeId id : quantizable_nodes(graph)) add_growth(graph, graph.node(id), sum, channels);
  return channels > 0 ? sum / channels : 1;
}

class Reorderer {
 public:
  explicit Reorderer(ir::Graph& graph) : graph_(graph), groups_(channel_groups(graph)) {}

  ReorderReport run() {
    ReorderReport report;
    report.growth_before = report.growth_after = mean_growth(graph_);
    for (std::size_t g = 0; g < groups_.size.size(); ++g) choose(static_cast<int>(g), report);
    if (orders_.empty()) return report;
    ir::Graph moved = graph_;
    apply(moved);
    report.growth_after = mean_growth(moved);
    if (report.growth_after >= report.growth_before) {
      report.growth_after = report.growth_before;
      report.kept.push_back("no order needs less growth than the present one");
      return report;
    }
    report.moved = static_cast<int>(orders_.size());
    graph_ = std::move(moved);
    return report;
  }

 private:
  void choose(int g, ReorderReport& report) {
    const std::int64_t channels = groups_.size[static_cast<std::size_t>(g)];
    if (channels < 3 || !is_consumed(g)) return;
    const std::string& why = groups_.fixed[static_cast<std::size_t>(g)];
    if (!why.empty() || channels > kMostChannels) {
      report.kept.push_back(!why.empty() ? why : fmt::format("{} channels are more than {}", channels, kMostChannels));
      return;
    }
    ++report.groups;
    Order order = chosen_order(Cost(meetings_of(g, channels), channels), channels);
    if (!std::is_sorted(order.begin(), order.end())) orders_.emplace(g, std::move(order));
  }

  bool is_consumed(int g) const {
    return std::any_of(groups_.consumers.begin(), groups_.consumers.end(), [&](const ChannelUse& use) {
      return std::find(use.groups.begin(), use.groups.end(), g) != use.groups.end();
    });
  }

  std::vector<Meeting> meetings_of(int g, std::int64_t channels) const {
    double weights = 0;
    for (const ChannelUse& use : groups_.consumers)
      if (std::find(use.groups.begin(), use.groups.end(), g) != use.groups.end())
        weights += static_cast<double>(graph_.constant(graph_.node(use.node).inputs.at(use.input))->count());
    const double comparisons = weights * static_cast<double>(channels) / 2;
    const auto every = std::max<std::int64_t>(1, static_cast<std::int64_t>(std::ceil(comparisons / kMostComparisons)));
    std::vector<Meeting> meetings;
    for (const ChannelUse& use : groups_.consumers) {
      const ir::Tensor& weight = *graph_.constant(graph_.node(use.node).inputs.at(use.input));
      std::int64_t first = 0;
      for (const int other : use.groups) {
        if (other == g) meetings.push_back(meeting_of(weight, use.axis, first, channels, every));
        first += groups_.size[static_cast<std::size_t>(other)];
      }
    }
    return meetings;
  }

  Order order_of(const std::vector<int>& groups) const {
    Order whole;
    for (const int g : groups) {
      const std::int64_t first = static_cast<std::int64_t>(whole.size()), size = groups_.size[static_cast<std::size_t>(g)];
      const auto it = orders_.find(g);
      for (std::int64_t c = 0; c < size; ++c)
        whole.push_back(first + (it == orders_.end() ? c : it->second[static_cast<std::size_t>(c)]));
    }
    return whole;
  }

  void apply(ir::Graph& graph) const {
    std::map<std::pair<ir::NodeId, std::size_t>, ir::Tensor> constants;
    for (const auto* uses : {&groups_.outputs, &groups_.consumers})
      for (const ChannelUse& use : *uses) {
        const Order order = order_of(use.groups);
        if (std::is_sorted(order.begin(), order.end())) continue;
        const ir::Tensor& stored = *graph.constant(graph.node(use.node).inputs.at(use.input));
        auto& tensor = constants.try_emplace({use.node, use.input}, stored).first->second;
        tensor = permuted(tensor, use.axis, order);
      }
    ir::Patch patch(graph, "reorder channels");
    for (auto& [at, tensor] : constants) {
      const std::string name = graph.value(graph.node(at.first).inputs[at.second]).name;
      patch.replace_input(at.first, at.second, patch.add_constant(name + "_reordered", std::move(tensor)));
    }
    graph.apply(patch);
  }

  ir::Graph& graph_;
  ChannelGroups groups_;
  std::map<int, Order> orders_;
};

}  // namespace

ReorderReport reorder_channels(ir::Graph& graph) {
  return Reorderer(graph).run();
}

}  // namespace inc::quant
