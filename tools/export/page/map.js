// SPDX-License-Identifier: MIT
// The address spaces at a moment: a line of logical addresses above, one of physical addresses below, and bands that say
// what led where.
"use strict";

const TOP = 58, BOTTOM = 168, BAR = 15, TALL = 238;
function paintOf(range, by) {
  if (by === "rights") return `var(--c${[7, 0, 3, 1][range.rights]})`;
  return range.object ? `var(--${objectColours.get(range.object)})` : "var(--rest)";
}

function textOfTrouble([page, faults, refused, injected, stale]) {
  const parts = [];
  if (faults) parts.push(`${textOfCount(faults)} faults`);
  if (refused) parts.push(`${textOfCount(refused)} refused accesses`);
  if (injected) parts.push(`${textOfCount(injected)} injections`);
  if (stale) parts.push(`${textOfCount(stale)} stale uses`);
  return `${page}: ${parts.join(", ")}`;
}

// Slanting lines of a colour, one pattern for all that have it.
function hatchOf(paint) {
  const name = `hatch-${paint.slice(6, -1)}`;
  if (!byId(name)) {
    const lines = makeSvg("path", { d: "M-1 1L1 -1M0 5L5 0M4 6L6 4", stroke: paint, "stroke-width": 1.2 });
    byId("hatches").append(makeSvg("pattern", { id: name, width: 5, height: 5, patternUnits: "userSpaceOnUse" }, lines));
  }
  return `url(#${name})`;
}

function drawBar(group, left, right, y, range, paint) {
  const isPast = range.state === "past", isUsed = range.kind === "used";
  const fill = !isUsed ? "transparent" : isPast ? hatchOf(paint) : paint;
  const edge = isUsed && !isPast ? {} : { stroke: paint, "stroke-width": 1.2 };
  if (isPast) edge["stroke-dasharray"] = "3 2";
  group.append(makeSvg("rect", { x: left, y, width: Math.max(right - left, 1), height: BAR, fill, ...edge }));
}

function drawBand(svg, range, logical, physical, by) {
  const l0 = logical.at(range.first), l1 = logical.at(range.last + 1n);
  const p0 = physical.at(range.physical), p1 = physical.at(range.physical + range.bytes);
  const middle = (TOP + BAR + BOTTOM) / 2, above = TOP + BAR;
  const paint = paintOf(range, by);
  const shape = `M${l0} ${above}C${l0} ${middle} ${p0} ${middle} ${p0} ${BOTTOM}H${p1}` +
    `C${p1} ${middle} ${l1} ${middle} ${l1} ${above}Z`;
  const text = textOfRange(range);
  const group = makeSvg("g", { tabindex: -1, role: "img", "aria-label": text, class: `range ${range.kind} ${range.state}` });
  const opacity = range.state === "past" ? 0.08 : range.kind === "used" ? 0.32 : 0.1;
  group.append(makeSvg("title", {}, text), makeSvg("path", { d: shape, fill: paint, opacity }));
  drawBar(group, l0, l1, TOP, range, paint);
  drawBar(group, p0, p1, BOTTOM, range, paint);
  svg.append(group);
}

function drawTrouble(svg, trouble, logical) {
  const [page, , , injected, , event] = trouble;
  const x = (logical.at(BigInt(page)) + logical.at(BigInt(page) + 4096n)) / 2;
  const only = trouble[1] + trouble[2] + trouble[4] === 0;
  const text = textOfTrouble(trouble);
  const group = makeSvg("g", { tabindex: -1, role: "button", "aria-label": text, class: "trouble" }, makeSvg("title", {}, text));
  if (!only) group.append(makeSvg("path", { class: "fault", d: `M${x} ${TOP - 3}l-5 -10h10z` }));
  if (injected) group.append(makeSvg("path", { class: "injected", d: `M${x} ${TOP - (only ? 2 : 14)}l-5 -6l5 -6l5 6z` }));
  const go = () => { if (event >= 0) goTo(event); };
  group.addEventListener("click", go);
  group.addEventListener("keydown", (key) => { if (key.key === "Enter" || key.key === " ") { key.preventDefault(); go(); } });
  svg.append(group);
}

