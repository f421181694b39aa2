// quantize and evaluate: one configuration, and what Python supplies.
#include <pybind11/functional.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <algorithm>

#include "app/session.h"
#include "callbacks.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/eval/evaluate.h"
#include "core/onnx/onnx_io.h"
#include "core/pipeline/work.h"
#include "data.h"

namespace inc::python {
namespace {

/// What both take. Members are set from Python.
struct Task {
  std::filesystem::path config_file;  ///< what relative paths are relative to; read unless there is a text
  std::optional<std::string> config_text;
  std::vector<config::Override> overrides;
  py::object model = py::none();  ///< None: the configuration's; str; bytes
  std::shared_ptr<Samples> calibration, evaluation;
  std::int64_t calibration_batch = 1, evaluation_batch = 1;
  std::string metric_name = "metric";
  bool higher_is_better = true, needs_labels = true;
  py::object metric = py::none(), eval_func = py::none(), wrap = py::none();
  std::string strategy_name;
  py::object strategy = py::none();
  std::string engine = "onednn", engine_version;
  py::object load = py::none();  ///< of another engine than ours
  int threads = 0;
  std::string output;
  bool resume = false, strict = false;
  py::object on_progress = py::none(), on_trial = py::none();
};

config::Config read(const Task& task) {
  return task.config_text ? config::read_config_text(*task.config_text, task.config_file, task.overrides)
                          : config::read_config(task.config_file, task.overrides);
}

config::Config config_of(const Task& task) {
  config::Config config = read(task);
  if (py::isinstance<py::str>(task.model))
    config.model.path = std::filesystem::absolute(task.model.cast<std::string>()).string();
  if (!task.strategy.is_none()) config.tuning.strategy.name = task.strategy_name;
  py::object warn = py::module_::import("warnings").attr("warn");
  if (task.strict) config::require_honoured(config);
  for (const auto& item : config.not_honoured) warn(item.sentence());
  return config;
}

pipeline::Supplied supplied_by(const Task& task, Interruption& interruption) {
  pipeline::Supplied supplied;
  if (py::isinstance<py::bytes>(task.model))
    supplied.model = std::make_shared<const std::string>(task.model.cast<std::string>());
  if (task.calibration) supplied.calibration = {task.calibration, task.calibration_batch};
  if (task.evaluation) supplied.evaluation = {task.evaluation, task.evaluation_batch};
  if (!task.eval_func.is_none())
    supplied.metric =
        function_metric(task.metric_name, task.higher_is_better, Ref(task.eval_func), Ref(task.wrap), interruption);
  else if (!task.metric.is_none())
    supplied.metric =
        object_metric(task.metric_name, task.higher_is_better, task.needs_labels, Ref(task.metric), interruption);
  if (!task.strategy.is_none())
    supplied.strategy = [name = task.strategy_name, make = Ref(task.strategy), &interruption](
                            const search::SearchSpace& space, const search::Knowledge& knowledge) {
      return object_strategy(name, make, space, knowledge, interruption);
    };
  return supplied;
}

std::unique_ptr<const runtime::Adaptor> adaptor_of(const Task& task, Interruption& interruption) {
  if (task.load.is_none()) return app::make_adaptor(task.engine);
  return app::make_adaptor(object_engine(task.engine, task.engine_version, Ref(task.load), interruption));
}

py::dict trial_row(const search::Observation& seen, std::size_t number) {
  py::dict row;
  row["number"] = number;
  row["accuracy"] = seen.accuracy;
  row["loss"] = seen.loss;
  row["met"] = seen.met;
  row["cost"] = seen.cost;
  row["latency_ms"] = seen.latency_ms;
  row["seconds"] = seen.seconds;
  row["failed"] = seen.state == search::TrialState::Failed ? seen.why_failed : std::string();
  return row;
}

pipeline::QuantizeOptions options_of(const Task& task, Interruption& interruption) {
  pipeline::QuantizeOptions options;
  options.output = task.output;
  options.resume = task.resume;
  options.supplied = supplied_by(task, interruption);
  options.should_stop = [&interruption] { return interruption.asked(); };
  if (!task.on_progress.is_none())
    options.progress = [call = Ref(task.on_progress), &interruption](const pipeline::Progress& progress) {
      show(interruption, [&] { call.get()(progress.stage, progress.done, progress.total); });
    };
  if (!task.on_trial.is_none())
    options.on_trial = [call = Ref(task.on_trial), &interruption](const search::Observation& seen, std::size_t number) {
      show(interruption, [&] { call.get()(trial_row(seen, number)); });
    };
  return options;
}

[[noreturn]] void raise_interrupt() {
  PyErr_SetNone(PyExc_KeyboardInterrupt);
  throw py::error_already_set();
}

/// (report.json, directory, whether it was interrupted). Interrupted before the first trial was measured: KeyboardInterrupt.
py::tuple quantize(const Task& task) {
  Interruption interruption;
  const config::Config config = config_of(task);
  const auto adaptor = adaptor_of(task, interruption);
  pipeline::QuantizeOptions options = options_of(task, interruption);
  report::Report report;
  try {
    const py::gil_scoped_release free;
    const ThreadScope scope(task.threads);
    options.machine = app::machine();
    report = pipeline::quantize(config, *adaptor, options);
  } catch (const search::Interrupted&) {
    raise_interrupt();
  } catch (const Error&) {
    if (interruption.happened()) raise_interrupt();
    throw;
  }
  if (interruption.happened() && report.cost.trials == 0) raise_interrupt();
  return py::make_tuple(report::to_json(report), report.directory.string(), interruption.happened());
}

py::dict score_of(const pipeline::AccuracyTask& accuracy, const eval::Score& score, const std::string& model) {
  py::dict row;
  row["model"] = model;
  row["metric"] = accuracy.metric->name();
  row["accuracy"] = score.value;
  row["samples"] = score.samples;
  row["seconds"] = score.seconds;
  row["model_seconds"] = score.model_seconds;
  const auto parts = accuracy.metric->parts();
  if (parts.size() > 1) {
    py::dict values;
    for (const eval::Metric* part : parts) values[py::str(part->name())] = part->value();
    row["metrics"] = values;
  }
  py::dict details;
  for (const auto& [name, value] : accuracy.metric->details()) details[py::str(name)] = value;
  if (!details.empty()) row["details"] = details;
  return row;
}

py::dict evaluate(const Task& task) {
  Interruption interruption;
  const config::Config config = config_of(task);
  const auto adaptor = adaptor_of(task, interruption);
  const pipeline::QuantizeOptions options = options_of(task, interruption);
  pipeline::LoadedModel model;
  std::optional<pipeline::AccuracyTask> accuracy;
  eval::Score score;
  try {
    const py::gil_scoped_release free;
    const ThreadScope scope(task.threads);
    model = pipeline::load_model(config, options.supplied);
    pipeline::follow_bf16_plan(model);
    accuracy = pipeline::accuracy_task(config, options.supplied);
    if (!accuracy)
      throw ConfigError("nothing to evaluate: expected a metric with data, or evaluation.accuracy in the configuration");
    const auto executable = adaptor->prepare(model.fused);
    eval::EvalOptions how{accuracy->batch_size, accuracy->samples, [&](std::int64_t done, std::int64_t total) {
                            if (options.progress) options.progress({"evaluate", done, total});
                            return !options.should_stop();
                          }};
    score = eval::evaluate(model.fused, *executable, *accuracy->data, *accuracy->metric, how, executable.get());
  } catch (const search::Interrupted&) {
    raise_interrupt();
  }
  if (interruption.happened()) raise_interrupt();
  return score_of(*accuracy, score, model.name);
}

std::int64_t sampling_size(const Task& task) {
  const config::Config config = read(task);
  const auto sizes = (config.quantization ? config.quantization->calibration : config::Calibration{}).sampling_size;
  return *std::max_element(sizes.begin(), sizes.end());
}

std::pair<std::vector<Port>, std::vector<Port>> ports_of(const py::object& model) {
  config::Config config;
  pipeline::Supplied supplied;
  if (py::isinstance<py::bytes>(model))
    supplied.model = std::make_shared<const std::string>(model.cast<std::string>());
  else
    config.model.path = std::filesystem::absolute(model.cast<std::string>()).string();
  const py::gil_scoped_release free;
  const ir::Graph graph =
      supplied.model ? onnx_io::import_bytes(*supplied.model, {}) : onnx_io::import_model(config.model.path);
  std::pair<std::vector<Port>, std::vector<Port>> ports;
  for (const ir::ValueId id : graph.inputs()) ports.first.push_back({graph.value(id).name, graph.value(id).type});
  for (std::size_t i = 0; i < graph.outputs().size(); ++i)
    ports.second.push_back({graph.output_names()[i], graph.value(graph.outputs()[i]).type});
  return ports;
}

}  // namespace

void bind_quantize(py::module_& module) {
  bind_data(module);
  py::class_<Task>(module, "Task", "What quantize and evaluate are given.")
      .def(py::init<>())
      .def_readwrite("config_file", &Task::config_file)
      .def_readwrite("config_text", &Task::config_text)
      .def_readwrite("overrides", &Task::overrides)
      .def_readwrite("model", &Task::model)
      .def_readwrite("calibration", &Task::calibration)
      .def_readwrite("evaluation", &Task::evaluation)
      .def_readwrite("calibration_batch", &Task::calibration_batch)
      .def_readwrite("evaluation_batch", &Task::evaluation_batch)
      .def_readwrite("metric_name", &Task::metric_name)
      .def_readwrite("higher_is_better", &Task::higher_is_better)
      .def_readwrite("needs_labels", &Task::needs_labels)
      .def_readwrite("metric", &Task::metric)
      .def_readwrite("eval_func", &Task::eval_func)
      .def_readwrite("wrap", &Task::wrap)
      .def_readwrite("strategy_name", &Task::strategy_name)
      .def_readwrite("strategy", &Task::strategy)
      .def_readwrite("engine", &Task::engine)
      .def_readwrite("engine_version", &Task::engine_version)
      .def_readwrite("load", &Task::load)
      .def_readwrite("threads", &Task::threads)
      .def_readwrite("output", &Task::output)
      .def_readwrite("resume", &Task::resume)
      .def_readwrite("strict", &Task::strict)
      .def_readwrite("on_progress", &Task::on_progress)
      .def_readwrite("on_trial", &Task::on_trial);
  module.def("quantize", &quantize, py::arg("task"), "(report as JSON, directory, whether it was interrupted).");
  module.def("evaluate", &evaluate, py::arg("task"), "The score of a model.");
  module.def("sampling_size", &sampling_size, py::arg("task"), "Calibration samples that the configuration asks for.");
  module.def(
      "not_honoured",
      [](const Task& task) {
        py::list rows;
        for (const auto& item : read(task).not_honoured) {
          py::dict row;
          row["path"] = item.path;
          row["why"] = item.why;
          row["where"] = item.where;
          rows.append(row);
        }
        return rows;
      },
      py::arg("task"), "What the configuration asks for and is not done: path, why, where.");
  module.def(
      "describe",
      [](const py::object& model) {
        const auto [inputs, outputs] = ports_of(model);
        return py::make_tuple(node_args(inputs), node_args(outputs));
      },
      py::arg("model"), "(inputs, outputs) of a model that is only read.");
}

}  // namespace inc::python
