#include "core/tuning/keep_back.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "core/quant/min_cut.h"

namespace inc::tuning {
namespace {

using Classes = std::vector<std::uint8_t>;

/// Cuts count in integers: a millionth of a microsecond.
constexpr double kUnit = 1e9;

Classes first_of(const CostLayout& layout) {
  return Classes(layout.classes.size(), 0);
}

Classes last_of(const CostLayout& layout) {
  Classes last;
  for (const auto& classes : layout.classes) last.push_back(static_cast<std::uint8_t>(classes.size() - 1));
  return last;
}

class Descent {
 public:
  Descent(const CostTables& tables, const CostLayout& layout, const std::vector<double>& margins)
      : tables_(tables), layout_(layout), margins_(margins) {
    for (const auto& classes : layout.classes) names_.insert(classes.begin(), classes.end());
  }

  double value(const Classes& classes) const {
    double ms = tables_.total(classes);
    for (std::size_t i = 0; i < classes.size(); ++i) ms += margin(i, classes[i]);
    return ms;
  }

  Classes from(Classes classes) const {
    for (bool better = true; better;) {
      better = false;
      for (const std::string& name : names_) better = improve(classes, expanded(classes, name)) || better;
      for (std::size_t i = 0; i < classes.size(); ++i)
        for (std::size_t c = 0; c < layout_.classes[i].size(); ++c) {
          Classes changed = classes;
          changed[i] = static_cast<std::uint8_t>(c);
          better = improve(classes, changed) || better;
        }
    }
    return classes;
  }

 private:
  double margin(std::size_t dim, std::uint8_t chosen) const { return chosen == 0 ? 0 : margins_[dim]; }

  bool improve(Classes& classes, const Classes& changed) const {
    if (!(value(changed) < value(classes) - 1 / kUnit)) return false;
    classes = changed;
    return true;
  }

  /// The best set of operators to move to the class of that name, all at once. A meeting that rewards unlike classes counts
  /// as none, so the result may be no gain.
  Classes expanded(const Classes& classes, const std::string& name) const {
    quant::MinCut cut;
    std::vector<int> node(classes.size(), -1);
    Classes moved = classes;
    for (std::size_t i = 0; i < classes.size(); ++i) {
      const auto at = std::find(layout_.classes[i].begin(), layout_.classes[i].end(), name);
      if (at == layout_.classes[i].end()) continue;
      moved[i] = static_cast<std::uint8_t>(at - layout_.classes[i].begin());
      if (moved[i] != classes[i]) node[i] = cut.add_node();
    }
    std::vector<double> gain(classes.size());
    for (std::size_t i = 0; i < classes.size(); ++i)
      gain[i] = tables_.own[i][moved[i]] - tables_.own[i][classes[i]] + margin(i, moved[i]) - margin(i, classes[i]);
    for (const auto& pair : tables_.pairs) {
      const auto ms = [&](bool a, bool b) { return pair.ms[(a ? moved : classes)[pair.a]][(b ? moved : classes)[pair.b]]; };
      const double neither = ms(false, false), second = ms(false, true), first = ms(true, false), both = ms(true, true);
      gain[pair.a] += first - neither;
      gain[pair.b] += both - first;
      const double apart = second + first - neither - both;
      if (apart > 0 && node[pair.a] >= 0 && node[pair.b] >= 0) cut.add_edge(node[pair.b], node[pair.a], units(apart));
    }
    for (std::size_t i = 0; i < classes.size(); ++i) {
      if (node[i] < 0) continue;
      if (gain[i] > 0) cut.add_edge(node[i], quant::MinCut::kSink, units(gain[i]));
      if (gain[i] < 0) cut.add_edge(quant::MinCut::kSource, node[i], units(-gain[i]));
    }
    const std::vector<bool> side = cut.source_side();
    Classes out = classes;
    for (std::size_t i = 0; i < classes.size(); ++i)
      if (node[i] >= 0 && side[static_cast<std::size_t>(node[i])]) out[i] = moved[i];
    return out;
  }

  static std::int64_t units(double ms) { return std::llround(ms * kUnit); }

