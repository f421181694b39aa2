#pragma once
// Batches of an evaluation, executed: here, or by the ranks in turns.
#include <deque>
#include <vector>

#include "core/eval/evaluate.h"

namespace inc::eval {

/// Without rows that only fill up a fixed batch.
struct Executed {
  Batch batch;
  std::vector<ir::Tensor> outputs;
  std::vector<ir::Tensor> reference;  ///< FP32's, where Batches was told to make them
  double model_seconds = 0;           ///< wall, inside Executable::run of the model
};

class Batches {
 public:
  /// What is executed; all references outlive the batches. `fp32`: may be null; where it is not, it runs too, but for
  /// batches that `options.reference` knows.
  struct Task {
    const ir::Graph& graph;
    const runtime::Executable& executable;
    const Dataset& data;
    const EvalOptions& options;
    const runtime::Executable* fp32;
    std::int64_t total;  ///< samples
    /// Of several ranks: whether inputs of floating point, most of the bytes, are seen with their values, not only shapes.
    bool float_inputs = true;
  };
  explicit Batches(const Task& task) : task_(task), size_(usable_batch_size(task.graph, task.options.batch_size)) {}
  /// The batch that begins where the last one has ended. Of several ranks each executes one batch of a round; an error of a
  /// batch is thrown, by all, when that batch is asked for.
  Executed next();

 private:
  std::int64_t size_of(std::int64_t first) const { return std::min(size_, task_.total - first); }
  Executed execute(std::int64_t first) const;

  Task task_;
  std::int64_t size_, next_ = 0;
  std::deque<Piece> round_;
};

}  // namespace inc::eval
