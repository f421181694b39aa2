// What a C++ user writes: quantize a model through the installed package.
#include <inc_cpp/app/inc.h>

#include <cstdio>

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  try {
    const auto config = inc::config::read_config(argv[1], {{"tuning.exit_policy.max_trials", "1"}});
    const auto adaptor = inc::app::make_adaptor();
    inc::pipeline::QuantizeOptions options;
    options.output = argv[2];
    options.machine = inc::app::machine();
    const auto report = inc::pipeline::quantize(config, *adaptor, options);
    std::printf("%s: accuracy %.4f\n", report.model.c_str(), report.result.accuracy);
    return report.ops.empty() ? 1 : 0;
  } catch (const inc::Error& error) {
    std::fprintf(stderr, "%s\n", error.full_message().c_str());
    return static_cast<int>(error.exit_code());
  }
}
