// SPDX-License-Identifier: MIT
// Draws the timeline. However many events there are, a column of pixels is drawn once: its height says how many.
"use strict";

const LANE = 24, OWNER = 24;
const rows = []; // by lane: its top
let lanesHeight = 0;

function layOut() {
  const labels = byId("labels");
  let y = 4, owner = null;
  for (const lane of data.lanes) {
    if (lane.owner !== owner) {
      owner = lane.owner;
      const label = make("div", { class: "owner", style: `top:${y}px;line-height:${OWNER}px` }, foreign(owner));
      label.title = owner;
      labels.append(label);
      y += OWNER;
    }
    labels.append(make("div", { class: "group", style: `top:${y}px;line-height:${LANE}px` }, lane.group));
    rows.push(y);
    y += LANE;
  }
  lanesHeight = y + 4;
  labels.style.height = `${lanesHeight}px`;
}

function xOf(time, width) {
  return (time - view.from) / (view.to - view.from) * width;
}

// Numbers of events by lane and column, and the heaviest weight there.
function countColumns(width) {
  const counts = data.lanes.map(() => new Float64Array(width + 1));
  const weights = data.lanes.map(() => new Uint8Array(width + 1));
  const end = lowerBound(events.time, view.to + 1);
  for (let i = lowerBound(events.time, view.from); i < end; ++i) {
    const column = Math.min(Math.floor(xOf(events.time[i], width)), width - 3); // the last one is seen too
    if (column < 0) continue;
    const lane = events.lane[i];
    counts[lane][column] += 1;
    if (events.weight[i] > weights[lane][column]) weights[lane][column] = events.weight[i];
  }
  return { counts, weights };
}

function drawBins(context, lane, top, width) {
  const length = (span + 1) / data.bins;
  const most = lane.bins.reduce((sum, bin) => Math.max(sum, bin[1]), 1);
  for (const [number, count, notable] of lane.bins) {
    const left = xOf(number * length, width), right = xOf((number + 1) * length, width);
    if (right < 0 || left > width) continue;
    const height = 4 + (LANE - 8) * Math.log2(1 + count) / Math.log2(1 + most);
    context.fillStyle = notable > 0 ? colours.faulty : colours.binned;
    context.fillRect(left, top + LANE - 2 - height, Math.max(right - left, 1), height);
  }
}

function drawColumns(context, lane, columns, top) {
  const counts = columns.counts[lane], weights = columns.weights[lane];
  const most = Math.max(counts.reduce((a, b) => Math.max(a, b), 1), 2);
  for (let x = 0; x < counts.length; ++x) {
    if (counts[x] === 0) continue;
    const weight = weights[x];
    const height = most <= 2 ? LANE - 6 : 7 + (LANE - 13) * Math.log2(1 + counts[x]) / Math.log2(1 + most);
    context.fillStyle = colours[COLOURS[weight]];
    if (weight === WEIGHT.injected) diamond(context, x + 0.5, top + LANE / 2 - 1, 6);
    else if (weight === WEIGHT.faulty) triangle(context, x + 0.5, top + LANE - 3, 11 + height / 4);
    else context.fillRect(x, top + LANE - 2 - height, weight === WEIGHT.common ? 1.5 : 2.5, height);
  }
}

function diamond(context, x, y, size) {
  context.beginPath();
  context.moveTo(x, y - size);
  context.lineTo(x + size, y);
  context.lineTo(x, y + size);
  context.lineTo(x - size, y);
  context.fill();
}

// On its base.
function triangle(context, x, y, size) {
  context.beginPath();
  context.moveTo(x, y - size);
  context.lineTo(x + size / 2, y);
  context.lineTo(x - size / 2, y);
  context.fill();
}

let colours = {};
function readColours() {
  colours = {};
  for (const name of [...COLOURS, "binned", "line", "quiet", "ink", "focus", "window", "card", "stripe"])
    colours[name] = colourOf(name);
}

function drawLanes() {
  const { context, width, height } = sized(byId("lanes"), lanesHeight);
  const columns = countColumns(Math.ceil(width));
  for (const tick of ticks(width)) {
    context.fillStyle = colours.line;
    context.fillRect(Math.round(tick.x), 0, 1, height);
  }
  drawInjectionLines(context, width, height);
  data.lanes.forEach((lane, number) => {
    const top = rows[number];
    context.fillStyle = colours.line;
    context.fillRect(0, top + LANE - 2, width, 1);
    drawBins(context, lane, top, width);
    drawColumns(context, number, columns, top);
  });
  drawChosen(context, width, height);
}

