// The reader of a log: any number of lines with the cost of a window, the end followed while it grows.
// A finished log that stands on its page as a whole stays the plain document that it is.
(() => {
  "use strict";
  const box = document.getElementById("log");
  if (!box) return;
  const list = box.querySelector(".lines");
  const facts = document.getElementById("log-facts");
  const button = document.getElementById("follow");
  const ROW = 20; // The height of a line; the style sheet says the same.
  const PIECE = 200; // Lines in one request.
  const KEEP = 40; // Pieces that are kept.
  const TALLEST = 8e6; // Browsers end an element's height somewhere beyond this.
  const at = box.dataset.at;
  let total = Number(box.dataset.lines);
  let growing = box.dataset.growing === "yes";
  let follow = false;

  // A range of lines in the address: #L12 or #L12-L20.
  const range = () => {
    const m = /^#L(\d+)(?:-L?(\d+))?$/.exec(location.hash);
    if (!m) return null;
    const a = Number(m[1]), b = Number(m[2] || m[1]);
    return { first: Math.min(a, b), last: Math.max(a, b) };
  };
  const mark = () => {
    const r = range();
    for (const row of list.children) {
      const n = Number(row.id.slice(1));
      row.classList.toggle("on", !!r && n >= r.first && n <= r.last);
    }
  };
  // With shift, a second line makes a range.
  list.addEventListener("click", (e) => {
    const link = e.target.closest(".l > a");
    if (!link) return;
    const n = Number(link.parentElement.id.slice(1)), r = range();
    e.preventDefault();
    const hash = e.shiftKey && r ? `#L${Math.min(r.first, n)}-L${Math.max(r.first, n)}` : `#L${n}`;
    history.replaceState(null, "", location.pathname + hash);
    mark();
  });

  if (!growing && list.children.length >= total) {
    mark();
    const r = range();
    const row = r && document.getElementById(`L${r.first}`);
    if (row) row.scrollIntoView({ block: "center" });
    addEventListener("hashchange", mark);
    return;
  }

  // From here on the page is a window on the log.
  document.body.classList.add("viewing");
  const spacer = document.createElement("div");
  spacer.className = "spacer";
  box.prepend(spacer);
  const pieces = new Map(); // Index of a piece -> its rows, in the order of last use.
  const asked = new Set();
  let pos = 0; // The line at the top, with its fraction.
  let placed = -1; // The scroll position that we set ourselves.
  let drawn = "", frame = 0, unit = 1;

  const visible = () => Math.max(1, box.clientHeight / ROW);
  const end = () => Math.max(0, total - visible() + 1);
  // A scroll bar of a limited height stands for any number of lines.
  const measure = () => {
    const full = total * ROW + ROW;
    const height = Math.min(full, TALLEST);
    spacer.style.height = `${height}px`;
    const room = Math.max(1, height - box.clientHeight);
    unit = full > TALLEST ? end() / room : 1 / ROW;
  };
  const place = (line) => {
    pos = Math.min(Math.max(0, line), end());
    placed = Math.round(pos / unit);
    box.scrollTop = placed;
    placed = box.scrollTop;
    draw();
  };

  const rows = (piece) => {
    const known = pieces.get(piece);
    if (known) { pieces.delete(piece); pieces.set(piece, known); return known; }
    return null;
  };
  const fetchPiece = async (piece) => {
    if (asked.has(piece)) return;
    asked.add(piece);
    try {
      const answer = await fetch(`${at}?from=${piece * PIECE}&count=${PIECE}`);
      if (answer.ok) {
        const holder = document.createElement("template");
        holder.innerHTML = await answer.text();
        pieces.set(piece, [...holder.content.children]);
        while (pieces.size > KEEP) pieces.delete(pieces.keys().next().value);
        draw(true);
      }
    } catch { /* The next drawing asks again. */ }
    asked.delete(piece);
  };

  const draw = (anew) => {
    if (frame && !anew) return;
    if (anew) drawn = "";
    frame = frame || requestAnimationFrame(() => { frame = 0; paint(); });
  };
  const paint = () => {
    const first = Math.max(0, Math.floor(pos) - 30);
    const last = Math.min(total, Math.ceil(pos + visible()) + 30);
    const key = `${first}-${last}`;
    if (key !== drawn) {
      drawn = key;
      const out = document.createDocumentFragment();
      for (let n = first; n < last; n++) {
        const piece = Math.floor(n / PIECE), known = rows(piece);
        if (!known) fetchPiece(piece);
        out.append((known && known[n - piece * PIECE]) || hollow(n));
      }
      list.replaceChildren(out);
      mark();
    }
    list.style.transform = `translateY(${box.scrollTop - (pos - first) * ROW}px)`;
  };
  // The place of a line that is on its way.
  const hollow = (n) => {
    const row = document.createElement("div");
    row.className = "l";
    row.id = `L${n + 1}`;
    const link = document.createElement("a");
    link.textContent = String(n + 1);
    link.href = `#L${n + 1}`;
    row.append(link);
    return row;
  };

  const setFollow = (on) => {
    follow = on && growing;
    button.hidden = !growing;
    button.setAttribute("aria-pressed", String(follow));
    button.textContent = follow ? "Following the end" : "Follow the end";
  };
  button.addEventListener("click", () => { setFollow(!follow); if (follow) place(end()); });

  box.addEventListener("scroll", () => {
    if (Math.abs(box.scrollTop - placed) < 1) { paint(); return; }
    placed = box.scrollTop;
    pos = Math.min(box.scrollTop * unit, end());
    setFollow(pos >= end() - 1);
    draw();
  }, { passive: true });
  // Where a pixel of the scroll bar is many lines, the wheel and the keys still move by lines.
  const byLines = (lines) => {
    place(pos + lines);
    setFollow(pos >= end() - 1);
  };
  box.addEventListener("wheel", (e) => {
    if (unit <= 1 / ROW || e.ctrlKey || !e.deltaY) return;
    e.preventDefault();
    byLines(e.deltaMode === 1 ? e.deltaY : e.deltaMode === 2 ? e.deltaY * visible() : e.deltaY / ROW);
  }, { passive: false });
  document.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.target.closest("input, select, textarea, button, a")) return;
    const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: visible() - 2, PageUp: 2 - visible(), " ": visible() - 2 };
    if (e.key in moves) byLines(moves[e.key]);
    else if (e.key === "Home") byLines(-pos);
    else if (e.key === "End" || e.key === "t") byLines(total);
    else if (e.key === "e" && box.dataset.hit) show(Number(box.dataset.hit), Number(box.dataset.hit));
    else return;
    e.preventDefault();
  });

  const show = (first, last) => {
    setFollow(false);
    place(first - 1 - Math.max(2, (visible() - (last - first)) / 3));
  };
  const grow = (now) => {
    if (now.lines < total || (now.lines === total && now.sealed !== growing && !now.bytes)) return;
    // The piece at the end was not whole.
    pieces.delete(Math.floor(Math.max(0, total - 1) / PIECE));
    total = now.lines;
    const lines = total.toLocaleString("en").replaceAll(",", "\u202f");
    facts.textContent = `${lines} ${total === 1 ? "line" : "lines"}, ${now.size}${now.sealed ? "" : ", growing"}`;
    const empty = document.querySelector("p.lesson");
    if (empty && total) empty.remove();
    measure();
    if (now.sealed) { growing = false; setFollow(false); }
    if (follow || now.sealed && pos >= end() - visible()) place(end());
    draw(true);
  };
  if (growing && window.EventSource) {
    const source = new EventSource(`${at.replace(/\/lines$/, "/growth")}`);
    source.addEventListener("growth", (e) => {
      const now = JSON.parse(e.data);
      const was = follow;
      grow(now);
      if (now.sealed) {
        source.close();
        if (was) place(end());
        setTimeout(refreshHead, 1500);
      }
    });
  }
  // The step has ended: its sentence and its marks are fetched, the lines stay.
  const refreshHead = async () => {
    try {
      const answer = await fetch(location.pathname, { cache: "no-cache" });
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      const head = fresh.querySelector(".loghead h1"), here = document.querySelector(".loghead h1");
      if (head && here) here.replaceWith(head);
      document.title = fresh.title;
      const icon = fresh.querySelector("link[rel=icon]");
      if (icon) document.querySelector("link[rel=icon]").href = icon.getAttribute("href");
      const hit = fresh.getElementById("log").dataset.hit;
      if (hit) box.dataset.hit = hit;
    } catch { /* The reader can look anew. */ }
  };

  addEventListener("resize", () => { measure(); draw(true); });
  addEventListener("hashchange", () => { const r = range(); if (r) show(r.first, r.last); mark(); });
  // What the server sent along is the first window.
  const from = Number((new URLSearchParams(location.search)).get("from")) || (list.firstElementChild ? Number(list.firstElementChild.id.slice(1)) - 1 : 0);
  measure();
  const r = range();
  if (r) show(r.first, r.last);
  else if (growing) { setFollow(true); place(end()); }
  else place(from);
  setFollow(growing && !r);
  measure();
})();