  const CostTables& tables_;
  const CostLayout& layout_;
  const std::vector<double>& margins_;
  std::set<std::string> names_;
};

std::vector<double> margins(const CostLayout& layout, const CostProfile& profile, const KeepBackMargin& margin) {
  const CostSample* fastest = profile.find(first_of(layout));
  if (fastest == nullptr) return std::vector<double>(layout.classes.size(), margin.least_ms);
  const double share = std::max(margin.share, margin.noises * profile.noise);
  std::vector<double> out(layout.classes.size(), std::max(margin.least_ms, margin.of_run * fastest->run_ms));
  for (std::size_t i = 0; i < layout.sites.size(); ++i)
    if (const auto own = layout.sites[i].own)
      out[*own] = std::max(out[*own], share * static_cast<double>(fastest->site_ms[i]));
  return out;
}

/// Upper case without what is the same everywhere: "INT8", "INT8:DYNAMIC", "BF16".
std::string shown(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return name;
}

double run_ms(const CostProfile& profile, const CostTables& tables, const Classes& classes) {
  const CostSample* sample = profile.find(classes);
  return sample != nullptr ? sample->run_ms : tables.total(classes);
}

/// What is left of the time of every first option: against its own turns, and against FP32 and the best that every first
/// option ever did beside FP32, so that one disturbed yardstick makes no winner.
double left(const CostProfile& profile, const CostCheck& check) {
  double least = check.fastest_ms / check.fp32_ms;
  for (const CostCheck& other : profile.checks) least = std::min(least, other.fastest_ms / other.fp32_ms);
  return std::max(check.ms / check.fastest_ms, check.ms / (check.fp32_ms * least));
}

const CostCheck* best_check(const CostProfile& profile) {
  const CostCheck* best = nullptr;
  for (const CostCheck& other : profile.checks)
    if (best == nullptr || left(profile, other) < left(profile, *best)) best = &other;
  return best;
}

bool clear(const CostProfile& profile, const CostCheck& check, const KeepBackMargin& margin) {
  return left(profile, check) <= 1 - margin.clearly && check.won >= margin.won;
}

/// Whether some figure says that FP32 takes less time than every first option, or than what was checked.
bool fp32_seems_faster(const CostLayout& layout, const CostProfile& profile, const CostTables& tables,
                       const KeepBackMargin& margin) {
  const Classes first = first_of(layout), last = last_of(layout);
  if (run_ms(profile, tables, last) * margin.slower < run_ms(profile, tables, first)) return true;
  return std::any_of(profile.checks.begin(), profile.checks.end(), [&](const CostCheck& check) {
    return check.fp32_ms * margin.slower < std::min(check.ms, check.fastest_ms);
  });
}

/// Whole runs that took turns where there are such, otherwise what the model says.
void settle(Verdict& verdict, const CostLayout& layout, const CostProfile& profile, const CostTables& tables,
            const KeepBackMargin& margin) {
  const Classes first = first_of(layout), last = last_of(layout);
  const CostCheck* check = verdict.classes == first || verdict.classes == last ? nullptr : best_check(profile);
  if (check != nullptr) verdict.classes = check->classes;
  verdict.ms = check != nullptr ? check->ms : run_ms(profile, tables, verdict.classes);
  verdict.fastest_ms = check != nullptr ? check->fastest_ms : run_ms(profile, tables, first);
  verdict.fp32_ms = check != nullptr ? check->fp32_ms : run_ms(profile, tables, last);
  const bool gains =
      check != nullptr ? clear(profile, *check, margin) : verdict.ms <= (1 - margin.clearly) * verdict.fastest_ms;
  if (!gains) {
    verdict.classes = first;
    verdict.ms = verdict.fastest_ms;
  }
  const CostCheck* whole = profile.check(last);
  const bool refuted = whole != nullptr && !clear(profile, *whole, margin);
  if (refuted && verdict.classes == last) {
    verdict.classes = first;
    verdict.ms = verdict.fastest_ms;
  }
  if (!refuted && verdict.fp32_ms * margin.slower < verdict.ms) {
    verdict.classes = last;
    verdict.ms = verdict.fp32_ms;
  }
}

}  // namespace

Classes cheapest(const CostTables& tables, const CostLayout& layout, const std::vector<double>& margins) {
  const Descent descent(tables, layout, margins);
  const Classes down = descent.from(first_of(layout)), up = descent.from(last_of(layout));
  return descent.value(up) < descent.value(down) ? up : down;
}

Classes to_verify(const CostLayout& layout, const CostProfile& profile, const KeepBackMargin& margin) {
  const CostTables tables = fit_costs(layout, profile);
  const Classes best = cheapest(tables, layout, margins(layout, profile, margin)), last = last_of(layout);
  if (profile.check(last) == nullptr && (best == last || fp32_seems_faster(layout, profile, tables, margin))) return last;
  const bool known = best == first_of(layout) || best == last || profile.check(best) != nullptr;
  return known ? Classes{} : best;
}

Verdict keep_back(const CostLayout& layout, const CostProfile& profile, const std::string& source,
                  const KeepBackMargin& margin) {
  Verdict verdict;
  if (profile.samples.empty() || layout.classes.empty()) return verdict;
  const CostTables tables = fit_costs(layout, profile);
  const std::vector<double> least = margins(layout, profile, margin);
  verdict.classes = cheapest(tables, layout, least);
  settle(verdict, layout, profile, tables, margin);
  for (std::size_t i = 0; i < verdict.classes.size(); ++i) {
    const auto& classes = layout.classes[i];
    const auto fp32 = static_cast<std::uint8_t>(classes.size() - 1);
    const double here = tables.part(verdict.classes, i, verdict.classes[i]);
    const double in_fp32 = tables.part(verdict.classes, i, fp32);
    for (std::uint8_t c = 0; c < fp32; ++c) {
      const double there = tables.part(verdict.classes, i, c);
      const bool before = c < verdict.classes[i];
      if (!before && (c == verdict.classes[i] || there <= in_fp32 + least[i])) continue;
      const double slower = 1e3 * (there - (before ? here : in_fp32));
      const std::string reason =
          slower > 0 ? fmt::format("{} would make the graph {:.1f} µs slower ({})", shown(classes[c]), slower, source)
                     : fmt::format("the graph takes {:.3f} ms with {} and {:.3f} ms in FP32 ({})", verdict.fastest_ms,
                                   shown(classes[c]), verdict.fp32_ms, source);
      verdict.kept.push_back({layout.nodes[i], layout.dims[i], classes[c], std::max(0.0, slower), reason});
    }
  }
  return verdict;
}

}  // namespace inc::tuning
