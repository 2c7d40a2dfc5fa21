// The page's tabs among each other: who signs out in one has signed out in all.

const CHANNEL = "tutorwamp.tabs";

export class Tabs {
  #channel;

  /** `me()`: the id of who is signed in here, or null. `signedOut()`: they have gone, in another tab. */
  constructor({ me, signedOut, channel = new BroadcastChannel(CHANNEL) }) {
    this.#channel = channel;
    // Two tabs may have two people: a tutor and a student, to try something.
    channel.onmessage = ({ data }) => data.signedOut && data.signedOut === me() && signedOut();
  }

  /** Tell the others that this person has signed out. */
  signOut(user) {
    this.#channel.postMessage({ signedOut: user });
  }
}
