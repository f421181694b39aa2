#include "core/pipeline/aims.h"

#include "core/runtime/footprint.h"

namespace inc::pipeline {
namespace {

tuning::Figures figures_of(const LoadedModel& model, const std::optional<tuning::CostModel>& costs,
                           const tuning::TuningSpace& space, const runtime::Executable& fp32, const eval::Score& base) {
  const double measured = 1e3 * base.model_seconds / static_cast<double>(std::max<std::int64_t>(1, base.samples));
  return {costs ? costs->predict(space.shape.fp32()) : measured, tuning::written_bytes(model.fused),
          static_cast<double>(runtime::footprint_bytes(fp32))};
}

}  // namespace

Aims::Aims(const config::Config& config, const LoadedModel& model, const std::optional<Costs>& costs,
           const tuning::TuningSpace& space, const runtime::Executable& fp32, const eval::Score& base,
           const tuning::Criterion& criterion)
    : fused_(model.fused),
      space_(space),
      costs_(costs ? std::optional(costs->model(space)) : std::nullopt),
      objective_(config.tuning, criterion, figures_of(model, costs_, space, fp32, base)),
      rating_(objective_, costs_ ? &*costs_ : nullptr,
              config.mixed_precision.value_or(config::MixedPrecision{}).format == "plan") {}

}  // namespace inc::pipeline
