#include "core/tuning/sensitivity.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>

#include "core/base/pack.h"
#include "core/base/stopwatch.h"
#include "core/calib/output_distance.h"
#include "core/tuning/kept_part.h"

namespace inc::tuning {
namespace {

constexpr double kFailed = std::numeric_limits<double>::infinity();
constexpr std::int64_t kTogether = 4;  ///< samples; more gain nothing

/// Every `stride`-th sample from `first` on.
class Spread final : public eval::Dataset {
 public:
  Spread(const eval::Dataset& all, std::int64_t first, std::int64_t stride) : all_(all), first_(first), stride_(stride) {}
  std::int64_t size() const override { return (all_.size() - first_ + stride_ - 1) / stride_; }
  eval::Sample get(std::int64_t index) const override { return all_.get(first_ + index * stride_); }
  bool labelled() const override { return all_.labelled(); }
  std::vector<std::string> input_names() const override { return all_.input_names(); }
  std::string describe() const override { return all_.describe(); }

 private:
  const eval::Dataset& all_;
  std::int64_t first_, stride_;
};

/// Samples that ran together in FP32.
struct Probe {
  std::unique_ptr<const runtime::Trace> trace;
  std::map<ir::ValueId, ir::Tensor> seen;  ///< what operators read and made
  std::int64_t samples = 0;
  std::size_t bytes() const {
    std::size_t bytes = trace->bytes();
    for (const auto& [id, tensor] : seen) bytes += tensor.bytes();
    return bytes;
  }
};

struct Errors {
  calib::SquaredError own, output;
  bool failed = false;
};

/// How many samples are looked at, and how many of them together.
struct Plan {
  std::int64_t batches = 1, batch = 1;
};

class Meter {
 public:
  Meter(const SensitivityTask& task, const SensitivityOptions& options)
      : task_(task),
        options_(options),
        total_(task.samples < 0 ? task.data.size() : std::min(task.samples, task.data.size())),
        least_batch_(eval::usable_batch_size(task.fused, 1)) {
    for (std::size_t dim = 0; dim < task.space.nodes.size(); ++dim) {
      errors_.emplace_back(task.space.options[dim].size());
      executed_.push_back(0);
      const ir::Node& node = task.fused.node(task.space.nodes[dim]);
      for (const ir::ValueId output : node.outputs)
        if (used(output)) replaceable_.insert(output);
      for (std::size_t option = 0; option < options_of(dim); ++option)
        for (const ir::ValueId input : part_of(task.fused, task.candidates.nodes_alone(dim, option), {}).inputs)
          wanted_.insert(input);
    }
    wanted_.insert(replaceable_.begin(), replaceable_.end());
  }

  search::Sensitivity run() {
    if (errors_.empty() || total_ == 0) return result();
    Probe first = look({1, least_batch_}, 0);
    for (std::size_t dim = 0; dim < errors_.size(); ++dim) share_.push_back(share(first, dim));
    const Plan plan = affordable(first);
    for (std::int64_t n = 0; n < plan.batches && !stopped_;) {
      std::vector<Probe> probes;
      std::size_t bytes = 0;
      do {
        const bool known = n == 0 && plan.batch == least_batch_;
        probes.push_back(known ? std::move(first) : look(plan, n));
        bytes += probes.back().bytes();
      } while (++n < plan.batches && bytes + probes.back().bytes() <= options_.budget_bytes);
      first = {};
      for (std::size_t dim = 0; dim < errors_.size(); ++dim)
        if (rank_of(dim) == options_.ranks->rank()) measure(dim, probes);
    }
    exchange();
    return result();
  }

 private:
  bool used(ir::ValueId output) const {
    const ir::Value& value = task_.fused.value(output);
    return value.type.dtype == DType::Float && (!value.consumers.empty() || task_.fused.is_output(output));
  }

  /// All but FP32.
  std::size_t options_of(std::size_t dim) const { return task_.space.options[dim].size() - 1; }

  Probe look(const Plan& plan, std::int64_t n) {
    const std::int64_t stride = std::max<std::int64_t>(1, total_ / plan.batch);
    const Spread data(task_.data, n * stride / plan.batches, stride);
    const eval::Batch batch = eval::load_batch(task_.fused, data, 0, std::min(plan.batch, total_));
    Probe probe;
    std::mutex mutex;
    runtime::TapSink tap{wanted_, [&](ir::ValueId id, const ir::Tensor& tensor) {
                           const std::lock_guard lock(mutex);
                           probe.seen.emplace(id, tensor);
                         }};
    const runtime::Executable& fp32 = task_.candidates.fp32();
    probe.trace = fp32.trace(batch.inputs, replaceable_, tap);
    if (probe.trace == nullptr)
      probe.trace = trace_by_parts(task_.fused, task_.candidates.adaptor(), fp32, batch.inputs, replaceable_, tap);
    probe.samples = plan.batch;
    looked_at_ += plan.batch;
    return probe;
  }

  Plan affordable(const Probe& probe) const {
    double evaluations = 1, predictions = 1;
    for (std::size_t dim = 0; dim < errors_.size(); ++dim) evaluations += share_[dim] * static_cast<double>(options_of(dim));
    for (const ir::Tensor& output : probe.trace->outputs())
      if (output.rank() > 2)
        predictions = std::max(predictions, static_cast<double>(output.count() / output.shape().back()));
    const double fewest = std::ceil(static_cast<double>(options_.fewest) / predictions);
    const double wanted = std::clamp(options_.evaluations * static_cast<double>(total_) / evaluations, fewest,
                                     std::max(fewest, static_cast<double>(options_.most)));
    const auto samples = static_cast<std::int64_t>(std::min(wanted, static_cast<double>(total_)));
    if (eval::usable_batch_size(task_.fused, kTogether) != kTogether)
      return {std::max<std::int64_t>(1, samples / least_batch_), least_batch_};
    const auto fit = static_cast<std::int64_t>(options_.budget_bytes / std::max<std::size_t>(1, probe.bytes()));
    const std::int64_t most = std::clamp<std::int64_t>(std::min(task_.batch_size, fit), 1, kTogether);
    const std::int64_t batches = (samples + most - 1) / most;
    return {batches, samples / batches};
  }

