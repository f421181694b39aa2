#pragma once
// Calls from the tuner into Python. It runs without the GIL; everything here takes it for as long as Python is in hand.
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "app/outside_engine.h"
#include "bind.h"
#include "core/eval/metric.h"
#include "core/pipeline/quantize.h"
#include "core/search/search.h"

namespace inc::python {

/// A Python object that any thread may copy and let go of.
class Ref {
 public:
  Ref() = default;
  explicit Ref(py::object object);
  /// Needs the GIL.
  py::object get() const;
  explicit operator bool() const noexcept { return object_ != nullptr; }
  std::shared_ptr<const void> keeper() const { return object_; }

 private:
  std::shared_ptr<PyObject> object_;
};

/// Whether the user has interrupted the run: a KeyboardInterrupt in whatever Python code was being executed. Every other
/// exception ends the run and reaches its caller as it was raised.
class Interruption {
 public:
  bool happened() const noexcept { return happened_; }
  /// With the GIL: runs act(). After a KeyboardInterrupt throws search::Interrupted, which ends the search.
  template <class Act>
  auto guard(Act&& act) -> decltype(act()) {
    try {
      return act();
    } catch (py::error_already_set& error) {
      if (!error.matches(PyExc_KeyboardInterrupt)) throw;
      happened_ = true;
    }
    throw search::Interrupted{};
  }
  /// Without the GIL: whether there was an interrupt, now or before. Signals reach Python's main thread only.
  bool asked();

 private:
  std::atomic<bool> happened_ = false;
};

/// An interrupt in a call that only shows something is remembered; the run ends at its next question.
template <class Act>
void show(Interruption& interruption, Act&& act) {
  const py::gil_scoped_acquire gil;
  try {
    interruption.guard(act);
  } catch (const search::Interrupted&) {
  }
}

/// eval_func(session) -> float, with a session that ends with the call.
std::unique_ptr<eval::Metric> function_metric(const std::string& name, bool higher_is_better, Ref function, Ref wrap,
                                              Interruption& interruption);
/// An object with reset(), update(outputs, labels) and value(), fed with lists of arrays.
std::unique_ptr<eval::Metric> object_metric(const std::string& name, bool higher_is_better, bool needs_labels, Ref object,
                                            Interruption& interruption);
/// make(space, knowledge) gives an object with ask(history), wants_sensitivity(history) and goes_on.
std::unique_ptr<const search::Strategy> object_strategy(const std::string& name, const Ref& make,
                                                        const search::SearchSpace& space, const search::Knowledge& knowledge,
                                                        Interruption& interruption);
/// load(bytes) gives a function from a list of arrays to a list of arrays; what it raises makes a BackendError.
app::OutsideEngine object_engine(const std::string& name, const std::string& version, Ref load, Interruption& interruption);

}  // namespace inc::python
