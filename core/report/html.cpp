#include <fmt/format.h>

#include <string_view>

#include "core/report/report.h"
#include "core/report/svg.h"
#include "core/report/text.h"

namespace inc::report {
namespace {

constexpr const char* kStyle = R"(
:root{--ink:#1c2430;--soft:#5c6877;--paper:#fff;--panel:#f5f7fa;--rule:#dde3ea;--bar:#9fb3c8;--accent:#0b6e99;--good:#1a7f4b;--bad:#b3261e}
@media(prefers-color-scheme:dark){:root{--ink:#e6ebf1;--soft:#9aa7b5;--paper:#12171e;--panel:#1b222c;--rule:#2d3744;--bar:#7088a3;--accent:#4fb3dc;--good:#58c48b;--bad:#f28b82}}
*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:1080px;margin:0 auto;padding:32px 24px 64px}h1{font-size:26px;margin:0}h2{font-size:18px;margin:40px 0 12px}
.sub{color:var(--soft);margin:4px 0 20px}.verdict{display:inline-block;padding:4px 12px;border-radius:999px;font-weight:600;color:var(--paper);background:var(--good)}
.verdict.missed{background:var(--bad)}.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin-top:20px}
.tile{background:var(--panel);border-radius:10px;padding:14px 16px}.tile b{display:block;font-size:22px;font-variant-numeric:tabular-nums}.tile span{color:var(--soft);font-size:13px}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(420px,100%),1fr));gap:16px}figure{margin:0;background:var(--panel);border-radius:10px;padding:14px 16px}
figcaption{font-weight:600;margin-bottom:8px}svg{width:100%;height:auto;display:block}svg text{fill:var(--ink);font-size:13px}svg .tick{fill:var(--soft);font-size:11px}svg .axis{fill:var(--soft);font-size:12px}
.bar{fill:var(--bar)}.bar.accent,.dot.accent{fill:var(--accent)}.dot{fill:var(--bar)}.grid{stroke:var(--rule)}.joined{fill:none;stroke:var(--bar);stroke-width:1.5}
.target{stroke:var(--bad);stroke-dasharray:5 4}svg .target-label{fill:var(--bad);font-size:11px}
.wrap{overflow-x:auto}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}th,td{text-align:left;padding:6px 12px 6px 0;border-bottom:1px solid var(--rule);vertical-align:top}
th{color:var(--soft);font-weight:600;font-size:13px}td.n,th.n{text-align:right}td.name{min-width:150px;font-family:ui-monospace,monospace;font-size:13px;word-break:break-all}
.int8{color:var(--accent);font-weight:600}.bf16,.good{color:var(--good);font-weight:600}input{font:inherit;padding:6px 10px;width:100%;max-width:340px;border:1px solid var(--rule);border-radius:8px;background:var(--paper);color:var(--ink);margin-bottom:10px}
pre{background:var(--panel);padding:14px 16px;border-radius:10px;overflow-x:auto;font-size:13px}details summary{cursor:pointer;font-weight:600}
th button{all:unset;cursor:pointer}th button:focus-visible,input:focus-visible,summary:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
th[aria-sort=ascending] button::after{content:" \2191"}th[aria-sort=descending] button::after{content:" \2193"}#left{color:var(--soft);font-size:13px;margin-left:10px}
@media print{input,#left{display:none}})";

constexpr const char* kScript = R"(
const box=document.getElementById('filter'),rows=()=>[...document.querySelectorAll('#ops tbody tr')];
box.addEventListener('input',()=>{const word=box.value.toLowerCase();let left=0;
rows().forEach(row=>{row.hidden=!row.textContent.toLowerCase().includes(word);left+=!row.hidden});
document.getElementById('left').textContent=left+' of '+rows().length+' operators'});
document.querySelectorAll('#ops th button').forEach((button,column)=>button.addEventListener('click',()=>{
const head=button.parentElement,down=head.getAttribute('aria-sort')==='ascending',text=row=>row.cells[column].textContent;
document.querySelectorAll('#ops th').forEach(th=>th.removeAttribute('aria-sort'));
head.setAttribute('aria-sort',down?'descending':'ascending');
const sorted=rows().sort((a,b)=>text(a).localeCompare(text(b),'en',{numeric:true})*(down?-1:1));
document.querySelector('#ops tbody').append(...sorted)}));)";

std::string tile(const std::string& value, const std::string& label) {
  return fmt::format("<div class=\"tile\"><b>{}</b><span>{}</span></div>", escaped(value), escaped(label));
}

