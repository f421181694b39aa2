#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/eval/datasets.h"
#include "core/eval/npy.h"

namespace inc::eval {
namespace {

namespace fs = std::filesystem;

ir::Tensor row(const ir::Tensor& array, std::int64_t index) {
  const ir::Shape shape(array.shape().begin() + 1, array.shape().end());
  const auto bytes = static_cast<std::size_t>(ir::element_count(shape)) * size_of(array.dtype());
  return ir::Tensor(array.dtype(), shape, array.raw() + static_cast<std::size_t>(index) * bytes,
                    std::make_shared<ir::Tensor>(array));
}

struct Named {
  std::string name, file;
  ir::Tensor array;
};

template <class T>
void require_finite(const Named& input, std::int64_t first, std::int64_t count) {
  const std::int64_t step = input.array.shape()[0] == 0 ? 0 : input.array.count() / input.array.shape()[0];
  const T* values = input.array.data<T>();
  std::atomic<std::int64_t> worst{INT64_MAX};
  parallel_for(count, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = (first + begin) * step; i < (first + end) * step; ++i) {
      if (std::isfinite(values[i])) continue;
      for (std::int64_t seen = worst; i < seen && !worst.compare_exchange_weak(seen, i);) {
      }
      return;
    }
  });
  if (worst != INT64_MAX)
    throw DataError(
        fmt::format("array '{}' for input '{}' is not usable: {} found at sample {}, element {}, finite values expected",
                    input.file, input.name, values[worst], worst / step, worst % step));
}

void check(const Named& input, std::int64_t first, std::int64_t count) {
  if (input.array.dtype() == DType::Float) require_finite<float>(input, first, count);
  if (input.array.dtype() == DType::Double) require_finite<double>(input, first, count);
}

class Arrays final : public Dataset {
 public:
  Arrays(std::vector<Named> inputs, ir::Tensor labels) : inputs_(std::move(inputs)), labels_(std::move(labels)) {}
  std::int64_t size() const override { return inputs_.front().array.shape()[0]; }
  bool labelled() const override { return labels_.defined(); }
  std::vector<std::string> input_names() const override {
    std::vector<std::string> names;
    for (const auto& input : inputs_) names.push_back(input.name);
    return names;
  }
  std::string describe() const override { return fmt::format("Arrays at {} ({} samples)", inputs_.front().file, size()); }
  Sample get(std::int64_t index) const override {
    INC_CHECK(index >= 0 && index < size(), "sample index within the data set");
    Sample sample;
    for (const auto& input : inputs_) sample.inputs.push_back(row(input.array, index));
    if (labelled()) sample.label = row(labels_, index);
    return sample;
  }

 private:
  std::vector<Named> inputs_;
  ir::Tensor labels_;
};

void require_rows(const ir::Tensor& array, const std::string& file, std::int64_t rows) {
  if (array.rank() == 0)
    throw DataError(fmt::format("array '{}' has no samples: a scalar found, a first axis expected", file));
  if (rows >= 0 && array.shape()[0] != rows)
    throw DataError(fmt::format("array '{}' does not fit: {} samples found, {} expected", file, array.shape()[0], rows));
}

class Dummy final : public Dataset {
 public:
  struct Input {
    ir::Shape shape;
    double low = 0, high = 0;
    DType dtype = DType::Float;
  };
  Dummy(std::int64_t size, std::vector<Input> inputs, bool labelled)
      : size_(size), inputs_(std::move(inputs)), labelled_(labelled) {}
  std::int64_t size() const override { return size_; }
  bool labelled() const override { return labelled_; }
  std::string describe() const override { return fmt::format("dummy ({} samples)", size_); }
  Sample get(std::int64_t index) const override {
    Sample sample;
    for (std::size_t i = 0; i < inputs_.size(); ++i)
      sample.inputs.push_back(random(inputs_[i], static_cast<std::uint64_t>(index) * inputs_.size() + i));
    if (labelled_) sample.label = ir::Tensor::scalar<std::int64_t>(0);
    return sample;
  }

