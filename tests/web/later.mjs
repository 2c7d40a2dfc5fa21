// Makes a server of today one of a later version, in the page: what it says is rewritten on its way through the WebSocket.
// The test says which of it, by words and colours (tests/web/test_later_versions.py).

(() => {
  const [EVENT, RESULT] = [36, 50];

  const upgradedChange = (change) => {
    const { id, version, by } = change;
    switch (change.element?.color) {
      case "#00000a": // a kind that nobody here knows
        return { op: "put", by, element: { ...change.element, kind: "hologram", points: "M0 0", depth: [1] } };
      case "#00000b": // a form that nobody here knows
        return { op: "put", by, element: { ...change.element, kind: "stroke", points: [["left", "top"]] } };
      case "#00000c": // a kind of change
        return { op: "place", by, id: change.element.id, version: 1, at: "top" };
      case "#00000d": // more of what is not there
        return { op: "append", by, id: change.element.id, version: 2, points: [[1, 1]] };
      default:
        return { ...change, ...(id && { id }), ...(version && { version }), tick: 9 };
    }
  };

  const upgraded = (event) => {
    const { type, data } = event ?? {};
    if (type === "message.created" && data.body.startsWith("translated")) return { ...event, type: "message.translated", data: { id: data.id, words: { de: "…" } } };
    if (type === "message.created" && data.body.startsWith("sealed")) return { ...event, data: { sealed: "AAEC" } };
    if (type === "message.created") return { ...event, data: { ...data, mood: "fine", reactions: { "🎉": { count: 3 } } } };
    if (type === "timer.changed") return { ...event, type: "lesson.transcribed", data: { text: "Good morning" } };
    if (type === "lesson.updated") return { ...event, data: { ...data, state: "paused", room: "blue" } };
    if (type === "participant.joined") return { ...event, type: "participant.waved" };
    if (type === "board.changed") return { ...event, data: { ...data, changes: data.changes.map(upgradedChange) } };
    if (type === "notification.created") return { ...event, data: { ...data, notification: { ...data.notification, kind: "homework.due", priority: 3 } } };
    return event;
  };

  const upgradedResult = (result) => {
    if (result?.topics) {
      delete result.topics.view;
      result.topics.breakout = "tutorwamp.lesson.x.breakout";
    }
    for (const stream of Object.values(result?.streams ?? {})) stream.events = stream.events?.map(upgraded);
    return result;
  };

  const upgradedMessage = (text) => {
    const message = JSON.parse(text);
    if (message[0] === EVENT) message[5] = upgraded(message[5]);
    if (message[0] === RESULT && message[3]?.[0]) message[3][0] = upgradedResult(message[3][0]);
    return JSON.stringify(message);
  };

  globalThis.WebSocket = class extends WebSocket {
    set onmessage(heard) {
      super.onmessage = ({ data }) => heard({ data: upgradedMessage(data) });
    }
  };
})();
