#include <fmt/format.h>

#include <cmath>

#include "core/report/report.h"
#include "core/report/svg.h"

namespace inc::report {
namespace {

constexpr const char* kStyle = R"(
:root{--ink:#1c2430;--soft:#5c6877;--paper:#fff;--panel:#f5f7fa;--rule:#dde3ea;--bar:#9fb3c8;--accent:#0b6e99;--good:#1a7f4b;--bad:#b3261e}
@media(prefers-color-scheme:dark){:root{--ink:#e6ebf1;--soft:#9aa7b5;--paper:#12171e;--panel:#1b222c;--rule:#2d3744;--bar:#4a5d73;--accent:#4fb3dc;--good:#58c48b;--bad:#f28b82}}
*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:1080px;margin:0 auto;padding:32px 24px 64px}h1{font-size:26px;margin:0}h2{font-size:18px;margin:40px 0 12px}
.sub{color:var(--soft);margin:4px 0 20px}.verdict{display:inline-block;padding:4px 12px;border-radius:999px;font-weight:600;color:#fff;background:var(--good)}
.verdict.missed{background:var(--bad)}.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(170px,1fr));gap:12px;margin-top:20px}
.tile{background:var(--panel);border-radius:10px;padding:14px 16px}.tile b{display:block;font-size:22px;font-variant-numeric:tabular-nums}.tile span{color:var(--soft);font-size:13px}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(320px,1fr));gap:16px}figure{margin:0;background:var(--panel);border-radius:10px;padding:14px 16px}
figcaption{font-weight:600;margin-bottom:8px}svg{width:100%;height:auto;display:block}svg text{fill:var(--ink);font-size:13px}svg .tick{fill:var(--soft);font-size:11px}svg .axis{fill:var(--soft);font-size:12px}
.bar{fill:var(--bar)}.bar.accent,.dot.accent{fill:var(--accent)}.dot{fill:var(--bar)}.grid{stroke:var(--rule)}.joined{fill:none;stroke:var(--bar);stroke-width:1.5}
.target{stroke:var(--bad);stroke-dasharray:5 4}svg .target-label{fill:var(--bad);font-size:11px}
.wrap{overflow-x:auto}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}th,td{text-align:left;padding:6px 12px 6px 0;border-bottom:1px solid var(--rule);vertical-align:top}
th{color:var(--soft);font-weight:600;font-size:13px}td.n,th.n{text-align:right}td.name{font-family:ui-monospace,monospace;font-size:13px;word-break:break-all}
.int8{color:var(--accent);font-weight:600}.bf16{color:var(--good);font-weight:600}input{font:inherit;padding:6px 10px;width:100%;max-width:340px;border:1px solid var(--rule);border-radius:8px;background:var(--paper);color:var(--ink);margin-bottom:10px}
pre{background:var(--panel);padding:14px 16px;border-radius:10px;overflow-x:auto;font-size:13px}details summary{cursor:pointer;font-weight:600})";

constexpr const char* kScript = R"(
const box=document.getElementById('filter');if(box)box.addEventListener('input',()=>{const word=box.value.toLowerCase();
document.querySelectorAll('#ops tbody tr').forEach(row=>row.hidden=!row.textContent.toLowerCase().includes(word));});)";

std::string tile(const std::string& value, const std::string& label) {
  return fmt::format("<div class=\"tile\"><b>{}</b><span>{}</span></div>", escaped(value), escaped(label));
}

std::string times(double from, double to) {
  return to > 0 ? fmt::format("{:.2f}×", from / to) : "–";
}

std::string header(const Report& r) {
  const bool tuned = !r.metric.empty();
  std::string text = fmt::format("<h1>{}</h1><p class=\"sub\">inc-cpp {} · strategy {} · {}</p>", escaped(r.model),
                                 escaped(r.version), escaped(r.strategy), escaped(r.stopped));
  if (tuned)
    text += fmt::format("<p><span class=\"verdict{}\">{}</span> {}</p>", r.result.met ? "" : " missed",
                        r.result.met ? "target met" : "target missed", escaped(r.result.target));
  text += "<div class=\"tiles\">";
  if (tuned) {
    text += tile(fmt::format("{:.4f}", r.result.accuracy), fmt::format("{} · FP32 {:.4f}", r.metric, r.baseline.accuracy));
    text += tile(fmt::format("{:+.2f} %", -100 * r.result.relative_loss), "relative change of accuracy");
  }
  text += tile(times(r.baseline.latency_ms, r.result.latency_ms),
               fmt::format("faster · {:.3f} → {:.3f} ms a sample", r.baseline.latency_ms, r.result.latency_ms));
  text += tile(times(static_cast<double>(r.result.fp32_model_bytes), static_cast<double>(r.result.model_bytes)),
               fmt::format("smaller · {:.0f} → {:.0f} kB", static_cast<double>(r.result.fp32_model_bytes) / 1e3,
                           static_cast<double>(r.result.model_bytes) / 1e3));
  text += tile(std::to_string(r.cost.trials),
               fmt::format("trials in {:.1f} s, {:.1f} full evaluations", r.cost.seconds, r.cost.full_evaluations));
  return text + tile(fmt::format("{:.0f} MB", static_cast<double>(r.cost.peak_rss_bytes) / 1e6), "peak memory") + "</div>";
}

std::string pair_chart(const std::string& title, double fp32, double result, const std::string& format) {
  return bar_chart(title, {{"FP32", fmt::format(fmt::runtime(format), fp32), fp32, false},
                           {"result", fmt::format(fmt::runtime(format), result), result, true}});
}

