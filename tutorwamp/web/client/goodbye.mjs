// wampy answers a GOODBYE but tells nobody why it came. The reason matters here: after `tutorwamp.close.revoked` a client
// must not come back, after `tutorwamp.close.draining` it should come back later. So we read it from the socket ourselves.

const GOODBYE = 6; // [GOODBYE, Details|dict, Reason|uri]

/**
 * A WebSocket class for wampy's option `ws`. Calls `heard({reason, message, details})` when the router says goodbye, and
 * `made(socket)` when there is one: closing it is going without a goodbye.
 */
export function socketThatHearsGoodbye(heard, made = () => {}) {
  return class extends WebSocket {
    // wampy passes five arguments, of which a browser's WebSocket knows two.
    constructor(url, protocols) {
      super(url, protocols);
      made(this);
      // Registered before wampy sets `onmessage`, so the reason is known before wampy closes the socket.
      this.addEventListener("message", ({ data }) => {
        if (!data.startsWith(`[${GOODBYE},`)) return;
        const [, details, reason] = JSON.parse(data);
        heard({ reason, message: details.message ?? "", details });
      });
    }
  };
}
