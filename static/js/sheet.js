// Typing in a paper sheet without the mouse: Enter leads on, and the name answers the code.
(() => {
  const form = document.querySelector("[data-typing]"), names = document.querySelector("#names");
  if (!form) return;
  const known = new Map([...names.children].map((item) => [item.dataset.code, item.textContent]));
  const plain = (code) => code.normalize("NFKC").toUpperCase().replace(/[^0-9A-Z]/g, "");
  const answer = (field) => {
    const code = plain(field.value), name = field.closest("li").querySelector("output");
    name.textContent = code.length < 3 ? "" : known.get(code) ?? names.dataset.unknown;
    name.classList.toggle("typing__name--unknown", code.length > 2 && !known.has(code));
  };
  form.querySelectorAll(".sheet-code").forEach((field) => field.value && answer(field));
  const wrong = form.querySelector("[aria-invalid]");
  wrong?.focus(), wrong?.select();
  form.addEventListener("input", ({ target }) => target.matches(".sheet-code") && answer(target));
  form.addEventListener("keydown", (event) => {
    const fields = [...form.querySelectorAll("input:not([type=hidden])")], here = fields.indexOf(event.target);
    if (event.key !== "Enter" || here < 0) return;
    const next = event.target.matches(".sheet-code") && !event.target.value ? null : fields[here + 1];
    event.preventDefault();
    (next ?? form.querySelector("button")).focus(); // an empty code ends the list
    next?.select();
  });
})();