std::string charts(const Report& r) {
  std::string text = "<h2>FP32 and the result</h2><div class=\"charts\">";
  if (!r.metric.empty()) text += pair_chart("Accuracy (" + r.metric + ")", r.baseline.accuracy, r.result.accuracy, "{:.4f}");
  text += pair_chart("Latency, ms a sample", r.baseline.latency_ms, r.result.latency_ms, "{:.4f}");
  text += pair_chart("Model, kB", static_cast<double>(r.result.fp32_model_bytes) / 1e3,
                     static_cast<double>(r.result.model_bytes) / 1e3, "{:.0f}");
  const auto share = [](double value, double of) { return of > 0 ? value / of : 0; };
  text += bar_chart(
      "Relative to FP32",
      {{"accuracy", fmt::format("{:.3f}", share(r.result.accuracy, r.baseline.accuracy)),
        share(r.result.accuracy, r.baseline.accuracy), false},
       {"latency", fmt::format("{:.3f}", share(r.result.latency_ms, r.baseline.latency_ms)),
        share(r.result.latency_ms, r.baseline.latency_ms), true},
       {"size",
        fmt::format("{:.3f}",
                    share(static_cast<double>(r.result.model_bytes), static_cast<double>(r.result.fp32_model_bytes))),
        share(static_cast<double>(r.result.model_bytes), static_cast<double>(r.result.fp32_model_bytes)), false}});
  text += "</div>";
  if (r.trials.empty()) return text;
  Plot trials{"Accuracy by trial", {"trial", "{:.0f}"}, {"accuracy", "{:.4g}"}, {}, r.result.threshold, "target", true};
  for (const auto& t : r.trials)
    if (t.failed.empty())
      trials.dots.push_back({static_cast<double>(t.number), t.accuracy,
                             fmt::format("trial {}: {:.4f}, {} int8", t.number, t.accuracy, t.int8), t.met});
  Plot front{
      "Accuracy and latency", {"ms a sample", "{:.3g}"}, {"accuracy", "{:.4g}"}, {}, r.result.threshold, "target", false};
  for (const auto& t : r.trials)
    if (t.failed.empty())
      front.dots.push_back(
          {t.latency_ms, t.accuracy, fmt::format("trial {}: {} int8, {} fp32", t.number, t.int8, t.fp32), false});
  for (const auto& p : r.pareto) front.dots.push_back({p.latency_ms, p.accuracy, p.config, true});
  return text + "<h2>The search</h2><div class=\"charts\">" + scatter_plot(trials) + scatter_plot(front) + "</div>";
}

std::string tables(const Report& r) {
  std::string text =
      "<h2>Mixed precision statistics</h2><div class=\"wrap\"><table><thead><tr><th>Op Type</th><th "
      "class=\"n\">Total</th><th class=\"n\">INT8</th>"
      "<th class=\"n\">BF16</th><th class=\"n\">FP32</th></tr></thead><tbody>";
  for (const auto& s : r.statistics)
    text += fmt::format(
        "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
        escaped(s.op_type), s.total, s.int8, s.bf16, s.fp32);
  text +=
      "</tbody></table></div><h2>Operators</h2><input id=\"filter\" type=\"search\" placeholder=\"Filter by name, type, "
      "precision or reason\" aria-label=\"Filter operators\">"
      "<div class=\"wrap\"><table "
      "id=\"ops\"><thead><tr><th>Name</th><th>Type</th><th>Precision</th><th>Reason</th></tr></thead><tbody>";
  for (const auto& op : r.ops)
    text +=
        fmt::format("<tr><td class=\"name\">{}</td><td>{}</td><td class=\"{}\">{}</td><td>{}</td></tr>", escaped(op.name),
                    escaped(op.op_type), escaped(op.precision), escaped(op.precision), escaped(op.reason));
  return text + "</tbody></table></div>";
}

std::string trial_table(const Report& r) {
  if (r.trials.empty()) return "";
  std::string text =
      "<h2>Trials</h2><div class=\"wrap\"><table><thead><tr><th class=\"n\">Trial</th><th class=\"n\">Accuracy</th><th "
      "class=\"n\">Relative loss</th>"
      "<th class=\"n\">ms a sample</th><th class=\"n\">INT8</th><th class=\"n\">FP32</th><th "
      "class=\"n\">Seconds</th><th>Verdict</th></tr></thead><tbody>";
  for (const auto& t : r.trials)
    text += fmt::format(
        "<tr><td class=\"n\">{}</td><td class=\"n\">{:.4f}</td><td class=\"n\">{:+.4f}</td><td class=\"n\">{:.4f}</td><td "
        "class=\"n\">{}</td><td class=\"n\">{}</td>"
        "<td class=\"n\">{:.1f}</td><td>{}</td></tr>",
        t.number, t.accuracy, t.relative_loss, t.latency_ms, t.int8, t.fp32, t.seconds,
        !t.failed.empty() ? escaped("failed: " + t.failed)
        : t.met           ? "met"
                          : "missed");
  return text + "</tbody></table></div>";
}

}  // namespace

std::string to_html(const Report& r) {
  std::string page = fmt::format(
      "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width,initial-scale=1\">"
      "<title>{} – inc-cpp report</title><style>{}</style></head><body><main>",
      escaped(r.model), kStyle);
  page += header(r) + charts(r) + tables(r) + trial_table(r);
  page += fmt::format("<h2>Machine</h2><p>{} · ISA {} · {} threads</p>", escaped(r.machine.cpu), escaped(r.machine.isa),
                      r.machine.threads);
  page +=
      fmt::format("<details><summary>Resolved configuration</summary><pre>{}</pre></details>", escaped(r.resolved_config));
  return page + fmt::format("</main><script>{}</script></body></html>\n", kScript);
}

}  // namespace inc::report