std::string faster(double from, double to) {
  std::string text = times_text(from, to);
  if (text.ends_with('x')) text.replace(text.size() - 1, 1, "×");
  return text;
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
    text += tile(shown(r.result.accuracy, 4), fmt::format("{} · FP32 {}", r.metric, shown(r.baseline.accuracy, 4)));
    text += tile(change_text(r.result.relative_loss), "relative change of accuracy");
  }
  text += tile(faster(r.baseline.latency_ms, r.result.latency_ms),
               fmt::format("faster · {} → {} ms a sample", shown(r.baseline.latency_ms, 3), shown(r.result.latency_ms, 3)));
  text += tile(faster(static_cast<double>(r.result.fp32_model_bytes), static_cast<double>(r.result.model_bytes)),
               fmt::format("smaller · {} → {}", size_text(r.result.fp32_model_bytes), size_text(r.result.model_bytes)));
  text += tile(std::to_string(r.cost.trials), fmt::format("trials in {} s, {} full evaluations", shown(r.cost.seconds, 1),
                                                          shown(r.cost.full_evaluations, 1)));
  return text + tile(size_text(r.cost.peak_rss_bytes), "peak memory") + "</div>";
}

std::string pair_chart(const std::string& title, double fp32, double result, int decimals) {
  return bar_chart(title, {{"FP32", shown(fp32, decimals), fp32, false}, {"result", shown(result, decimals), result, true}});
}

std::string normalized_chart(const Report& r) {
  std::vector<Bar> bars{{"FP32", "1", 1, false}};
  const auto add = [&](const char* label, double value, double of) {
    const double share = value / of;
    bars.push_back({label, shown(share, 3), share, true});
  };
  if (!r.metric.empty()) add("accuracy", r.result.accuracy, r.baseline.accuracy);
  add("latency", r.result.latency_ms, r.baseline.latency_ms);
  add("size", static_cast<double>(r.result.model_bytes), static_cast<double>(r.result.fp32_model_bytes));
  return bar_chart("Relative to FP32", bars);
}

std::string charts(const Report& r) {
  std::string text = "<h2>FP32 and the result</h2><div class=\"charts\">";
  if (!r.metric.empty()) text += pair_chart("Accuracy (" + r.metric + ")", r.baseline.accuracy, r.result.accuracy, 4);
  text += pair_chart("Latency, ms a sample", r.baseline.latency_ms, r.result.latency_ms, 4);
  text += pair_chart("Model, kB", static_cast<double>(r.result.fp32_model_bytes) / 1e3,
                     static_cast<double>(r.result.model_bytes) / 1e3, 0);
  text += normalized_chart(r) + "</div>";
  if (r.trials.empty()) return text;
  Plot trials{
      "Accuracy by trial (coloured: target met)", {"trial", true}, {"accuracy"}, {}, r.result.threshold, "target", true};
  for (const auto& t : r.trials)
    if (t.failed.empty())
      trials.dots.push_back({static_cast<double>(t.number), t.accuracy,
                             fmt::format("trial {}: {}, {} int8", t.number, shown(t.accuracy, 4), t.int8), t.met});
  Plot front{"Accuracy and latency (coloured: best trade-offs)",
             {"ms a sample"},
             {"accuracy"},
             {},
             r.result.threshold,
             "target",
             false};
  for (const auto& t : r.trials)
    if (t.failed.empty())
      front.dots.push_back({t.latency_ms, t.accuracy,
                            fmt::format("trial {}: {} int8, {} bf16, {} fp32", t.number, t.int8, t.bf16, t.fp32), false});
  for (const auto& p : r.pareto) front.dots.push_back({p.latency_ms, p.accuracy, p.config, true});
  return text + "<h2>The search</h2><div class=\"charts\">" + scatter_plot(trials) + scatter_plot(front) + "</div>";
}

struct Cell {
  std::string html;
  const char* style = "";
};
Cell text_cell(const std::string& text, const char* style = "") {
  return {escaped(text), style};
}
Cell count_cell(std::int64_t count) {
  return {std::to_string(count), "n"};
}
Cell number_cell(double value, int decimals) {
  return {shown(value, decimals), "n"};
}

std::string row_of(const char* tag, const std::vector<Cell>& cells) {
  std::string row = "<tr>";
  const bool header = std::string_view(tag) == "th";
  for (const auto& cell : cells) {
    row += fmt::format("<{0}{1}{2}>{3}</{0}>", tag, header ? " scope=\"col\"" : "",
                       *cell.style != 0 ? fmt::format(" class=\"{}\"", cell.style) : "", cell.html);
  }
  return row + "</tr>";
}

std::string table_of(const char* id, const std::vector<Cell>& header, const std::vector<std::vector<Cell>>& rows) {
  std::string text = fmt::format("<div class=\"wrap\"><table id=\"{}\"><thead>{}</thead><tbody>", id, row_of("th", header));
  for (const auto& row : rows) text += row_of("td", row);
  return text + "</tbody></table></div>";
}

std::string statistics(const Report& r) {
  std::vector<std::vector<Cell>> rows;
  for (const auto& s : r.statistics)
    rows.push_back({text_cell(s.op_type), count_cell(s.total), count_cell(s.int8), count_cell(s.bf16), count_cell(s.fp32)});
  return "<h2>Mixed precision statistics</h2>" +
         table_of("statistics", {{"Op Type"}, {"Total", "n"}, {"INT8", "n"}, {"BF16", "n"}, {"FP32", "n"}}, rows);
}

