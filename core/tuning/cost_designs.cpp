#include "core/tuning/cost_designs.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <tuple>

#include "core/base/rng.h"

namespace inc::tuning {
namespace {

using Classes = std::vector<std::uint8_t>;

/// Per dimension those before it that it meets.
std::vector<std::set<std::size_t>> neighbours(const CostLayout& layout) {
  std::vector<std::set<std::size_t>> met(layout.classes.size());
  const auto meet = [&](std::size_t a, std::size_t b) {
    if (a != b) met[std::max(a, b)].insert(std::min(a, b));
  };
  for (const CostSite& site : layout.sites) {
    for (const std::size_t a : site.before)
      for (const std::size_t b : site.own ? std::vector{*site.own} : site.after) meet(a, b);
    if (site.own)
      for (const std::size_t b : site.after) meet(*site.own, b);
  }
  return met;
}

/// How often each combination of classes of two neighbours has been seen.
class Meetings {
 public:
  explicit Meetings(const CostLayout& layout) : layout_(layout), neighbours_(neighbours(layout)) {}

  void see(const Classes& design) {
    for (std::size_t b = 0; b < design.size(); ++b)
      for (const std::size_t a : neighbours_[b]) ++seen_[{a, design[a], b, design[b]}];
  }

  /// Operator by operator the class that is new to most of its neighbours.
  Classes mixed(Rng& rng) const {
    Classes design;
    for (std::size_t b = 0; b < neighbours_.size(); ++b) {
      std::uint8_t best = 0;
      double least = 0;
      for (std::size_t c = 0; c < layout_.classes[b].size(); ++c) {
        double often = rng.uniform();
        for (const std::size_t a : neighbours_[b]) {
          const auto found = seen_.find({a, design[a], b, static_cast<std::uint8_t>(c)});
          often += found == seen_.end() ? 0 : 1 + found->second;
        }
        if (c > 0 && often >= least) continue;
        least = often;
        best = static_cast<std::uint8_t>(c);
      }
      design.push_back(best);
    }
    return design;
  }

 private:
  const CostLayout& layout_;
  std::vector<std::set<std::size_t>> neighbours_;
  std::map<std::tuple<std::size_t, std::uint8_t, std::size_t, std::uint8_t>, int> seen_;
};

std::vector<Classes> uniform_designs(const CostLayout& layout) {
  std::set<std::string> names;
  Classes last;
  for (const auto& classes : layout.classes) {
    names.insert(classes.begin(), classes.end());
    last.push_back(static_cast<std::uint8_t>(classes.size() - 1));
  }
  std::vector<Classes> designs{Classes(last.size(), 0), last};
  for (const std::string& name : names) {
    Classes uniform = last;
    for (std::size_t i = 0; i < last.size(); ++i) {
      const auto at = std::find(layout.classes[i].begin(), layout.classes[i].end(), name);
      if (at != layout.classes[i].end()) uniform[i] = static_cast<std::uint8_t>(at - layout.classes[i].begin());
    }
    if (std::find(designs.begin(), designs.end(), uniform) == designs.end()) designs.push_back(std::move(uniform));
  }
  return designs;
}

}  // namespace

std::vector<Classes> cost_designs(const CostLayout& layout, std::size_t mixed_per_class) {
  std::vector<Classes> designs = uniform_designs(layout);
  Meetings meetings(layout);
  for (const Classes& design : designs) meetings.see(design);
  std::size_t most = 1;
  for (const auto& classes : layout.classes) most = std::max(most, classes.size());
  Rng rng(1);
  for (std::size_t n = 0; n < mixed_per_class * (most - 1); ++n) {
    Classes design = meetings.mixed(rng);
    meetings.see(design);
    if (std::find(designs.begin(), designs.end(), design) == designs.end()) designs.push_back(std::move(design));
  }
  return designs;
}

}  // namespace inc::tuning
