"use strict";
// Runs on the browser's audio thread: collects samples and posts them as int16, none left out. A message "flush" posts
// what has not filled a block, and then null: that was the last.
class Pcm extends AudioWorkletProcessor {
  constructor() {
    super();
    this.block = new Int16Array(2048);
    this.used = 0;
    this.done = false;
    this.port.onmessage = () => {
      this.post();
      this.port.postMessage(null);
      this.done = true;
    };
  }

  post() {
    if (!this.used) return;
    const full = this.block.slice(0, this.used);
    this.port.postMessage(full.buffer, [full.buffer]);
    this.used = 0;
  }

  process(inputs) {
    const channel = inputs[0][0];
    if (channel && !this.done) {
      for (let i = 0; i < channel.length; i += 1) {
        const value = Math.max(-1, Math.min(1, channel[i]));
        this.block[this.used] = Math.round(value * 32767);
        this.used += 1;
        if (this.used === this.block.length) this.post();
      }
    }
    return !this.done;
  }
}
registerProcessor("pcm", Pcm);
