// Keeps the way the pages look and today's rosters that were opened, for when there is no network.
// Online nothing ever comes from here but files whose names tell their content. Sending is never touched.
// The server writes ASSETS and KIOSK above this line: what belongs to this version.
const FILES = "assets", SHELL = "shell", COPIES = "rosters", OFFLINE = "/offline", PATIENCE = 10000;
// Whoever signs in or out here: what was kept for the person before goes.
const CHANGES_PERSON = /^\/(sign-in|sign-out|registration|slips|me\/departure|me\/password)(\/|$)/;

addEventListener("install", (event) => event.waitUntil((async () => {
  await (await caches.open(FILES)).addAll(ASSETS);
  await (await caches.open(SHELL)).add(OFFLINE);
  await skipWaiting();
})()));

addEventListener("activate", (event) => event.waitUntil((async () => {
  const files = await caches.open(FILES);
  for (const request of await files.keys()) {
    if (![...ASSETS, ...KIOSK].includes(new URL(request.url).pathname)) await files.delete(request);
  }
  await clients.claim();
})()));

addEventListener("fetch", (event) => {
  const { request } = event, { origin, pathname } = new URL(request.url);
  if (origin !== location.origin) return;
  if (request.method === "POST" && CHANGES_PERSON.test(pathname)) event.waitUntil(caches.delete(COPIES));
  if (request.method !== "GET") return;
  if (request.mode === "navigate") event.waitUntil(forgetOld());
  if (ASSETS.includes(pathname) || KIOSK.includes(pathname)) event.respondWith(file(request));
  else if (request.mode === "navigate") event.respondWith(page(request, pathname));
});

const file = async (request) => (await caches.match(request, { cacheName: FILES })) ?? fetch(request);

const page = async (request, pathname) => {
  const copy = await kept(pathname);
  const late = new Promise((_, give) => copy && setTimeout(give, PATIENCE));
  try {
    const answer = await Promise.race([fetch(request), late]);
    if (pathname === "/sign-in") await caches.delete(COPIES); // nobody is signed in any more
    return answer;
  } catch (error) {
    return copy ?? (await caches.match(OFFLINE, { cacheName: SHELL })) ?? Response.error();
  }
};

// What belongs to a day that is over goes, whatever page is opened.
const forgetOld = async () => {
  const cache = await caches.open(COPIES);
  for (const request of await cache.keys()) {
    const copy = await cache.match(request);
    if (Number(copy?.headers.get("X-Until")) < Date.now()) await cache.delete(request);
  }
};

// The copy of a roster, as long as its day lasts; for everything of the kiosk the page that takes cards.
const kept = async (pathname) => {
  const kiosk = /^\/kiosk(\/|$)/.test(pathname);
  if (!kiosk && !/^\/desk\/shifts\/\d+\/roster$/.test(pathname)) return undefined;
  const address = kiosk ? "/kiosk/offline" : pathname + "/offline";
  const cache = await caches.open(COPIES), copy = await cache.match(address);
  if (copy && Number(copy.headers.get("X-Until")) < Date.now()) return cache.delete(address), undefined;
  return copy;
};
