#include "confluence/report_page.h"

namespace anabranch::confluence {

const std::string_view page_style = R"css(
:root { color-scheme: light dark; --bg: #fbfaf6; --card: #ffffff; --ink: #1c2730; --soft: #5b6872;
  --line: #dcdcd3;
  --river: #2a6f97; --good: #23744a; --bad: #b3261e; --doubt: #8a6100; --badbg: #fdecea; --doubtbg: #fff4d6; }
@media (prefers-color-scheme: dark) { :root { --bg: #11171c; --card: #1a2229; --ink: #e1e8ec;
  --soft: #9aa8b2; --line: #2f3a43;
  --river: #6cb6dd; --good: #6fcf97; --bad: #ff8a80; --doubt: #f2c14e; --badbg: #3a1c1b; --doubtbg: #352a10;
  } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 64rem; background: var(--bg); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; margin: .5rem 0 0; } h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; } h3 {
  font-size: 1.05rem; margin: 0 0 .3rem; }
p { margin: .3rem 0; } a { color: var(--river); } .soft { color: var(--soft); } .small { font-size: .875rem; }
code, .call { font: .9em/1.4 ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: .5rem; background: var(--card); }
table { border-collapse: collapse; width: 100%; } th, td { padding: .35rem .6rem;
  border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
tr:last-child > * { border-bottom: 0; } thead th { font-weight: 600; font-size: .85rem; color: var(--soft); }
.matrix th:first-child { position: sticky; left: 0; background: var(--card); white-space: nowrap; }
.matrix td, .matrix thead th { text-align: center; white-space: nowrap;
  padding: .3rem .45rem; } .matrix thead th:first-child {
  text-align: left; }
.ok { color: var(--good); } .no { background: var(--badbg); } .no a, .bad { color: var(--bad);
  font-weight: 700; text-decoration: none; }
.maybe { background: var(--doubtbg); } .maybe a, .doubt { color: var(--doubt); font-weight: 700;
  text-decoration: none; }
ol.legend { columns: 20rem; column-gap: 3rem; padding-left: 1.8rem;
  font-size: .875rem; } ol.legend li { break-inside: avoid; }
.route { display: inline-block; white-space: nowrap; padding: 0 .5rem; border-radius: 1rem; font-size: .8rem;
  border: 1px solid currentColor; }
.route.free, .route.escrow { color: var(--good); } .route.ordered { color: var(--bad); }
  .route.read_only, .route.skipped { color: var(--soft); }
ul { margin: .2rem 0; padding-left: 1.2rem; } .card { background: var(--card);
  border: 1px solid var(--line); border-radius: .6rem; padding: 1rem; margin: 1rem 0; }
.river { margin: 1rem auto 0; max-width: 46rem; }
.lanes { display: grid; } .lane { border-left: 3px solid var(--river);
  padding: .35rem .6rem .35rem .6rem; min-width: 0; }
.lane.name { font-weight: 600; color: var(--river); padding-bottom: 0; }
.call { font-weight: 600; } .wrote { font-size: .82rem; color: var(--soft); }
svg.fork { display: block; width: 100%; height: 2rem; } svg.fork path { fill: none; stroke: var(--river);
  stroke-width: 3px; vector-effect: non-scaling-stroke; }
.tell { text-align: center; color: var(--soft); font-size: .82rem; } .broken { border: 2px solid var(--bad);
  background: var(--badbg); border-radius: .5rem; padding: .6rem .8rem; }
.broken ul { list-style: none; padding: 0; } pre { overflow-x: auto; padding: .6rem; background: var(--bg);
  border-radius: .4rem; font-size: .8rem; }
details > summary { cursor: pointer; color: var(--river); font-size: .9rem; margin-top: .6rem; }
.number { width: 1%; white-space: nowrap; text-align: right; font-variant-numeric: tabular-nums; }
@media (max-width: 34rem) { body { padding: .7rem; } .card { padding: .7rem; }
  .lane { padding: .3rem .4rem; } .call, .wrote { font-size: .78rem; } td, th { padding: .35rem .4rem; }
  .rows tr { display: block; border-bottom: 1px solid var(--line); padding: .2rem 0; }
  .rows tr:last-child { border: 0; } .rows td { display: inline-block; border: 0; padding: .1rem .4rem; }
  .rows td:last-child { display: block; } }
)css";

}  // namespace anabranch::confluence