function drawHoles(svg, scale, y) {
  for (const hole of scale.holes) {
    const middle = hole.x + hole.width / 2;
    svg.append(makeSvg("line", { class: "hole", x1: hole.x + 6, x2: hole.x + hole.width - 4, y1: y + BAR / 2, y2: y + BAR / 2 }));
    svg.append(makeSvg("text", { x: middle, y: y + (y === TOP ? -2 : BAR + 11), "text-anchor": "middle", "font-size": 9, opacity: 0.75, style: "font-size:9px" },
      textOfBytes(hole.bytes).replace(" ", "")));
  }
}

// The address at which each piece begins, where there is room for it.
function drawStarts(svg, scale, y, width) {
  let free = -1;
  for (const { address, x: left } of scale.starts) {
    const text = `0x${address.toString(16)}`;
    const x = Math.min(left, width - text.length * 7);
    if (x < free) continue;
    svg.append(makeSvg("text", { x, y }, text), makeSvg("line", { x1: left + 0.5, x2: left + 0.5, y1: y < TOP ? y + 3 : BOTTOM + BAR, y2: y < TOP ? TOP : y - 10, stroke: "var(--line)" }));
    free = x + text.length * 7 + 10;
  }
}

// The scales are of all times: what stays keeps its place.
function scalesOf(space, ranges, room) {
  const pages = space.troubles.map((trouble) => BigInt(trouble[0]));
  const logical = scaleOf([...ranges.map((range) => [range.first, range.last]), ...pages.map((page) => [page, page + 4095n])]);
  const physical = scaleOf(ranges.map((range) => [range.physical, range.physical + range.bytes - 1n]));
  const width = Math.max(room, logical.width, physical.width);
  return { logical: stretched(logical, width), physical: stretched(physical, width), width };
}

function drawSpace(frame, space, ranges, seen, by) {
  const { logical, physical, width } = scalesOf(space, ranges, Math.max(frame.clientWidth - 4, 300));
  const svg = makeSvg("svg", { width, height: TALL, viewBox: `0 0 ${width} ${TALL}`, role: "group", "aria-label": `Address space of ${space.owner}` });
  drawStarts(svg, logical, 26, width);
  drawStarts(svg, physical, BOTTOM + BAR + 24, width);
  drawHoles(svg, logical, TOP);
  drawHoles(svg, physical, BOTTOM);
  for (const range of seen) drawBand(svg, range, logical, physical, by);
  for (const trouble of space.troubles) drawTrouble(svg, trouble, logical);
  svg.append(makeSvg("text", { class: "title", x: 0, y: 11 }, "on the bus"), makeSvg("text", { class: "title", x: 0, y: TALL - 5 }, "in memory"));
  frame.replaceChildren(svg);
  walkWithArrows(svg);
}

// One stop of the tabulator for a map; arrows go on from there.
function walkWithArrows(svg) {
  const stops = [...svg.querySelectorAll("[tabindex]")];
  if (!stops.length) return;
  stops[0].setAttribute("tabindex", 0);
  svg.addEventListener("keydown", (key) => {
    const way = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[key.key];
    const next = stops[stops.indexOf(document.activeElement) + (way || 0)];
    if (!way || !next) return;
    key.preventDefault();
    document.activeElement.setAttribute("tabindex", -1);
    next.setAttribute("tabindex", 0);
    next.focus();
  });
}

function tableOfSpace(ranges) {
  const table = tableOf(["on the bus", "bytes", "in memory", "", "when", "whose"]);
  for (const raw of ranges) {
    const range = { ...raw, times: 1 };
    const memory = `0x${range.physical.toString(16)}`;
    table.add(make("code", {}, `0x${range.first.toString(16)} – 0x${range.last.toString(16)}`), textOfBytes(range.bytes),
      make("code", {}, range.parts > 1 ? `${textOfCount(range.parts)} places from ${memory}` : memory),
      textOfWhat(range), textOfSpan(range), range.object ? foreign(textOfOwner(range)) : "");
  }
  return table.element;
}

