// What a C++ user writes, short: a model by its configuration, timings, what the machine can do, and errors.
#include <inc_cpp/inc.h>

#include <cstdio>

namespace {

class Upwards final : public inc::Strategy {
 public:
  explicit Upwards(const inc::SearchSpace& space) : space_(space) {}
  std::optional<inc::Point> ask(const inc::History& history) const override {
    if (history.size() > 1) return {};
    return history.size() == 0 ? space_.fastest() : space_.fp32();
  }
  std::string_view name() const override { return "upwards"; }

 private:
  inc::SearchSpace space_;
};

int check(bool good, const char* what) {
  if (!good) std::fprintf(stderr, "wrong: %s\n", what);
  return good ? 0 : 1;
}

int run(const char* file, const char* output) {
  const inc::Config config = inc::read_config(file, {{"evaluation.accuracy.iteration", "2"}});
  inc::QuantizeOptions options;
  options.output = output;
  options.strategy_name = "upwards";
  options.strategy = [](const inc::SearchSpace& space, const inc::Knowledge&) { return std::make_unique<Upwards>(space); };
  const inc::QuantizeResult result = inc::quantize(config, options);
  int wrong = check(result.met() && result.report.strategy == "upwards", "the program's strategy");
  const auto again = inc::evaluate(result.model, config);
  wrong += check(again.accuracy == result.report.result.accuracy, "the written model has the accuracy of the report");
  inc::BenchmarkOptions quick;
  quick.iterations = 3;
  const auto times = inc::benchmark(result.model, {""}, quick);
  wrong += check(times.size() == 1 && times[0].latency_ms.p50 > 0, "timings");
  wrong += check(inc::doctor({.probe = false}).usable_cores() >= 1, "doctor");
  inc::CompareOptions pair;
  pair.a = pair.b = result.model;
  pair.samples = 2;
  wrong += check(inc::compare(pair).outputs.size() == 1, "compare");
  try {
    inc::evaluate("nowhere.onnx", config);
    wrong += check(false, "a model that is not there");
  } catch (const inc::Error& error) {
    std::printf("as expected: %s\n", error.what());
  }
  return wrong;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  try {
    return run(argv[1], argv[2]);
  } catch (const inc::Error& error) {
    std::fprintf(stderr, "%s\n", error.full_message().c_str());
    return static_cast<int>(error.exit_code());
  }
}
