#include "app/compare_inputs.h"

#include <algorithm>
#include <mutex>

#include "app/benchmark.h"
#include "core/pipeline/work.h"

namespace inc::app {

Source source_of(const CompareOptions& options, const ir::Graph& graph) {
  Source source;
  source.data = options.data;
  if (!source.data && options.config) {
    if (auto task = pipeline::accuracy_task(*options.config))
      source.data = std::move(task->data);
    else
      source.data = pipeline::calibration_task(*options.config).data;
  }
  if (!source.data) {
    BenchmarkOptions wanted;
    wanted.batch = options.samples;
    wanted.shapes = options.shapes;
    source.synthetic = random_inputs(graph, wanted);
    source.samples = source.batch = eval::usable_batch_size(graph, options.samples);
    source.text = "synthetic inputs (uniform in [0, 1), integers 0 or 1)";
    return source;
  }
  source.samples = std::min(options.samples, source.data->size());
  source.batch = std::min(eval::usable_batch_size(graph, options.batch_size), std::max<std::int64_t>(1, source.samples));
  source.text = source.data->describe();
  return source;
}

Values run_tapped(const runtime::Executable& executable, std::span<const ir::Tensor> inputs, const ir::Graph& graph,
                  const std::set<ir::ValueId>& wanted) {
  Values seen;
  std::mutex mutex;
  runtime::TapSink tap;
  for (const ir::ValueId id : wanted)
    if (graph.producer(id) != nullptr) tap.wanted.insert(id);
  tap.on_value = [&](ir::ValueId id, const ir::Tensor& tensor) {
    const std::lock_guard lock(mutex);
    seen.emplace(id, as_fp32(tensor));
  };
  const auto outputs = executable.run(inputs, tap);
  for (std::size_t i = 0; i < outputs.size(); ++i) seen.insert_or_assign(graph.outputs()[i], as_fp32(outputs[i]));
  for (std::size_t i = 0; i < inputs.size(); ++i) seen.insert_or_assign(graph.inputs()[i], inputs[i]);
  return seen;
}

bool comparable(const Values& a, ir::ValueId x, const Values& b, ir::ValueId y) {
  const auto in_a = a.find(x), in_b = b.find(y);
  return in_a != a.end() && in_b != b.end() && in_a->second.dtype() == DType::Float &&
         in_b->second.dtype() == DType::Float && in_a->second.shape() == in_b->second.shape();
}

}  // namespace inc::app
