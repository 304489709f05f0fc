// The phone after a scan: the receipt is handed in by itself, and whoever agreed to it is asked where the phone is.
(() => {
  const sends = document.querySelector("form[data-goes-by-itself]"), asks = document.querySelector("form[data-asks-where]");
  addEventListener("pageshow", (event) => {
    if (sends && !event.persisted) sends.requestSubmit(); // going back must not hand it in once more
  }, { once: true });
  if (!asks || !navigator.geolocation) return;
  navigator.geolocation.getCurrentPosition(({ coords }) => {
    asks.elements.latitude.value = coords.latitude;
    asks.elements.longitude.value = coords.longitude;
    asks.elements.accuracy.value = coords.accuracy;
    asks.requestSubmit();
  }, () => {}, { enableHighAccuracy: true, timeout: 15000, maximumAge: 60000 });
})();
