"""Look of the page of a selection: light and dark, wide and narrow screens."""

STYLE = """
:root { color-scheme: light dark;
  --back: #fafaf8; --panel: #ffffff; --ink: #1c2126; --soft: #59626b;
  --line: #dfe2e5; --dot: #8b949d; --cross: #b3372f; --own: #2f5fd0;
  --random: #6d757d; --band: #9aa2aa; --link: #2553bd; --empty: #eceef0; }
@media (prefers-color-scheme: dark) { :root {
  --back: #14171a; --panel: #1c2024; --ink: #e8ebee; --soft: #a0a9b2;
  --line: #343b42; --dot: #747e88; --cross: #f0776d; --own: #7ea6ff;
  --random: #a7b0b9; --band: #7f8993; --link: #8fb4ff; --empty: #262b30; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans",
  sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 28px 18px 60px; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 6px; }
h2 { font-size: 1.25rem; margin: 44px 0 8px; }
h3 { font-size: 1.02rem; margin: 26px 0 10px; display: flex; align-items: center;
  gap: 9px; flex-wrap: wrap; }
h3 i { width: 12px; height: 12px; border-radius: 50%; background: var(--c); }
h3.initial i { border-radius: 0; }
h3 small { color: var(--soft); font-weight: 400; }
p { margin: 8px 0; max-width: 75ch; }
a { color: var(--link); }
.lead { font-size: 1.06rem; }
.note { color: var(--soft); font-size: .88rem; }
.facts { display: flex; flex-wrap: wrap; gap: 8px; margin: 20px 0 0; }
.facts div { background: var(--panel); padding: 7px 14px; border-radius: 8px;
  border: 1px solid var(--line); }
.facts dt { color: var(--soft); font-size: .8rem; }
.facts dd { margin: 0; font-weight: 600; overflow-wrap: anywhere; }
.legend { list-style: none; margin: 10px 0; padding: 0; display: flex; gap: 5px 20px;
  flex-wrap: wrap; font-size: .88rem; }
.legend li { display: flex; align-items: center; gap: 7px; }
.legend svg { height: 12px; flex: none; }
.scroll { overflow-x: auto; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(300px, 1fr));
  gap: 14px; }
figure { margin: 0; background: var(--panel); border: 1px solid var(--line);
  border-radius: 8px; padding: 8px; }
svg text { font-size: 12px; fill: var(--ink); font-variant-numeric: tabular-nums; }
svg text.title { fill: var(--soft); }
.chart { display: block; width: 100%; }
.grid { stroke: var(--line); fill: none; }
.axis { stroke: var(--soft); fill: none; }
.budget { stroke: var(--soft); stroke-dasharray: 2 4; opacity: .7; fill: none; }
polyline, path.own, path.random { fill: none; stroke-width: 2; }
polyline.own, path.own { stroke: var(--own); }
circle.own { fill: var(--own); stroke: var(--panel); stroke-width: 1.5; }
polyline.random, path.random { stroke: var(--random); stroke-dasharray: 6 4; }
polygon.band, path.band { fill: var(--band); opacity: .28; }
.map { display: block; width: 100%; min-width: 560px; }
.map .frame { fill: var(--panel); stroke: var(--line); }
.pool { fill: var(--dot); fill-opacity: .55; }
.excluded { stroke: var(--cross); stroke-width: 1.6; fill: none; }
.picks { stroke: var(--panel); stroke-width: 1; }
.labels text { text-anchor: middle; font-weight: 600; stroke: var(--panel);
  stroke-width: 3px; paint-order: stroke; }
table { border-collapse: collapse; margin: 14px 0; font-size: .88rem;
  font-variant-numeric: tabular-nums; }
th, td { padding: 5px 14px; border-bottom: 1px solid var(--line); text-align: right;
  white-space: nowrap; }
th { font-weight: 600; color: var(--soft); }
.record th, .record td { text-align: left; white-space: normal;
  vertical-align: top; overflow-wrap: anywhere; }
.record th { white-space: nowrap; padding-left: 0; }
.record code { font-size: .82rem; }
ol.picks-list { list-style: none; margin: 0; padding: 0; display: grid; gap: 12px;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 330px), 1fr)); }
ol.plain { grid-template-columns: repeat(auto-fill, minmax(min(100%, 260px), 1fr)); }
.card { background: var(--panel); border: 1px solid var(--line); border-radius: 8px;
  border-top: 3px solid var(--c); padding: 10px; font-size: .88rem; min-width: 0;
  display: flex; flex-direction: column; }
.card:target { outline: 3px solid var(--own); outline-offset: 1px; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 8px; margin-bottom: 8px; }
.pair a, .pair span { display: block; color: var(--soft); font-size: .76rem;
  text-decoration: none; min-width: 0; }
.pair svg, .pair em { display: block; width: 100%; aspect-ratio: 3 / 2;
  background: var(--empty); border-radius: 4px; }
.pair em { display: grid; place-items: center; padding: 6px; text-align: center;
  font-style: normal; }
.card p { margin: 0; overflow-wrap: anywhere; line-height: 1.4; }
.card p.name b { font-size: 1.05rem; margin-right: 6px; }
.card p.meta { color: var(--soft); }
.card p.meta { padding-bottom: 8px; }
.bar { height: 4px; margin-top: auto; border-radius: 2px; background: var(--empty); }
.bar i { display: block; height: 100%; border-radius: 2px; background: var(--c); }
@media (max-width: 520px) { main { padding: 18px 12px 40px; }
  h1 { font-size: 1.4rem; } .chart text { font-size: 14px; }
  th, td { padding: 5px 8px; } }
@media print { .card { break-inside: avoid; } }
"""
