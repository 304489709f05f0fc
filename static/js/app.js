// What the pages do better with JavaScript. All of it works without.
(() => {
  const root = document.documentElement, find = (selector) => document.querySelector(selector), said = new Map();
  const all = (selector, act) => document.querySelectorAll(selector).forEach(act);
  const keepScroll = () => sessionStorage.setItem("scroll", location.pathname + " " + scrollY);
  const announce = () => all("[data-announce][id]", ({ id, dataset }) => {
    if (said.has(id) && said.get(id) !== dataset.announce) find("#announcer").textContent = dataset.announce;
    said.set(id, dataset.announce);
  });
  const focusError = () => {
    const field = find("main .field--wrong");
    (field ? field.querySelector("input, select, textarea") : find("main .form-errors"))?.focus();
  };
  let fresh, since = 0;
  const settle = (part) => { // a button that is swapped away takes the focus along: the part it stood in gets it back
    [fresh, since] = [part, performance.now()];
    focusError();
    if (document.activeElement === document.body) part.tabIndex = -1, part.focus({ preventScroll: true });
  };
  const rest = () => ["aria-busy", "data-sent"].forEach((name) => all(`[${name}]`, (it) => it.removeAttribute(name)));
  addEventListener("submit", (event) => {
    if (event.target.method !== "post") return;
    const early = fresh?.contains(event.target) && performance.now() - since < 500; // a double tap meant the button before
    if (early || event.target.hasAttribute("aria-busy")) return event.preventDefault(), event.stopImmediatePropagation();
    keepScroll();
    event.target.setAttribute("aria-busy", "true");
    event.submitter?.setAttribute("data-sent", "");
    setTimeout(rest, 15000);
  }, true);
  addEventListener("pageshow", rest);
  addEventListener("htmx:config:request", (event) => {
    const { sourceElement, request: { method, body } } = event.detail.ctx;
    if (document.hidden && sourceElement.hasAttribute("hx-ptag")) event.preventDefault(); // nobody looks, so nobody asks
    if (method === "GET") [...body].forEach(([name, value]) => value || body.delete(name)); // what was left open is not said
  });
  addEventListener("htmx:finally:request", ({ detail }) => detail.ctx.request.method !== "GET" && rest());
  addEventListener("htmx:after:swap", ({ detail }) => (announce(), detail.ctx.request.method !== "GET" && settle(detail.ctx.target)));
  addEventListener("htmx:error", ({ detail }) => detail.ctx && detail.ctx.request.method !== "GET"
    && find("#flash").replaceChildren(find("#offline").content.cloneNode(true)));
  const read = (button) => {
    const words = new SpeechSynthesisUtterance(find(button.dataset.readAloud).innerText);
    const speak = button.getAttribute("aria-pressed") !== "true";
    words.lang = root.lang.startsWith("zh") ? "zh-CN" : root.lang;
    words.onend = words.onerror = () => button.setAttribute("aria-pressed", "false");
    speechSynthesis.cancel(), button.setAttribute("aria-pressed", speak);
    if (speak) speechSynthesis.speak(words);
  };
  const tick = ({ checked, dataset }) => all(`[name="${dataset.checkAll}"]`, (box) => { box.checked = checked; });
  const acts = { "keep-scroll": keepScroll, print: () => print(), "read-aloud": read, "check-all": tick };
  addEventListener("click", ({ target }) => Object.keys(acts).forEach((name) => {
    if (target.closest?.(`[data-${name}]`)) acts[name](target.closest(`[data-${name}]`));
  }));
  // A field that belongs to one choice is there once that is chosen; without this script all are there.
  const choose = () => all("[data-only]", (it) => { it.hidden = !it.closest("form").querySelector(`[value="${it.dataset.only}"]:checked`); });
  addEventListener("change", choose);
  all(".chips [aria-current], .desk-nav [aria-current]", (it) => { it.closest("nav").scrollLeft = it.offsetLeft - 24; });
  const [path, top] = (sessionStorage.getItem("scroll") ?? "").split(" "); sessionStorage.removeItem("scroll");
  if (path === location.pathname && !location.hash) scrollTo(0, top);
  [announce, focusError, choose, () => "speechSynthesis" in window && (root.dataset.speech = ""), () => location.hash === "#q" && find("#q")?.focus()].forEach((act) => act());
})();
