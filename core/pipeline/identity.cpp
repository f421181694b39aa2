#include "core/pipeline/identity.h"

#include "core/base/file.h"
#include "core/base/hash.h"

namespace inc::pipeline {
namespace {

std::string model_hash(const LoadedModel& model) {
  const auto file = MappedFile::open(model.path);
  return Hash64().add_int(Hash64().add(file->bytes().data(), file->bytes().size()).value()).hex();
}

/// The options, and what they mean: everything in the configuration that decides how a candidate is made.
std::string space_hash(const config::Config& config, const tuning::TuningSpace& space) {
  config::Config meaning = config;
  meaning.tuning = {};
  meaning.evaluation = {};
  Hash64 hash;
  hash.add(config::write_config(meaning));
  for (const auto& dim : space.shape.dims) {
    hash.add(dim.name);
    for (const auto& option : dim.options) hash.add(option);
  }
  return hash.hex();
}

/// What the data is called, how many samples it has, and the content of three of them.
std::string data_hash(const AccuracyTask& task) {
  Hash64 hash;
  hash.add(task.data->describe()).add(task.metric->name());
  const std::int64_t size = task.data->size();
  for (const std::int64_t index : {std::int64_t{0}, size / 2, size - 1}) {
    const eval::Sample sample = task.data->get(index);
    for (const auto& input : sample.inputs) hash.add_int(input.content_hash());
    if (sample.label.defined()) hash.add_int(sample.label.content_hash());
  }
  return hash.hex();
}

}  // namespace

search::RunIdentity identity(const config::Config& config, const LoadedModel& model, const AccuracyTask& task,
                             const tuning::TuningSpace& space) {
  return {model_hash(model),           data_hash(task), space_hash(config, space),
          config.tuning.strategy.name, INC_VERSION,     static_cast<std::uint64_t>(config.tuning.random_seed)};
}

}  // namespace inc::pipeline
