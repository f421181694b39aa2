#include <pybind11/stl.h>

#include "data.h"

namespace inc::python {
namespace {

/// `samples`: of each, a list of arrays and a label or None.
std::shared_ptr<Samples> make(const py::list& samples, std::vector<std::string> names, const std::string& description) {
  std::vector<eval::Sample> made;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const auto pair = samples[i].cast<py::tuple>();
    const std::string place = "sample " + std::to_string(i) + " of " + description;
    eval::Sample sample;
    for (const auto& array : pair[0].cast<py::list>()) sample.inputs.push_back(to_tensor(array, place));
    if (!pair[1].is_none()) sample.label = to_tensor(pair[1], "label of " + place);
    made.push_back(std::move(sample));
  }
  return std::make_shared<Samples>(std::move(made), std::move(names), description);
}

}  // namespace

void bind_data(py::module_& module) {
  py::class_<Samples, std::shared_ptr<Samples>>(module, "Samples", "Samples for calibration or evaluation.")
      .def(py::init(&make), py::arg("samples"), py::arg("names"), py::arg("description"),
           "`samples`: pairs of a list of arrays, one for each of the inputs `names` and without batch axis, and a label or "
           "None.")
      .def("__len__", &Samples::size);
}

}  // namespace inc::python
