// The part of the service worker that shows what the server pushed, and opens it when it is tapped.
self.addEventListener("push", (event) => {
  let said = {};
  try { said = event.data.json(); } catch { /* a browser insists on a notification, so an empty one is shown */ }
  const { title = "Rengang", body = "", path = "/me/inbox", tag, lang, icon } = said;
  event.waitUntil(self.registration.showNotification(title, { body, tag, lang, icon, data: { path } }));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const target = new URL(event.notification.data?.path ?? "/", self.location.origin);
  if (target.origin !== self.location.origin) return;
  event.waitUntil((async () => {
    const open = await self.clients.matchAll({ type: "window" });
    const there = open.find(({ url }) => url === target.href);
    await (there ? there.focus() : self.clients.openWindow(target.href));
  })());
});
