#include "core/report/page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/report/svg.h"
#include "core/report/text.h"

namespace inc::report {
namespace {

constexpr const char* kStyle = R"(
:root{color-scheme:light dark;--ink:#1c2430;--soft:#566373;--paper:#fff;--panel:#f4f6f9;--rule:#dde3ea;--bar:#9fb3c8;--accent:#0b6e99;--good:#1a7f4b;--bad:#b3261e;--int8:#0b6e99;--bf16:#b7791f;--fp32:#8593a3}
@media(prefers-color-scheme:dark){:root{--ink:#e6ebf1;--soft:#9aa7b5;--paper:#12171e;--panel:#1b222c;--rule:#2d3744;--bar:#6b8199;--accent:#4fb3dc;--good:#58c48b;--bad:#f28b82;--int8:#4fb3dc;--bf16:#e3b341;--fp32:#76869a}}
*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif;overflow-wrap:anywhere}
main{max-width:1120px;margin:0 auto;padding:32px 24px 64px}h1{font-size:26px;line-height:1.25;margin:0}h2{font-size:19px;margin:44px 0 12px}h3{font-size:15px;margin:24px 0 8px}
p{margin:8px 0;max-width:80ch}.sub{color:var(--soft);margin:4px 0 18px}.verdict{display:inline-block;padding:4px 14px;border-radius:999px;font-weight:600;color:var(--paper);background:var(--good);margin-right:8px}
.verdict.missed{background:var(--bad)}.verdict.none{background:var(--soft)}.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(160px,1fr));gap:12px;margin-top:20px}
.tile{background:var(--panel);border-radius:10px;padding:14px 16px}.tile b{display:block;font-size:22px;font-variant-numeric:tabular-nums}.tile span{color:var(--soft);font-size:13px;display:block;line-height:1.4}
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(420px,100%),1fr));gap:16px;margin:12px 0}figure{margin:0;background:var(--panel);border-radius:10px;padding:14px 16px;min-width:0}
figcaption{font-weight:600;margin-bottom:8px}svg{width:100%;height:auto;display:block}svg text{fill:var(--ink);font-size:13px}svg .tick{fill:var(--soft);font-size:12px}svg .axis{fill:var(--soft);font-size:13px}
.bar{fill:var(--bar)}.bar.accent,.dot.accent{fill:var(--accent)}.dot{fill:var(--bar)}.grid{stroke:var(--rule)}.joined{fill:none;stroke:var(--bar);stroke-width:1.5}.span{stroke:var(--bar);stroke-width:2}
.front{fill:none;stroke:var(--accent);stroke-width:1.5}.target{stroke:var(--bad);stroke-dasharray:5 4}svg .inside{fill:var(--paper);font-size:12px;font-weight:600}svg .target-label{fill:var(--bad);font-size:12px}
rect.int8,.key.int8{fill:var(--int8);background:var(--int8)}rect.bf16,.key.bf16{fill:var(--bf16);background:var(--bf16)}rect.fp32,.key.fp32{fill:var(--fp32);background:var(--fp32)}
.key{display:inline-block;width:11px;height:11px;border-radius:3px;margin:0 6px 0 14px}.key:first-child{margin-left:0}.keys{font-size:13px;color:var(--soft);margin:0 0 8px}
.wrap{overflow-x:auto;margin:8px 0}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}th,td{text-align:left;padding:6px 14px 6px 0;border-bottom:1px solid var(--rule);vertical-align:top;overflow-wrap:normal}
th{color:var(--soft);font-weight:600;font-size:13px;vertical-align:bottom}th:last-child,td:last-child{padding-right:0}td.n,th.n{text-align:right;white-space:nowrap}
td.name{min-width:170px;max-width:420px;font-family:ui-monospace,monospace;font-size:13px;overflow-wrap:anywhere}td.name small{display:block;color:var(--soft);font:12px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}td.note{min-width:220px;color:var(--soft);font-size:13px}
td.b{text-align:right;white-space:nowrap;min-width:96px}th.b{text-align:right}td.b i{display:block;height:4px;margin-top:3px;border-radius:2px;background:var(--bar)}
.n+:not(.n):not(.b),.b+:not(.n):not(.b){padding-left:14px}
td.int8,td.bf16,td.fp32{font-weight:600;font-size:13px}td.int8{color:var(--int8)}td.bf16{color:var(--bf16)}td.fp32{color:var(--soft)}td.good{color:var(--good);font-weight:600}td.bad{color:var(--bad);font-weight:600}
pre{background:var(--panel);padding:14px 16px;border-radius:10px;overflow-x:auto;font-size:13px;overflow-wrap:normal}details{margin:16px 0}summary{cursor:pointer;font-weight:600}summary:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
ul{margin:8px 0;padding-left:20px;max-width:80ch}li{margin:4px 0}
@media(max-width:520px){td.name{min-width:132px}th,td{padding-right:10px}main{padding:20px 16px 48px}h1{font-size:22px}.tiles{grid-template-columns:1fr 1fr;gap:10px}.tile{padding:12px}.tile b{font-size:19px}figure{padding:12px 10px}svg text{font-size:16px}svg .tick,svg .axis,svg .inside,svg .target-label{font-size:15px}}
@media print{details>*{display:block}figure,.tile{break-inside:avoid}})";

