#include "core/eval/metric_outside.h"

#include <fmt/format.h>

#include <cmath>
#include <optional>

#include "core/base/error.h"

namespace inc::eval {
namespace {

class OutsideMetric final : public Metric {
 public:
  OutsideMetric(std::string name, bool higher_is_better, OutsideEvaluation evaluation)
      : name_(std::move(name)), higher_is_better_(higher_is_better), evaluation_(std::move(evaluation)) {}

  std::string name() const override { return name_; }
  bool higher_is_better() const override { return higher_is_better_; }
  bool needs_labels() const override { return false; }
  bool runs_model() const override { return true; }
  void run(const ir::Graph& graph, const runtime::Executable& executable) override {
    const double value = evaluation_(graph, executable);
    if (!std::isfinite(value)) throw DataError(fmt::format("{} returned {}: expected a finite number", name_, value));
    value_ = value;
  }
  void update(std::span<const ir::Tensor>, std::span<const ir::Tensor>, std::span<const ir::Tensor>,
              std::span<const ir::Tensor>) override {
    throw InternalError(fmt::format("{} evaluates whole models only", name_));
  }
  double value() const override {
    if (!value_) throw DataError(fmt::format("{} has evaluated nothing", name_));
    return *value_;
  }
  void reset() override { value_.reset(); }

 private:
  std::string name_;
  bool higher_is_better_;
  OutsideEvaluation evaluation_;
  std::optional<double> value_;
};

}  // namespace

std::unique_ptr<Metric> make_outside_metric(std::string name, bool higher_is_better, OutsideEvaluation evaluation) {
  return std::make_unique<OutsideMetric>(std::move(name), higher_is_better, std::move(evaluation));
}

}  // namespace inc::eval
