// SPDX-License-Identifier: MIT
// Addresses on a line: between any two that matter lies either memory, drawn by the logarithm of its size, or a hole,
// drawn as one. So a terabyte with three pages in it is three pages wide.
"use strict";

const HOLE = 46, NARROW = 9;

// Intervals [first, last] of BigInts, in any order, that may overlap.
function scaleOf(intervals) {
  const edges = [...new Set(intervals.flatMap(([first, last]) => [first, last + 1n]))].sort((a, b) => (a < b ? -1 : 1));
  const order = intervals.slice().sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0));
  const places = new Map(), holes = [], starts = [];
  let x = 0, next = 0, covered = -1n;
  edges.forEach((edge, number) => {
    places.set(edge, x);
    while (next < order.length && order[next][0] <= edge) {
      if (order[next][1] > covered) covered = order[next][1];
      next += 1;
    }
    if (number + 1 === edges.length) return;
    const bytes = edges[number + 1] - edge;
    if (covered >= edge) {
      if (number === 0 || holes.at(-1)?.end === edge) starts.push({ address: edge, x });
      x += NARROW + 7 * Math.log2(1 + Number(bytes) / 4096);
    } else {
      holes.push({ x, bytes, end: edges[number + 1], width: HOLE });
      x += HOLE;
    }
  });
  return { places, holes, starts, width: Math.max(x, 1) };
}

// Stretches a scale to a width; never narrower than it needs.
function stretched(scale, width) {
  const factor = Math.max(width / scale.width, 1);
  return {
    at: (address) => scale.places.get(address) * factor,
    holes: scale.holes.map((hole) => ({ ...hole, x: hole.x * factor, width: hole.width * factor })),
    starts: scale.starts.map((start) => ({ ...start, x: start.x * factor })),
  };
}
