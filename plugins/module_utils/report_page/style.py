# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""The HTML report's style sheet: on a screen of any width, light or dark, and on paper."""

from __future__ import annotations

STYLE = """
:root {
  color-scheme: light;
  --page: #f4f6f9; --card: #fff; --ink: #151b26; --soft: #535e70; --line: #dde2ea; --faint: #eef1f5; --link: #1d4ed8;
  --c0: #9d0b4f; --t0: #9d0b4f; --o0: #fff; --c1: #b23c05; --t1: #fdebdf; --c2: #785600; --t2: #faf0c8;
  --c3: #1c5a9c; --t3: #e2eefb; --c4: #535e70; --t4: #e9edf2; --c5: #0a6653; --t5: #dcf3eb;
  --in: #2f6fb5; --over: #b23c05; --beyond: #fdf3ec;
  --text: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", "Liberation Sans", Arial, sans-serif;
  --code: ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", "DejaVu Sans Mono", monospace;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    color-scheme: dark;
    --page: #0d1117; --card: #161b23; --ink: #e8ecf2; --soft: #9fabba; --line: #2b3440; --faint: #1d242e; --link: #93b8ff;
    --c0: #ff8fb9; --t0: #ff8fb9; --o0: #2b0416; --c1: #ffa572; --t1: #3d2213; --c2: #efc75e; --t2: #352b0d;
    --c3: #8fc0f7; --t3: #142a43; --c4: #a9b4c2; --t4: #252d38; --c5: #73d6bb; --t5: #0e3129;
    --in: #7cb3f0; --over: #ffa572; --beyond: #241b16;
  }
}
* { box-sizing: border-box; }
html { scroll-padding-top: 64px; -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--page); color: var(--ink); font: 14px/1.5 var(--text); font-variant-numeric: tabular-nums;
  overflow-wrap: anywhere;
}
main { max-width: 1320px; margin: 0 auto; padding: 0 32px; }
h1, h2, h3, p, ul, dl, dd, figure { margin: 0; padding: 0; }
h2 { font-size: 22px; line-height: 1.3; font-weight: 650; letter-spacing: -.01em; }
h3 { font-size: 16px; line-height: 1.35; font-weight: 650; }
ul { list-style: none; }
a { color: var(--link); text-underline-offset: 3px; text-decoration: underline 1px color-mix(in srgb, currentColor 40%, transparent); }
a:hover { text-decoration-color: currentColor; }
small { font-size: 12px; color: var(--soft); font-weight: 400; }
code { font: 12px/1.5 var(--code); }
b { font-weight: 650; }
[hidden] { display: none !important; }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; border-radius: 4px; }
tr:target { background: var(--t3); }
.sr { position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.no { color: var(--soft); font-style: normal; }
.n { text-align: right; }
.card, .numbers, .group, .list, .changes { background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
section { padding: 20px 0 28px; }

/* The head of the page */
.skip { position: absolute; left: -999px; top: 8px; z-index: 9; background: var(--card); padding: 6px 12px; border-radius: 6px; }
.skip:focus { left: 16px; }
.top { position: sticky; top: 0; z-index: 5; background: var(--card); border-bottom: 1px solid var(--line); }
.top { display: flex; align-items: center; gap: 32px; min-height: 48px; padding: 0 max(32px, calc(50vw - 628px)); }
.top ul { display: flex; flex-wrap: wrap; gap: 4px 24px; }
.top nav a { display: block; padding: 3px 0; color: var(--ink); text-decoration: none; }
.top a:hover { color: var(--link); text-decoration: underline; }
.brand { font-weight: 700; letter-spacing: -.01em; color: var(--ink); text-decoration: none; white-space: nowrap; }

/* A severity: as many bars as it is severe, and its word */
.v { display: inline-flex; align-items: center; gap: 6px; padding: 1px 8px; border-radius: 999px; font-size: 12px; line-height: 1.6; white-space: nowrap; }
.v0 { --b1: currentColor; --b2: currentColor; --b3: currentColor; --b4: currentColor; color: var(--c0); }
.v1 { --b1: currentColor; --b2: currentColor; --b3: currentColor; color: var(--c1); }
.v2 { --b1: currentColor; --b2: currentColor; color: var(--c2); }
.v3 { --b1: currentColor; color: var(--c3); }
.v4 { color: var(--c4); }
.v5 { color: var(--c5); }
.v.v0 { background: var(--t0); color: var(--o0); } .v.v1 { background: var(--t1); } .v.v2 { background: var(--t2); }
.v.v3 { background: var(--t3); } .v.v4 { background: var(--t4); } .v.v5 { background: var(--t5); }
[class*="v"]:is(.v0, .v1, .v2, .v3, .v4)::before {
  content: ""; flex: none; display: inline-block; width: 13px; height: 10px; background-repeat: no-repeat;
  --off: color-mix(in srgb, currentColor 25%, transparent);
  background-image:
    linear-gradient(var(--b1, var(--off)), var(--b1, var(--off))), linear-gradient(var(--b2, var(--off)), var(--b2, var(--off))),
    linear-gradient(var(--b3, var(--off)), var(--b3, var(--off))), linear-gradient(var(--b4, var(--off)), var(--b4, var(--off)));
  background-size: 2.5px 4px, 2.5px 6px, 2.5px 8px, 2.5px 10px;
  background-position: 0 100%, 3.5px 100%, 7px 100%, 10.5px 100%;
}

/* The first screen */
#summary { padding: 22px 0 12px; }
.verdict { display: flex; gap: 16px; align-items: center; }
.verdict h1 { font-size: 28px; line-height: 1.2; font-weight: 700; letter-spacing: -.02em; }
.verdict p { margin-top: 4px; color: var(--soft); }
.sign { flex: none; fill: none; stroke-width: 2.6; stroke-linecap: round; stroke-linejoin: round; }
.sign circle { stroke: none; fill: var(--on); }
.sign path { stroke: var(--card); }
.failed { --on: var(--c1); } .passed { --on: var(--c5); } .told { --on: var(--c4); }
.numbers { display: grid; grid-template-columns: 1.5fr repeat(6, 1fr); margin: 16px 0; }
.numbers li + li { border-left: 1px solid var(--line); }
.numbers a { display: block; height: 100%; padding: 10px 16px 12px; color: inherit; text-decoration: none; border-radius: 9px; }
.numbers a:hover { background: var(--faint); }
.numbers a > b:first-child { display: block; font-size: 26px; line-height: 1.3; letter-spacing: -.01em; }
.numbers span { color: var(--soft); }
.numbers .none > a > b:first-child { color: var(--soft); font-weight: 400; }
.numbers .none .v { background: var(--faint); color: var(--soft); }
.meter { display: block; width: 100%; margin-top: 3px; }
.meter rect { fill: var(--line); } .meter rect + rect { fill: var(--c5); }
.both { display: grid; grid-template-columns: minmax(0, 1fr) 330px; gap: 16px; }
.card { padding: 14px 18px; }
.card h2 { font-size: 15px; letter-spacing: 0; }
.side h2:not(:first-child) { margin-top: 14px; padding-top: 12px; border-top: 1px solid var(--line); }
.side p { color: var(--soft); margin-top: 2px; }
.changed { display: grid; grid-template-columns: 1fr 1fr; gap: 2px 16px; margin: 4px 0; color: var(--soft); }
.changed b { color: var(--ink); font-size: 18px; }
.poor { margin-top: 4px; }
.poor li { font-size: 12.5px; margin-top: 4px; color: var(--soft); }
.poor li { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 3; line-clamp: 3; overflow: hidden; }
.poor b { color: var(--c2); }

/* The chart */
.defs { position: absolute; }
.ages { width: 100%; border-collapse: collapse; table-layout: fixed; margin-top: 4px; }
.ages th { font-weight: 600; text-align: left; vertical-align: middle; padding: 0; }
.ages th:nth-child(1) { width: 150px; padding-right: 12px; }
.ages thead th { font-size: 12px; color: var(--soft); font-weight: 400; vertical-align: bottom; }
.ages th:nth-child(n+3), .ages td:nth-child(n+3) { width: 62px; text-align: right; vertical-align: middle; }
.ages th small { display: block; line-height: 1.35; }
.ages td { padding: 0; }
.ages td.some { color: var(--over); font-weight: 700; }
.ages svg { display: block; width: 100%; overflow: visible; }
.axis text, .peak { font: 12px var(--text); fill: var(--soft); text-anchor: middle; }
.axis .at-limit { font-weight: 700; fill: var(--ink); }
.axis .at-end { text-anchor: end; }
.beyond { fill: var(--beyond); }
.base { stroke: var(--line); }
.line { stroke: var(--ink); stroke-width: 1.5; stroke-dasharray: 4 3; }
.mie { fill: var(--in); } .moe { fill: var(--over); }
.mil { fill: var(--card); stroke: var(--in); stroke-width: 1.4; } .mol { fill: var(--card); stroke: var(--over); stroke-width: 1.4; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 18px; margin-top: 8px; font-size: 12px; color: var(--soft); }
.legend svg { margin-right: 6px; overflow: visible; vertical-align: -1px; }

/* Controls, which are there only with the script */
.bar { display: flex; flex-wrap: wrap; gap: 8px 16px; align-items: center; margin: 10px 0 12px; color: var(--soft); }
.bar label { display: inline-flex; align-items: center; gap: 8px; }
.bar input[type="search"], .bar select, .bar button {
  font: inherit; color: var(--ink); background: var(--card); border: 1px solid #7d8898; border-radius: 6px; padding: 5px 10px; min-height: 34px;
}
.bar input[type="search"] { width: 220px; }
.bar input[type="checkbox"] { width: 17px; height: 17px; margin: 0; accent-color: var(--link); }
.bar button { cursor: pointer; }
.bar button:disabled { opacity: .5; cursor: default; }
.bar output { margin-left: auto; }

/* Lists */
.list { width: 100%; border-collapse: separate; border-spacing: 0; table-layout: fixed; margin-top: 10px; }
.list th { position: sticky; top: 49px; z-index: 2; background: var(--card); border-bottom: 1px solid var(--line); }
.list th { text-align: left; padding: 0; font-weight: 600; font-size: 13px; }
.list th:first-child { border-top-left-radius: 10px; } .list th:last-child { border-top-right-radius: 10px; }
.list th.n, .list td.n { text-align: right; }
.list th, .list td { padding: 8px 10px; vertical-align: top; }
.list th:has(button) { padding: 0; }
.list th button { display: block; width: 100%; padding: 8px 10px; border: 0; background: none; cursor: pointer; }
.list th button { font: inherit; color: inherit; text-align: inherit; }
.list th button:hover { color: var(--link); }
.list th button::after { content: "\\2195"; content: "\\2195" / ""; margin-left: 5px; color: var(--soft); font-weight: 400; }
.list th[aria-sort="ascending"] button::after { content: "\\2191"; content: "\\2191" / ""; color: var(--link); }
.list th[aria-sort="descending"] button::after { content: "\\2193"; content: "\\2193" / ""; color: var(--link); }
.list tbody tr:not(:first-child) td { border-top: 1px solid var(--faint); }
.list tbody tr:hover { background: var(--faint); }
.list small { display: block; }
.list td a, .list td b:not(.v) { font-weight: 600; }
.over { color: var(--over) !important; font-weight: 600 !important; }
.k-latent, .k-open { color: var(--c0); font-weight: 650; }
.k-refused, .c-stale, .a-silent { color: var(--c1); font-weight: 650; }
.k-unknown, .c-unknown, .a-partly { color: var(--c2); font-weight: 650; }
#racks th:nth-child(1) { width: 18%; } #racks th:nth-child(2) { width: 10%; } #racks th:nth-child(3) { width: 12%; } #racks th:nth-child(4) { width: 9%; }
#racks th:nth-child(5) { width: 9.5%; } #racks th:nth-child(6) { width: 12%; } #racks th:nth-child(7) { width: 9%; }
#racks td:nth-child(3) { font-size: 13px; }
#credentials th:nth-child(1) { width: 10.5%; } #credentials th:nth-child(3) { width: 12%; } #credentials th:nth-child(4) { width: 8%; }
#credentials th:nth-child(5) { width: 21%; } #credentials th:nth-child(6) { width: 9%; } #credentials th:nth-child(7) { width: 8%; }
#credentials td:nth-child(5) { font-size: 13px; }
#credentials th:nth-child(8) { width: 7%; } #credentials th:nth-child(9) { width: 9%; }
#sources th:nth-child(1) { width: 12%; } #sources th:nth-child(2) { width: 38%; } #sources th:nth-child(3) { width: 12%; }
.tags { display: flex; flex-wrap: wrap; gap: 3px 14px; }
.tags a { display: inline-flex; align-items: baseline; gap: 6px; text-decoration: none; }
.list .tags a { font-weight: 500; }
.tags a:hover { text-decoration: underline; }

/* Findings */
.pages { display: grid; grid-template-columns: 250px minmax(0, 1fr); gap: 24px; align-items: start; margin-top: 12px; }
.contents { position: sticky; top: 64px; max-height: calc(100vh - 80px); overflow: auto; font-size: 13px; }
.contents p { margin-top: 12px; font-weight: 650; }
.contents a { display: flex; gap: 8px; align-items: baseline; padding: 3px 6px; border-radius: 6px; text-decoration: none; color: var(--ink); }
.contents a::before { color: var(--c4); }
.contents a:hover { background: var(--faint); }
.contents span { flex: none; margin-left: auto; color: var(--soft); }
.contents .v0::before { color: var(--c0); } .contents .v1::before { color: var(--c1); }
.contents .v2::before { color: var(--c2); } .contents .v3::before { color: var(--c3); }
.group { padding: 14px 18px 10px; margin-bottom: 14px; }
.group header { display: flex; flex-wrap: wrap; gap: 4px 10px; align-items: baseline; }
.group header code { margin-left: auto; color: var(--soft); }
.group dl { display: grid; grid-template-columns: 1fr 1fr; gap: 8px 28px; margin: 8px 0 10px; }
.group dt { font-size: 12px; color: var(--soft); }
.group dd code { display: block; width: fit-content; margin-top: 6px; padding: 3px 8px; border-radius: 5px; background: var(--faint); user-select: all; }
summary { cursor: pointer; color: var(--soft); padding: 4px 0; width: fit-content; }
summary:hover { color: var(--link); }
.found, .changes { width: 100%; border-collapse: collapse; table-layout: fixed; }
.found td, .changes td { padding: 7px 10px 7px 0; border-top: 1px solid var(--faint); vertical-align: top; }
.quiet th { padding: 0; height: 0; border: 0; line-height: 0; font-weight: 600; text-align: left; }
.found th:nth-child(1) { width: 24%; }
.found th:nth-child(3) { width: 31%; }
.found td:nth-child(3) { font-size: 12.5px; padding-right: 0; }
.found td span { color: var(--soft); }
.found td:first-child a, .found td:first-child b { font-weight: 600; }
.found summary { display: inline; }
.found em { font-style: normal; font-size: 12px; font-weight: 600; padding: 0 6px; border-radius: 4px; background: var(--t3); color: var(--c3); }
.borne { margin-top: 2px; color: var(--soft); }
#accepted { margin: 22px 0 10px; }
#changes h3 { margin-top: 14px; } #changes th:nth-child(1) { width: 120px; } #changes th:nth-child(3) { width: 240px; }
#changes td:nth-child(1) { padding-left: 12px; } #changes td:nth-child(3) { color: var(--soft); }
.changes tbody tr:first-child td { border-top: 0; }
footer { max-width: 1320px; margin: 0 auto; padding: 16px 32px 40px; color: var(--soft); font-size: 13px; }

/* Narrow screens: a row is a card, and the head a line of what it is sorted by */
@media screen and (max-width: 1000px) {
  .both { grid-template-columns: minmax(0, 1fr); }
  .pages { grid-template-columns: minmax(0, 1fr); }
  .contents { display: none; }
}
@media screen and (max-width: 760px) {
  main, footer { padding-left: 14px; padding-right: 14px; }
  .top { position: static; flex-wrap: wrap; gap: 4px 16px; padding: 8px 14px; }
  .top ul { gap: 2px 14px; }
  .verdict { align-items: flex-start; gap: 12px; }
  .verdict h1 { font-size: 22px; }
  .numbers { grid-template-columns: repeat(3, 1fr); }
  .numbers li:first-child { grid-column: 1 / -1; }
  .numbers a { padding: 8px 12px; }
  .numbers li + li { border-top: 1px solid var(--line); }
  .numbers li:nth-child(2), .numbers li:nth-child(5) { border-left: 0; }
  .ages thead th:first-child { width: 0; }
  .ages, .ages tbody, .ages thead { display: block; }
  .ages tr { display: grid; grid-template-columns: minmax(0, 1fr) 56px 60px; margin-top: 10px; }
  .ages tr > :nth-child(1) { grid-column: 1 / -1; width: auto; }
  .ages thead th:nth-child(1) { display: none; }
  .ages th:nth-child(n+3), .ages td:nth-child(n+3) { width: auto; align-self: center; }
  .bar { gap: 8px 12px; }
  .bar label:first-child { flex: 1 0 100%; }
  .bar input[type="search"] { flex: 1; min-width: 0; width: auto; }
  .list, .list thead, .list tbody { display: block; }
  .list thead tr { display: flex; flex-wrap: wrap; padding: 4px 6px; border-bottom: 1px solid var(--line); }
  .list th { position: static; width: auto !important; border: 0; font-weight: 500; }
  .list th button { padding: 6px 8px; }
  .list tbody tr { display: grid; grid-template-columns: 1fr 1fr; gap: 4px 12px; padding: 10px 12px; border-top: 1px solid var(--line); }
  .list tbody tr:first-child { border-top: 0; }
  .list tbody td { display: block; padding: 0; border: 0 !important; text-align: left !important; min-width: 0; }
  .list td::before { display: block; font-size: 11.5px; color: var(--soft); font-weight: 400; }
  #racks td:is(:first-child, :last-child), #sources td:is(:nth-child(2), :nth-child(4)) { grid-column: 1 / -1; }
  #credentials td:is(:nth-child(2), :nth-child(5)) { grid-column: 1 / -1; }
  #racks td:nth-child(2)::before { content: "Region"; } #racks td:nth-child(3)::before { content: "Release"; }
  #racks td:nth-child(4)::before { content: "Key"; } #racks td:nth-child(5)::before { content: "Key\\2019 s age"; }
  #racks td:nth-child(6)::before { content: "Console\\2019 s copy"; } #racks td:nth-child(7)::before { content: "Worst"; }
  #credentials td:nth-child(3)::before { content: "Fingerprint"; } #credentials td:nth-child(4)::before { content: "State"; }
  #credentials td:nth-child(5)::before { content: "Held in"; } #credentials td:nth-child(6)::before { content: "Made"; }
  #credentials td:nth-child(7)::before { content: "Age"; } #credentials td:nth-child(8)::before { content: "Limit"; }
  #credentials td:nth-child(9)::before { content: "Last used"; }
  .axis .at-between { display: none; }
  .mie, .mil, .moe, .mol { transform: scale(.75); }
  .group { padding: 12px 14px 8px; }
  .group dl { grid-template-columns: 1fr; }
  .found tr, .changes tr { display: block; padding: 8px 0; border-top: 1px solid var(--faint); }
  .quiet { display: none; }
  .found, .found tbody, .found td, .changes, .changes tbody, .changes td { display: block; width: auto !important; padding: 1px 0 !important; border: 0; }
  .changes tr { padding: 8px 12px; } #changes td:nth-child(1) { padding: 0; }
}

/* The longest list is laid out only when it comes into view */
@media screen { #credentials { content-visibility: auto; contain-intrinsic-size: auto 3000px; } }

/* Paper: light, all of it open, nothing to click on */
@page { margin: 14mm 12mm; @bottom-right { content: counter(page) " / " counter(pages); font: 8pt sans-serif; color: #535e70; } }
@media print {
  body { background: none; font-size: 8.5pt; }
  main, footer { max-width: none; padding: 0; }
  * { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
  .skip, .top, .bar, .contents { display: none !important; }
  .part:not([hidden]) { font-weight: 650; margin: 4px 0; }
  .card, .numbers, .group, .list, .changes { border-radius: 0; }
  .pages, .both { display: block; }
  .quiet .sr { position: static; width: auto; height: auto; margin: 0; clip-path: none; white-space: normal; }
  .quiet th { font-size: 7pt; line-height: 1.5; color: var(--soft); } .quiet th:first-child { padding-left: 0; }
  .side { margin-top: 12px; columns: 2; column-gap: 28px; }
  a { color: inherit; text-decoration: none; }
  .list th { position: static; font-size: 7.5pt; padding: 3px 5px !important; }
  /* Chromium repeats no head that has a box which can't be cut in it. */
  .list th button { display: contents; } .list th button::after { content: none !important; }
  .list td { padding: 3px 5px; font-size: 7.5pt; }
  .list small, small, code, .found td:nth-child(3) { font-size: 7pt; }
  thead { display: table-header-group; break-inside: avoid; }
  tr, .card, .numbers, .verdict, .few, .group header, .group dl { break-inside: avoid; }
  h2, h3, .group header, .group dl, summary { break-after: avoid; } .side li, .side p { break-inside: avoid; }
  section { padding: 8px 0; }
  #racks { break-before: page; }
  .numbers a { padding: 6px 8px; }
  .v { padding: 0 5px; font-size: 7pt; gap: 4px; }
  #racks th:nth-child(1) { width: 17%; } #racks th:nth-child(2) { width: 12%; } #racks th:nth-child(3) { width: 14.5%; }
  #racks th:nth-child(4) { width: 9.5%; } #racks th:nth-child(5) { width: 8.5%; } #racks th:nth-child(6) { width: 9%; }
  #racks th:nth-child(7) { width: 10.5%; }
  #racks td:nth-child(3) { font-size: 7.5pt; }
  #credentials th:nth-child(3) { width: 13%; } #credentials th:nth-child(4) { width: 9.5%; } #credentials th:nth-child(5) { width: 22%; }
  #credentials th:nth-child(6), #credentials th:nth-child(9) { width: 10.5%; } #credentials th:nth-child(7) { width: 7.5%; }
  .group { border-width: 1px 0 0; padding: 8px 0; }
  summary { list-style: none; }
  details::details-content { display: block; content-visibility: visible; height: auto; }
}
"""