 private:
  static ir::Tensor random(const Input& input, std::uint64_t stream) {
    ir::Tensor tensor(input.dtype, input.shape);
    Rng rng(kSeed, stream);
    visit_dtype(input.dtype, [&](auto zero) {
      using T = decltype(zero);
      auto* out = tensor.mutable_data<T>();
      for (std::int64_t i = 0; i < tensor.count(); ++i) {
        const double value = input.low + (input.high - input.low) * rng.uniform();
        if constexpr (std::is_same_v<T, bool>)
          out[i] = value >= 0.5 * (input.low + input.high);
        else if constexpr (std::is_integral_v<T>)
          out[i] = static_cast<T>(std::floor(value));
        else
          out[i] = T(static_cast<float>(value));
      }
    });
    return tensor;
  }
  std::int64_t size_;
  std::vector<Input> inputs_;
  bool labelled_;
};

double pick(const std::vector<double>& values, std::size_t i) {
  return values[values.size() == 1 ? 0 : i];
}

Dummy::Input dummy_input(Parameters& parameters, const ir::Shape& shape, double low, double high, const std::string& type) {
  Dummy::Input input{{shape.begin() + 1, shape.end()}, low, high, DType::Float};
  const auto dtype = dtype_from_numpy_name(type);
  if (!dtype) parameters.refuse("dtype", "'" + type + "'", "element types such as float32, uint8 or int64");
  input.dtype = *dtype;
  if (!std::isfinite(low) || !(low <= high) || !std::isfinite(high))
    parameters.refuse("low", fmt::format("{} with high {}", low, high), "low <= high, both finite");
  visit_dtype(*dtype, [&](auto zero) {
    using T = decltype(zero);
    if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
      const double least = std::max(static_cast<double>(std::numeric_limits<T>::min()), -0x1p62);
      const double most = std::min(static_cast<double>(std::numeric_limits<T>::max()), 0x1p62);
      if (low < least || high > most)
        parameters.refuse("low", fmt::format("{} with high {}", low, high), "values that " + type + " can hold");
    }
  });
  return input;
}

}  // namespace

std::unique_ptr<const Dataset> make_arrays(Parameters& parameters, const fs::path& base) {
  const std::int64_t first = parameters.integer("first", 0);
  std::vector<Named> inputs;
  for (auto& [name, file] : parameters.text_map("inputs")) {
    ir::Tensor array = read_array(base / file, name);
    require_rows(array, file, inputs.empty() ? -1 : inputs.front().array.shape()[0]);
    inputs.push_back({name, file, std::move(array)});
  }
  const std::int64_t size = inputs.front().array.shape()[0];
  ir::Tensor labels;
  if (parameters.has("labels")) {
    const std::string file = parameters.text("labels");
    labels = read_array(base / file, "labels");
    require_rows(labels, file, size);
  }
  const std::int64_t begin = std::clamp<std::int64_t>(first, 0, size);
  const std::int64_t count = std::clamp<std::int64_t>(parameters.integer("count", size), 0, size - begin);
  for (const auto& input : inputs) check(input, begin, count);
  return std::make_unique<Arrays>(std::move(inputs), std::move(labels));
}

std::unique_ptr<const Dataset> make_dummy(Parameters& parameters, const fs::path&) {
  const auto shapes = parameters.shapes("shape");
  const auto low = parameters.numbers("low", {{-128.0}}), high = parameters.numbers("high", {{127.0}});
  const auto types = parameters.texts("dtype", {{"float32"}});
  const auto fits = [&](std::size_t n) { return n == 1 || n == shapes.size(); };
  if (!fits(low.size())) parameters.refuse("low", fmt::format("{} values", low.size()), "one, or one per shape");
  if (!fits(high.size())) parameters.refuse("high", fmt::format("{} values", high.size()), "one, or one per shape");
  if (!fits(types.size())) parameters.refuse("dtype", fmt::format("{} values", types.size()), "one, or one per shape");
  std::vector<Dummy::Input> inputs;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    const auto& shape = shapes[i];
    const bool positive = std::all_of(shape.begin(), shape.end(), [](std::int64_t d) { return d > 0 && d < (1 << 30); });
    if (shape.empty() || !positive || shape[0] != shapes[0][0])
      parameters.refuse("shape", fmt::format("[{}]", fmt::join(shape, ", ")),
                        "positive sizes beginning with one number of samples");
    inputs.push_back(dummy_input(parameters, shape, pick(low, i), pick(high, i), types.size() == 1 ? types[0] : types[i]));
  }
  return std::make_unique<Dummy>(shapes[0][0], std::move(inputs), parameters.flag("label", true));
}

}  // namespace inc::eval
