"use strict";
// The page is whole without this: it adds values under the pointer, search, and the marked place in the contents.
// All numbers are read from the tables of the page.

const tip = document.getElementById("tip");

function showTip(text, x, y) {
  tip.textContent = text;
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(4, Math.min(x + 12, innerWidth - box.width - 4))}px`;
  tip.style.top = `${y - box.height - 10 < 4 ? y + 16 : y - box.height - 10}px`;
}

function hideTip() {
  tip.hidden = true;
  for (const bar of document.querySelectorAll(".bar.on")) bar.classList.remove("on");
}

// -- histograms: the n-th bar is the n-th row of the table beside it --
function pointAt(svg, index) {
  hideTip();
  const bars = svg.querySelectorAll(".bar"), bar = bars[index];
  if (!bar) return;
  const [value, kept, dropped] = svg.closest("figure").querySelectorAll("tbody tr")[index].children;
  const box = bar.getBoundingClientRect();
  bar.classList.add("on");
  showTip(`${value.textContent}\nkept ${kept.textContent}, dropped ${dropped.textContent}`, box.x + box.width / 2, box.y);
}

for (const svg of document.querySelectorAll(".histogram")) {
  let at = -1;
  svg.addEventListener("pointermove", (event) => {
    let nearest = -1, best = 12;
    svg.querySelectorAll(".bar").forEach((bar, i) => {
      const box = bar.getBoundingClientRect();
      const away = Math.max(box.left - event.clientX, event.clientX - box.right, 0);
      if (away < best) [best, nearest] = [away, i];
    });
    pointAt(svg, (at = nearest));
  });
  svg.addEventListener("pointerleave", hideTip);
  svg.addEventListener("blur", hideTip);
  svg.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    at = Math.max(0, Math.min(svg.querySelectorAll(".bar").length - 1, at + step));
    pointAt(svg, at);
  });
}
addEventListener("keydown", (event) => { if (event.key === "Escape") hideTip(); });

// -- going to a place opens what it lies in --
function go(target) {
  if (!target) return;
  for (let e = target; e; e = e.parentElement) if (e.tagName === "DETAILS") e.open = true;
  target.scrollIntoView({ block: target.tagName === "DETAILS" ? "start" : "center" });
  target.classList.remove("jumped");
  void target.offsetWidth;
  target.classList.add("jumped");
}

function toHash() {
  const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target && target.closest("details")) go(target);
}
addEventListener("hashchange", toHash);
document.addEventListener("click", (event) => {
  const link = event.target.closest && event.target.closest('a[href^="#"]');
  if (link && link.hash === location.hash) toHash();
});

// -- search --
const input = document.getElementById("search"), list = document.getElementById("found");
const SHOWN = 60;
let entries = null, chosen = -1;

// What an element says, its parts apart; of a picture only what stands around it.
function words(element) {
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT), parts = [];
  const skipped = element.tagName === "FIGURE" ? "svg, details" : "svg";
  while (walker.nextNode()) if (!walker.currentNode.parentElement.closest(skipped)) parts.push(walker.currentNode.data);
  return parts.join(" ");
}

function look() {
  entries ??= Array.from(document.querySelectorAll("[data-find]"), (element) => {
    const text = words(element).replace(/\s+/g, " ").trim();
    return { element, kind: element.dataset.find, text, low: text.toLowerCase() };
  });
  const asked = input.value.toLowerCase().split(/\s+/).filter(Boolean);
  list.replaceChildren();
  chosen = -1;
  input.removeAttribute("aria-activedescendant");
  if (!asked.length) return close();
  const found = entries.filter((entry) => asked.every((word) => entry.low.includes(word)));
  // what begins with the word comes first, then steps and reasons as they stand in the page
  found.sort((a, b) => b.low.startsWith(asked[0]) - a.low.startsWith(asked[0]));
  for (const [i, entry] of found.slice(0, SHOWN).entries()) {
    const option = document.createElement("div"), kind = document.createElement("span"), text = document.createElement("span");
    option.setAttribute("role", "option");
    option.id = `found-${i}`;
    kind.textContent = entry.kind;
    const where = Math.max(0, entry.low.indexOf(asked[0]) - 40);
    text.textContent = (where ? "…" : "") + entry.text.slice(where, where + 140);
    option.append(kind, text);
    option.addEventListener("pointerdown", (event) => { event.preventDefault(); take(entry); });
    option.entry = entry;
    list.append(option);
  }
  const said = document.createElement("p");
  said.textContent = found.length ? `${found.length.toLocaleString("en")} found${found.length > SHOWN ? `, ${SHOWN} shown` : ""}` : "nothing found";
  list.append(said);
  list.hidden = false;
  input.setAttribute("aria-expanded", "true");
}

function close() {
  list.hidden = true;
  input.setAttribute("aria-expanded", "false");
}

function take(entry) {
  close();
  input.blur();
  go((entry.element.dataset.to && document.getElementById(entry.element.dataset.to)) || entry.element);
}

function choose(step) {
  const options = list.querySelectorAll("[role=option]");
  if (!options.length) return;
  if (chosen >= 0) options[chosen].removeAttribute("aria-selected");
  chosen = (chosen + step + options.length) % options.length;
  options[chosen].setAttribute("aria-selected", "true");
  options[chosen].scrollIntoView({ block: "nearest" });
  input.setAttribute("aria-activedescendant", options[chosen].id);
}

input.closest(".search").hidden = false;
let wait = 0;
input.addEventListener("input", () => { clearTimeout(wait); wait = setTimeout(look, 80); });
input.addEventListener("focus", () => { if (input.value) look(); });
input.addEventListener("blur", close);
input.addEventListener("keydown", (event) => {
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    choose(event.key === "ArrowDown" ? 1 : -1);
  } else if (event.key === "Enter") {
    clearTimeout(wait);
    if (list.hidden) look();
    if (chosen < 0) choose(1);
    const option = list.querySelectorAll("[role=option]")[chosen];
    if (option) take(option.entry);
  } else if (event.key === "Escape") {
    input.value = "";
    close();
  }
});
addEventListener("keydown", (event) => {
  if (event.key === "/" && !event.ctrlKey && !event.metaKey && document.activeElement !== input) {
    event.preventDefault();
    input.focus();
    input.select();
  }
});

// -- contents --
const links = new Map(Array.from(document.querySelectorAll("header nav a"), (link) => [link.hash.slice(1), link]));
const watch = new IntersectionObserver((seen) => {
  for (const { target, isIntersecting } of seen) {
    if (!isIntersecting) continue;
    for (const link of links.values()) link.removeAttribute("aria-current");
    links.get(target.id)?.setAttribute("aria-current", "true");
  }
}, { rootMargin: "-20% 0px -70% 0px" });
for (const id of links.keys()) watch.observe(document.getElementById(id));

addEventListener("beforeprint", () => { for (const e of document.querySelectorAll("details")) if (!e.closest("#metrics")) e.open = true; });
toHash();
