#include "callbacks.h"

#include <pybind11/stl.h>

#include "core/base/error.h"
#include "core/eval/metric_outside.h"
#include "session.h"

namespace inc::python {
namespace {

py::list arrays_of(std::span<const ir::Tensor> tensors) {
  py::list arrays;
  for (const ir::Tensor& tensor : tensors) arrays.append(to_array(tensor, false));
  return arrays;
}

class ObjectMetric final : public eval::Metric {
 public:
  ObjectMetric(std::string name, bool higher_is_better, bool needs_labels, Ref object, Interruption& interruption)
      : name_(std::move(name)),
        higher_is_better_(higher_is_better),
        needs_labels_(needs_labels),
        object_(std::move(object)),
        interruption_(interruption) {}

  std::string name() const override { return name_; }
  bool higher_is_better() const override { return higher_is_better_; }
  bool needs_labels() const override { return needs_labels_; }
  void update(std::span<const ir::Tensor> outputs, std::span<const ir::Tensor>, std::span<const ir::Tensor> labels,
              std::span<const ir::Tensor>) override {
    const py::gil_scoped_acquire gil;
    interruption_.guard([&] { object_.get().attr("update")(arrays_of(outputs), arrays_of(labels)); });
  }
  double value() const override {
    const py::gil_scoped_acquire gil;
    return interruption_.guard([&] { return object_.get().attr("value")().cast<double>(); });
  }
  void reset() override {
    const py::gil_scoped_acquire gil;
    interruption_.guard([&] { object_.get().attr("reset")(); });
  }

 private:
  std::string name_;
  bool higher_is_better_, needs_labels_;
  Ref object_;
  Interruption& interruption_;
};

}  // namespace

Ref::Ref(py::object object)
    : object_(object.release().ptr(), [](PyObject* raw) {
        if (!Py_IsInitialized()) return;
        const py::gil_scoped_acquire gil;
        Py_DECREF(raw);
      }) {}

py::object Ref::get() const {
  return py::reinterpret_borrow<py::object>(object_.get());
}

bool Interruption::asked() {
  if (happened_) return true;
  const py::gil_scoped_acquire gil;
  if (PyErr_CheckSignals() == 0) return false;
  py::error_already_set error;
  if (!error.matches(PyExc_KeyboardInterrupt)) throw error;
  happened_ = true;
  return true;
}

std::unique_ptr<eval::Metric> function_metric(const std::string& name, bool higher_is_better, Ref function, Ref wrap,
                                              Interruption& interruption) {
  const auto evaluate = [=, &interruption](const ir::Graph& graph, const runtime::Executable& executable) {
    const std::shared_ptr<const runtime::Executable> borrowed(&executable, [](const runtime::Executable*) {});
    BoundSession bound(Session(graph, borrowed), 0);
    const py::gil_scoped_acquire gil;
    const py::object session = py::cast(bound);
    auto& core = session.cast<BoundSession&>();
    bound.end();
    struct End {
      BoundSession& session;
      ~End() { session.end(); }
    } const end{core};
    return interruption.guard([&] {
      const py::object score = function.get()(wrap.get()(session));
      try {
        return score.cast<double>();
      } catch (const py::cast_error&) {
        throw DataError(name + " returned " + Py_TYPE(score.ptr())->tp_name + ": expected a number");
      }
    });
  };
  return eval::make_outside_metric(name, higher_is_better, evaluate);
}

std::unique_ptr<eval::Metric> object_metric(const std::string& name, bool higher_is_better, bool needs_labels, Ref object,
                                            Interruption& interruption) {
  return std::make_unique<ObjectMetric>(name, higher_is_better, needs_labels, std::move(object), interruption);
}

app::OutsideEngine object_engine(const std::string& name, const std::string& version, Ref load, Interruption& interruption) {
  const auto called = [name, &interruption](const char* what, const auto& act) {
    const py::gil_scoped_acquire gil;
    return interruption.guard([&] {
      try {
        return act();
      } catch (py::error_already_set& error) {
        if (!error.matches(PyExc_Exception)) throw;
        throw BackendError(name + " cannot " + what + " the model: " + error.what());
      }
    });
  };
  return {name, version, [=](const std::string& model) -> app::OutsideModel {
            const Ref run = called("load", [&] { return Ref(load.get()(py::bytes(model))); });
            return [=](std::span<const ir::Tensor> inputs) {
              return called("run", [&] {
                std::vector<ir::Tensor> outputs;
                for (const auto& array : run.get()(arrays_of(inputs)))
                  outputs.push_back(to_tensor(array, "an output of " + name));
                return outputs;
              });
            };
          }};
}

}  // namespace inc::python
