// Keeps a page true: hears the events that it names, fetches itself again, and morphs what has changed.
(() => {
  "use strict";
  const main = document.getElementById("main");
  const link = document.getElementById("link-state");
  const QUIET = 250; // After an event, so long for its companions.
  const LEAST = 1000; // At least so long from one fetch to the next.
  let source = null, timer = 0, last = 0, busy = false, again = false, lost = 0;

  // Relative times grow with the clock, in the words that the server uses.
  const rough = (s) => s < 60 ? `${s} s` : s < 3600 ? `${Math.floor(s / 60)} min` : s < 172800 ? `${Math.floor(s / 3600)} h` : `${Math.floor(s / 86400)} d`;
  // The reader's clock may be wrong: the server's is in the answer's date.
  let skew = 0;
  const tick = () => {
    const now = Date.now() + skew;
    for (const t of document.querySelectorAll("time.ago, time.for, time.soon")) {
      const s = Math.floor((now - Date.parse(t.dateTime)) / 1000);
      if (Number.isNaN(s)) continue;
      const past = t.className === "soon" ? "any moment" : s < 2 ? "just now" : `${rough(s)} ago`;
      const word = t.className === "for" ? rough(Math.max(0, s)) : s < -1 ? `in ${rough(-s)}` : past;
      if (t.textContent !== word) t.textContent = word;
    }
  };
  setInterval(() => { if (!document.hidden) tick(); }, 1000);

  // What a reader has in hand is left alone: fields being filled in, and details they opened.
  const callbacks = {
    beforeNodeMorphed(old, fresh) {
      if (old.nodeType !== 1) return true;
      if (old.id === "log" || old.id === "link-state") return false;
      if (old.tagName === "DETAILS") fresh.toggleAttribute("open", old.open);
      if (old.matches("input, select, textarea") && (old === document.activeElement || old.value !== old.defaultValue)) return false;
      return true;
    },
  };
  const selecting = () => {
    const selection = getSelection();
    return selection && !selection.isCollapsed && main.contains(selection.anchorNode);
  };

  const fetchAgain = async () => {
    if (busy || document.hidden || selecting()) { again = true; return; }
    busy = true; again = false; last = Date.now();
    try {
      const answer = await fetch(location.href.split("#")[0], { headers: { accept: "text/html" }, cache: "no-cache" });
      if (answer.ok && (answer.headers.get("content-type") || "").startsWith("text/html")) {
        const date = Date.parse(answer.headers.get("date") || "");
        if (!Number.isNaN(date)) skew = date - Date.now();
        show(new DOMParser().parseFromString(await answer.text(), "text/html"));
      }
    } catch { /* The stream tells when the server is back. */ }
    busy = false;
    if (again) soon();
  };

  const show = (fresh) => {
    const inner = fresh.getElementById("main");
    if (!inner) return;
    // The waterfall grows at its top: what is being read stays where it is.
    const fall = main.querySelector(".fall");
    const before = fall && fall.scrollTop > 0 ? fall.scrollHeight : 0;
    Idiomorph.morph(main, inner, { morphStyle: "outerHTML", restoreFocus: true, callbacks });
    if (before) fall.scrollTop += fall.scrollHeight - before;
    document.title = fresh.title;
    const icon = document.querySelector("link[rel=icon]"), next = fresh.querySelector("link[rel=icon]");
    if (icon && next && icon.href !== next.href) icon.href = next.getAttribute("href");
    tick();
    document.dispatchEvent(new Event("sluice:fresh"));
    if (main.dataset.listen !== heard) listen();
  };

  const soon = () => {
    again = true;
    if (timer) return;
    timer = setTimeout(() => { timer = 0; fetchAgain(); }, Math.max(QUIET, LEAST - (Date.now() - last)));
  };

  let heard = "";
  const listen = () => {
    if (source) source.close();
    source = null;
    heard = main.dataset.listen || "";
    const paths = heard.split(" ").filter(Boolean);
    if (!paths.length || !window.EventSource) return;
    const also = paths.slice(1).map((p) => `also=${encodeURIComponent(p)}`).join("&");
    source = new EventSource(`/sse/listen/${paths[0]}${also ? `?${also}` : ""}`);
    source.addEventListener("event", soon);
    source.addEventListener("reload", soon);
    source.addEventListener("handshake", () => {
      clearTimeout(lost); lost = 0;
      if (!link.hidden) { link.hidden = true; soon(); }
    });
    source.onerror = () => {
      // A short gap is nobody's business. The browser tries again by itself, unless it was refused for good.
      if (!lost) lost = setTimeout(() => { link.hidden = false; }, 3000);
      if (source && source.readyState === EventSource.CLOSED) setTimeout(listen, 5000);
    };
  };
  addEventListener("visibilitychange", () => { if (!document.hidden) { tick(); if (again) soon(); } });
  document.addEventListener("selectionchange", () => { if (again && !selecting()) soon(); });
  // Running things have clocks: bars and expectations are looked at anew now and then.
  setInterval(() => { if (heard && !document.hidden && main.querySelector(".progress, .m.running")) soon(); }, 10000);
  if (main.dataset.listen) listen();

  // Keys: g and a letter go places, [ and ] to the neighbours, ? nothing is hidden: all of it is in the links as well.
  const places = { h: "/", w: "/waterfall", b: "/builders", c: "/changes", q: "/queue", m: "/workers" };
  let go = 0;
  document.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.target.closest("input, select, textarea")) return;
    const near = { "[": "prev", "]": "next" }[e.key];
    const there = near && document.querySelector(`a[rel=${near}]`);
    if (there) there.click();
    if (Date.now() - go < 1000 && places[e.key]) location.href = places[e.key];
    go = e.key === "g" ? Date.now() : 0;
  });
})();
