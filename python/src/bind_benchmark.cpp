// benchmark: precisions of a model, and other models, in turn.
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include "app/benchmark.h"
#include "app/session.h"
#include "app/summary.h"
#include "bind.h"
#include "core/base/error.h"

namespace inc::python {
namespace {

struct Work {
  std::unique_ptr<const runtime::Adaptor> adaptor;
  std::vector<ir::Tensor> inputs;
  std::vector<app::VariantResult> results;
  std::int64_t batch = 1;
};

Session opened(const py::object& model) {
  if (py::isinstance<py::bytes>(model)) return Session::from_bytes(model.cast<std::string>());
  return Session(model.cast<std::filesystem::path>());
}

py::dict latency(const app::Summary& s) {
  py::dict row;
  row["mean"] = s.mean;
  row["p50"] = s.p50;
  row["p50_low"] = s.p50_interval.low;
  row["p50_high"] = s.p50_interval.high;
  row["p90"] = s.p90;
  row["p99"] = s.p99;
  row["min"] = s.min;
  return row;
}

py::dict row_of(const app::VariantResult& result, const app::VariantResult& first, std::int64_t batch, bool profile) {
  const app::Summary s = app::summarize(result.milliseconds);
  const app::Ratio r = app::ratio(result.rounds, first.rounds);
  py::dict row;
  row["label"] = result.label;
  row["precision"] = result.precision;
  row["batch"] = batch;
  row["latency_ms"] = latency(s);
  row["throughput"] = 1e3 * static_cast<double>(batch) / s.mean;
  row["iterations"] = result.milliseconds.size();
  row["prepare_ms"] = result.prepare_ms;
  row["macs"] = result.macs;
  row["gops"] = result.gops(s.p50);
  row["ratio"] = r.value;
  row["ratio_low"] = r.interval.low;
  row["ratio_high"] = r.interval.high;
  if (profile) row["ops"] = profile_rows(result.steps);
  return row;
}

/// Feeds given, or random ones.
std::vector<ir::Tensor> inputs_of(const Session& session, const std::optional<py::dict>& feeds,
                                  const app::BenchmarkOptions& options) {
  if (!feeds) return app::random_inputs(session.graph(), options);
  std::vector<ir::Tensor> inputs;
  for (const Port& port : session.inputs()) {
    if (!feeds->contains(port.name)) throw DataError("input '" + port.name + "' is missing");
    inputs.push_back(to_tensor((*feeds)[py::str(port.name)], "input '" + port.name + "'"));
  }
  return inputs;
}

py::list benchmark(const py::list& models, const std::vector<std::string>& precisions, const app::BenchmarkOptions& options,
                   const std::optional<py::dict>& feeds, int thread_count) {
  std::vector<Session> sessions;
  for (const auto& model : models) sessions.push_back(opened(py::reinterpret_borrow<py::object>(model)));
  Work work{app::make_adaptor(), inputs_of(sessions.front(), feeds, options), {}, 1};
  if (!work.inputs.empty() && work.inputs[0].rank() > 0) work.batch = work.inputs[0].shape()[0];
  {
    const py::gil_scoped_release free;
    const ThreadScope scope(thread_count);
    std::vector<app::Variant> variants;
    for (const auto& precision : precisions)
      variants.push_back(app::in_precision(sessions.front().graph(), *work.adaptor, work.inputs, precision));
    for (std::size_t i = 1; i < sessions.size(); ++i)
      variants.push_back({std::to_string(i), sessions[i].graph(), sessions[i].graph()});
    work.results = app::benchmark(variants, *work.adaptor, work.inputs, options);
  }
  py::list rows;
  for (const auto& result : work.results) rows.append(row_of(result, work.results.front(), work.batch, options.profile));
  return rows;
}

}  // namespace

void bind_benchmark(py::module_& module) {
  module.def(
      "benchmark",
      [](const py::list& models, const std::vector<std::string>& precisions, std::int64_t batch,
         std::map<std::string, ir::Shape> shapes, double seconds, std::int64_t warmup, std::int64_t iterations, bool profile,
         const std::optional<py::dict>& feeds, int thread_count) {
        return benchmark(models, precisions, {batch, std::move(shapes), seconds, warmup, iterations, profile}, feeds,
                         thread_count);
      },
      py::arg("models"), py::arg("precisions"), py::arg("batch"), py::arg("shapes"), py::arg("seconds"), py::arg("warmup"),
      py::arg("iterations"), py::arg("profile"), py::arg("feeds"), py::arg("threads"),
      "The first model in each of the precisions (\"\": as it is), then the other models as they are, in turn: one dict "
      "each.");
}

}  // namespace inc::python
