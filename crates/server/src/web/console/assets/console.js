// What pages do better with a script; each works without it.
"use strict";

// Quick search: hides what does not have every word. "/" goes to the field, Enter opens the first hit.
for (const field of document.querySelectorAll("input[data-find]")) {
  const items = [...document.getElementById(field.dataset.find).children];
  const hits = () => items.filter((item) => !item.hidden);
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/);
    for (const item of items) {
      const text = (item.dataset.text || "").toLowerCase();
      item.hidden = !words.every((word) => text.includes(word));
    }
  });
  field.form.addEventListener("submit", (event) => {
    const link = hits()[0]?.querySelector("a");
    if (link) {
      event.preventDefault();
      link.click();
    }
  });
  field.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") {
      event.preventDefault();
      hits()[0]?.querySelector("a")?.focus();
    }
  });
}
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select");
  const field = document.querySelector("input[type=search]");
  if (event.key === "/" && !typing && field) {
    event.preventDefault();
    field.focus();
  }
  const list = event.target.closest(".actions");
  if (list && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
    event.preventDefault();
    const links = [...list.querySelectorAll("li:not([hidden]) a")];
    const next = links.indexOf(event.target) + (event.key === "ArrowDown" ? 1 : -1);
    links[Math.min(Math.max(next, 0), links.length - 1)]?.focus();
  }
});

// Copy buttons, where the browser lets a page copy: under TLS and on this machine.
const chinese = document.documentElement.lang.startsWith("zh");
for (const place of navigator.clipboard ? document.querySelectorAll(".copyable") : []) {
  const button = document.createElement("button");
  const words = chinese ? ["复制", "已复制"] : ["Copy", "Copied"];
  button.type = "button";
  button.className = "copy";
  button.textContent = words[0];
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(place.querySelector("code").textContent);
    button.textContent = words[1];
    setTimeout(() => { button.textContent = words[0]; }, 1500);
  });
  place.append(button);
}

// Tabs: sections that stand one below the other become panels, the chosen one kept for the next page.
for (const group of document.querySelectorAll("[data-tabs]")) {
  const panels = [...group.querySelectorAll(":scope > section")];
  const bar = document.createElement("div");
  bar.className = "tabs";
  bar.setAttribute("role", "tablist");
  bar.setAttribute("aria-label", group.dataset.tabs);
  const show = (chosen, focus) => {
    panels.forEach((panel, place) => {
      const tab = bar.children[place];
      panel.hidden = panel !== chosen;
      tab.setAttribute("aria-selected", String(panel === chosen));
      tab.tabIndex = panel === chosen ? 0 : -1;
      if (panel === chosen && focus) tab.focus();
    });
    sessionStorage.setItem(group.id, chosen.id);
  };
  for (const panel of panels) {
    const tab = document.createElement("button");
    const heading = panel.querySelector("h3");
    tab.type = "button";
    tab.id = `tab-${panel.id}`;
    tab.textContent = heading.textContent;
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-controls", panel.id);
    heading.hidden = true;
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", tab.id);
    tab.addEventListener("click", () => show(panel, false));
    bar.append(tab);
  }
  bar.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step) {
      const here = panels.findIndex((panel) => !panel.hidden);
      show(panels[(here + step + panels.length) % panels.length], true);
    }
  });
  group.prepend(bar);
  const kept = sessionStorage.getItem(group.id);
  show(panels.find((panel) => panel.id === kept) || panels[0], false);
}

// A task's progress, until it has ended.
const progress = document.getElementById("progress");
if (progress) {
  const isFinal = () => progress.querySelector("[data-final]").dataset.final === "true";
  const usual = 400;
  let wait = usual;
  const refresh = async () => {
    if (isFinal()) return;
    try {
      const answer = await fetch(progress.dataset.source, { redirect: "manual" });
      if (answer.type === "opaqueredirect") return location.reload(); // the session is over
      if (!answer.ok) throw new Error(answer.statusText);
      const part = await answer.text(); // rendered by the server, escaped there
      if (part !== shown) progress.innerHTML = shown = part;
      wait = usual;
    } catch {
      wait = Math.min(wait * 2, 10000); // the service may be restarting, or this machine was asleep
    }
    setTimeout(refresh, wait);
  };
  let shown = "";
  setTimeout(refresh, wait);
}

// A small screen begins with the form, not with the list of all actions.
if (matchMedia("(max-width: 860px)").matches) {
  document.querySelector(".explorer aside details")?.removeAttribute("open");
}
