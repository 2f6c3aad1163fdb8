"use strict";
// The small piano: a key sounds and writes its note into the field for the beginning.
(() => {
  let context = null;

  function sound(pitch) {
    context = context || new AudioContext();
    const tone = context.createOscillator();
    const volume = context.createGain();
    tone.type = "triangle";
    tone.frequency.value = 440 * 2 ** ((pitch - 69) / 12);
    volume.gain.setValueAtTime(0.25, context.currentTime);
    volume.gain.exponentialRampToValueAtTime(0.001, context.currentTime + 0.6);
    tone.connect(volume).connect(context.destination);
    tone.start();
    tone.stop(context.currentTime + 0.6);
  }

  document.addEventListener("click", (event) => {
    const key = event.target.closest(".piano [data-note]");
    if (!key) return;
    sound(Number(key.dataset.pitch));
    key.classList.add("down");
    setTimeout(() => key.classList.remove("down"), 150);
    const field = document.querySelector("#primer textarea, #primer input");
    if (!field) return;
    field.value = `${field.value.trim()} ${key.dataset.note}`.trim();
    field.dispatchEvent(new Event("input", { bubbles: true }));
  });
})();
