// The exceptions of core/base/error.h as Python classes of the same names; Error derives from RuntimeError.
#include <array>

#include "bind.h"
#include "core/base/error.h"

namespace inc::python {
namespace {

struct Row {
  const char* name;
  const char* doc;
  bool (*is)(const Error&);
  int base;  ///< row of the class it derives from; -1: RuntimeError
  ExitCode code;
};

bool any(const Error&) {
  return true;
}
template <class E>
bool is(const Error& error) {
  return dynamic_cast<const E*>(&error) != nullptr;
}

/// Base classes before their own; the last row that an error is one of is its class.
constexpr std::array kRows{
    Row{"Error", "What went wrong: the value found, the value expected, and where.", any, -1, ExitCode::Internal},
    Row{"ConfigError", "Wrong usage or configuration.", is<ConfigError>, 0, ExitCode::Usage},
    Row{"ModelError", "A model that cannot be read or violates the ONNX specification.", is<ModelError>, 0, ExitCode::Model},
    Row{"UnsupportedError", "A valid model that uses an operator, type or form that is not executed here.",
        is<UnsupportedError>, 2, ExitCode::Model},
    Row{"DataError", "Samples or labels that are missing, malformed or not finite.", is<DataError>, 0, ExitCode::Data},
    Row{"BackendError", "The engine or the operating system failed.", is<BackendError>, 0, ExitCode::Internal},
    Row{"InternalError", "A broken invariant of inc-cpp's own; please report it.", is<InternalError>, 0, ExitCode::Internal},
};

std::array<PyObject*, kRows.size()> classes{};

void raise(const Error& error) {
  std::size_t row = 0;
  for (std::size_t i = 0; i < kRows.size(); ++i)
    if (kRows[i].is(error)) row = i;
  const py::object raised = py::reinterpret_borrow<py::object>(classes[row])(error.full_message());
  raised.attr("message") = py::str(error.what());
  py::tuple notes(error.notes().size());
  for (std::size_t i = 0; i < error.notes().size(); ++i) notes[i] = error.notes()[i];
  raised.attr("notes") = notes;
  PyErr_SetObject(classes[row], raised.ptr());
}

}  // namespace

void bind_errors(py::module_& module) {
  for (std::size_t i = 0; i < kRows.size(); ++i) {
    const Row& row = kRows[i];
    PyObject* base = row.base < 0 ? PyExc_RuntimeError : classes[static_cast<std::size_t>(row.base)];
    classes[i] = PyErr_NewExceptionWithDoc((std::string("inc_cpp.") + row.name).c_str(), row.doc, base, nullptr);
    if (classes[i] == nullptr) throw py::error_already_set();
    const auto made = py::reinterpret_borrow<py::object>(classes[i]);
    made.attr("exit_code") = static_cast<int>(row.code);
    module.attr(row.name) = made;
  }
  py::object base = module.attr("Error");
  base.attr("message") = py::str();
  base.attr("notes") = py::tuple();
  py::register_exception_translator([](std::exception_ptr fault) {
    try {
      if (fault) std::rethrow_exception(fault);
    } catch (const Error& error) {
      raise(error);
    }
  });
}

}  // namespace inc::python
