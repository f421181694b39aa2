#pragma once
// Data sets: samples by index, without batch axis, after their transforms.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/ir/graph.h"

namespace inc::eval {

struct Sample {
  /// One tensor per model input, in the order of input_names() (or of the graph's inputs when that is empty).
  std::vector<ir::Tensor> inputs;
  ir::Tensor label;  ///< undefined when the data set has no labels; boxes: to_tensor(Truth) of detection.h
};

class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual std::int64_t size() const = 0;
  /// Throws DataError naming file and index. Thread-safe.
  virtual Sample get(std::int64_t index) const = 0;
  /// What messages call a sample: its index in the order of the files.
  virtual std::int64_t number(std::int64_t index) const { return index; }
  virtual bool labelled() const { return true; }
  /// Whether get() has to decode: what it makes is worth keeping.
  virtual bool decodes() const { return false; }
  /// Model input names the sample's tensors belong to; empty: by position.
  virtual std::vector<std::string> input_names() const { return {}; }
  /// "CIFAR10 at ../cifar10 (5000 samples)".
  virtual std::string describe() const = 0;
};

/// The samples of `data` at those indices, in that order. `data` outlives the result.
std::unique_ptr<const Dataset> reordered(const Dataset& data, std::vector<std::int64_t> order);
/// 0, …, count - 1 in an order that depends on the seed only.
std::vector<std::int64_t> shuffled_order(std::int64_t count, std::uint64_t seed);

/// Model-ready batch: inputs in the order of the graph's inputs, stacked along a new first axis.
struct Batch {
  std::vector<ir::Tensor> inputs;
  std::vector<ir::Tensor> labels;  ///< one per sample
  std::int64_t first = 0, count = 0;
};

/// The batch size the model accepts: `wanted`, or the fixed first dimension of the graph's inputs.
std::int64_t usable_batch_size(const ir::Graph& graph, std::int64_t wanted);

/// Stacks samples [first, first + count). Sample shapes must agree with each other and with the graph's inputs (a sample
/// axis is added unless the sample already has the input's rank with a leading 1). Casts between integer or float
/// widths only where the graph wants it. Where the model's batch is fixed and `count` is smaller, the last sample is
/// repeated in the inputs (labels and Batch::count are not). Throws DataError naming the sample and what was expected.
Batch load_batch(const ir::Graph& graph, const Dataset& data, std::int64_t first, std::int64_t count);

}  // namespace inc::eval
