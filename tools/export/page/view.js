// SPDX-License-Identifier: MIT
// Which part of the time is seen, and which event is chosen. Whoever draws listens.
"use strict";

const events = data.events;
const span = Math.max(data.nanoseconds, 1);
const NARROWEST = 20; // nanoseconds in view

const view = {
  from: 0,
  to: span,
  chosen: -1,
  listeners: [],

  changed() {
    const lanes = byId("lanes");
    lanes.dataset.from = this.from;
    lanes.dataset.to = this.to;
    lanes.dataset.chosen = this.chosen;
    for (const listener of this.listeners) listener();
  },

  show(from, to) {
    const length = Math.min(Math.max(to - from, NARROWEST), span);
    this.from = Math.min(Math.max(from + (to - from - length) / 2, 0), span - length);
    this.to = this.from + length;
    this.changed();
  },

  // Around a moment that stays where it is.
  zoom(factor, moment = (this.from + this.to) / 2) {
    this.show(moment - (moment - this.from) * factor, moment + (this.to - moment) * factor);
  },

  move(part) {
    const length = this.to - this.from;
    const from = Math.min(Math.max(this.from + part * length, 0), span - length);
    this.show(from, from + length);
  },

  choose(event) {
    this.chosen = event;
    if (event >= 0) {
      const time = events.time[event], length = this.to - this.from;
      if (time < this.from || time > this.to) {
        this.show(time - length / 2, time + length / 2);
        return;
      }
    }
    this.changed();
  },

  // The next event in a direction that is not common; the first or last one in view if none is chosen.
  step(direction) {
    let event = this.chosen >= 0 ? this.chosen + direction
      : direction > 0 ? lowerBound(events.time, this.from) : lowerBound(events.time, this.to + 1) - 1;
    while (event >= 0 && event < events.time.length && events.weight[event] === WEIGHT.common) event += direction;
    if (event >= 0 && event < events.time.length) this.choose(event);
  },
};

// Brings an event from elsewhere on the page into view: close enough to see it by itself.
function goTo(event) {
  const length = Math.min(view.to - view.from, Math.max(span / 50, 1000));
  view.from = Math.max(events.time[event] - length / 2, 0);
  view.to = Math.min(view.from + length, span);
  view.choose(event);
  view.show(view.from, view.to);
  byId("lanes").focus({ preventScroll: true });
  byId("timeline-title").scrollIntoView({ block: "start" });
}
