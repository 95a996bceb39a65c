// SPDX-License-Identifier: MIT
// The data of the page, and how values are written. Text of the trace goes into the page as text, never as HTML.
"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const WEIGHT = { common: 0, noted: 1, tampered: 2, injected: 3, faulty: 4 };
const COLOURS = ["common", "noted", "tampered", "injected", "faulty"];

function byId(id) {
  return document.getElementById(id);
}

// make("td", { class: "number" }, "12", other element)
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

function makeSvg(name, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

// A name that others chose: writing from right to left stays inside of it.
function foreign(text, name = "bdi") {
  return make(name, name === "bdi" ? {} : { dir: "auto" }, text);
}

const grouped = new Intl.NumberFormat("en");

function textOfCount(number) {
  return grouped.format(number);
}

function textOfTime(nanoseconds) {
  for (const [unit, size] of [["s", 1e9], ["ms", 1e6], ["µs", 1e3]])
    if (nanoseconds >= size) return `${trimmed(nanoseconds / size)} ${unit}`;
  return `${trimmed(nanoseconds)} ns`;
}

// When, not how long: as close as it takes to tell moments apart.
function textOfMoment(nanoseconds) {
  for (const [unit, size] of [["s", 1e9], ["ms", 1e6], ["µs", 1e3]])
    if (nanoseconds >= size) return `${parseFloat((nanoseconds / size).toPrecision(7))} ${unit}`;
  return `${nanoseconds} ns`;
}

function trimmed(number) {
  return number >= 100 ? number.toFixed(0) : String(parseFloat(number.toPrecision(3)));
}

// Bytes as a BigInt or a number.
function textOfBytes(bytes) {
  let value = Number(bytes);
  for (const unit of ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]) {
    if (value < 1024) return `${trimmed(value)} ${unit}`;
    value /= 1024;
  }
  return `${trimmed(value)} EiB`;
}

function colourOf(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

// The first place in a sorted array whose value is not below.
function lowerBound(values, value) {
  let from = 0, to = values.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    if (values[middle] < value) from = middle + 1;
    else to = middle;
  }
  return from;
}

// Sharp lines on every screen: as many pixels as there are, and a context whose unit is CSS's pixel.
function sized(canvas, height) {
  const scale = window.devicePixelRatio || 1;
  const width = Math.max(canvas.clientWidth, 50);
  if (height) canvas.style.height = `${height}px`;
  const tall = height || canvas.clientHeight;
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(tall * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(tall * scale);
  }
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, tall);
  return { context, width, height: tall };
}
