// SPDX-License-Identifier: MIT
// Mouse, fingers and keys on the timeline.
"use strict";

function laneAt(y) {
  return rows.findIndex((top) => y >= top && y < top + LANE);
}

// The events of a lane near a place, the most important first.
function eventsNear(x, lane, width, reach = 5) {
  const perPixel = (view.to - view.from) / width;
  const time = view.from + x * perPixel;
  const found = [];
  const end = lowerBound(events.time, time + reach * perPixel + 1);
  for (let i = lowerBound(events.time, time - reach * perPixel); i < end; ++i)
    if (events.lane[i] === lane) found.push(i);
  const distance = (i) => Math.abs(events.time[i] - time);
  return found.sort((a, b) => events.weight[b] - events.weight[a] || distance(a) - distance(b));
}

function binAt(x, lane, width) {
  const time = view.from + x * (view.to - view.from) / width;
  const number = Math.floor(time / ((span + 1) / data.bins));
  return data.lanes[lane].bins.find((bin) => bin[0] === number);
}

function describe(x, y) {
  const lane = laneAt(y), width = byId("lanes").clientWidth;
  if (lane < 0) return "";
  const near = eventsNear(x, lane, width), lines = [];
  for (const event of near.slice(0, 3)) lines.push(`${textOfMoment(events.time[event])}: ${events.text[event]}`);
  if (near.length > 3) lines.push(`and ${textOfCount(near.length - 3)} more: zoom in`);
  const bin = binAt(x, lane, width);
  if (bin) {
    const bytes = bin[3] > 0 ? `, ${textOfBytes(bin[3])} of DMA` : "";
    lines.push(`${textOfCount(bin[1])} events in ${textOfTime((span + 1) / data.bins)}${bytes}`);
  }
  return lines.join("\n");
}

function showTip(pointer) {
  const tip = byId("tip"), canvas = byId("lanes");
  const text = describe(pointer.offsetX, pointer.offsetY);
  tip.hidden = text === "";
  if (tip.hidden) return;
  tip.textContent = text;
  const frame = byId("lanes-frame");
  const left = canvas.offsetLeft + pointer.offsetX + 14;
  tip.style.left = `${Math.min(left, Math.max(frame.clientWidth - tip.offsetWidth - 4, 0))}px`;
  tip.style.top = `${pointer.offsetY + 18 + tip.offsetHeight > lanesHeight ? Math.max(pointer.offsetY - tip.offsetHeight - 8, 0) : pointer.offsetY + 18}px`;
}

function listenToPointer() {
  const canvas = byId("lanes");
  let grabbed = null;
  canvas.addEventListener("pointerdown", (pointer) => {
    grabbed = { x: pointer.offsetX, from: view.from, to: view.to, moved: false };
    canvas.setPointerCapture(pointer.pointerId);
  });
  canvas.addEventListener("pointermove", (pointer) => {
    if (!grabbed) return showTip(pointer);
    const way = pointer.offsetX - grabbed.x;
    if (Math.abs(way) > 3) grabbed.moved = true;
    if (!grabbed.moved) return;
    const length = grabbed.to - grabbed.from;
    const from = Math.min(Math.max(grabbed.from - way / canvas.clientWidth * length, 0), span - length);
    view.show(from, from + length);
  });
  canvas.addEventListener("pointerup", (pointer) => {
    if (grabbed && !grabbed.moved) {
      const lane = laneAt(pointer.offsetY);
      view.choose(lane < 0 ? -1 : eventsNear(pointer.offsetX, lane, canvas.clientWidth)[0] ?? -1);
    }
    grabbed = null;
  });
  canvas.addEventListener("pointercancel", () => { grabbed = null; });
  canvas.addEventListener("pointerleave", () => { byId("tip").hidden = true; });
  canvas.addEventListener("wheel", (wheel) => {
    wheel.preventDefault();
    const sideways = wheel.shiftKey ? wheel.deltaY : wheel.deltaX;
    if (sideways) return view.move(sideways / 1000);
    const moment = view.from + wheel.offsetX / canvas.clientWidth * (view.to - view.from);
    view.zoom(Math.exp(Math.min(Math.max(wheel.deltaY, -300), 300) / 300), moment);
  }, { passive: false });
  canvas.addEventListener("dblclick", (pointer) =>
    view.zoom(0.25, view.from + pointer.offsetX / canvas.clientWidth * (view.to - view.from)));
  listenToOverview();
}

// A stroke across the overview chooses what is seen; a click moves there.
function listenToOverview() {
  const canvas = byId("overview");
  let start = null;
  const timeAt = (pointer) => pointer.offsetX / canvas.clientWidth * span;
  canvas.addEventListener("pointerdown", (pointer) => {
    start = timeAt(pointer);
    canvas.setPointerCapture(pointer.pointerId);
  });
  canvas.addEventListener("pointermove", (pointer) => {
    if (start === null || Math.abs(timeAt(pointer) - start) < span / 200) return;
    view.show(Math.min(start, timeAt(pointer)), Math.max(start, timeAt(pointer)));
  });
  canvas.addEventListener("pointerup", (pointer) => {
    const half = (view.to - view.from) / 2, time = timeAt(pointer);
    if (start !== null && Math.abs(time - start) < span / 200) view.show(time - half, time + half);
    start = null;
  });
}

function listenToKeys() {
  const keys = {
    "+": () => view.zoom(0.5), "=": () => view.zoom(0.5), "-": () => view.zoom(2),
    Home: () => view.show(0, span), ArrowLeft: () => view.move(-0.1), ArrowRight: () => view.move(0.1),
    PageUp: () => view.move(-0.8), PageDown: () => view.move(0.8),
    n: () => view.step(1), p: () => view.step(-1), Escape: () => view.choose(-1),
    Enter: () => { if (events.partners[view.chosen] !== undefined) view.choose(events.partners[view.chosen]); },
  };
  byId("lanes").addEventListener("keydown", (key) => {
    if (key.ctrlKey || key.altKey || key.metaKey || !(key.key in keys)) return;
    key.preventDefault();
    keys[key.key]();
  });
  byId("zoom-in").addEventListener("click", keys["+"]);
  byId("zoom-out").addEventListener("click", keys["-"]);
  byId("zoom-all").addEventListener("click", keys.Home);
  byId("next").addEventListener("click", keys.n);
  byId("previous").addEventListener("click", keys.p);
}
