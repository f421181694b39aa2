#include <fmt/format.h>

#include <map>
#include <mutex>
#include <numeric>
#include <optional>

#include "core/base/error.h"
#include "core/eval/datasets.h"

namespace inc::eval {
namespace {

constexpr std::uint64_t kOrderStream = 0x6f72646572;

class Part final : public Dataset {
 public:
  Part(std::unique_ptr<const Dataset> data, std::vector<std::int64_t> indices)
      : data_(std::move(data)), indices_(std::move(indices)) {}
  std::int64_t size() const override { return static_cast<std::int64_t>(indices_.size()); }
  Sample get(std::int64_t index) const override { return data_->get(indices_.at(static_cast<std::size_t>(index))); }
  bool labelled() const override { return data_->labelled(); }
  bool decodes() const override { return data_->decodes(); }
  std::vector<std::string> input_names() const override { return data_->input_names(); }
  std::string describe() const override { return fmt::format("{}, {} of them", data_->describe(), size()); }

 private:
  std::unique_ptr<const Dataset> data_;
  std::vector<std::int64_t> indices_;
};

class Reordered final : public Dataset {
 public:
  Reordered(const Dataset& data, std::vector<std::int64_t> order) : data_(data), order_(std::move(order)) {}
  std::int64_t size() const override { return static_cast<std::int64_t>(order_.size()); }
  Sample get(std::int64_t index) const override { return data_.get(order_.at(static_cast<std::size_t>(index))); }
  std::int64_t number(std::int64_t index) const override { return data_.number(order_.at(static_cast<std::size_t>(index))); }
  bool labelled() const override { return data_.labelled(); }
  std::vector<std::string> input_names() const override { return data_.input_names(); }
  std::string describe() const override { return data_.describe(); }

 private:
  const Dataset& data_;
  std::vector<std::int64_t> order_;
};

/// What the leading transforms made of samples, as long as that is still of 8 bits.
class Halfway {
 public:
  struct Kept {
    Sample sample;
    std::size_t transforms = 0;  ///< applied
    Rng random;                  ///< for the rest of them
    Place place;
  };
  std::optional<Kept> find(std::int64_t index) const {
    const std::scoped_lock lock(mutex_);
    const auto found = kept_.find(index);
    return found == kept_.end() ? std::nullopt : std::optional(found->second);
  }
  void keep(std::int64_t index, Kept kept) {
    const std::scoped_lock lock(mutex_);
    const std::size_t bytes = kept.sample.inputs.front().bytes();
    if (used_ + bytes > kBudget || !kept_.emplace(index, std::move(kept)).second) return;
    used_ += bytes;
  }

 private:
  static constexpr std::size_t kBudget = std::size_t{96} << 20;
  mutable std::mutex mutex_;
  std::map<std::int64_t, Kept> kept_;
  std::size_t used_ = 0;
};

class Transformed final : public Dataset {
 public:
  Transformed(std::unique_ptr<const Dataset> data, std::vector<Transform> transforms, std::string where)
      : data_(std::move(data)), transforms_(std::move(transforms)), where_(std::move(where)) {}
  std::int64_t size() const override { return data_->size(); }
  bool labelled() const override { return data_->labelled(); }
  bool decodes() const override { return data_->decodes(); }
  std::vector<std::string> input_names() const override { return data_->input_names(); }
  std::string describe() const override { return data_->describe(); }
  Sample get(std::int64_t index) const override {
    std::optional<Halfway::Kept> known = halfway_.find(index);
    Halfway::Kept at = known ? std::move(*known) : begin(index);
    std::optional<Halfway::Kept> keep;
    for (; at.transforms < transforms_.size(); ++at.transforms) {
      if (!known && decodes() && at.sample.inputs.front().dtype() == DType::UInt8) keep = at;
      const Transform& transform = transforms_[at.transforms];
      at.sample.inputs.front() = with_context(
          [&] { return fmt::format("while applying {} to sample {} of {}", transform.name, index, describe()); },
          [&] { return transform.apply(at.sample.inputs.front(), at.random, at.place); });
    }
    if (keep) halfway_.keep(index, std::move(*keep));
    if (is_truth(at.sample.label)) {
      Truth truth = truth_of(at.sample.label, index);
      truth.place = at.place;
      at.sample.label = to_tensor(truth);
    }
    return std::move(at.sample);
  }

 private:
  Halfway::Kept begin(std::int64_t index) const {
    Halfway::Kept start{data_->get(index), 0, Rng(kSeed, static_cast<std::uint64_t>(index)), {}};
    Sample& sample = start.sample;
    if (sample.inputs.size() != 1)
      throw ConfigError(fmt::format("{}{}cannot apply transforms to {}: {} inputs found, one expected", where_,
                                    where_.empty() ? "" : ": ", describe(), sample.inputs.size()));
    if (is_truth(sample.label)) start.place = truth_of(sample.label, index).place;
    return start;
  }

  std::unique_ptr<const Dataset> data_;
  std::vector<Transform> transforms_;
  std::string where_;
  mutable Halfway halfway_;
};

}  // namespace

std::unique_ptr<const Dataset> select(std::unique_ptr<const Dataset> data, const Selection& selection) {
  const std::int64_t size = data->size();
  const std::int64_t count = selection.count.value_or(size - selection.first);
  if (selection.first < 0 || selection.first > size || count < 0 || count > size - selection.first)
    throw DataError(
        fmt::format("cannot select samples of {}: first {} and count {} found, a part of its {} samples expected",
                    data->describe(), selection.first, count, size));
  const std::int64_t kept = count / selection.multiple_of * selection.multiple_of;
  if (kept == 0)
    throw DataError(
        fmt::format("cannot use {}: no samples found, at least {} expected", data->describe(), selection.multiple_of));
  std::vector<std::int64_t> indices(static_cast<std::size_t>(count));
  std::iota(indices.begin(), indices.end(), selection.first);
  if (selection.shuffle) Rng(kSeed).shuffle(indices);
  indices.resize(static_cast<std::size_t>(kept));
  if (kept == size && !selection.shuffle) return data;
  return std::make_unique<Part>(std::move(data), std::move(indices));
}

std::unique_ptr<const Dataset> reordered(const Dataset& data, std::vector<std::int64_t> order) {
  return std::make_unique<Reordered>(data, std::move(order));
}

std::vector<std::int64_t> shuffled_order(std::int64_t count, std::uint64_t seed) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  Rng(seed, kOrderStream).shuffle(order);
  return order;
}

std::unique_ptr<const Dataset> transformed(std::unique_ptr<const Dataset> data, std::vector<Transform> transforms,
                                           const std::string& where) {
  if (transforms.empty()) return data;
  return std::make_unique<Transformed>(std::move(data), std::move(transforms), where);
}

}  // namespace inc::eval
