(() => {
  "use strict";
  const FEW = 3;
  const MANY = 20;
  const root = document.documentElement;
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const cards = new Map(all(".check").map((card) => [card.querySelector("code").textContent, card]));
  const isBad = (box) => ["fail", "unknown"].includes(box.dataset.outcome);
  const decidedBy = (box) => (box.querySelector(".refs")?.textContent ?? "").split(/\s+/).filter((name) => cards.has(name));
  const evidence = (box) => {
    const names = decidedBy(box);
    return names.length > MANY ? "" : names.map((name) => cards.get(name).textContent).join(" ");
  };
  const lines = all(".line").map((box) => ({
    box,
    outcome: box.dataset.outcome,
    section: box.closest(".section").dataset.section,
    tile: document.querySelector(`.map a[href="#${box.id}"]`),
    words: `${box.textContent} ${evidence(box)}`.toLowerCase(),
  }));
  const chips = all(".chip");
  const search = document.getElementById("search");
  const count = document.getElementById("count");
  const empty = document.getElementById("empty");
  const clear = document.getElementById("clear");
  const store = document.getElementById("checks");
  const unfold = document.getElementById("unfold");
  const state = { outcomes: new Set(), section: "", words: "" };

  const remember = (key, value) => { try { localStorage.setItem(key, value); } catch { /* a file may have no storage */ } };
  const recall = (key) => { try { return localStorage.getItem(key); } catch { return null; } };

  function show() {
    const wanted = state.words.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const line of lines) {
      const fits = (!state.outcomes.size || state.outcomes.has(line.outcome))
        && (!state.section || state.section === line.section)
        && wanted.every((word) => line.words.includes(word));
      line.box.hidden = !fits;
      line.tile?.toggleAttribute("data-off", !fits);
      shown += fits;
    }
    for (const section of all(".section")) section.hidden = !section.querySelector(".line:not([hidden])");
    for (const chip of chips) chip.setAttribute("aria-pressed", state.outcomes.has(chip.dataset.outcome));
    for (const link of all(".nav a")) {
      if (link.dataset.section !== state.section) { link.removeAttribute("aria-current"); continue; }
      link.setAttribute("aria-current", "true");
      const row = link.parentElement;
      row.scrollLeft = link.offsetLeft - row.offsetLeft - (row.clientWidth - link.offsetWidth) / 2;
    }
    if (search.value.trim() !== state.words) search.value = state.words;
    const filtered = shown !== lines.length;
    count.textContent = filtered ? `${shown} of ${lines.length} lines` : `${lines.length} lines`;
    clear.hidden = !filtered;
    empty.hidden = shown > 0;
    store.hidden = filtered;
    label();
  }

  // Each check's evidence stands in the page once; a line that is opened shows its own copy.
  function fill(box) {
    const refs = box.querySelector(".refs");
    if (!refs) return;
    const list = document.createElement("div");
    list.className = "checks";
    const names = decidedBy(box);
    for (const name of names) {
      const card = cards.get(name).cloneNode(true);
      card.querySelector("[id]").removeAttribute("id");
      card.open = isBad(card) || (names.length <= FEW && !isBad(box));
      list.append(card);
    }
    refs.replaceWith(list);
  }

  function label() {
    const visible = lines.filter((line) => !line.box.hidden);
    unfold.dataset.open = visible.every((line) => line.box.open) ? "yes" : "";
    unfold.textContent = unfold.dataset.open ? "Close all" : "Open all";
  }

  function write() {
    const parts = [];
    if (state.outcomes.size) parts.push(`outcome=${[...state.outcomes].join(",")}`);
    if (state.section) parts.push(`section=${state.section}`);
    if (state.words) parts.push(`q=${encodeURIComponent(state.words)}`);
    history.replaceState(null, "", parts.length ? `#${parts.join("&")}` : location.pathname + location.search);
    show();
  }

  function read() {
    const hash = location.hash.slice(1);
    const line = lines.find((each) => each.box.id === hash);
    if (line) {
      if (line.box.hidden) { reset(); show(); }
      line.box.open = true;
      fill(line.box);
      line.box.scrollIntoView({ block: "center" });
      line.box.querySelector("summary").focus({ preventScroll: true });
      return label();
    }
    const given = new URLSearchParams(hash);
    reset();
    for (const name of (given.get("outcome") ?? "").split(",")) if (name) state.outcomes.add(name);
    state.section = given.get("section") ?? "";
    state.words = (given.get("q") ?? "").trim();
    if (given.get("theme")) root.dataset.theme = given.get("theme");
    show();
    const wanted = given.get("open");
    if (wanted) for (const each of lines) if (wanted === "all" || wanted.split(",").includes(each.box.id)) each.box.open = true;
    label();
  }

  function reset() { state.outcomes.clear(); state.section = ""; state.words = ""; }

  root.classList.add("js");
  for (const card of cards.values()) {
    const found = document.createElement("q");
    found.textContent = card.querySelector(".pair div + div dd")?.textContent ?? "";
    card.querySelector("code").after(found);
  }
  for (const line of lines) if (line.box.open) fill(line.box);
  root.dataset.theme = recall("rfdata-theme") ?? "";
  for (const line of lines) if (line.tile) {
    const word = line.box.querySelector(".badge").textContent;
    line.tile.title = `${line.box.id}  ${word}\n${line.box.querySelector(".text").textContent}`;
  }
  for (const chip of chips) chip.addEventListener("click", () => {
    const name = chip.dataset.outcome;
    if (!state.outcomes.delete(name)) state.outcomes.add(name);
    write();
  });
  for (const link of all(".nav a")) link.addEventListener("click", (event) => {
    event.preventDefault();
    state.section = state.section === link.dataset.section ? "" : link.dataset.section;
    write();
    const top = document.getElementById("lines").getBoundingClientRect().top;
    if (top < 0) document.getElementById("lines").scrollIntoView();
  });
  search.addEventListener("input", () => { state.words = search.value.trim(); write(); });
  for (const button of all("[data-clear]")) button.addEventListener("click", () => { reset(); write(); });
  unfold.addEventListener("click", () => {
    const open = !unfold.dataset.open;
    for (const line of lines) if (!line.box.hidden) line.box.open = open;
    label();
  });
  document.getElementById("theme").addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    remember("rfdata-theme", root.dataset.theme);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== search && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      search.focus();
    } else if (event.key === "Escape" && document.activeElement === search) {
      state.words = "";
      write();
      search.blur();
    }
  });
  let due = 0;
  document.addEventListener("toggle", (event) => {
    if (!event.target.matches(".line")) return;
    if (event.target.open) fill(event.target);
    if (!due) due = requestAnimationFrame(() => { due = 0; label(); });
  }, true);
  addEventListener("hashchange", read);
  read();
})();
