#include "core/pipeline/identity.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/file.h"
#include "core/base/hash.h"

namespace inc::pipeline {
namespace {

constexpr std::int64_t kSamplesHashed = 8;

/// Of the file, and of every constant, wherever it is stored.
std::string model_hash(const LoadedModel& model) {
  Hash64 hash;
  if (model.bytes) {
    hash.add_bulk(model.bytes->data(), model.bytes->size());
  } else {
    const auto file = MappedFile::open(model.path);
    hash.add_bulk(file->bytes().data(), file->bytes().size());
  }
  for (const ir::ValueId id : model.fused.values())
    if (const ir::Tensor* tensor = model.fused.constant(id)) hash.add_int(tensor->content_hash());
  return hash.hex();
}

std::string space_hash(const tuning::TuningSpace& space) {
  Hash64 hash;
  for (const auto& dim : space.shape.dims) {
    hash.add(dim.name).add_int(dim.options.size());
    for (const auto& option : dim.options) hash.add(option);
  }
  return hash.hex();
}

/// What the data is called, how many samples it has, and the content of some of them.
std::string data_hash(const eval::Dataset& data) {
  Hash64 hash;
  const std::int64_t size = data.size(), taken = std::min(size, kSamplesHashed);
  hash.add(data.describe()).add_int(static_cast<std::uint64_t>(size));
  for (std::int64_t i = 0; i < taken; ++i) {
    const eval::Sample sample = data.get(taken == 1 ? 0 : i * (size - 1) / (taken - 1));
    for (const auto& input : sample.inputs) hash.add_int(input.content_hash());
    if (sample.label.defined()) hash.add_int(sample.label.content_hash());
  }
  return hash.hex();
}

/// The configuration without what has a line of its own here, and without what may change between a run and its resumption.
std::string settings(const config::Config& config) {
  config::Config rest = config;
  rest.model.path.clear();
  rest.model.name.clear();
  rest.tuning.strategy.name = config::Strategy().name;
  rest.tuning.random_seed = config::Tuning().random_seed;
  rest.tuning.exit_policy = {};
  rest.tuning.workspace = {};
  rest.tuning.cost_model.profile_from.clear();
  if (rest.evaluation) rest.evaluation->performance.reset();
  return config::write_config(rest);
}

void require_same(const Ranks& ranks, const search::RunIdentity& id) {
  if (!ranks.several()) return;
  const std::vector<std::string> all = ranks.all_gather(search::line_of(id));
  const auto of = [&](std::size_t rank) { return std::get<search::RunIdentity>(search::event_of(all[rank]).value()); };
  for (std::size_t rank = 1; rank < all.size(); ++rank)
    if (all[rank] != all[0])
      throw ConfigError(
          fmt::format("process {} would do another run than process 0: {}", rank, search::difference(of(rank), of(0))));
}

}  // namespace

search::RunIdentity identity(const Origins& run) {
  return {{{"model_hash", model_hash(run.model)},
           {"data_hash", data_hash(*run.task.data)},
           {"calibration_hash", run.calibration == nullptr ? "none" : data_hash(*run.calibration->data)},
           {"strategy", run.config.tuning.strategy.name},
           {"seed", fmt::format("{}", run.config.tuning.random_seed)},
           {"settings", settings(run.config)},
           {"metric", run.task.metric->name()},
           {"space_hash", space_hash(run.space)},
           {kCostsHash, hash_of(run.costs)},
           {"version", INC_VERSION},
           {"engine", fmt::format("{} {}", run.adaptor.name(), run.adaptor.version())},
           {"isa", run.machine.isa}}};
}

std::optional<search::Journal> open_journal(const Origins& run, const std::filesystem::path& directory,
                                            const QuantizeOptions& options, search::History& history) {
  const search::RunIdentity id = identity(run);
  require_same(*options.ranks, id);
  if (!options.ranks->first()) return std::nullopt;
  const std::filesystem::path path = directory / kJournal;
  if (options.resume && std::filesystem::exists(path)) return search::Journal::resume(path, id, history);
  return search::Journal::create(path, id);
}

}  // namespace inc::pipeline
