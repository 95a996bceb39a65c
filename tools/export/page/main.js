// SPDX-License-Identifier: MIT
// Puts the page together, and draws again what has to be.
"use strict";

readColours();
showHead();
showRules();
showFaults();
showNumbers();
layOut();
const drawMaps = showMaps();

// At most once for each frame of the screen; the maps, which take longer, when the view rests.
let isDue = false, mapsDue = 0;
view.listeners.push(() => {
  clearTimeout(mapsDue);
  if (Number(byId("spaces").dataset.moment) !== momentOfMaps()) mapsDue = setTimeout(drawMaps, 60);
  if (isDue) return;
  isDue = true;
  requestAnimationFrame(() => {
    isDue = false;
    drawLanes();
    drawAxis();
    drawOverview();
    showChosen();
  });
});
listenToPointer();
listenToKeys();
window.addEventListener("resize", () => { view.changed(); drawMaps(); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { readColours(); view.changed(); });
view.changed();
drawMaps();
