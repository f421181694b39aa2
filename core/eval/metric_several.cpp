#include <fmt/format.h>

#include <algorithm>

#include "core/base/error.h"
#include "core/eval/factory.h"

namespace inc::eval {
namespace {

using Metrics = std::vector<std::unique_ptr<Metric>>;

/// Each must meet the target.
class Several : public Metric {
 public:
  explicit Several(Metrics metrics) : metrics_(std::move(metrics)) {}
  std::string name() const override { return joined_names(", "); }
  bool higher_is_better() const override { return metrics_.front()->higher_is_better(); }
  bool needs_labels() const override {
    return std::any_of(metrics_.begin(), metrics_.end(), [](const auto& m) { return m->needs_labels(); });
  }
  bool needs_reference() const override {
    return std::any_of(metrics_.begin(), metrics_.end(), [](const auto& m) { return m->needs_reference(); });
  }
  void update(std::span<const ir::Tensor> outputs, std::span<const ir::Tensor> inputs, std::span<const ir::Tensor> labels,
              std::span<const ir::Tensor> reference) override {
    for (const auto& metric : metrics_) metric->update(outputs, inputs, labels, reference);
  }
  double value() const override { return metrics_.front()->value(); }
  void reset() override {
    for (const auto& metric : metrics_) metric->reset();
  }
  std::vector<const Metric*> parts() const override {
    std::vector<const Metric*> all;
    for (const auto& metric : metrics_) all.push_back(metric.get());
    return all;
  }

 protected:
  std::string joined_names(std::string_view between) const {
    std::string text;
    for (const auto& metric : metrics_) text += (text.empty() ? "" : std::string(between)) + metric->name();
    return text;
  }
  const Metrics& metrics() const noexcept { return metrics_; }

 private:
  Metrics metrics_;
};

/// Their weighted sum must meet the target.
class WeightedSum final : public Several {
 public:
  WeightedSum(Metrics metrics, std::vector<double> weights) : Several(std::move(metrics)), weights_(std::move(weights)) {}
  std::string name() const override { return "weighted sum of " + joined_names(" and "); }
  double value() const override {
    double sum = 0;
    for (std::size_t i = 0; i < weights_.size(); ++i) sum += weights_[i] * metrics()[i]->value();
    return sum;
  }
  std::vector<const Metric*> parts() const override { return {this}; }

 private:
  std::vector<double> weights_;
};

[[noreturn]] void refuse(const std::string& where, const std::string& what) {
  throw ConfigError(fmt::format("{}{}multi_metrics: {}", where, where.empty() ? "" : ": ", what));
}

/// The items of a list, or its only one.
config::ParameterList items_of(const config::Named& named, std::size_t count) {
  const auto* list = std::get_if<config::ParameterList>(&named.parameter.value);
  config::ParameterList items = list != nullptr ? *list : config::ParameterList{named.parameter};
  if (items.size() != count)
    refuse(named.where,
           fmt::format("{} for {} metrics found in {}, one for each expected", items.size(), count, named.name));
  return items;
}

std::vector<double> weights_of(const config::Named& named, std::size_t count) {
  std::vector<double> weights;
  for (const auto& item : items_of(named, count)) {
    const auto* integer = std::get_if<std::int64_t>(&item.value);
    const auto* number = std::get_if<double>(&item.value);
    const double weight = integer != nullptr ? static_cast<double>(*integer) : number != nullptr ? *number : -1;
    if (!(weight >= 0 && weight <= 1e6)) refuse(item.where, "weight: expected numbers from 0 to 1000000");
    weights.push_back(weight);
  }
  if (*std::max_element(weights.begin(), weights.end()) <= 0)
    refuse(named.where, "weight: expected one above 0, found none");
  return weights;
}

void check_directions(const config::Named& named, const Metrics& metrics) {
  const auto items = items_of(named, metrics.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto* higher = std::get_if<bool>(&items[i].value);
    if (higher == nullptr || *higher != metrics[i]->higher_is_better())
      refuse(items[i].where, fmt::format("higher_is_better: expected {} for {}",
                                         metrics[i]->higher_is_better() ? "True" : "False", metrics[i]->name()));
  }
}

}  // namespace

std::unique_ptr<Metric> make_metrics(const std::vector<config::Named>& several) {
  Metrics metrics;
  const config::Named *weight = nullptr, *higher = nullptr;
  for (const auto& named : several) {
    if (named.name == "weight")
      weight = &named;
    else if (named.name == "higher_is_better")
      higher = &named;
    else
      metrics.push_back(make_metric(named));
  }
  const std::string where = several.empty() ? "" : several.front().where;
  if (metrics.empty()) refuse(where, "no metrics found, at least one expected");
  if (higher != nullptr) check_directions(*higher, metrics);
  if (weight == nullptr) return std::make_unique<Several>(std::move(metrics));
  for (const auto& metric : metrics)
    if (metric->higher_is_better() != metrics.front()->higher_is_better())
      refuse(weight->where,
             fmt::format("{} and {} cannot be summed: one is better where it is higher, the other where it is "
                         "lower; without weight, each must meet the target",
                         metrics.front()->name(), metric->name()));
  std::vector<double> weights = weights_of(*weight, metrics.size());
  return std::make_unique<WeightedSum>(std::move(metrics), std::move(weights));
}

}  // namespace inc::eval
