#include "bind.h"

PYBIND11_MODULE(_core, module) {
  using namespace inc::python;
  module.doc() = "The engine and the tuner of inc-cpp; use it through the package inc_cpp.";
  module.attr("__version__") = INC_VERSION;
  bind_errors(module);
  bind_session(module);
  bind_lists(module);
  bind_search(module);
  bind_quantize(module);
  bind_benchmark(module);
  bind_diagnosis(module);
}
