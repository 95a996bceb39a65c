// SPDX-License-Identifier: MIT
// Ranges of addresses over time: which are there at a moment, which were, and how both are told.
"use strict";

const RIGHTS = ["no access", "read", "write", "read and write"];
const ENDINGS = ["", "it was unmapped", "something else was there", "the machine's reset"];
const JOINED = 4; // an ending too: of several, joined
const objectColours = new Map(Object.keys(data.objects).map((object, number) => [object, `c${number % 8}`]));

function rangeOf([first, last, physical, marks, uses, parts, object, owners, since, until, ending], kind) {
  const range = { kind, first: BigInt(first), last: BigInt(last), physical: BigInt(physical), rights: marks & 3, uses, parts, object,
    owners, since, until, ending, isCut: (marks & 4) !== 0, isStray: (marks & 8) !== 0 };
  range.bytes = range.last - range.first + 1n;
  range.place = `${kind} ${first} ${last} ${physical}`;
  return range;
}

function rangesOf(space) {
  return ["mapped", "reachable", "used"].flatMap((kind) => space[kind].map((range) => rangeOf(range, kind)));
}

// The end of what is in view, or the chosen event, which has happened then.
function momentOfMaps() {
  return view.chosen >= 0 ? events.time[view.chosen] : Math.round(view.to);
}

// What the tables allow is known of the end alone.
function stateAt(range, moment) {
  if (range.kind === "reachable") return moment >= data.nanoseconds ? "now" : "later";
  if (range.since > moment) return "later";
  return range.isStray || (range.until >= 0 && range.until <= moment) ? "past" : "now";
}

// What is to be seen at a moment, the newest last. Of ranges of the same addresses that led to the same memory one after
// the other, the newest stands for all.
function rangesAt(ranges, moment) {
  const places = new Map();
  for (const range of ranges) {
    const state = stateAt(range, moment);
    if (state === "later") continue;
    const others = places.get(range.place) || [];
    others.push({ ...range, state });
    places.set(range.place, others);
  }
  const seen = [...places.values()].map((same) => {
    const newest = same.reduce((a, b) => (a.since > b.since || (a.since === b.since && a.state === "now") ? a : b));
    const objects = new Set(same.map((range) => range.object));
    const owners = same.reduce((sum, range) => sum + range.owners - 1, objects.size);
    return { ...newest, owners, times: same.length, uses: same.reduce((sum, range) => sum + range.uses, 0) };
  });
  const depth = (range) => (range.state === "now" ? 2 : 0) + (range.kind === "used" ? 1 : 0);
  return seen.sort((a, b) => depth(a) - depth(b) || a.since - b.since);
}

function textOfOwner(range) {
  const label = data.objects[range.object] || "";
  return range.owners > 1 ? `${label}, the last of ${textOfCount(range.owners)} objects here` : label;
}

// From when to when.
function textOfSpan(range) {
  const since = textOfMoment(range.since);
  if (range.kind === "reachable") return "at the end";
  if (range.ending === JOINED) return `now and then from ${since} to ${textOfMoment(range.until)}`;
  const end = range.until >= 0 ? ` until ${ENDINGS[range.ending]} at ${textOfMoment(range.until)}` : "";
  return range.isStray ? `from ${since}${end}, though it was unmapped before` : `from ${since}${end}`;
}

function textOfWhat(range) {
  if (range.kind === "mapped") return range.times > 1 ? `mapped ${textOfCount(range.times)} times, the last` : "mapped";
  if (range.kind === "reachable") return `reachable, ${RIGHTS[range.rights]}`;
  const last = range.times > 1 ? ", the last" : "";
  return `${RIGHTS[range.rights]}, used ${range.isCut ? "up to " : ""}${textOfCount(range.uses)} ${range.uses === 1 ? "time" : "times"}${last}`;
}

function textOfRange(range) {
  const to = range.parts > 1 ? `${textOfCount(range.parts)} ranges, drawn as one, the first to` : "to";
  const whose = range.object ? `, ${textOfOwner(range)}` : "";
  return `0x${range.first.toString(16)} to 0x${range.last.toString(16)}, ${textOfBytes(range.bytes)}, ${to} ` +
    `0x${range.physical.toString(16)}: ${textOfWhat(range)} ${textOfSpan(range)}${whose}`;
}

// What several have in common counts once.
function bytesOf(ranges) {
  let sum = 0n, end = 0n;
  for (const { first, last } of ranges.slice().sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0))) {
    if (last >= end) sum += last + 1n - (first > end ? first : end);
    if (last >= end) end = last + 1n;
  }
  return sum;
}
