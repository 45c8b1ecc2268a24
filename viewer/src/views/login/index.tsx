// Signing in: with the token from the printed address, or with one that is typed.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { type ApiError, api, signedOut } from "../../api.ts";
import { asApiError } from "../../asked.ts";
import { Button } from "../../components/basics.tsx";
import { Glyph } from "../../components/top.tsx";
import { visible } from "../../format.ts";
import { navigate, path } from "../../url.ts";

export function LoginPage(): JSX.Element {
  const busy = useSignal(false);
  const failed = useSignal<ApiError | null>(null);
  const field = useRef<HTMLInputElement>(null);
  const enter = async (token: string) => {
    busy.value = true;
    failed.value = null;
    try {
      await api.login(token);
      if (path.value === "/login") navigate("/", { replace: true });
    } catch (error) {
      failed.value = asApiError(error);
      field.current?.focus();
    } finally {
      busy.value = false;
    }
  };
  useEffect(() => {
    document.title = "Sign in · apilog";
    const token = tokenOfAddress();
    if (token) void enter(token);
    else field.current?.focus();
  }, []);
  return (
    <main class="center">
      <div class="login">
        <Glyph />
        <h1>{signedOut.value ? "Please sign in" : "apilog"}</h1>
        <p>
          Open the address that <code>apilog serve</code> printed, or enter the token at its end.
        </p>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            const token = field.current?.value.trim() ?? "";
            if (token && !busy.value) void enter(bare(token));
          }}
        >
          <input
            ref={field}
            class="field"
            type="password"
            autocomplete="current-password"
            aria-label="Token"
            aria-invalid={failed.value !== null}
            aria-describedby="login-error"
            placeholder="Token"
          />
          <Button kind="primary" type="submit" disabled={busy.value} onClick={() => undefined}>
            Sign in
          </Button>
        </form>
        <p id="login-error" role="alert">
          {failed.value ? visible(failed.value.message) : ""}
        </p>
      </div>
    </main>
  );
}

/** Take the token out of the address, so that it stays neither there nor in the history. */
function tokenOfAddress(): string {
  const found = /[#&]token=([^&]+)/.exec(location.hash)?.[1] ?? "";
  if (location.hash) history.replaceState(null, "", location.pathname + location.search);
  return bare(found);
}

/** The token alone, also where the whole printed address was pasted. */
function bare(text: string): string {
  const token = text.replace(/^.*[#&]token=/, "");
  try {
    return decodeURIComponent(token);
  } catch {
    return token;
  }
}
