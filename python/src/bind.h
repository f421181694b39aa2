#pragma once
// What each file of this directory adds to the module, and what they share.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <string>

#include "app/model_session.h"
#include "core/base/parallel.h"

namespace inc::python {

namespace py = pybind11;

void bind_errors(py::module_& module);
void bind_session(py::module_& module);
void bind_lists(py::module_& module);
void bind_search(py::module_& module);
void bind_quantize(py::module_& module);
void bind_benchmark(py::module_& module);
void bind_diagnosis(py::module_& module);

/// A C-contiguous array of numbers as a tensor that borrows its memory and keeps it alive; other arrays, and what NumPy can
/// make one of, are copied. `what` begins the message of the DataError that anything else gives.
ir::Tensor to_tensor(py::handle value, const std::string& what);
/// A writable array that owns `tensor`'s memory, or has a copy of it. BF16 needs ml_dtypes; without it, it becomes float32.
py::array to_array(const ir::Tensor& tensor, bool copy);
/// Of a dtype in NumPy.
const char* numpy_name(DType dtype);
/// "tensor(float)", as onnxruntime says it.
std::string type_name(DType dtype);

/// NodeArg for each.
py::list node_args(const std::vector<Port>& ports);
/// A dict per step.
py::list profile_rows(const std::vector<runtime::StepProfile>& steps);

/// Threads of the calling thread's kernels until the end of the scope; 0: as they are.
class ThreadScope {
 public:
  explicit ThreadScope(int count) : before_(threads()) {
    if (count > 0) set_threads(count);
  }
  ~ThreadScope() { set_threads(before_); }
  ThreadScope(const ThreadScope&) = delete;
  ThreadScope& operator=(const ThreadScope&) = delete;

 private:
  int before_;
};

}  // namespace inc::python
