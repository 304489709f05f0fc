// Lets this browser show notifications; only the page of one's channels loads this.
(() => {
  const part = document.querySelector("[data-push]"), form = part?.querySelector("form[hidden]");
  if (!form) return;
  const state = part.querySelector("[data-push-state]"), button = form.querySelector("button");
  const say = (name) => { state.textContent = part.querySelector(`[data-push-words="${name}"]`).content.textContent; };
  const able = "serviceWorker" in navigator && "PushManager" in window && "Notification" in window;
  if (!able) return say("cannot");
  if (Notification.permission === "denied") return say("denied");
  say("can"), form.hidden = false;
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const subscribe = async () => {
    await navigator.serviceWorker.register("/service-worker.js");
    const { pushManager } = await navigator.serviceWorker.ready;
    const key = bytes(part.dataset.push);
    await (await pushManager.getSubscription())?.unsubscribe(); // it may be of another key, or of who sat here before
    return (await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key })).toJSON();
  };
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      if (await Notification.requestPermission() !== "granted") return say("denied");
      const { endpoint, keys } = await subscribe();
      Object.entries({ endpoint, ...keys }).forEach(([name, value]) => { if (form.elements[name]) form.elements[name].value = value; });
      form.submit();
    } catch {
      say("failed");
    } finally {
      button.disabled = false;
    }
  });
})();
