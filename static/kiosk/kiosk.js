// What the kiosk does better with JavaScript: it never shows a stale code, rests when nobody touches it, reads cards.
(() => {
  const IDLE = 60000, FLASH = 10000, FRAME = 150, AGAIN = 4000, REFUSED = 10000;
  const WIDTHS = [320, 480, 640]; // small smooths the noise of a poor camera away, large finds a card that is held far off
  const find = (selector) => document.querySelector(selector), home = document.body.dataset.kiosk === "home";

  // A code ends by the clock on the wall and by the time that passed: after a sleep at least one of them has gone on.
  const ends = new Map();
  const watch = () => document.querySelectorAll("[data-good-for]").forEach((code) => {
    const life = code.dataset.goodFor * 1000;
    if (!ends.has(code.id)) ends.set(code.id, [Date.now() + life, performance.now() + life, Date.now()]);
    const [wall, passed, began] = ends.get(code.id);
    const set_back = Date.now() < began - 1000;
    code.toggleAttribute("data-stale", set_back || Date.now() > wall || performance.now() > passed);
  });
  watch();
  setInterval(watch, 250);
  ["visibilitychange", "pageshow", "focus", "htmx:after:swap"].forEach((name) => addEventListener(name, watch));

  // Nobody touches it: what somebody typed or chose is gone, and only the code and the time stay.
  let touched = Date.now();
  const rest = () => {
    if (Date.now() - touched < IDLE) return;
    if (!home || location.search) location.replace("/kiosk");
    else document.documentElement.dataset.idle = "";
  };
  const touch = () => { touched = Date.now(); delete document.documentElement.dataset.idle; };
  ["pointerdown", "keydown"].forEach((name) => addEventListener(name, touch, true));
  const mayRest = home || (document.body.dataset.kiosk === "page" && find("[data-entry], .kiosk__form form"));
  if (mayRest && location.pathname !== "/kiosk/pairing") setInterval(rest, 1000);

  // What was said is gone after a while, also what an answer brought later: nobody here closes it.
  let said, since = Date.now();
  setInterval(() => {
    const flash = find("#flash"), now = flash?.firstElementChild;
    if (now !== said) [said, since] = [now, Date.now()];
    else if (now && Date.now() - since >= FLASH) flash.replaceChildren();
  }, 1000);

  // A card reader types like a keyboard, also while no field is open.
  const reader = find("form[data-card-reader]");
  let typed = "";
  if (reader) addEventListener("keydown", ({ key }) => {
    if (key.length === 1) typed = (typed + key).slice(-200);
    if (key !== "Enter") return;
    const card = typed.match(/RG1\.[\w.-]+$/)?.[0];
    typed = "";
    if (card) reader.elements.who.value = card, reader.requestSubmit();
  });

  // What the page without a network needs; other phones never fetch it.
  const store = async () => {
    const cache = await caches.open("assets");
    for (const file of find("#queue").dataset.files.split(" ")) if (!await cache.match(file)) await cache.add(file);
    document.documentElement.dataset.files = "kept";
  };
  if (home && window.caches) store().catch(() => {});

  // No network: the page that takes cards comes from what the tablet keeps, if it keeps it.
  let missed = 0;
  const leave = async () => {
    if (home && navigator.serviceWorker?.controller && await caches.match("/kiosk/offline")) location.reload();
  };
  addEventListener("offline", leave);
  addEventListener("htmx:error", ({ detail }) => detail.ctx?.sourceElement?.id === "kiosk" && ++missed > 1 && leave());
  addEventListener("htmx:after:swap", () => { missed = 0; });

  // The tablet checks the signature of a card itself, before it asks the server or keeps the card.
  const camera = find("#camera"), form = find("form[data-entry]"), keeps = find("form[data-keeps-cards]");
  if (!camera || !(form || keeps)) return;
  const picture = find("#camera-picture"), words = find("#camera-words"), kept = find("#kept");
  const say = (name) => { words.textContent = words.dataset[name] ?? ""; };
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const isOurs = async (text) => {
    const cut = text.lastIndexOf("."), algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
    if (!text.startsWith("RG1.")) return false;
    const key = await crypto.subtle.importKey("spki", bytes(camera.dataset.publicKey), algorithm, false, ["verify"]);
    const said = new TextEncoder().encode(text.slice(0, cut));
    return crypto.subtle.verify(algorithm, key, bytes(text.slice(cut + 1)), said).catch(() => false);
  };

  // Kept cards: one card counts once a minute here; the server looks at the rest.
  const lately = new Map();
  const keep = async (text) => {
    const number = text.split(".")[1].slice(-4), again = Date.now() - (lately.get(text) ?? 0) < 60000;
    if (!again) await window.rengangQueue.add({ card: text });
    lately.set(text, Date.now());
    const time = new Date().toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
    kept.textContent = kept.dataset[again ? "again" : "kept"].replace("{n}", number).replace("{time}", time);
  };
  const refused = form?.elements.who.value; // what the page says no to is not handed in again while that is read
  const take = async (text) => {
    if (refused && text === refused && performance.now() < REFUSED) return;
    if (!await isOurs(text).catch(() => false)) return kept ? (kept.textContent = words.dataset.wrong) : say("wrong");
    if (keeps) return keep(text);
    say("reading");
    form.elements.who.value = text;
    form.requestSubmit();
  };
  keeps?.addEventListener("submit", (event) => {
    event.preventDefault();
    take(keeps.elements.who.value.trim());
    keeps.reset();
  });

  // The camera looks for a card: with the browser's own reader if that works here, else with jsQR.
  const native = async () => {
    const detector = new BarcodeDetector({ formats: ["qr_code"] });
    await detector.detect(picture); // some tablets offer one and fail
    return async () => (await detector.detect(picture))[0]?.rawValue;
  };
  const vendored = async () => {
    await new Promise((done, fail) => {
      const script = Object.assign(document.createElement("script"), { src: camera.dataset.reader, onload: done, onerror: fail });
      document.head.append(script);
    });
    const canvas = document.createElement("canvas"), drawing = canvas.getContext("2d", { willReadFrequently: true });
    let looks = 0;
    return async () => {
      const wide = canvas.width = WIDTHS[looks++ % WIDTHS.length];
      const high = canvas.height = Math.round(wide * picture.videoHeight / picture.videoWidth);
      drawing.drawImage(picture, 0, 0, wide, high);
      return jsQR(drawing.getImageData(0, 0, wide, high).data, wide, high, { inversionAttempts: "dontInvert" })?.data;
    };
  };
  const open = async () => {
    const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user", width: 1280 } });
    stream.getVideoTracks()[0].addEventListener("ended", () => setTimeout(() => open().catch(off), AGAIN)); // the tablet slept
    addEventListener("pagehide", () => stream.getTracks().forEach((track) => track.stop()));
    picture.srcObject = stream;
    await picture.play();
  };
  const off = () => { picture.hidden = find("#camera-title").hidden = true; say("off"); };
  const look = async () => {
    await open();
    const read = await native().catch(vendored);
    const next = async () => {
      const text = await read().catch(() => undefined);
      if (!text) return setTimeout(next, FRAME);
      touch();
      await take(text);
      setTimeout(next, AGAIN);
    };
    next();
  };
  camera.hidden = false;
  look().catch(off);
})();
