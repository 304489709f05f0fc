// What the kiosk does better with JavaScript: it never shows a stale code, rests when nobody touches it, reads cards.
(() => {
  const IDLE = 60000, FLASH = 10000, FRAME = 200, AGAIN = 4000;
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
  if (document.body.dataset.kiosk !== "page" || find("[data-entry], .kiosk__form form")) setInterval(rest, 1000);
  setTimeout(() => find("#flash")?.replaceChildren(), FLASH);

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

  // The camera looks for a card; the tablet checks its signature before it asks the server.
  const camera = find("#camera"), form = find("form[data-entry]");
  if (!camera || !form || !navigator.mediaDevices?.getUserMedia) return;
  const picture = find("#camera-picture"), words = find("#camera-words");
  const say = (name) => { words.textContent = words.dataset[name] ?? ""; };
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const isOurs = async (text) => {
    const cut = text.lastIndexOf("."), algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
    if (!text.startsWith("RG1.")) return false;
    const key = await crypto.subtle.importKey("spki", bytes(camera.dataset.publicKey), algorithm, false, ["verify"]);
    const said = new TextEncoder().encode(text.slice(0, cut));
    return crypto.subtle.verify(algorithm, key, bytes(text.slice(cut + 1)), said).catch(() => false);
  };
  const native = async () => "BarcodeDetector" in window && (await BarcodeDetector.getSupportedFormats()).includes("qr_code");
  const vendored = () => new Promise((done, fail) => {
    const script = Object.assign(document.createElement("script"), { src: camera.dataset.reader, onload: done, onerror: fail });
    document.head.append(script);
  });
  const eyes = async () => {
    if (await native().catch(() => false)) {
      const detector = new BarcodeDetector({ formats: ["qr_code"] });
      return async () => (await detector.detect(picture))[0]?.rawValue;
    }
    await vendored();
    const canvas = document.createElement("canvas"), drawing = canvas.getContext("2d", { willReadFrequently: true });
    return () => {
      const wide = canvas.width = 640, high = canvas.height = Math.round(640 * picture.videoHeight / picture.videoWidth);
      drawing.drawImage(picture, 0, 0, wide, high);
      return jsQR(drawing.getImageData(0, 0, wide, high).data, wide, high)?.data;
    };
  };
  const look = async () => {
    const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user", width: 1280 } });
    addEventListener("pagehide", () => stream.getTracks().forEach((track) => track.stop()));
    picture.srcObject = stream;
    await picture.play();
    const read = await eyes();
    const next = async () => {
      const text = await Promise.resolve(read()).catch(() => undefined);
      if (!text) return setTimeout(next, FRAME);
      touch();
      if (!await isOurs(text)) return say("wrong"), setTimeout(next, AGAIN);
      say("reading");
      form.elements.who.value = text;
      form.requestSubmit();
    };
    next();
  };
  camera.hidden = false;
  look().catch(() => { picture.hidden = true; say("off"); });
})();
