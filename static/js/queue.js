// What is marked without a network waits on the tablet, in order, and is sent once the network is back.
// Everything it needs to know stands in data-* of #queue; rows are li[data-seen] with an id like claim-7.
(() => {
  const box = document.querySelector("#queue"), watch = document.querySelector("#watch")?.dataset;
  const copies = document.querySelector("#copies");
  if (!box || !window.indexedDB) return;
  const root = document.documentElement, words = box.dataset, COPIES = "rosters", AT_ONCE = 100, EVERY = 20000, SOON = 4000;
  const kept = Number(root.dataset.kept); // a copy says when the tablet got it
  const promised = (request) => new Promise((done, failed) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });
  const opening = indexedDB.open("rengang", 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore("acts", { keyPath: "number", autoIncrement: true });
  const base = promised(opening);
  const store = async (mode, act) => {
    const transaction = (await base).transaction("acts", mode), made = act(transaction.objectStore("acts"));
    await new Promise((done, failed) => {
      transaction.oncomplete = done;
      transaction.onerror = transaction.onabort = () => failed(transaction.error);
    });
    return made.result;
  };
  // The kiosk on the same tablet has a lane of its own: its cards are sent by the kiosk.
  const all = async () => (await store("readonly", (acts) => acts.getAll())).filter(({ lane }) => (lane ?? "") === (words.lane ?? ""));
  const forget = (numbers) => store("readwrite", (acts) => numbers.map((number) => acts.delete(number)).at(-1));
  const unique = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");

  // When the tablet got the roster, by its own clock: the first time it saw this pass.
  const metAt = () => {
    if (kept) return kept;
    const name = "met " + watch.pass.slice(-40);
    if (!sessionStorage.getItem(name)) sessionStorage.setItem(name, Date.now());
    return Number(sessionStorage.getItem(name));
  };
  const met = watch && metAt();

  const add = async (act) => {
    await store("readwrite", (acts) => acts.add({ key: unique(), at: Date.now(), met_at: met, pass: watch?.pass, ...(words.lane && { lane: words.lane }), ...act }));
    navigator.storage?.persist?.();
    await show();
    send();
  };

  // --- sending

  let trouble = kept || copies ? "offline" : "", conflicts = 0, sent = false, later;
  const send = () => navigator.locks
    ? navigator.locks.request("rengang queue", { ifAvailable: true }, (lock) => lock ? empty() : soon())
    : empty();
  const soon = () => { clearTimeout(later); later = setTimeout(send, 2000); }; // a try that began without a network still holds on
  const empty = async () => {
    try {
      for (let acts = await all(); acts.length; acts = await all()) {
        trouble = await pass_on(acts.slice(0, AT_ONCE));
        if (trouble) break;
      }
    } catch (error) {
      trouble = "offline"; // no network; the acts stay
    }
    await show();
    if (sent && !trouble) again();
  };
  const token = async () => {
    const answer = await fetch(words.token, { redirect: "manual", headers: { Accept: "application/json" }, cache: "no-store" });
    if (answer.type === "opaqueredirect" || answer.status === 401) return { trouble: "signed-out" };
    return answer.ok ? answer.json() : { trouble: answer.status === 403 ? "not-yours" : "refused" };
  };
  const pass_on = async (acts) => {
    const asked = await token();
    if (asked.trouble) return asked.trouble;
    const headers = { "Content-Type": "application/json", "X-CSRFToken": asked.token };
    const body = JSON.stringify({ sent_at: Date.now(), acts });
    const answer = await fetch(words.send, { method: "POST", redirect: "manual", headers, body });
    if (answer.type === "opaqueredirect") return "signed-out";
    if (!answer.ok) return "refused";
    const told = await answer.json(), known = new Set(told.answers.map(({ key }) => key));
    conflicts += told.answers.filter(({ outcome }) => outcome === "conflict").length;
    await forget(acts.filter(({ key }) => known.has(key)).map(({ number }) => number));
    sent = true;
    return known.size ? "" : "refused";
  };

  // --- showing

  const say = (text, link, url) => {
    const line = document.createElement("p");
    line.append(text);
    if (url) line.append(" ", Object.assign(document.createElement("a"), { href: url, textContent: link }));
    return line;
  };
  const show = async () => {
    const acts = await all(), offline = trouble === "offline" || !navigator.onLine, lines = [];
    if (offline && (watch || acts.length)) lines.push(say(words.offline));
    if (acts.length) lines.push(say(words.waiting.replace("{n}", acts.length)));
    if (acts.length && trouble === "signed-out") lines.push(say(words.signedOut, words.signIn, words.signIn && "/sign-in?next=" + encodeURIComponent(location.pathname)));
    if (acts.length && trouble === "not-yours") lines.push(say(words.notYours));
    if (acts.length && trouble === "refused") lines.push(say(words.refused));
    if (conflicts) lines.push(say(words.conflicts.replace("{n}", conflicts), words.look, words.acts));
    if (box.textContent !== lines.map((line) => line.textContent).join("")) box.replaceChildren(...lines);
    box.hidden = !lines.length;
    box.dataset.count = acts.length;
    draw(acts);
    dispatchEvent(new CustomEvent("rengang:queue", { detail: { count: acts.length, trouble, conflicts } }));
  };
  const hour = (at) => new Date(at + Number(watch.issued) - met)
    .toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: watch.zone });
  const template = (id) => document.querySelector(id).content.firstElementChild.cloneNode(true);
  const after = (seen, act) => ({ in: "in", out: "done" })[act] ?? ({ in: "none", done: "in" })[seen] ?? seen;
  const draw = (acts) => watch && document.querySelectorAll("li[data-seen]").forEach((row) => {
    const mine = acts.filter(({ claim }) => claim === Number(row.id.slice(6)));
    const sign = JSON.stringify([row.dataset.seen, mine.map(({ key }) => key)]);
    const place = row.querySelector(".roster__acts"), state = row.querySelector(".roster__state");
    if (row.dataset.drawn === sign && (!mine.length || place.querySelector("[data-queued]"))) return;
    row.querySelectorAll("[data-queued]").forEach((it) => it.remove());
    [...place.children, ...state.children].forEach((it) => { it.hidden = mine.length > 0; });
    row.dataset.drawn = sign;
    if (!mine.length) return;
    const standing = mine.filter((act) => act.act !== "undo" && !mine.some(({ undoes }) => undoes === act.key));
    const seen = mine.reduce((before, { act }) => after(before, act), row.dataset.seen);
    row.classList.toggle("roster__row--in", seen === "in");
    const badge = template("#queue-badge");
    const told = standing.map(({ act, at }) => `${words[act]} ${hour(at)}`).join(" · ") || words.undone;
    badge.querySelector("span").textContent = `${told} · ${words.unsent}`;
    state.append(badge);
    const button = (id, act, more) => {
      const made = template(id);
      made.setAttribute("aria-label", `${made.textContent.trim()} ${row.querySelector("b").textContent}`);
      made.addEventListener("click", () => tap(row, act, more));
      made.dataset.queued = "";
      place.append(made);
    };
    const last = standing.at(-1);
    if (last) button("#queue-undo", "undo", { undoes: last.key });
    if (seen === "none") button("#queue-in", "in");
    if (seen === "in") button("#queue-out", "out");
  });
  let tapped = 0; // a double tap means the button before
  const tap = async (row, act, more) => {
    if (performance.now() - tapped < 400) return;
    tapped = performance.now();
    await add({ claim: Number(row.id.slice(6)), act, ...more });
    row.querySelector("[data-queued]:not(.button--quiet)")?.focus({ preventScroll: true });
  };

  // --- the forms of the roster: sent as always, and kept here when that fails

  const queued = (form) => {
    const row = form.closest?.("li[data-seen]"), to = new URL(form.action).pathname;
    const punch = to.match(/punches\/(\d+)\/reversal$/);
    if (!row || !watch) return;
    return punch ? [row, "undo", { punch: Number(punch[1]) }] : [row, new FormData(form).get("act")];
  };
  addEventListener("submit", (event) => {
    const act = (kept || !navigator.onLine) && queued(event.target);
    if (!act) return;
    event.preventDefault(), event.stopImmediatePropagation();
    event.target.removeAttribute("aria-busy");
    event.submitter?.removeAttribute("data-sent");
    tap(...act);
  }, true);
  addEventListener("htmx:error", ({ detail }) => {
    const source = detail.ctx?.sourceElement;
    if (!source?.closest("#roll-call")) return;
    trouble = "offline";
    const form = source.closest("form"), act = form?.method === "post" && queued(form);
    if (act) document.querySelector("#flash").replaceChildren(), tapped = 0, tap(...act);
    else show();
  });

  // --- the copy for when the page is opened without a network

  const again = () => {
    sent = false;
    if (!watch) return;
    sessionStorage.setItem("scroll", location.pathname + " " + scrollY);
    location.reload();
  };
  let waits;
  const keep = async () => {
    if (!watch || kept || !window.caches || !navigator.serviceWorker) return;
    const answer = await fetch(watch.copy, { redirect: "manual", cache: "no-store" });
    const cache = await caches.open(COPIES), now = Date.now();
    if (!answer.ok) return cache.delete(watch.copy);
    const html = (await answer.text()).replace("<html ", `<html data-kept="${now}" `);
    const headers = { "Content-Type": "text/html; charset=utf-8", "X-Until": now + Number(watch.lasts), "X-Owner": watch.owner };
    await cache.put(watch.copy, new Response(html, { headers: { ...headers, "X-Title": encodeURIComponent(document.title) } }));
    await navigator.serviceWorker.ready;
    watch.ready = "";
  };
  const keepSoon = () => { clearTimeout(waits); waits = setTimeout(() => keep().catch(() => {}), 1000); };
  const purge = async () => {
    const cache = await caches.open(COPIES);
    for (const request of await cache.keys()) {
      const { headers } = await cache.match(request);
      const stale = Number(headers.get("X-Until")) < Date.now();
      if (stale || (watch && headers.get("X-Owner") !== watch.owner)) await cache.delete(request);
      else if (copies) copies.append(link(headers, request.url));
    }
  };
  const link = (headers, url) => {
    const item = document.createElement("li"), href = new URL(url).pathname.replace(/\/offline$/, "");
    item.append(Object.assign(document.createElement("a"), { href, textContent: decodeURIComponent(headers.get("X-Title")) }));
    return item;
  };
  const tick = async () => {
    if ((await all()).length) return send();
    if (!kept && !copies) return;
    const asked = await token().catch(() => ({ trouble: "offline" }));
    trouble = asked.trouble ?? "";
    if (trouble !== "offline" && navigator.onLine) location.reload(); // the network is back, so the page itself is
  };

  addEventListener("online", () => { trouble = ""; kept || copies ? tick() : (show(), send()); });
  addEventListener("offline", show);
  addEventListener("visibilitychange", () => document.hidden || tick());
  addEventListener("htmx:after:swap", () => { show(); keepSoon(); });
  setInterval(tick, EVERY);
  setInterval(() => trouble === "offline" && tick(), SOON); // a page that was opened without a network hears of none that came back
  window.rengangQueue = { add, send, all };
  if (window.caches) purge();
  if (watch && !kept && navigator.serviceWorker) navigator.serviceWorker.register(words.worker).catch(() => {}), keepSoon();
  show().then(send);
})();
