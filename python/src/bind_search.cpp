// What strategies see, and strategies written in Python.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <pybind11/functional.h>
#include <pybind11/stl.h>

#include "callbacks.h"
#include "core/base/error.h"

namespace inc::python {
namespace {

py::tuple point_tuple(const search::Point& point) {
  py::tuple made(point.size());
  for (std::size_t i = 0; i < point.size(); ++i) made[i] = py::int_(point[i]);
  return made;
}

search::Point to_point(const py::object& proposed, const search::SearchSpace& space, const std::string& name) {
  std::vector<std::int64_t> indices;
  try {
    for (const auto& item : proposed) indices.push_back(item.cast<std::int64_t>());
  } catch (const py::cast_error&) {
    throw ConfigError(fmt::format("strategy '{}' proposes {}: expected one index for each dimension", name,
                                  py::repr(proposed).cast<std::string>()));
  }
  search::Point point;
  for (const std::int64_t index : indices)
    point.push_back(index < 0 || index > 65535 ? 65535 : static_cast<std::uint16_t>(index));
  if (!space.contains(point))
    throw ConfigError(fmt::format("strategy '{}' proposes [{}]: expected {} indices, each of an option of its dimension",
                                  name, fmt::join(indices, ", "), space.dims.size()));
  return point;
}

class ObjectStrategy final : public search::Strategy {
 public:
  ObjectStrategy(std::string name, Ref object, search::SearchSpace space, Interruption& interruption)
      : name_(std::move(name)), object_(std::move(object)), space_(std::move(space)), interruption_(interruption) {}

  std::optional<search::Point> ask(const search::History& history) const override {
    const py::gil_scoped_acquire gil;
    return interruption_.guard([&]() -> std::optional<search::Point> {
      const py::object proposed = object_.get().attr("ask")(py::cast(history));
      if (proposed.is_none()) return std::nullopt;
      search::Point point = to_point(proposed, space_, name_);
      if (history.find(point) != nullptr)
        throw ConfigError(fmt::format("strategy '{}' proposes [{}] again: expected a point that is not in the history",
                                      name_, fmt::join(point, ", ")));
      return point;
    });
  }
  search::Wants wants(const search::History& history) const override {
    const py::gil_scoped_acquire gil;
    return interruption_.guard([&] {
      return search::Wants{.sensitivity = object_.get().attr("wants_sensitivity")(py::cast(history)).cast<bool>()};
    });
  }
  bool goes_on() const override {
    const py::gil_scoped_acquire gil;
    return interruption_.guard([&] { return object_.get().attr("goes_on").cast<bool>(); });
  }
  std::string_view name() const override { return name_; }

