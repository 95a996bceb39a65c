// SPDX-License-Identifier: MIT
// The head of the page and its tables.
"use strict";

// Columns whose name is empty or a word are text; a name that ends in # is that of numbers.
function tableOf(columns) {
  const body = make("tbody");
  const isNumber = columns.map((name) => name.endsWith("#"));
  const head = make("tr", {}, ...columns.map((name, i) =>
    make("th", { scope: "col", class: isNumber[i] ? "number" : "" }, name.replace("#", ""))));
  return {
    element: make("table", {}, make("thead", {}, head), body),
    add(...cells) {
      body.append(make("tr", {}, ...cells.map((cell, i) => make("td", { class: isNumber[i] ? "number" : "" }, cell))));
    },
  };
}

// Leads through the moments one after the other.
function linkTo(moments, text) {
  if (!moments.length) return "";
  let next = 0;
  const link = make("button", { class: "link", type: "button" }, text);
  link.addEventListener("click", () => {
    goTo(moments[next]);
    next = (next + 1) % moments.length;
    if (moments.length > 1) link.textContent = `show ${next + 1} of ${moments.length}`;
  });
  return link;
}

function showHead() {
  const title = data.machine || "unnamed machine";
  byId("machine").replaceChildren(foreign(title));
  document.title = `${title} – remaplab trace`;
  const lost = data.losses.reduce((sum, loss) => sum + loss.events, 0);
  const sum = (name) => data.kinds.filter((kind) => kind.name === name).reduce((all, kind) => all + kind.count, 0);
  const faults = sum("fault") + sum("interrupt-fault") + sum("page-request-fault");
  const facts = [["duration", textOfTime(data.nanoseconds)], ["events", textOfCount(data.total)],
    ["injections", textOfCount(sum("injection"))], ["faults", textOfCount(faults)],
    ["events lost", lost ? textOfCount(lost) : "none", lost > 0]];
  for (const [name, value, bad] of facts)
    byId("facts").append(make("div", { class: bad ? "bad" : "" }, make("dt", {}, name), make("dd", {}, value)));
  showNotices(lost);
}

function showNotices(lost) {
  const say = (text, bad) => byId("notices").append(make("p", { class: bad ? "notice bad" : "notice" }, text));
  if (lost) {
    const lanes = data.losses.filter((loss) => loss.events > 0).map((loss) => `${textOfCount(loss.events)} of lane ${loss.lane}`);
    say(`${textOfCount(lost)} events were lost before they were read: ${lanes.join(", ")}. What is not shown here may have happened all the same.`, true);
  }
  if (data.binnedCommon)
    say(`${textOfCount(data.binnedCommon)} events of no special interest are counted in ${textOfCount(data.bins)} steps of time and not listed one by one; injections, faults and all else that is unusual are. The address spaces and all numbers are of the whole trace.`);
  if (data.binnedNotable)
    say(`There were more unusual events than this page lists: ${textOfCount(data.binnedNotable)} of them are only counted.`, true);
  if (!data.total) say("The trace is empty.");
}

function showRules() {
  const table = tableOf(["no.#", "rule", "carried out#", "in this trace#", ""]);
  for (const rule of data.rules) {
    const name = rule.name ? foreign(rule.name) : make("span", { class: "none" }, "no longer there");
    const text = rule.text ? make("details", {}, make("summary", {}, name), foreign(rule.text, "pre")) : name;
    table.add(String(rule.number), text, rule.acted === undefined ? "" : textOfCount(rule.acted), textOfCount(rule.seen), linkTo(rule.moments, "show"));
    if (rule.acted !== undefined && rule.acted !== rule.seen) {
      const cell = table.element.querySelector("tbody tr:last-child td:nth-child(4)");
      cell.classList.add("bad");
      cell.title = "the trace does not hold as many injections as the machine has counted";
    }
  }
  byId("rules").replaceChildren(data.rules.length ? table.element : make("p", { class: "none" }, "No rules, and no injections."));
}

function showFaults() {
  const table = tableOf(["device", "what", "reason", "count#", ""]);
  for (const fault of data.faults)
    table.add(foreign(fault.owner), fault.kind, fault.text, textOfCount(fault.count), linkTo(fault.moments, "show"));
  byId("faults").replaceChildren(data.faults.length ? table.element : make("p", { class: "none" }, "No faults."));
}

function showNumbers() {
  const kinds = tableOf(["events", "count#"]), counters = tableOf(["counter", "value#"]);
  for (const kind of data.kinds) kinds.add(kind.name, textOfCount(kind.count));
  for (const counter of data.counters) counters.add(foreign(counter.name), textOfCount(BigInt(counter.value)));
  if (data.kinds.length) byId("kinds").append(kinds.element);
  if (data.counters.length) byId("counters").append(counters.element);
}

function showChosen() {
  const place = byId("chosen"), event = view.chosen;
  if (event < 0) {
    const hint = make("span", { class: "none" }, "Wheel or + and - zoom, dragging or arrows move, a click chooses an event, n and p step through the notable ones.");
    place.replaceChildren(hint);
    return;
  }
  const lane = data.lanes[events.lane[event]];
  const parts = [make("b", {}, textOfMoment(events.time[event])), " ", foreign(lane.owner), ` · ${lane.group}`, make("br"), make("code", {}, events.text[event])];
  const partner = events.partners[event];
  if (partner !== undefined) {
    const link = make("button", { class: "link", type: "button" }, events.weight[event] === WEIGHT.injected ? "what it changed" : "the injection");
    link.addEventListener("click", () => view.choose(partner));
    parts.push(" ", link);
  }
  place.replaceChildren(...parts);
}
