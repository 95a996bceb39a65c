// SPDX-License-Identifier: MIT
// The address spaces: a line of logical addresses above, one of physical addresses below, and bands that say what led
// where.
"use strict";

const TOP = 58, BOTTOM = 168, BAR = 15, TALL = 234;
const RIGHTS = ["no access", "read", "write", "read and write"];
const objectColours = new Map(Object.keys(data.objects).map((object, number) => [object, `c${number % 8}`]));

function rangeOf([first, last, physical, rights, uses, parts, object, owners], reachable) {
  const range = { first: BigInt(first), last: BigInt(last), physical: BigInt(physical), rights, uses, parts, object, owners, reachable };
  range.bytes = range.last - range.first + 1n;
  return range;
}

function textOfOwner(range) {
  const label = data.objects[range.object] || "";
  return range.owners > 1 ? `${label}, the last of ${textOfCount(range.owners)} objects here` : label;
}

function textOfRange(range) {
  const to = range.parts > 1 ? `${textOfCount(range.parts)} ranges, drawn as one, the first to` : "to";
  const use = range.reachable ? "reachable" : `used ${textOfCount(range.uses)} times`;
  const whose = range.object ? `, ${textOfOwner(range)}` : "";
  return `0x${range.first.toString(16)} to 0x${range.last.toString(16)}, ${textOfBytes(range.bytes)}, ${to} ` +
    `0x${range.physical.toString(16)}: ${use}, ${RIGHTS[range.rights]}${whose}`;
}

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

function drawBand(svg, range, logical, physical, by) {
  const l0 = logical.at(range.first), l1 = logical.at(range.last + 1n);
  const p0 = physical.at(range.physical), p1 = physical.at(range.physical + range.bytes);
  const middle = (TOP + BAR + BOTTOM) / 2, above = TOP + BAR;
  const paint = paintOf(range, by);
  const shape = `M${l0} ${above}C${l0} ${middle} ${p0} ${middle} ${p0} ${BOTTOM}H${p1}` +
    `C${p1} ${middle} ${l1} ${middle} ${l1} ${above}Z`;
  const solid = range.reachable ? { fill: "none", stroke: paint, "stroke-width": 1.2 } : { fill: paint };
  const group = makeSvg("g", { tabindex: 0, role: "img", "aria-label": textOfRange(range), class: "range" });
  group.append(makeSvg("title", {}, textOfRange(range)),
    makeSvg("path", { d: shape, fill: paint, opacity: range.reachable ? 0.1 : 0.32 }),
    makeSvg("rect", { x: l0, y: TOP, width: Math.max(l1 - l0, 1), height: BAR, ...solid }),
    makeSvg("rect", { x: p0, y: BOTTOM, width: Math.max(p1 - p0, 1), height: BAR, ...solid }));
  svg.append(group);
}

function drawTrouble(svg, trouble, logical) {
  const [page, , , injected, , event] = trouble;
  const x = (logical.at(BigInt(page)) + logical.at(BigInt(page) + 4096n)) / 2;
  const only = trouble[1] + trouble[2] + trouble[4] === 0;
  const text = textOfTrouble(trouble);
  const group = makeSvg("g", { tabindex: 0, role: "button", "aria-label": text, class: "trouble" }, makeSvg("title", {}, text));
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

function drawSpace(frame, space, by) {
  const ranges = [...space.reachable.map((range) => rangeOf(range, true)), ...space.used.map((range) => rangeOf(range, false))];
  const pages = space.troubles.map((trouble) => BigInt(trouble[0]));
  const logicalScale = scaleOf([...ranges.map((range) => [range.first, range.last]), ...pages.map((page) => [page, page + 4095n])]);
  const physicalScale = scaleOf(ranges.map((range) => [range.physical, range.physical + range.bytes - 1n]));
  const room = Math.max(frame.clientWidth - 4, 300);
  const width = Math.max(room, logicalScale.width, physicalScale.width);
  const logical = stretched(logicalScale, width), physical = stretched(physicalScale, width);
  const svg = makeSvg("svg", { width, height: TALL, viewBox: `0 0 ${width} ${TALL}`, role: "group", "aria-label": `Address space of ${space.owner}` });
  drawStarts(svg, logical, 26, width);
  drawStarts(svg, physical, BOTTOM + BAR + 24, width);
  drawHoles(svg, logical, TOP);
  drawHoles(svg, physical, BOTTOM);
  for (const range of ranges) drawBand(svg, range, logical, physical, by);
  for (const trouble of space.troubles) drawTrouble(svg, trouble, logical);
  svg.append(makeSvg("text", { class: "title", x: 0, y: 11 }, "on the bus"), makeSvg("text", { class: "title", x: 0, y: TALL - 1 }, "in memory"));
  frame.replaceChildren(svg);
}

function tableOfSpace(space) {
  const table = tableOf(["on the bus", "bytes", "in memory", "", "whose"]);
  for (const [raw, reachable] of [...space.used.map((one) => [one, false]), ...space.reachable.map((one) => [one, true])]) {
    const range = rangeOf(raw, reachable);
    const places = range.parts > 1 ? `${textOfCount(range.parts)} places from ${raw[2]}` : raw[2];
    table.add(make("code", {}, `${raw[0]} – ${raw[1]}`), textOfBytes(range.bytes), make("code", {}, places),
      `${reachable ? "reachable" : `used ${textOfCount(range.uses)} times`}, ${RIGHTS[range.rights]}`,
      range.object ? foreign(textOfOwner(range)) : "");
  }
  return table.element;
}

// Of ranges in the order of their addresses; what several have in common counts once.
function bytesOf(ranges) {
  let sum = 0n, end = 0n;
  for (const [first, last] of ranges.map((range) => [BigInt(range[0]), BigInt(range[1]) + 1n])) {
    if (last > end) sum += last - (first > end ? first : end);
    if (last > end) end = last;
  }
  return sum;
}

function addSpace(space) {
  const bytes = bytesOf(space.used);
  const troubles = space.troubles.length + space.moreTroubles;
  const words = [`${textOfBytes(bytes)} used in ${textOfCount(space.used.length)} ranges`];
  if (space.reachable.length) words.push(`${textOfCount(space.reachable.length)} reachable`);
  if (troubles) words.push(`trouble at ${textOfCount(space.troubles.length)} pages`);
  if (space.moreTroubles) words.push(`${textOfCount(space.moreTroubles)} more events at other pages not drawn`);
  const title = make("summary", {}, make("b", {}, foreign(space.owner)), space.pasid ? ` PASID ${space.pasid}` : "", `: ${words.join(", ")}`);
  const frame = make("div", { class: "map" });
  const details = make("details", { class: "space", open: "" }, title, frame,
    make("details", {}, make("summary", {}, "As a table"), tableOfSpace(space)));
  byId("spaces").append(details);
  return () => { if (details.open) drawSpace(frame, space, byId("colour").value); };
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

function showMaps() {
  const draws = data.spaces.map(addSpace);
  if (!draws.length) byId("spaces").append(make("p", { class: "none" }, "No device did DMA in this trace."));
  if (data.moreSpaces) byId("spaces").append(make("p", { class: "hint" }, `${textOfCount(data.moreSpaces)} events belong to further address spaces, which are not drawn.`));
  const draw = () => { showMapLegend(); for (const one of draws) one(); };
  byId("colour").addEventListener("change", draw);
  byId("spaces").addEventListener("toggle", draw, true);
  return draw;
}