  double share(const Probe& probe, std::size_t dim) const {
    double most = 0;
    for (const ir::ValueId output : task_.fused.node(task_.space.nodes[dim]).outputs)
      if (used(output)) most = std::max(most, probe.trace->share(output));
    return most;
  }

  int rank_of(std::size_t dim) const { return static_cast<int>(dim % static_cast<std::size_t>(options_.ranks->size())); }

  /// Every rank gets what the others have measured.
  void exchange() {
    if (options_.ranks->any(stopped_)) throw search::Interrupted();
    if (!options_.ranks->several()) return;
    Packer packer;
    for (std::size_t dim = 0; dim < errors_.size(); ++dim)
      if (rank_of(dim) == options_.ranks->rank()) packer(errors_[dim], executed_[dim]);
    const std::vector<std::string> all = options_.ranks->all_gather(std::move(packer).take());
    for (int rank = 0; rank < options_.ranks->size(); ++rank) {
      Unpacker unpacker(all[static_cast<std::size_t>(rank)]);
      for (std::size_t dim = 0; dim < errors_.size(); ++dim)
        if (rank_of(dim) == rank) unpacker(errors_[dim], executed_[dim]);
    }
  }

  void measure(std::size_t dim, const std::vector<Probe>& probes) {
    std::vector<ir::Graph> seen;
    std::vector<std::size_t> of;
    for (std::size_t option = 0; option < options_of(dim); ++option) {
      stopped_ = stopped_ || (options_.should_stop && options_.should_stop());
      if (stopped_) return;
      Errors& errors = errors_[dim][option];
      if (errors.failed) continue;
      try {
        const PartOfGraph alone = task_.candidates.alone(dim, option);
        const auto twin = std::find_if(seen.begin(), seen.end(),
                                       [&](const ir::Graph& other) { return same_computation(alone.graph, other); });
        if (twin != seen.end()) {
          errors = errors_[dim][of[static_cast<std::size_t>(twin - seen.begin())]];
          continue;
        }
        const auto executable = task_.candidates.adaptor().prepare(alone.graph);
        for (const Probe& probe : probes) measure(*executable, alone, probe, errors);
        seen.push_back(alone.graph);
        of.push_back(option);
      } catch (const Error&) {
        errors.failed = true;
      }
      for (const Probe& probe : probes) executed_[dim] += probe.samples;
    }
  }

  void measure(const runtime::Executable& executable, const PartOfGraph& alone, const Probe& probe, Errors& errors) const {
    std::vector<ir::Tensor> inputs;
    for (const ir::ValueId id : alone.inputs) inputs.push_back(probe.seen.at(id));
    const std::vector<ir::Tensor> made = executable.run(inputs);
    std::map<ir::ValueId, ir::Tensor> replaced;
    for (std::size_t i = 0; i < made.size(); ++i) {
      if (!replaceable_.contains(alone.outputs[i])) continue;
      errors.own.add(made[i], probe.seen.at(alone.outputs[i]));
      replaced.emplace(alone.outputs[i], made[i]);
    }
    const std::vector<ir::Tensor> outputs = probe.trace->rerun(replaced);
    for (std::size_t i = 0; i < outputs.size(); ++i) errors.output.add(outputs[i], probe.trace->outputs()[i]);
  }

  search::Sensitivity result() const {
    search::Sensitivity found;
    for (const auto& dim : errors_) {
      auto &own = found.own.emplace_back(), &output = found.output.emplace_back();
      for (std::size_t option = 0; option + 1 < dim.size(); ++option) {
        const Errors& errors = dim[option];
        own.push_back(errors.failed ? kFailed : std::max(0.0, errors.own.value()));
        output.push_back(errors.failed ? kFailed : errors.output.value() < 0 ? own.back() : errors.output.value());
      }
      own.push_back(0);
      output.push_back(0);
    }
    auto executed = static_cast<double>(looked_at_);
    for (std::size_t dim = 0; dim < share_.size(); ++dim) executed += share_[dim] * static_cast<double>(executed_[dim]);
    found.full_evaluations = executed / static_cast<double>(std::max<std::int64_t>(1, total_));
    return found;
  }

  const SensitivityTask& task_;
  const SensitivityOptions& options_;
  std::int64_t total_, least_batch_;
  std::set<ir::ValueId> replaceable_, wanted_;  ///< what operators make; and what they read
  std::vector<std::vector<Errors>> errors_;     ///< per dimension, per option
  std::vector<double> share_;                   ///< of the graph, from the operator on, per dimension
  std::vector<std::int64_t> executed_;          ///< samples, per dimension
  std::int64_t looked_at_ = 0;                  ///< samples executed in FP32
  bool stopped_ = false;
};

}  // namespace

search::Sensitivity sensitivities(const SensitivityTask& task, const SensitivityOptions& options) {
  const Stopwatch watch;
  search::Sensitivity found = Meter(task, options).run();
  found.seconds = watch.seconds();
  return found;
}

}  // namespace inc::tuning
