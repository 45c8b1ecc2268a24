// How much room there is.

import { signal } from "@preact/signals";

/** Whether there is room for one thing only: a phone, or a narrow window. */
export const narrow = signal(false);

/** Follow the width of the window. */
export function followWidth(): void {
  const query = matchMedia("(max-width: 760px)");
  const apply = () => {
    narrow.value = query.matches;
  };
  query.addEventListener("change", apply);
  apply();
}
