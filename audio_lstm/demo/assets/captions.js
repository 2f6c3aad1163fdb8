"use strict";
// Live captions: microphone -> worklet -> WebSocket -> words. The protocol is that of audio_lstm/serving/live.py.
(() => {
  let session = null;
  const find = (id) => document.getElementById(id);

  function say(text, isError = false) {
    const state = find("live-state");
    if (!state) return;
    state.textContent = text;
    state.classList.toggle("live-state-error", isError);
  }

  function buttons(listening) {
    find("live-start").disabled = listening;
    find("live-stop").disabled = !listening;
  }

  async function start() {
    if (session) return;
    if (!navigator.mediaDevices || !window.AudioWorkletNode) {
      say("This browser gives no microphone here: open the page as http://localhost or over https.", true);
      return;
    }
    const mine = { sent: 0, open: null };
    session = mine;
    buttons(true);
    find("live-words").replaceChildren();
    say("Asking for the microphone …");
    try {
      mine.stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1 } });
      mine.context = new AudioContext();
      await mine.context.audioWorklet.addModule("/page/worklet.js");
    } catch (error) {
      say(`The microphone cannot be used (${error.name}): allow it in the browser and try again.`, true);
      end(mine);
      return;
    }
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    mine.socket = new WebSocket(`${scheme}://${location.host}/captions`);
    mine.socket.binaryType = "arraybuffer";
    mine.socket.onopen = () => listen(mine);
    mine.socket.onmessage = (event) => show(mine, JSON.parse(event.data));
    mine.socket.onclose = (event) => {
      if (!mine.said) {
        say(event.code === 1006 ? "The server takes no more live captions now: try again in a little while."
          : "The connection has ended.", event.code !== 1000);
      }
      end(mine);
    };
  }

  function listen(mine) {
    mine.socket.send(JSON.stringify({ sample_rate: mine.context.sampleRate, format: "s16le" }));
    mine.node = new AudioWorkletNode(mine.context, "pcm", { numberOfOutputs: 0 });
    mine.node.port.onmessage = (event) => {
      if (mine.socket.readyState !== WebSocket.OPEN) return;
      if (event.data === null) {
        mine.socket.send(JSON.stringify({ type: "finish" }));
        return;
      }
      mine.sent += event.data.byteLength / 2;
      mine.socket.send(event.data);
      find("live-words").dataset.sent = mine.sent;
      find("live-words").dataset.rate = mine.context.sampleRate;
    };
    mine.context.createMediaStreamSource(mine.stream).connect(mine.node);
    say("Listening: bold words stay, slanted ones may still change.");
  }

  function line() {
    const words = find("live-words");
    let open = words.querySelector("p.open");
    if (!open) {
      open = document.createElement("p");
      open.className = "open";
      words.append(open);
    }
    return open;
  }

  function piece(kind, text) {
    const span = document.createElement("span");
    span.className = kind;
    span.textContent = text;
    return span;
  }

  function show(mine, message) {
    if (message.type === "partial") {
      line().replaceChildren(piece("stable", message.stable), " ", piece("tentative", message.tentative));
    } else if (message.type === "final") {
      const open = line();
      open.replaceChildren(piece("stable", message.text));
      open.className = "ended";
    } else if (message.type === "transcript") {
      const words = find("live-words");
      words.querySelectorAll("p.open").forEach((open) => open.remove());
      words.dataset.duration = message.duration;
      say(message.text ? "Done. This is what was heard." : "Done. Nobody was heard.");
      mine.said = true;
    } else if (message.type === "error") {
      say(message.error.message, true);
      mine.said = true;
    }
  }

  function stop() {
    const mine = session;
    if (!mine || !mine.node) return;
    find("live-stop").disabled = true;
    say("Finishing …");
    mine.node.port.postMessage("flush");
  }

  function end(mine) {
    if (mine.stream) mine.stream.getTracks().forEach((track) => track.stop());
    if (mine.context) mine.context.close();
    if (session === mine) session = null;
    if (find("live-start")) buttons(false);
  }

  document.addEventListener("click", (event) => {
    if (event.target.id === "live-start") start();
    if (event.target.id === "live-stop") stop();
  });
})();
