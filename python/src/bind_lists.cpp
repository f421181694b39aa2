// What there is, by name: the rows that `inc-cpp list` prints.
#include <pybind11/stl.h>

#include "adaptors/onednn/isa.h"
#include "app/operators.h"
#include "app/session.h"
#include "bind.h"
#include "core/config/config.h"
#include "core/eval/factory.h"
#include "kernels/list.h"
#include "strategies/registry.h"

namespace inc::python {
namespace {

py::list rows_of(std::span<const eval::FactoryRow> rows) {
  py::list list;
  for (const auto& row : rows) {
    py::dict entry;
    entry["name"] = std::string(row.name);
    entry["parameters"] = std::string(row.parameters);
    entry["summary"] = std::string(row.summary);
    list.append(entry);
  }
  return list;
}

py::list strategies_list() {
  py::list list;
  for (const auto& row : strategies::registry()) {
    py::dict entry;
    entry["name"] = std::string(row.name);
    entry["summary"] = std::string(row.summary);
    list.append(entry);
  }
  return list;
}

py::list operators_list() {
  std::vector<app::OperatorSupport> rows;
  {
    const py::gil_scoped_release free;
    rows = app::operator_support(*app::make_adaptor());
  }
  py::list list;
  for (const auto& row : rows) {
    py::dict entry;
    entry["name"] = row.op;
    entry["fp32"] = std::string(app::name_of(row.fp32));
    entry["bf16"] = std::string(app::name_of(row.bf16));
    entry["int8"] = std::string(app::name_of(row.int8));
    list.append(entry);
  }
  return list;
}

py::list kernels_list() {
  py::list list;
  for (const auto& row : kernels::list()) {
    py::dict entry;
    entry["family"] = std::string(row.family);
    entry["isa"] = std::string(row.isa);
    list.append(entry);
  }
  return list;
}

py::dict machine() {
  app::make_adaptor();
  const auto found = app::machine();
  py::dict entry;
  entry["cpu"] = found.cpu;
  entry["isa"] = found.isa;
  entry["threads"] = found.threads;
  return entry;
}

}  // namespace

void bind_lists(py::module_& module) {
  module.def("strategies", &strategies_list, "Tuning strategies: name, summary.");
  module.def(
      "metrics", [] { return rows_of(eval::metric_rows()); }, "Metrics: name, parameters, summary.");
  module.def(
      "datasets", [] { return rows_of(eval::dataset_rows()); }, "Data sets: name, parameters, summary.");
  module.def(
      "transforms", [] { return rows_of(eval::transform_rows()); }, "Transforms: name, parameters, summary.");
  module.def(
      "postprocess", [] { return rows_of(eval::postprocess_rows()); },
      "Transforms of outputs before a metric sees them: name, parameters, summary.");
  module.def("operators", &operators_list, "How each operator runs here in each precision. Takes about a second.");
  module.def("kernels", &kernels_list, "The project's own kernels: family, isa.");
  module.def("machine", &machine, "The CPU, its instruction set under $INC_MAX_ISA, the threads.");
  module.def("threads", &threads, "Threads that kernels called from this thread use.");
  module.def("set_threads", &set_threads, py::arg("count"),
             "Threads for kernels called from this thread; 0: all, or what $OMP_NUM_THREADS says.");
  module.def("schema_json", &config::schema_json, "The JSON schema of the configuration.");
  module.def("schema_markdown", &config::schema_markdown, "The reference of the configuration, a Markdown page.");
}

}  // namespace inc::python