std::string row_of(const char* tag, const Row& cells, const Row& header) {
  std::string row = "<tr>";
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const std::string& style = *tag == 't' && tag[1] == 'h' ? header[i].style : cells[i].style;
    row += fmt::format("<{}{}{}>{}</{}>", tag, tag[1] == 'h' ? " scope=\"col\"" : "",
                       style.empty() ? "" : fmt::format(" class=\"{}\"", style), cells[i].html, tag);
  }
  return row + "</tr>";
}

}  // namespace

std::string page(const std::string& title, const std::string& body) {
  return fmt::format(
      "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width,initial-scale=1\"><title>{}</title><style>{}</style></head><body><main>{}</main></body>"
      "</html>\n",
      escaped(title), kStyle, body);
}

std::string section(const std::string& title, const std::string& body) {
  return body.empty() ? "" : fmt::format("<h2>{}</h2>{}", escaped(title), body);
}

std::string folded(const std::string& title, const std::string& body) {
  return body.empty() ? "" : fmt::format("<details><summary>{}</summary>{}</details>", escaped(title), body);
}

std::string paragraph(const std::string& text) {
  return fmt::format("<p>{}</p>", escaped(text));
}

std::string tile(const std::string& value, const std::string& label) {
  return fmt::format("<div class=\"tile\"><b>{}</b><span>{}</span></div>", escaped(value), escaped(label));
}

std::string tiles(const std::vector<std::string>& each) {
  return fmt::format("<div class=\"tiles\">{}</div>", fmt::join(each, ""));
}

std::string charts(const std::vector<std::string>& figures) {
  const std::string all = fmt::format("{}", fmt::join(figures, ""));
  return all.empty() ? "" : fmt::format("<div class=\"charts\">{}</div>", all);
}

Cell text_cell(const std::string& text, const std::string& style) {
  return {escaped(text), style};
}

Cell operator_cell(const std::string& name, const std::string& op_type) {
  return {fmt::format("{}<small>{}</small>", escaped(name), escaped(op_type)), "name"};
}

Cell count_cell(std::int64_t count) {
  return {std::to_string(count), "n"};
}

Cell number_cell(double value, int decimals) {
  return {std::isfinite(value) ? shown(value, decimals) : "", "n"};
}

Cell bar_cell(const std::string& text, double share) {
  const double percent = std::isfinite(share) ? 100 * std::clamp(share, 0.0, 1.0) : 0;
  return {
      percent > 0 ? fmt::format("{}<i style=\"width:{:.0f}%\"></i>", escaped(text), std::max(1.0, percent)) : escaped(text),
      "b"};
}

Cell precision_cell(const std::string& precision) {
  return {escaped(precision), precision == "int8" || precision == "bf16" ? precision : "fp32"};
}

std::string table(const Row& header, const std::vector<Row>& rows) {
  std::string text = fmt::format("<div class=\"wrap\"><table><thead>{}</thead><tbody>", row_of("th", header, header));
  for (const auto& row : rows) text += row_of("td", row, header);
  return text + "</tbody></table></div>";
}

}  // namespace inc::report
