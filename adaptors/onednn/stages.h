#pragma once
// A large batch in stages: its first operators, whose values are large, for a few samples at a time; later ones, whose
// weights are, for more.
#include <functional>
#include <optional>

#include "adaptors/onednn/plan.h"

namespace inc::onednn {

/// Consecutive steps for so many samples. What the stage before hands on is one more input, behind the graph's; what this
/// one hands on is its only output.
struct Stage {
  Stage(Plan p, std::int64_t n) : plan(std::move(p)), samples(n), frames(plan) {}
  Plan plan;
  std::int64_t samples;
  FramePool frames;
};

/// The stages of one batch, each for a multiple of the samples of the one before.
using Stages = std::vector<std::unique_ptr<Stage>>;

/// Makes the plan of all steps for so many samples; nothing where the graph cannot be run for as many.
using PlanOf = std::function<std::optional<Plan>(std::int64_t samples)>;

/// Stages for a batch whose values do not fit into the cache, `few` samples of which do (batches.h). Between stages one
/// value is handed on and nothing else. A stage is worth its plan where it saves reading 4 MiB of weights again; there are
/// three at most, those that save most. A single one, of `few` samples, where nothing is saved; none where PlanOf gives
/// nothing.
///
/// Milliseconds of a batch on one Zen 5 core, parts of one size and stages: VGG-19 batch 4 INT8 204 and 186, FP32 790 and
/// 762; ResNet-50 batch 16 INT8 172 and 163, FP32 691 and 673.
///
/// `whole`: the plan of all steps for the batch; `inputs`: how many the graph has.
Stages stages_of(const Plan& whole, std::int64_t batch, std::int64_t few, int inputs, const PlanOf& plan_of);

/// One batch through its stages. `results`: shapes of the graph's outputs for the whole batch.
std::vector<ir::Tensor> run_stages(const Stages& stages, std::span<const ir::Tensor> inputs,
                                   std::span<const ir::Shape> results);

/// Medians over the iterations, for the whole batch.
std::vector<runtime::StepProfile> profile_stages(const Stages& stages, std::span<const ir::Tensor> inputs, int iterations);

/// Arenas, what is handed on, and the constants that steps read, each counted once.
std::size_t footprint_bytes(const Stages& stages);

}  // namespace inc::onednn