// Few injections are seen across all lanes: what follows one is right of it.
function drawInjectionLines(context, width, height) {
  const found = [], end = lowerBound(events.time, view.to + 1);
  for (let i = lowerBound(events.time, view.from); i < end && found.length <= 60; ++i)
    if (events.weight[i] === WEIGHT.injected) found.push(i);
  if (found.length > 60) return;
  context.globalAlpha = 0.35;
  context.fillStyle = colours.injected;
  for (const i of found) context.fillRect(xOf(events.time[i], width), 0, 1, height);
  context.globalAlpha = 1;
}

function drawChosen(context, width, height) {
  if (view.chosen < 0) return;
  const x = xOf(events.time[view.chosen], width), y = rows[events.lane[view.chosen]];
  context.strokeStyle = context.fillStyle = colours.focus;
  context.fillRect(x, 0, 1.5, height);
  context.lineWidth = 2;
  context.strokeRect(x - 6, y, 13, LANE - 2);
  const partner = events.partners[view.chosen];
  if (partner === undefined) return;
  const px = xOf(events.time[partner], width), py = rows[events.lane[partner]];
  context.beginPath();
  context.moveTo(x, y + LANE / 2);
  context.bezierCurveTo((x + px) / 2, y + LANE / 2, (x + px) / 2, py + LANE / 2, px, py + LANE / 2);
  context.stroke();
  context.strokeRect(px - 6, py, 13, LANE - 2);
}

// Moments at round distances, as many as there is room for.
function ticks(width) {
  const length = view.to - view.from;
  const rough = length / Math.max(width / 110, 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => power * factor >= rough);
  const found = [];
  for (let time = Math.ceil(view.from / step) * step; time <= view.to; time += step)
    found.push({ time, step, x: xOf(time, width) });
  return found;
}

function drawAxis() {
  const { context, width } = sized(byId("axis"), 22);
  context.fillStyle = colours.quiet;
  context.font = "12px system-ui, sans-serif";
  for (const { time, step, x } of ticks(width)) {
    context.fillRect(Math.round(x), 16, 1, 6);
    const [unit, size] = [["s", 1e9], ["ms", 1e6], ["µs", 1e3], ["ns", 1]].find(([, one]) => span >= one) || ["ns", 1];
    const digits = Math.max(0, Math.ceil(Math.log10(size / step) - 1e-9));
    context.fillText(`${(time / size).toFixed(digits)} ${unit}`, Math.min(Math.max(x - 20, 0), width - 60), 12);
  }
}

function drawOverview() {
  const { context, width, height } = sized(byId("overview"), 44);
  const columns = new Float64Array(Math.ceil(width) + 1), marks = [];
  const put = (time, count) => { columns[Math.floor(time / (span + 1) * width)] += count; };
  for (let i = 0; i < events.time.length; ++i) {
    put(events.time[i], 1);
    if (events.weight[i] >= WEIGHT.injected) marks.push(i);
  }
  for (const lane of data.lanes) for (const [number, count] of lane.bins) put((number + 0.5) * (span + 1) / data.bins, count);
  const most = columns.reduce((a, b) => Math.max(a, b), 2);
  const left = view.from / span * width, right = view.to / span * width;
  context.fillStyle = colours.window;
  context.fillRect(left, 0, Math.max(right - left, 2), height);
  context.fillStyle = colours.common;
  columns.forEach((count, x) => {
    const tall = count === 0 ? 0 : 3 + (height - 14) * Math.log2(1 + count) / Math.log2(1 + most);
    context.fillRect(x, height - tall, 1, tall);
  });
  for (const weight of [WEIGHT.faulty, WEIGHT.injected]) {
    context.fillStyle = colours[COLOURS[weight]];
    for (const i of marks) if (events.weight[i] === weight) context.fillRect(events.time[i] / span * width - 1, weight === WEIGHT.faulty ? 5 : 0, 2, 4);
  }
  context.fillStyle = colours.focus;
  context.fillRect(left, 0, 1.5, height);
  context.fillRect(Math.max(right - 1.5, left), 0, 1.5, height);
}
