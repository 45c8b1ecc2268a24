// Light, dark, or as the system has it. Kept in this browser, not in the address.

import { effect, signal } from "@preact/signals";

export type Theme = "system" | "light" | "dark";

const KEY = "apilog-theme";

export const theme = signal<Theme>(stored());

/** Whether it is dark now; charts draw themselves anew when it changes. */
export const dark = signal(false);

/** Apply the theme to the page, now and whenever it or the system's wish changes. */
export function applyTheme(): void {
  const wish = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    const chosen = theme.value;
    if (chosen === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = chosen;
    dark.value = chosen === "system" ? wish.matches : chosen === "dark";
  };
  wish.addEventListener("change", apply);
  effect(apply);
}

/** Choose a theme and remember it. */
export function choose(next: Theme): void {
  theme.value = next;
  try {
    if (next === "system") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, next);
  } catch {
    // A browser that keeps nothing shows the choice for as long as the page is open.
  }
}

function stored(): Theme {
  try {
    const value = localStorage.getItem(KEY);
    return value === "light" || value === "dark" ? value : "system";
  } catch {
    return "system";
  }
}