 private:
  std::string name_;
  Ref object_;
  search::SearchSpace space_;
  Interruption& interruption_;
};

std::size_t index_in(const search::History& history, std::ptrdiff_t index) {
  const auto size = static_cast<std::ptrdiff_t>(history.size());
  if (index < 0) index += size;
  if (index < 0 || index >= size) throw py::index_error();
  return static_cast<std::size_t>(index);
}

void bind_observation(py::module_& module) {
  using search::Observation;
  py::class_<Observation>(module, "Observation", "A point that was tried.")
      .def_property_readonly(
          "point", [](const Observation& seen) { return point_tuple(seen.point); }, "One option index per dimension.")
      .def_property_readonly(
          "failed", [](const Observation& seen) { return seen.state == search::TrialState::Failed; },
          "Whether it could not be measured.")
      .def_readonly("why_failed", &Observation::why_failed, "The reason, or empty.")
      .def_readonly("accuracy", &Observation::accuracy, "In the metric's unit.")
      .def_readonly("loss", &Observation::loss, "Against the target's direction: above 0 is worse than FP32.")
      .def_readonly("met", &Observation::met, "Whether the accuracy target holds.")
      .def_readonly("cost", &Observation::cost, "The objective, smaller is better.")
      .def_readonly("latency_ms", &Observation::latency_ms, "Milliseconds a sample.")
      .def_readonly("seconds", &Observation::seconds, "What the trial took.")
      .def("__repr__", [](const Observation& seen) {
        if (seen.state == search::TrialState::Failed) return fmt::format("<Observation failed: {}>", seen.why_failed);
        return fmt::format("<Observation accuracy={:.6g} loss={:.3g} cost={:.4g}{}>", seen.accuracy, seen.loss, seen.cost,
                           seen.met ? " met" : "");
      });
}

void bind_history(py::module_& module) {
  using search::History;
  py::class_<search::Sensitivity>(module, "Sensitivity", "What each option of one operator does while all others are FP32.")
      .def_readonly("output", &search::Sensitivity::output,
                    "Normalised squared error of the model's outputs: per dimension, per option.")
      .def_readonly("own", &search::Sensitivity::own, "The same of the operator's own output.");
  py::class_<History>(module, "History", "What was tried so far, in order; a sequence of Observation.")
      .def("__len__", &History::size)
      .def("__getitem__", [](const History& history, std::ptrdiff_t index) { return history[index_in(history, index)]; })
      .def(
          "__iter__",
          [](const History& history) {
            return py::make_iterator<py::return_value_policy::copy>(history.all().begin(), history.all().end());
          },
          py::keep_alive<0, 1>())
      .def(
          "find",
          [](const History& history, const std::vector<std::uint16_t>& point) -> std::optional<search::Observation> {
            const auto* found = history.find(point);
            return found == nullptr ? std::nullopt : std::optional(*found);
          },
          py::arg("point"), "The observation of that point, or None.")
      .def_property_readonly(
          "best",
          [](const History& history) -> std::optional<search::Observation> {
            const auto* best = history.best();
            return best == nullptr ? std::nullopt : std::optional(*best);
          },
          "Met before missed; the cheapest of those met, else the smallest loss; None while nothing is complete.")
      .def_property_readonly(
          "sensitivity",
          [](const History& history) -> std::optional<search::Sensitivity> {
            return history.sensitivity() == nullptr ? std::nullopt : std::optional(*history.sensitivity());
          },
          "Sensitivities, once wants_sensitivity() has asked for them; None before.");
}

}  // namespace

std::unique_ptr<const search::Strategy> object_strategy(const std::string& name, const Ref& make,
                                                        const search::SearchSpace& space, const search::Knowledge& knowledge,
                                                        Interruption& interruption) {
  const py::gil_scoped_acquire gil;
  return interruption.guard([&] {
    return std::make_unique<const ObjectStrategy>(name, Ref(make.get()(py::cast(space), py::cast(knowledge))), space,
                                                  interruption);
  });
}

void bind_search(py::module_& module) {
  using search::Dimension, search::Knowledge, search::SearchSpace;
  py::class_<Dimension>(module, "Dimension", "An operator and the precisions it may have.")
      .def_readonly("name", &Dimension::name, "The operator's name.")
      .def_readonly("op_type", &Dimension::op_type, "Its type.")
      .def_readonly("options", &Dimension::options, "Labels, fastest first; the last one is FP32.")
      .def_property_readonly("fallback", &Dimension::fallback, "Index of the fastest option that loses next to nothing.");
  py::class_<SearchSpace>(module, "SearchSpace", "All points: one option for each dimension.")
      .def_readonly("dims", &SearchSpace::dims, "The dimensions.")
      .def_property_readonly("size", &SearchSpace::size, "The number of points.")
      .def_property_readonly(
          "fastest", [](const SearchSpace& space) { return point_tuple(space.fastest()); }, "The point of all zeros.")
      .def_property_readonly(
          "fp32", [](const SearchSpace& space) { return point_tuple(space.fp32()); }, "The point of all last options.");
  py::class_<Knowledge>(module, "Knowledge", "What a strategy may know besides the history.")
      .def_readonly("seed", &Knowledge::seed, "tuning.random_seed.")
      .def_readonly("allowed_loss", &Knowledge::allowed_loss, "The loss that just meets the target; 0: not known.")
      .def(
          "cost",
          [](const Knowledge& knowledge, const std::vector<std::uint16_t>& point) -> std::optional<double> {
            if (!knowledge.cost) return std::nullopt;
            return knowledge.cost(point);
          },
          py::arg("point"), "The predicted cost of a point, smaller is better; None where nothing is known.");
  bind_observation(module);
  bind_history(module);
}

}  // namespace inc::python
