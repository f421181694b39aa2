#pragma once
// Distributions that activations have.
#include <cmath>
#include <ostream>
#include <string>
#include <vector>

#include "core/base/rng.h"
#include "core/calib/stats.h"

namespace inc::calib {

inline ir::Tensor tensor(const std::vector<float>& values) {
  return ir::Tensor::of<float>({static_cast<std::int64_t>(values.size())}, values);
}

inline double normal(Rng& rng) {
  const double radius = std::sqrt(-2 * std::log(1 - rng.uniform()));
  return radius * std::cos(2 * 3.14159265358979323846 * rng.uniform());
}

struct Shape {
  std::string name;
  float (*draw)(Rng&);
};
inline void PrintTo(const Shape& shape, std::ostream* out) {
  *out << shape.name;
}

inline const std::vector<Shape>& shapes() {
  static const std::vector<Shape> all = {
      {"Normal", [](Rng& r) { return static_cast<float>(normal(r)); }},
      {"Rectified", [](Rng& r) { return static_cast<float>(std::max(0.0, 3 * normal(r))); }},
      {"Negative", [](Rng& r) { return static_cast<float>(-std::fabs(normal(r))); }},
      {"HeavyTails", [](Rng& r) { return static_cast<float>(1e-3 * std::pow(normal(r), 5)); }},
      {"Uniform", [](Rng& r) { return static_cast<float>(r.uniform() * 8 - 3); }},
      {"Shifted", [](Rng& r) { return static_cast<float>(100 + normal(r)); }},
      {"Bursts", [](Rng& r) { return static_cast<float>(normal(r) * (r.uniform() < 1e-3 ? 300 : 1)); }},
  };
  return all;
}

inline std::vector<float> draw(const Shape& shape, std::size_t count, std::uint64_t seed = 1) {
  Rng rng(seed);
  std::vector<float> out(count);
  for (float& x : out) x = shape.draw(rng);
  return out;
}

inline constexpr StatsOptions kEverything{.channel_axis = -1, .histogram = true, .averaging_constant = 0.01};

inline Stats stats_of(const std::vector<float>& values) {
  Stats stats(kEverything);
  stats.observe(tensor(values));
  return stats;
}

}  // namespace inc::calib
