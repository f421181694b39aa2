#include "core/tuning/cost_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/base/error.h"

namespace inc::tuning {
namespace {

using Classes = std::vector<std::uint8_t>;

/// Relative scatter of a site's time between candidates, and the least that a clock tells apart.
constexpr double kScatter = 0.02, kLeastMs = 2e-4;
/// Steps on the clock take longer than in a run, by up to 5 % in small models; more than this is something else.
constexpr double kMostOfClock = 0.1;

/// The class of one dimension, the classes of a pair, or only whether a pair is of one precision.
struct Term {
  std::size_t a;
  std::optional<std::size_t> b = {};
  bool border = false;
  double variance = 1;  ///< of its weights, in units of the site's spread
};

void add_pairs(std::vector<Term>& terms, const CostSite& site) {
  const auto add = [&](std::size_t a, std::size_t b) {
    if (a == b) return;
    terms.push_back({a, b, false});
    terms.push_back({a, b, true});
  };
  if (!site.own) {
    for (const std::size_t a : site.before)
      for (const std::size_t b : site.after) add(a, b);
    return;
  }
  for (const auto& side : {site.before, site.after})
    for (const std::size_t other : side) add(*site.own, other);
}

std::vector<Term> terms_of(const CostSite& site) {
  std::vector<Term> single, pairs;
  if (site.own) {
    single.push_back({*site.own});
  } else {
    for (const auto& side : {site.before, site.after})
      for (const std::size_t other : side) single.push_back({other});
  }
  add_pairs(pairs, site);
  for (auto* terms : {&single, &pairs})
    for (Term& term : *terms) term.variance = 1.0 / static_cast<double>(terms->size());
  single.insert(single.end(), pairs.begin(), pairs.end());
  return single;
}

/// Solves A x = b for a symmetric positive definite A, in place (Cholesky).
std::vector<double> solve(std::vector<std::vector<double>> a, std::vector<double> b) {
  const std::size_t n = b.size();
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j <= i; ++j) {
      double sum = a[i][j];
      for (std::size_t k = 0; k < j; ++k) sum -= a[i][k] * a[j][k];
      a[i][j] = i == j ? std::sqrt(sum) : sum / a[j][j];
    }
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < i; ++k) b[i] -= a[i][k] * b[k];
    b[i] /= a[i][i];
  }
  for (std::size_t i = n; i-- > 0;) {
    for (std::size_t k = i + 1; k < n; ++k) b[i] -= a[k][i] * b[k];
    b[i] /= a[i][i];
  }
  return b;
}

class Fit {
 public:
  Fit(const CostLayout& layout, const CostProfile& profile)
      : layout_(layout), samples_(profile.samples), noise_(profile.noise) {
    for (CostSample& sample : samples_) {
      const double steps = sum(sample);
      if (steps <= sample.run_ms) continue;
      const double share = std::max(sample.run_ms / steps, 1 - kMostOfClock);
      for (float& ms : sample.site_ms) ms *= static_cast<float>(share);
    }
    for (const auto& classes : layout.classes) {
      tables_.own.emplace_back(classes.size());
      precision_.emplace_back();
      for (const std::string& name : classes) precision_.back().push_back(name.substr(0, name.find(':')));
    }
    tables_.pairs_of.resize(layout.classes.size());
  }

  CostTables run() && {
    if (samples_.empty()) return tables_;
    for (std::size_t site = 0; site < layout_.sites.size(); ++site) add(site);
    std::vector<double> outside;
    for (const CostSample& sample : samples_) outside.push_back(sample.run_ms - sum(sample));
    std::sort(outside.begin(), outside.end());
    tables_.base += std::max(0.0, outside[outside.size() / 4]);
    return std::move(tables_);
  }

 private:
  static double sum(const CostSample& sample) {
    double steps = 0;
    for (const float ms : sample.site_ms) steps += static_cast<double>(ms);
    return steps;
  }

  void add(std::size_t site) {
    const auto& samples = samples_;
    double mean = 0, spread = 0;
    for (const CostSample& sample : samples)
      mean += static_cast<double>(sample.site_ms[site]) / static_cast<double>(samples.size());
    std::vector<double> rest;
    for (const CostSample& sample : samples) {
      rest.push_back(static_cast<double>(sample.site_ms[site]) - mean);
      spread = std::max(spread, std::abs(rest.back()));
    }
    tables_.base += mean;
    const std::vector<Term> terms = terms_of(layout_.sites[site]);
    if (spread == 0 || terms.empty()) return;
    const double scatter = std::max(kScatter, noise_ / 2);
    const double noise = std::pow(scatter * mean, 2) + kLeastMs * kLeastMs;
    std::vector<std::vector<double>> kernel(samples.size(), std::vector<double>(samples.size()));
    for (std::size_t i = 0; i < samples.size(); ++i)
      for (std::size_t j = 0; j < samples.size(); ++j) {
        for (const Term& term : terms)
          if (alike(term, samples[i].classes, samples[j].classes)) kernel[i][j] += spread * spread * term.variance;
        if (i == j) kernel[i][j] += noise;
      }
    const std::vector<double> weights = solve(std::move(kernel), std::move(rest));
    for (const Term& term : terms)
      for (std::size_t i = 0; i < samples.size(); ++i)
        add(term, samples[i].classes, spread * spread * term.variance * weights[i]);
  }