std::string operators(const Report& r) {
  std::vector<std::vector<Cell>> rows;
  for (const auto& op : r.ops) {
    const char* style = op.precision == "int8" ? "int8" : op.precision == "bf16" ? "bf16" : "";
    rows.push_back(
        {text_cell(op.name, "name"), text_cell(op.op_type), text_cell(op.precision, style), text_cell(op.reason)});
  }
  const auto sortable = [](const char* title) { return Cell{fmt::format("<button type=\"button\">{}</button>", title)}; };
  return "<h2>Operators</h2><input id=\"filter\" type=\"search\" placeholder=\"Filter by name, type, precision or reason\" "
         "aria-label=\"Filter operators\"><span id=\"left\" role=\"status\"></span>" +
         table_of("ops", {sortable("Name"), sortable("Type"), sortable("Precision"), sortable("Reason")}, rows);
}

std::string trials(const Report& r) {
  if (r.trials.empty()) return "";
  std::vector<std::vector<Cell>> rows;
  for (const auto& t : r.trials) {
    const bool ok = t.failed.empty();
    const auto measured = [&](double value, int decimals) { return ok ? number_cell(value, decimals) : Cell{"", "n"}; };
    rows.push_back({count_cell(static_cast<std::int64_t>(t.number)), measured(t.accuracy, 4), measured(t.relative_loss, 4),
                    measured(t.latency_ms, 4), count_cell(t.int8), count_cell(t.bf16), count_cell(t.fp32),
                    number_cell(t.seconds, 1),
                    text_cell(!ok     ? "failed: " + t.failed
                              : t.met ? "met"
                                      : "missed",
                              ok && t.met ? "good" : "")});
  }
  return "<h2>Trials</h2>" + table_of("trials",
                                      {{"Trial", "n"},
                                       {"Accuracy", "n"},
                                       {"Relative loss", "n"},
                                       {"ms a sample", "n"},
                                       {"INT8", "n"},
                                       {"BF16", "n"},
                                       {"FP32", "n"},
                                       {"Seconds", "n"},
                                       {"Verdict"}},
                                      rows);
}

std::string pareto(const Report& r) {
  if (r.pareto.empty()) return "";
  std::vector<std::vector<Cell>> rows;
  for (const auto& p : r.pareto)
    rows.push_back({number_cell(p.accuracy, 4),
                    number_cell(p.latency_ms, 4),
                    {size_text(p.model_bytes), "n"},
                    {size_text(p.footprint_bytes), "n"},
                    text_cell(p.config)});
  return "<h2>Best trade-offs</h2><p>Of FP32 and what was evaluated on the whole set: what nothing else beats in accuracy, "
         "latency and size together. Objective: " +
         escaped(r.objective) + ".</p>" +
         table_of("pareto",
                  {{"Accuracy", "n"}, {"ms a sample", "n"}, {"Model", "n"}, {"Memory of a run", "n"}, {"Operators"}}, rows);
}

std::string calibration(const Report& r) {
  std::string text;
  if (r.correction) text += fmt::format("<p>{}</p>", escaped(sentence(*r.correction)));
  if (!r.ranges.empty()) {
    std::vector<std::vector<Cell>> rows;
    for (const auto& range : r.ranges)
      rows.push_back({text_cell(range.method), count_cell(range.values), count_cell(range.changed),
                      number_cell(range.median_width, 3), number_cell(range.least_width, 3)});
    text += table_of("ranges", {{"Method"}, {"Tensors", "n"}, {"Clipped", "n"}, {"Median width", "n"}, {"Least width", "n"}},
                     rows);
    text += "<p>Widths of the calibrated ranges over those of min-max.</p>";
  }
  for (const auto& note : r.notes) text += fmt::format("<p>{}</p>", escaped(note));
  return text.empty() ? "" : "<h2>Calibration</h2>" + text;
}

}  // namespace

std::string to_html(const Report& r) {
  std::string page = fmt::format(
      "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width,initial-scale=1\">"
      "<title>{} – inc-cpp report</title><style>{}</style></head><body><main>",
      escaped(r.model), kStyle);
  page += header(r) + charts(r) + statistics(r) + calibration(r) + operators(r) + pareto(r) + trials(r);
  page += fmt::format("<h2>Machine</h2><p>{} · ISA {} · {} threads</p>", escaped(r.machine.cpu), escaped(r.machine.isa),
                      r.machine.threads);
  page +=
      fmt::format("<details><summary>Resolved configuration</summary><pre>{}</pre></details>", escaped(r.resolved_config));
  return page + fmt::format("</main><script>{}</script></body></html>\n", kScript);
}

}  // namespace inc::report
