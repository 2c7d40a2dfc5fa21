// English. The other languages have the same keys; what a key stands for is said here. Sorted by place: one place, one block.

export default {
  // connection
  "connection.open": "Connected",
  "connection.connecting": "Connecting …",
  "connection.waiting": "Offline, trying again soon",
  "connection.offline": "Offline",
  "connection.to-send": { one: "{state}, {count} to send", other: "{state}, {count} to send" },
  // shell
  "shell.old": "There is a new version of the classroom. Reload the page to go on with it.",
  "shell.missing": "This part of the page could not be loaded. Is there a connection?",
};
