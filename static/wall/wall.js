// The screen on the wall: asks for news, turns its pages, and says so when it hears nothing.
(() => {
  const EVERY = 5000, TURN = 12000, LATE = 20000, BLANK = 15 * 60 * 1000; // milliseconds
  const root = document.documentElement, clock = document.getElementById("clock");
  const wall = () => document.getElementById("wall"), pages = () => [...document.querySelectorAll(".wall__page")];
  const hour = (moment) => new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: clock.dataset.zone }).format(moment);
  const edition = wall().dataset.edition;
  let ahead = clock.dataset.now - Date.now(), heard = Date.now(), turned = Date.now(), asking = false;
  const now = () => Date.now() + ahead;

  const turn = (to) => pages().forEach((page, index, all) => { page.hidden = index !== to % all.length; });
  const shown = () => Math.max(0, pages().findIndex((page) => !page.hidden));
  const show = (html) => {
    const fresh = new DOMParser().parseFromString(html, "text/html").getElementById("wall");
    if (fresh.dataset.edition !== edition) return location.reload();
    const at = shown();
    wall().replaceWith(fresh);
    turn(at);
    document.getElementById("changed").textContent = hour(now());
  };
  const empty = () => wall().replaceChildren(); // what is no longer true is not left standing
  const state = (name) => { if (root.dataset.state !== name) root.dataset.state = name; };

  const ask = () => {
    if (asking || root.dataset.state === "gone") return;
    const request = new XMLHttpRequest();
    asking = true;
    request.open("GET", location.pathname);
    request.timeout = 10000;
    request.setRequestHeader("HX-Request-Type", "partial");
    request.setRequestHeader("If-None-Match", root.dataset.state === "blank" ? "" : wall().dataset.tag);
    request.onloadend = () => {
      asking = false;
      if (request.status === 404) return empty(), state("gone");
      if (request.status !== 200 && request.status !== 304) return tick();
      heard = Date.now();
      ahead = request.getResponseHeader("X-Now") - heard;
      if (request.status === 200) show(request.responseText);
      state("live");
      tick();
    };
    request.send();
  };
  const tick = () => {
    const silence = Date.now() - heard;
    clock.textContent = hour(now());
    if (Date.now() - turned >= TURN) turned = Date.now(), turn(shown() + 1);
    if (root.dataset.state === "gone" || silence < LATE) return;
    document.querySelectorAll(".since").forEach((place) => { place.textContent = hour(heard + ahead); });
    if (silence >= BLANK) empty();
    state(silence >= BLANK ? "blank" : "lost");
  };
  setInterval(ask, EVERY);
  setInterval(tick, 1000);
  ["online", "focus"].forEach((name) => addEventListener(name, ask));
  document.addEventListener("visibilitychange", () => document.hidden || (tick(), ask()));
})();
