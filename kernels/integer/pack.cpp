#include <algorithm>

#include "kernels/integer/integer.h"
#include "kernels/integer/pairs.h"

namespace inc::kernels {
namespace {

using std::int64_t;

/// Panel by panel: where it comes from.
template <class F>
void each_panel(const IntegerPlan& p, const IntegerWeights& w, F f) {
  const int64_t per_group = p.shape.out_channels / p.shape.groups;
  for (int64_t group = 0; group < p.shape.groups; ++group)
    for (int64_t panel = 0; panel < p.panels; ++panel) {
      const int64_t first = panel * p.width, width = p.panel_width(first);
      f(w.data + (group * per_group + first) * w.out, width, std::min(width, per_group - first));
    }
}

/// One of `real` channels and some that fill up; `together`: depths that stand side by side. Returns its end.
template <class W, int64_t together>
W* pack_panel(const IntegerPlan& p, const IntegerWeights& w, const std::int8_t* data, int64_t width, int64_t real, W* to) {
  const IntegerShape& s = p.shape;
  const int64_t inner = s.channels / s.groups, taps = static_cast<int64_t>(p.taps.size());
  const auto within_channel = [&](int64_t tap, int64_t k) {
    const int64_t flat = tap * p.real_run + k, position = flat / inner;
    const int64_t row = position / s.kernel_width * (p.turned ? w.column : w.row);
    const int64_t column = position % s.kernel_width * (p.turned ? w.row : w.column);
    return flat % inner * w.in + row + column;
  };
  for (int64_t tap = 0; tap < taps; ++tap)
    for (int64_t k = 0; k < p.run; k += together, to += width * together) {
      const int64_t depths = std::min(together, p.real_run - k);
      if (depths < together || real < width) std::fill_n(to, width * together, W{0});
      for (int64_t i = 0; i < depths; ++i) {
        const std::int8_t* from = data + within_channel(tap, k + i);
        for (int64_t c = 0; c < real; ++c) to[c * together + i] = static_cast<W>(from[c * w.out] - w.zero_point);
      }
    }
  return to;
}

template <class W, int64_t together>
void pack_as(const IntegerPlan& p, const IntegerWeights& w, W* to) {
  each_panel(p, w, [&](const std::int8_t* data, int64_t width, int64_t real) {
    to = pack_panel<W, together>(p, w, data, width, real, to);
  });
}

/// Of each channel of fours.
void write_sums(const std::int8_t* from, int64_t fours, int64_t width, std::byte* to) {
  auto* sums = reinterpret_cast<std::int32_t*>(to);
  std::fill_n(sums, width, 0);
  for (int64_t i = 0; i < fours; ++i)
    for (int64_t c = 0; c < width; ++c, from += 4) sums[c] += from[0] + from[1] + from[2] + from[3];
}

void pack_fours(const IntegerPlan& p, const IntegerWeights& w, std::byte* to) {
  each_panel(p, w, [&](const std::int8_t* data, int64_t width, int64_t real) {
    auto* fours = reinterpret_cast<std::int8_t*>(to + 4 * width);
    auto* end = pack_panel<std::int8_t, 4>(p, w, data, width, real, fours);
    write_sums(fours, static_cast<int64_t>(p.steps.size()), width, to);
    to = reinterpret_cast<std::byte*>(end);
  });
}

/// The plan of `count` output channels of one group, or of all channels.
IntegerPlan of_channels(const IntegerPlan& plan, int64_t count) {
  IntegerPlan part = plan;
  part.shape.out_channels = count;
  part.panels = (count / part.shape.groups + plan.width - 1) / plan.width;
  return part;
}

/// Hands each panel's fours to f.
template <class F>
void each_paired_panel(const IntegerPlan& p, const IntegerWeights& w, F f) {
  std::vector<std::int8_t> fours(p.steps.size() * kBytesOfFour);
  each_panel(p, w, [&](const std::int8_t* data, int64_t width, int64_t real) {
    pack_panel<std::int8_t, 4>(p, w, data, width, real, fours.data());
    f(fours.data(), static_cast<int64_t>(p.steps.size()));
  });
}

void pack_all_pairs(const IntegerPlan& p, const IntegerWeights& w, std::byte* to) {
  each_paired_panel(p, w, [&](const std::int8_t* fours, int64_t count) {
    write_sums(fours, count, p.width, to);
    pack_pairs(fours, count, p.fours, to + 4 * p.width);
    to += p.width * p.channel_bytes();
  });
}

}  // namespace

int64_t most_fours(const IntegerPlan& plan, const IntegerWeights& w, int64_t count) {
  int64_t most = 0;
  if (!plan.paired) return most;
  each_paired_panel(of_channels(plan, count), w,
                    [&](const std::int8_t* fours, int64_t steps) { most = std::max(most, count_fours(fours, steps)); });
  return most;
}

void pack_integers(const IntegerPlan& plan, const IntegerWeights& weights, std::byte* packed) {
  if (plan.wide)
    pack_as<std::int16_t, 2>(plan, weights, reinterpret_cast<std::int16_t*>(packed));
  else if (plan.vnni)
    pack_fours(plan, weights, packed);
  else if (plan.paired)
    pack_all_pairs(plan, weights, packed);
  else
    pack_as<std::int8_t, 2>(plan, weights, reinterpret_cast<std::int8_t*>(packed));
}

void pack_integers(const IntegerPlan& plan, const IntegerWeights& weights, int64_t first, int64_t count, std::byte* packed) {
  pack_integers(of_channels(plan, count), weights, packed + first * plan.channel_bytes());
}

}  // namespace inc::kernels
