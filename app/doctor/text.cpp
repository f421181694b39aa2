#include "core/base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "app/doctor.h"

namespace inc::app {
namespace {

constexpr std::size_t kColumns = 100, kLabel = 14;

/// Words in lines of at most kColumns, the second and later ones indented. Counts bytes of UTF-8 that begin a character.
std::string wrapped(const std::string& first, const std::string& text, std::size_t indent) {
  const auto width = [](const std::string& s) {
    return static_cast<std::size_t>(std::count_if(s.begin(), s.end(), [](char c) { return (c & 0xC0) != 0x80; }));
  };
  std::string out = first;
  std::size_t column = width(first);
  std::istringstream words(text);
  bool begun = false;
  for (std::string word; words >> word;) {
    if (begun && column + 1 + width(word) > kColumns) {
      out += "\n" + std::string(indent, ' ');
      column = indent;
      begun = false;
    }
    out += (begun ? " " : "") + word;
    column += width(word) + (begun ? 1 : 0);
    begun = true;
  }
  return out + "\n";
}

std::string row(const std::string& label, const std::string& text) {
  return wrapped(fmt::format("  {:<{}}", label, kLabel), text, kLabel + 2);
}

template <class T, class Show>
std::string shown(const Known<T>& fact, Show&& show) {
  return fact ? show(*fact) : fmt::format("unknown ({})", fact.why_not());
}
std::string shown(const Known<std::string>& fact) {
  return shown(fact, [](const std::string& text) { return text; });
}
std::string ghz(const Known<double>& fact) {
  return shown(fact, [](double value) { return fmt::format("{:.1f}", value); });
}
std::string gib(double bytes) {
  return fmt::format("{:.1f} GiB", bytes / (1 << 30));
}
std::string plural(int count, const char* noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

const PrecisionFacts& facts_of(const Diagnosis& d, std::string_view precision) {
  return *std::find_if(d.precisions.begin(), d.precisions.end(), [&](const auto& p) { return p.precision == precision; });
}

/// Of one core.
double against_fp32(const Diagnosis& d, const PrecisionFacts& p) {
  const PrecisionFacts& fp32 = facts_of(d, "fp32");
  return p.speed && fp32.speed && fp32.speed->one_core_gops > 0 ? p.speed->one_core_gops / fp32.speed->one_core_gops : 0;
}

std::string precision_table(const Diagnosis& d) {
  std::string text = fmt::format("\n{:<10}{:<10}{:>14}{:>9}{:>15}  {}\n", "precision", "way", "1 core GOP/s", "× FP32",
                                 fmt::format("{} GOP/s", plural(d.usable_cores(), "core")), "kernel");
  for (const PrecisionFacts& p : d.precisions) {
    const std::string first = fmt::format("{:<10}{:<10}", p.precision, name_of(p.way));
    if (p.speed)
      text += fmt::format("{}{:>14.0f}{:>9.1f}{:>15.0f}  {}\n", first, p.speed->one_core_gops, against_fp32(d, p),
                          p.speed->all_cores_gops, p.speed->kernel);
    else
      text += wrapped(first, fmt::format("speed unknown ({})", p.speed.why_not()), 20);
    text += wrapped(std::string(20, ' '), p.how, 20);
  }
  const bool measured = std::any_of(d.precisions.begin(), d.precisions.end(), [](const auto& p) { return bool(p.speed); });
  if (measured && d.is_busy()) text += "Measured while other processes were computing: the true speeds are higher.\n";
  return text;
}

std::string advice(const Diagnosis& d) {
  if (d.advice.empty()) return "";
  std::string text = "\nTo change, largest gain first\n";
  int number = 0;
  for (const Advice& a : d.advice) {
    text += wrapped(fmt::format("{:>3} {:<8} ", ++number, name_of(a.gain)), a.problem, 13);
    text += fmt::format("{:13}$ {}\n", "", a.command);
    text += wrapped(std::string(13, ' '), fmt::format("brings: {} ({})", a.expect, a.basis), 15);
  }
  return text;
}

std::string cpu_rows(const Diagnosis& d) {
  std::string text =
      row("cpu", fmt::format("{}{}", shown(d.cpu), d.virtual_machine.value_or(false) ? ", virtual machine" : ""));
  text += row("instructions", shown(d.instructions, [](const auto& names) { return joined(names, " "); }));
  text += row("AMX", shown(d.amx, [](Amx amx) { return std::string(name_of(amx)); }));
  text += row("engine", fmt::format("{}, {}", d.engine.version, d.engine.isa));
  text += row("cores", shown(d.layout, [](const Layout& l) {
                return fmt::format("{}, {}, {} ({}), {}", plural(l.sockets, "socket"), plural(l.cores, "core"),
                                   plural(l.cpus, "CPU"), l.cpus > l.cores ? "hyper-threads on" : "no hyper-threads",
                                   plural(static_cast<int>(l.nodes.size()), "NUMA node"));
              }));
  if (d.layout && d.layout->nodes.size() > 1)
    for (const auto& node : d.layout->nodes)
      text += row(fmt::format("  node {}", node.number),
                  fmt::format("CPUs {}, {}", cpu_list(node.cpus),
                              node.memory_bytes > 0 ? gib(static_cast<double>(node.memory_bytes)) : "memory unknown"));
  return text;
}

std::string limit_rows(const Diagnosis& d) {
  std::string text = row("may use", fmt::format("{}; CPUs {}", plural(d.usable_cores(), "core"),
                                                shown(d.limits.affinity, [](const auto& cpus) { return cpu_list(cpus); })));
  std::string groups = d.limits.cgroups;
  if (d.limits.cpus) groups += fmt::format("; {:.3g} CPUs of time ({})", d.limits.cpus->amount, d.limits.cpus->cgroup);
  if (d.limits.memory) groups += fmt::format("; {} of memory ({})", gib(d.limits.memory->amount), d.limits.memory->cgroup);
  if (!d.limits.cpus && !d.limits.memory) groups += "; no limit of CPU time or memory";
  text += row("cgroups", groups);
  return text + row("container", d.container.empty() ? "no sign of one" : joined(d.container));
}

std::string power_rows(const Power& p) {
  std::string text =
      row("frequency", p.governor ? fmt::format("governor {}, driver {}", *p.governor, shown(p.driver)) : shown(p.governor));
  if (p.highest)
    text +=
        row("", fmt::format("{} to {} GHz, capped at {}, base {}", ghz(p.lowest), ghz(p.highest), ghz(p.cap), ghz(p.base)));
  text += row("turbo", shown(p.turbo, [](bool on) { return std::string(on ? "on" : "off"); }));
  return text + row("idle states", p.deepest_idle && p.deepest_idle_us
                                       ? fmt::format("{} at most ({} µs to wake), driver {}", *p.deepest_idle,
                                                     *p.deepest_idle_us, shown(p.idle_driver))
                                       : shown(p.deepest_idle));
}

std::string memory_rows(const Diagnosis& d) {
  const auto size = [](std::int64_t bytes) { return gib(static_cast<double>(bytes)); };
  std::string text = row(
      "memory", fmt::format("{}, {} available", shown(d.memory.total_bytes, size), shown(d.memory.available_bytes, size)));
  text += row("huge pages", shown(d.memory.huge_pages));
  text += row("allocator",
              shown(d.allocator, [](const auto& names) { return names.empty() ? "the C library's" : joined(names); }));
  text +=
      row("OpenMP", shown(d.openmp, [](const auto& names) { return names.empty() ? "no library mapped" : joined(names); }));
  std::string variables;
  for (const auto& [name, value] : d.variables)
    variables += fmt::format("{}{}={}", variables.empty() ? "" : " ", name, value);
  text += row("variables", variables.empty() ? "none that matter" : variables);
  return text + row("load", shown(d.load, [](double load) { return fmt::format("{:.2f}", load); }));
}

}  // namespace

std::string verdict(const Diagnosis& d) {
  std::string text;
  for (const char* name : {"int8", "bf16"}) {
    const PrecisionFacts& p = facts_of(d, name);
    const double factor = against_fp32(d, p);
    text += fmt::format("{}{} {}{}", text.empty() ? "" : "; ", p.precision == "int8" ? "INT8" : "BF16",
                        p.way == Way::Native  ? "runs natively"
                        : p.way == Way::Exact ? "runs exactly, by other instructions"
                                              : "is emulated",
                        factor > 0 ? fmt::format(", {:.1f} times as fast as FP32", factor) : "");
  }
  const auto changes = static_cast<int>(
      std::count_if(d.advice.begin(), d.advice.end(), [](const Advice& a) { return a.gain != Gain::None; }));
  const auto large = std::count_if(d.advice.begin(), d.advice.end(), [](const Advice& a) { return a.gain == Gain::Large; });
  text += changes == 0 ? ". Nothing to change."
                       : fmt::format(". {} to change{}.", plural(changes, "thing"),
                                     large > 0 ? fmt::format(", {} with a large gain", large) : "");
  return text;
}

std::string to_text(const Diagnosis& d) {
  return wrapped("", verdict(d), 0) + precision_table(d) + advice(d) + "\nThe machine\n" + cpu_rows(d) +
         row("kernel", shown(d.kernel)) + limit_rows(d) + power_rows(d.power) + memory_rows(d);
}

}  // namespace inc::app
