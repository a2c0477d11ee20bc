# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""The HTML report's script: it sorts, filters and opens what is there already, and knows nothing of what the report says."""

from __future__ import annotations

SCRIPT = """
"use strict";
(() => {
  const all = (where, what) => [...where.querySelectorAll(what)];
  const collator = new Intl.Collator("en", {numeric: true, sensitivity: "base"});

  // -- sorting: what is not known comes last, either way
  const valueOf = (row, column, kind) => {
    const cell = row.cells[column], said = cell.dataset.v ?? cell.innerText.trim();
    return said === "" || said === "\\u2013" ? null : kind === "text" ? said : Number(said);
  };
  const sort = (table, head, down) => {
    const body = table.tBodies[0], kind = head.dataset.sort, column = head.cellIndex, sign = down ? -1 : 1;
    const rows = [...body.rows].map((row) => [valueOf(row, column, kind), row]);
    rows.sort(([one], [other]) =>
      one === null || other === null ? (one === null) - (other === null) : sign * (kind === "text" ? collator.compare(one, other) : one - other));
    body.replaceChildren(...rows.map(([, row]) => row));
    for (const each of table.tHead.rows[0].cells) each.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
  };
  for (const head of all(document, "th[data-sort]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const now = head.getAttribute("aria-sort");
      sort(head.closest("table"), head, now ? now === "ascending" : ["number", "count"].includes(head.dataset.sort));
    });
  }

  // -- filtering
  const lists = new Map();
  const list = (section) => {
    const bar = section.querySelector(".bar"), part = section.querySelector(".part"), output = bar.querySelector("output");
    const search = bar.querySelector("input[type=search]"), controls = all(bar, "[data-by]"), reset = bar.querySelector("[data-reset]");
    const groups = all(section, ".group").map((group) => {
      const summary = group.querySelector("summary");
      return {group, summary, title: group.querySelector("header").textContent, details: summary.parentNode, open: summary.parentNode.open};
    });
    let entries = null;
    // Only when it is needed: a large report opens the sooner.
    const read = () => {
      const byGroup = new Map(groups.map((each) => [each.group, each]));
      return all(section, ".list > tbody > tr, .found > tbody > tr").map((row) => {
        const group = byGroup.get(row.closest(".group"));
        const text = [group ? group.title : "", ...[...row.cells].map((cell) => cell.textContent)].join("\\n").toLowerCase();
        return {row, group, text, data: {...(group ? group.group.dataset : {}), ...row.dataset}};
      });
    };
    const wantedOf = (control) => (control.type === "checkbox" ? (control.checked ? "*" : "") : control.value);
    const apply = () => {
      entries ??= read();
      const words = search.value.toLowerCase().split(/\\s+/).filter(Boolean);
      const wanted = controls.map((control) => [control.dataset.by, wantedOf(control)]).filter(([, value]) => value !== "");
      const fits = ({text, data}) => words.every((word) => text.includes(word)) &&
        wanted.every(([by, value]) => (value === "*" ? Boolean(data[by]) : (data[by] ?? "").split(" ").includes(value)));
      const some = words.length > 0 || wanted.length > 0, counts = new Map(groups.map((each) => [each, [0, 0]]));
      let shown = 0;
      for (const entry of entries) {
        const fit = fits(entry);
        if (entry.row.hidden === fit) entry.row.hidden = !fit;
        shown += fit;
        if (entry.group) { counts.get(entry.group)[0] += fit; counts.get(entry.group)[1] += 1; }
      }
      for (const [each, [count, of]] of counts) {
        each.group.hidden = count === 0;
        each.summary.textContent = `${count === of ? of : `${count} of ${of}`} ${of === 1 ? "finding" : "findings"}`;
        each.details.open = some || each.open;
        for (const link of all(section, `.contents a[href="#${each.group.id}"]`)) link.hidden = count === 0;
      }
      const said = `${shown.toLocaleString("en")} of ${entries.length.toLocaleString("en")} ${output.dataset.noun}`;
      output.textContent = some ? said : said.replace(/^.* of /, "");
      part.textContent = `Only ${said} are shown.`;
      part.hidden = !some;
      reset.disabled = !some;
    };
    const clear = () => {
      search.value = "";
      for (const control of controls) {
        if (control.type === "checkbox") control.checked = false;
        else control.value = "";
        if (control.type === "button") control.hidden = true;
      }
      apply();
    };
    const only = (by, value, label) => {
      clear();
      const control = controls.find((each) => each.dataset.by === by);
      if (!control) return;
      control.value = value;
      if (control.type === "button") { control.hidden = false; control.textContent = label; }
      apply();
    };
    search.addEventListener("input", apply);
    for (const control of controls) control.addEventListener(control.type === "button" ? "click" : "change", () => {
      if (control.type === "button") { control.value = ""; control.hidden = true; search.focus(); }
      apply();
    });
    reset.addEventListener("click", () => { clear(); search.focus(); });
    bar.hidden = false;
    lists.set(section, {clear, only});
  };
  for (const section of all(document, "[data-list]")) list(section);
  const findings = lists.get(document.getElementById("findings"));

  // -- opening what a link leads to
  const lead = (id) => {
    const target = document.getElementById(id);
    if (!target) return;
    if (target.closest("[hidden]")) lists.get(target.closest("[data-list]"))?.clear();
    const details = target.closest("details");
    if (details) details.open = true;
    const place = target.matches("section, article") ? target.querySelector("h1, h2, h3") : target;
    place.tabIndex = -1;
    place.focus({preventScroll: true});
    target.scrollIntoView({block: target.matches("tr") ? "center" : "start"});
  };
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#"]');
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (link.dataset.rack) findings.only("r", link.dataset.rack, `Only ${link.textContent} \\u00d7`);
    if (link.dataset.severity) findings.only("s", link.dataset.severity);
    // At once: who types on is there already.
    event.preventDefault();
    location.hash = link.hash;
    lead(link.hash.slice(1));
  });
  if (location.hash) lead(location.hash.slice(1));

  // -- on paper everything is open
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = all(document, "details:not([open])");
    for (const each of closed) each.open = true;
  });
  addEventListener("afterprint", () => {
    for (const each of closed) each.open = false;
  });
})();
"""