  bool border(const Term& term, const Classes& x) const {
    return precision_[term.a][x[term.a]] != precision_[*term.b][x[*term.b]];
  }

  bool alike(const Term& term, const Classes& x, const Classes& y) const {
    if (term.border) return border(term, x) == border(term, y);
    return x[term.a] == y[term.a] && (!term.b || x[*term.b] == y[*term.b]);
  }

  void add(const Term& term, const Classes& classes, double ms) {
    if (!term.b) {
      tables_.own[term.a][classes[term.a]] += ms;
      return;
    }
    const std::size_t a = std::min(term.a, *term.b), b = std::max(term.a, *term.b);
    auto& table = pair(a, b).ms;
    if (!term.border) {
      table[classes[a]][classes[b]] += ms;
      return;
    }
    const bool here = border(term, classes);
    for (std::size_t i = 0; i < table.size(); ++i)
      for (std::size_t j = 0; j < table[i].size(); ++j)
        if ((precision_[a][i] != precision_[b][j]) == here) table[i][j] += ms;
  }

  CostTables::Pair& pair(std::size_t a, std::size_t b) {
    for (const std::size_t i : tables_.pairs_of[a])
      if (tables_.pairs[i].a == a && tables_.pairs[i].b == b) return tables_.pairs[i];
    tables_.pairs_of[a].push_back(tables_.pairs.size());
    tables_.pairs_of[b].push_back(tables_.pairs.size());
    const std::size_t rows = layout_.classes[a].size(), columns = layout_.classes[b].size();
    tables_.pairs.push_back({a, b, std::vector(rows, std::vector<double>(columns))});
    return tables_.pairs.back();
  }

  const CostLayout& layout_;
  std::vector<CostSample> samples_;
  double noise_;
  std::vector<std::vector<std::string>> precision_;  ///< per dimension and class
  CostTables tables_;
};

/// The class of that name, or the first of the same precision, or the last one.
std::uint8_t class_named(const std::vector<std::string>& classes, const std::string& name) {
  const auto exact = std::find(classes.begin(), classes.end(), name);
  if (exact != classes.end()) return static_cast<std::uint8_t>(exact - classes.begin());
  const std::string precision = name.substr(0, name.find(':'));
  const auto alike = std::find_if(classes.begin(), classes.end(), [&](const auto& c) { return c.starts_with(precision); });
  return static_cast<std::uint8_t>(alike == classes.end() ? classes.size() - 1
                                                          : static_cast<std::size_t>(alike - classes.begin()));
}

}  // namespace

double CostTables::total(const Classes& classes) const noexcept {
  double ms = base;
  for (std::size_t i = 0; i < own.size(); ++i) ms += own[i][classes[i]];
  for (const Pair& pair : pairs) ms += pair.ms[classes[pair.a]][classes[pair.b]];
  return ms;
}

double CostTables::part(const Classes& classes, std::size_t dim, std::uint8_t chosen) const noexcept {
  double ms = own[dim][chosen];
  for (const std::size_t i : pairs_of[dim]) {
    const Pair& pair = pairs[i];
    ms += pair.a == dim ? pair.ms[chosen][classes[pair.b]] : pair.ms[classes[pair.a]][chosen];
  }
  return ms;
}

CostTables fit_costs(const CostLayout& layout, const CostProfile& profile) {
  return Fit(layout, profile).run();
}

Support explains(const CostTables& tables, const CostProfile& profile) {
  for (const CostSample& sample : profile.samples) {
    const double told = tables.total(sample.classes);
    if (told < 0.5 * sample.run_ms || told > 2 * sample.run_ms)
      return Support::no(
          fmt::format("times varied too much: operators of a candidate add up to {:.3g} ms, its runs took {:.3g} ms", told,
                      sample.run_ms));
  }
  return Support::yes();
}

CostModel::CostModel(const CostLayout& measured, CostTables tables, std::int64_t batch, const TuningSpace& space)
    : tables_(std::move(tables)), batch_(static_cast<double>(batch)) {
  for (const auto& classes : measured.classes) fixed_.push_back(class_named(classes, "fp32"));
  for (std::size_t i = 0; i < space.nodes.size(); ++i) {
    const auto at = std::find(measured.nodes.begin(), measured.nodes.end(), space.nodes[i]);
    INC_CHECK(at != measured.nodes.end(), "a space is no wider than what was measured");
    Seen seen{static_cast<std::size_t>(at - measured.nodes.begin()), {}};
    for (const auto& option : space.options[i])
      seen.class_of.push_back(class_named(measured.classes[seen.dim], speed_class(option)));
    seen_.push_back(std::move(seen));
  }
}

std::vector<std::uint8_t> CostModel::classes(const search::Point& point) const {
  INC_CHECK(point.size() == seen_.size(), "a point has one index per dimension");
  Classes out = fixed_;
  for (std::size_t i = 0; i < point.size(); ++i) out[seen_[i].dim] = seen_[i].class_of[point[i]];
  return out;
}

double CostModel::predict(const search::Point& point) const {
  return tables_.total(classes(point)) / batch_;
}

double CostModel::gain(const search::Point& point, std::size_t dim, std::uint16_t option) const {
  const Classes here = classes(point);
  const Seen& seen = seen_[dim];
  return (tables_.part(here, seen.dim, seen.class_of[option]) - tables_.part(here, seen.dim, seen.class_of[point[dim]])) /
         batch_;
}

}  // namespace inc::tuning
