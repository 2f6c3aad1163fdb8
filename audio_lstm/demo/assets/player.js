"use strict";
// Makes panels play: words and notes play their span, the playhead and the highlight follow the sound. Panels are
// replaced by Gradio at any time, so everything is looked up when it is needed.
(() => {
  let stopAt = null; // where a span that is being played ends, in seconds
  let active = null; // the audio element that plays

  const panelOf = (element) => element.closest(".panel");

  document.addEventListener("click", (event) => {
    const span = event.target.closest("[data-start]");
    const panel = span ? panelOf(span) : event.target.closest(".timeline") && panelOf(event.target);
    const audio = panel && panel.querySelector("audio.sound");
    if (!audio) return;
    if (span) {
      audio.currentTime = Number(span.dataset.start);
      stopAt = span.classList.contains("note") ? null : Number(span.dataset.end);
    } else {
      const box = event.target.closest(".timeline").getBoundingClientRect();
      audio.currentTime = ((event.clientX - box.left) / box.width) * Number(panel.dataset.duration);
      stopAt = null;
    }
    audio.play();
  });

  document.addEventListener("play", (event) => {
    const audio = event.target;
    if (!(audio instanceof HTMLAudioElement) || !audio.classList.contains("sound")) return;
    document.querySelectorAll("audio.sound").forEach((other) => { if (other !== audio) other.pause(); });
    active = audio;
    requestAnimationFrame(follow);
  }, true);

  function follow() {
    const audio = active;
    const panel = audio && audio.isConnected && panelOf(audio);
    if (!panel) return;
    const now = audio.currentTime;
    if (stopAt !== null && now >= stopAt) { audio.pause(); stopAt = null; }
    const playing = !audio.paused && !audio.ended;
    panel.classList.toggle("playing", playing || now > 0);
    const head = panel.querySelector(".playhead");
    if (head) head.style.left = `${(100 * now) / Number(panel.dataset.duration)}%`;
    panel.querySelectorAll("[data-start]").forEach((span) => {
      const inside = playing && now >= Number(span.dataset.start) && now < Number(span.dataset.end);
      span.classList.toggle("now", inside);
    });
    const scroll = panel.querySelector(".scroll");
    if (playing && scroll && scroll.scrollWidth > scroll.clientWidth) {
      const x = (scroll.scrollWidth * now) / Number(panel.dataset.duration);
      if (x < scroll.scrollLeft || x > scroll.scrollLeft + scroll.clientWidth * 0.9) scroll.scrollLeft = x - 40;
    }
    if (playing) requestAnimationFrame(follow);
  }

  // Browsers clean recordings with gain control and noise suppression, which ruins them for a recogniser.
  const devices = navigator.mediaDevices;
  if (devices && devices.getUserMedia) {
    const original = devices.getUserMedia.bind(devices);
    devices.getUserMedia = (wishes = {}) => {
      if (wishes.audio) {
        const given = typeof wishes.audio === "object" ? wishes.audio : {};
        wishes = { ...wishes, audio: { ...given, echoCancellation: false, noiseSuppression: false,
          autoGainControl: false } };
      }
      return original(wishes);
    };
  }
})();
