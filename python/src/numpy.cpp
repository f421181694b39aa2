#include <pybind11/numpy.h>

#include <cstring>
#include <optional>

#include "bind.h"
#include "core/base/error.h"

namespace inc::python {
namespace {

std::optional<DType> dtype_of(const py::dtype& dtype) {
  const auto size = dtype.itemsize();
  switch (dtype.kind()) {
    case 'f':
      return size == 4 ? DType::Float : size == 8 ? DType::Double : size == 2 ? std::optional(DType::Float16) : std::nullopt;
    case 'i':
      return size == 1   ? DType::Int8
             : size == 2 ? DType::Int16
             : size == 4 ? DType::Int32
             : size == 8 ? std::optional(DType::Int64)
                         : std::nullopt;
    case 'u':
      return size == 1   ? DType::UInt8
             : size == 2 ? DType::UInt16
             : size == 4 ? DType::UInt32
             : size == 8 ? std::optional(DType::UInt64)
                         : std::nullopt;
    case 'b':
      return DType::Bool;
    default:
      break;
  }
  if (py::str(dtype.attr("name")).equal(py::str("bfloat16"))) return DType::BFloat16;
  return std::nullopt;
}

py::dtype ml_bfloat16() {
  return py::dtype::from_args(py::module_::import("ml_dtypes").attr("bfloat16"));
}

ir::Tensor as_floats(const ir::Tensor& tensor) {
  return ir::Tensor::of(tensor.shape(), tensor.to_floats());
}

/// Holds a Python object until any thread lets go of it.
std::shared_ptr<const void> kept(py::object object) {
  PyObject* raw = object.release().ptr();
  return {raw, [](const void* p) {
            if (!Py_IsInitialized()) return;
            const py::gil_scoped_acquire gil;
            Py_DECREF(const_cast<PyObject*>(static_cast<const PyObject*>(p)));
          }};
}

}  // namespace

const char* numpy_name(DType dtype) {
  switch (dtype) {
    case DType::Float:
      return "float32";
    case DType::Double:
      return "float64";
    default:
      return name_of(dtype).data();
  }
}

ir::Tensor to_tensor(py::handle value, const std::string& what) {
  py::module_ numpy = py::module_::import("numpy");
  py::array array;
  try {
    array = py::array(numpy.attr("ascontiguousarray")(value));
    if (py::isinstance<py::array>(value)) array = array.attr("reshape")(value.attr("shape"));
    if (!array.attr("flags").attr("aligned").cast<bool>()) array = array.attr("copy")();
    if (!array.dtype().attr("isnative").cast<bool>()) array = array.attr("astype")(array.dtype().attr("newbyteorder")("="));
  } catch (py::error_already_set& error) {
    if (!error.matches(PyExc_ValueError) && !error.matches(PyExc_TypeError)) throw;
    throw DataError(what + ": " + Py_TYPE(value.ptr())->tp_name + " found, expected an array (" + error.what() + ")");
  }
  const auto dtype = dtype_of(array.dtype());
  if (!dtype)
    throw DataError(what + ": an array of " + py::str(array.dtype()).cast<std::string>() + " found, expected numbers");
  const ir::Shape shape(array.shape(), array.shape() + array.ndim());
  const auto* data = static_cast<const std::byte*>(array.data());
  return {*dtype, shape, data, kept(std::move(array))};
}

py::array to_array(const ir::Tensor& tensor, bool copy) {
  py::dtype dtype;
  if (tensor.dtype() == DType::BFloat16) {
    try {
      dtype = ml_bfloat16();
    } catch (py::error_already_set& error) {
      if (!error.matches(PyExc_ImportError)) throw;
      return to_array(as_floats(tensor), false);
    }
  } else {
    dtype = py::dtype(numpy_name(tensor.dtype()));
  }
  const std::vector<py::ssize_t> shape(tensor.shape().begin(), tensor.shape().end());
  if (copy || tensor.count() == 0) {
    py::array array(dtype, shape);
    if (tensor.bytes() > 0) std::memcpy(array.mutable_data(), tensor.raw(), tensor.bytes());
    return array;
  }
  const py::capsule owner(new ir::Tensor(tensor), [](void* p) { delete static_cast<ir::Tensor*>(p); });
  return {dtype, shape, tensor.raw(), owner};
}

std::string type_name(DType dtype) {
  return "tensor(" + std::string(name_of(dtype)) + ")";
}

}  // namespace inc::python
