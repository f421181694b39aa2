// Session: a model that runs, in onnxruntime's form of call.
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <algorithm>

#include "app/benchmark.h"
#include "core/base/error.h"
#include "core/onnx/onnx_io.h"
#include "core/passes/pass.h"
#include "session.h"

namespace inc::python {
namespace {

struct NodeArg {
  std::string name, type;
  py::list shape;
};

NodeArg node_arg(const Port& port) {
  NodeArg made{port.name, type_name(port.type.dtype), py::list()};
  if (!port.type.dims) return made;
  for (const ir::Dim& dim : *port.type.dims) {
    if (dim.known())
      made.shape.append(dim.value);
    else if (dim.symbol.empty())
      made.shape.append(py::none());
    else
      made.shape.append(dim.symbol);
  }
  return made;
}

bool is_plain(py::handle value) {
  return py::isinstance<py::list>(value) || py::isinstance<py::tuple>(value) || py::isinstance<py::int_>(value) ||
         py::isinstance<py::float_>(value);
}

Session::Feeds to_feeds(const std::vector<Port>& inputs, const py::dict& feeds) {
  Session::Feeds tensors;
  for (const auto& [key, value] : feeds) {
    const std::string name = py::str(key);
    py::object array = py::reinterpret_borrow<py::object>(value);
    const auto port = std::find_if(inputs.begin(), inputs.end(), [&](const Port& p) { return p.name == name; });
    if (is_plain(value) && port != inputs.end())
      array = py::module_::import("numpy").attr("asarray")(value, numpy_name(port->type.dtype));
    tensors.emplace(name, to_tensor(array, "input '" + name + "'"));
  }
  return tensors;
}

bool overlaps(const ir::Tensor& a, const ir::Tensor& b) {
  return std::less<>()(a.raw(), b.raw() + b.bytes()) && std::less<>()(b.raw(), a.raw() + a.bytes());
}

/// Whether others may see what is written into results[index].
bool shared(const std::vector<ir::Tensor>& results, std::size_t index, const Session::Feeds& feeds, const ir::Graph& graph) {
  const ir::Tensor& result = results[index];
  for (std::size_t i = 0; i < results.size(); ++i)
    if (i != index && overlaps(result, results[i])) return true;
  for (const auto& feed : feeds)
    if (overlaps(result, feed.second)) return true;
  const auto values = graph.values();
  return std::any_of(values.begin(), values.end(), [&](ir::ValueId id) {
    const ir::Tensor* constant = graph.constant(id);
    return constant != nullptr && overlaps(result, *constant);
  });
}

py::list profile(const BoundSession& bound, const py::dict& feeds, int iterations) {
  if (iterations < 1) throw ConfigError("iterations: " + std::to_string(iterations) + " found, expected at least 1");
  const Session::Feeds tensors = to_feeds(bound.session().inputs(), feeds);
  std::vector<runtime::StepProfile> steps;
  {
    const py::gil_scoped_release free;
    const ThreadScope scope(bound.threads());
    steps = bound.session().profile(tensors, iterations);
  }
  return profile_rows(steps);
}

BoundSession open(const py::object& model, const std::string& engine, int threads) {
  if (py::isinstance<py::bytes>(model)) {
    const auto bytes = model.cast<std::string>();
    const py::gil_scoped_release free;
    const ThreadScope scope(threads);
    return {Session::from_bytes(bytes, engine), threads};
  }
  const auto path = model.cast<std::filesystem::path>();
  const py::gil_scoped_release free;
  const ThreadScope scope(threads);
  return {Session(path, engine), threads};
}

/// The graph that runs, in ONNX's operators.
py::bytes model_bytes(const BoundSession& bound) {
  ir::Graph graph = bound.session().graph();
  std::string bytes;
  {
    const py::gil_scoped_release free;
    passes::lowering_pipeline().run(graph);
    bytes = onnx_io::export_bytes(graph);
  }
  return bytes;
}

}  // namespace

py::list node_args(const std::vector<Port>& ports) {
  py::list list;
  for (const Port& port : ports) list.append(node_arg(port));
  return list;
}

const Session& BoundSession::session() const {
  if (!session_) throw ConfigError("this session lived for the call it was given to: expected no use of it afterwards");
  return *session_;
}

py::list BoundSession::run(const std::optional<std::vector<std::string>>& wanted, const py::dict& feeds) const {
  const std::shared_ptr<const Session> held = session_;
  const Session::Feeds tensors = to_feeds(session().inputs(), feeds);
  std::vector<ir::Tensor> results;
  {
    const py::gil_scoped_release free;
    const ThreadScope scope(threads_);
    results = held->run(tensors, wanted.value_or(std::vector<std::string>{}));
  }
  py::list arrays;
  for (std::size_t i = 0; i < results.size(); ++i)
    arrays.append(to_array(results[i], shared(results, i, tensors, held->graph())));
  return arrays;
}

py::list profile_rows(const std::vector<runtime::StepProfile>& steps) {
  py::list rows;
  for (const auto& step : steps) {
    py::dict row;
    row["name"] = step.name;
    row["op_type"] = step.op_type;
    row["precision"] = step.precision;
    row["kernel"] = step.kernel;
    row["isa"] = step.isa;
    row["emulated"] = step.emulated;
    row["note"] = step.note;
    row["ms"] = step.milliseconds;
    row["macs"] = step.macs;
    rows.append(row);
  }
  return rows;
}

void bind_session(py::module_& module) {
  py::class_<NodeArg>(module, "NodeArg", "An input or output of a model, as onnxruntime describes it.")
      .def_readonly("name", &NodeArg::name, "Its name.")
      .def_readonly("type", &NodeArg::type, "Its element type: \"tensor(float)\".")
      .def_readonly("shape", &NodeArg::shape, "Its dimensions: numbers, names, or None where nothing is known.")
      .def("__repr__", [](const NodeArg& arg) {
        return "NodeArg(name=" + py::repr(py::str(arg.name)).cast<std::string>() + ", type='" + arg.type +
               "', shape=" + py::repr(arg.shape).cast<std::string>() + ")";
      });
  py::class_<BoundSession>(module, "Session", "A model made ready to run.")
      .def(py::init(&open), py::arg("model"), py::arg("engine") = "onednn", py::arg("threads") = 0,
           "`model`: a path, or the bytes of a ModelProto. `threads` 0: all.")
      .def(
          "run",
          [](const BoundSession& bound, const std::optional<std::vector<std::string>>& names, const py::dict& feeds,
             const py::object&) { return bound.run(names, feeds); },
          py::arg("output_names"), py::arg("input_feed"), py::arg("run_options") = py::none(),
          "The outputs named, in that order (None: all), for arrays by input name. run_options is not looked at.")
      .def("profile", &profile, py::arg("feeds"), py::arg("iterations") = 10,
           "One dict per executed step, with the median milliseconds of `iterations` runs.")
      .def(
          "get_inputs", [](const BoundSession& bound) { return node_args(bound.session().inputs()); },
          "The model's inputs, in order.")
      .def(
          "get_outputs", [](const BoundSession& bound) { return node_args(bound.session().outputs()); },
          "The model's outputs, in order.")
      .def_property_readonly(
          "precision", [](const BoundSession& bound) { return app::precision_of(bound.session().graph()); },
          "What the model computes in: \"fp32\", \"int8\", \"bf16\" or \"int8+bf16\".")
      .def("model_bytes", &model_bytes, "The model as it runs, as the bytes of a ModelProto.")
      .def_property_readonly("threads", &BoundSession::threads, "Threads of its kernels; 0: all.");
}

}  // namespace inc::python
