// doctor and compare: what they find, as JSON and as people read it.
#include <pybind11/functional.h>
#include <pybind11/stl.h>

#include "app/compare.h"
#include "app/doctor.h"
#include "callbacks.h"
#include "core/base/error.h"
#include "data.h"

namespace inc::python {
namespace {

py::tuple doctor(bool probe) {
  const auto found = [probe] {
    const py::gil_scoped_release free;
    return app::diagnose({.probe = probe});
  }();
  return py::make_tuple(app::to_json(found), app::to_text(found));
}

py::tuple compare(const std::string& a, const std::string& b, const std::shared_ptr<Samples>& data,
                  const std::optional<std::string>& config, std::int64_t samples, std::map<std::string, ir::Shape> shapes,
                  const std::string& engine, int thread_count, const py::object& on_progress) {
  Interruption interruption;
  app::CompareOptions options;
  options.a = a;
  options.b = b;
  options.data = data;
  if (config) options.config = config::read_config(*config);
  options.samples = samples;
  options.shapes = std::move(shapes);
  options.adaptor = engine;
  options.progress = [&](std::int64_t done, std::int64_t total) {
    show(interruption, [&] { on_progress("compare", done, total); });
  };
  options.should_stop = [&] { return interruption.asked(); };
  app::Comparison found;
  {
    const py::gil_scoped_release free;
    const ThreadScope scope(thread_count);
    found = app::compare(options);
  }
  return py::make_tuple(app::to_json(found), app::to_html(found), interruption.happened());
}

}  // namespace

void bind_diagnosis(py::module_& module) {
  module.def("doctor", &doctor, py::arg("probe"), "(JSON, text) of what the machine can do.");
  module.def("compare", &compare, py::arg("a"), py::arg("b"), py::arg("data"), py::arg("config"), py::arg("samples"),
             py::arg("shapes"), py::arg("engine"), py::arg("threads"), py::arg("on_progress"),
             "(JSON, page, whether it was interrupted) of where model file b parts from a.");
}

}  // namespace inc::python