// What there is at the moment, in words.
function summaryOf(space, ranges, seen, moment) {
  const of = (kind, state) => seen.filter((range) => range.kind === kind && range.state === state);
  const used = of("used", "now"), mapped = of("mapped", "now"), past = seen.filter((range) => range.state === "past");
  const words = [];
  const add = (found, text) => { if (found.length) words.push(`${textOfBytes(bytesOf(found))} ${text} in ${textOfCount(found.length)} ${found.length === 1 ? "piece" : "pieces"}`); };
  add(used, "used");
  add(mapped, "mapped");
  add(of("reachable", "now"), "reachable");
  add(past, "no longer mapped");
  if (space.troubles.length) words.push(`trouble at ${textOfCount(space.troubles.length)} ${space.troubles.length === 1 ? "page" : "pages"}`);
  if (space.moreTroubles) words.push(`${textOfCount(space.moreTroubles)} more events at other pages not drawn`);
  if (moment < space.completeFrom) words.push(`not complete before ${textOfMoment(space.completeFrom)}`);
  return words.join(", ") || "nothing yet";
}

function addSpace(space) {
  const ranges = rangesOf(space);
  const words = make("span");
  const frame = make("div", { class: "map" }), about = make("p", { class: "about", role: "status" });
  const table = make("details", { class: "table" }, make("summary", {}, "As a table, of all times"));
  const title = make("summary", {}, make("b", {}, foreign(space.owner)), space.pasid ? ` PASID ${space.pasid}` : "", ": ", words);
  const details = make("details", { class: "space", open: "" }, title, frame, about, table);
  const tell = (event) => { about.textContent = event.target.closest("[aria-label]")?.getAttribute("aria-label") ?? ""; };
  frame.addEventListener("focusin", tell);
  frame.addEventListener("pointerover", tell);
  table.addEventListener("toggle", () => { if (table.open && table.children.length === 1) table.append(tableOfSpace(ranges)); });
  byId("spaces").append(details);
  return (moment) => {
    const seen = rangesAt(ranges, moment);
    words.textContent = summaryOf(space, ranges, seen, moment);
    if (details.open) drawSpace(frame, space, ranges, seen, byId("colour").value);
  };
}

function showMapLegend() {
  const swatch = (paint, text) => make("span", {}, make("i", { class: "tick", style: `background:${paint}` }), foreign(text));
  const entries = byId("colour").value === "rights"
    ? [1, 2, 3].map((rights) => swatch(paintOf({ rights }, "rights"), RIGHTS[rights]))
    : Object.entries(data.objects).slice(0, 12).map(([object, label]) => swatch(paintOf({ object }, "object"), label));
  const more = Object.keys(data.objects).length - 12;
  if (byId("colour").value === "object") entries.push(swatch("var(--rest)", "owner unknown"), more > 0 ? `and ${textOfCount(more)} more objects` : "");
  byId("map-legend").replaceChildren(...entries);
}

function showMoment(moment) {
  const what = view.chosen >= 0 ? "at the chosen event" : moment >= data.nanoseconds ? "at the end of the trace" : "at the end of the time in view";
  byId("map-moment").textContent = `${what}, ${textOfMoment(Math.min(moment, data.nanoseconds))}`;
  byId("spaces").dataset.moment = moment;
}

function showMaps() {
  const spaces = data.spaces.map(addSpace);
  if (!spaces.length) byId("spaces").append(make("p", { class: "none" }, "No device did DMA in this trace, and none was told what it reaches."));
  if (data.moreSpaces) byId("spaces").append(make("p", { class: "hint" }, `${textOfCount(data.moreSpaces)} events belong to further address spaces, which are not drawn.`));
  const draw = () => {
    const moment = momentOfMaps();
    showMapLegend();
    showMoment(moment);
    for (const space of spaces) space(moment);
  };
  byId("colour").addEventListener("change", draw);
  byId("spaces").addEventListener("toggle", (event) => { if (event.target.matches(".space")) draw(); }, true);
  return draw;
}
