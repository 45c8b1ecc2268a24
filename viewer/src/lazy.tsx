// Views that are fetched when they are first shown: the list is there before the rest has arrived.

import { type Signal, signal } from "@preact/signals";
import type { ComponentType, JSX } from "preact";
import { useEffect } from "preact/hooks";
import { ApiError } from "./api.ts";
import { ErrorBox } from "./components/basics.tsx";

/** Return a component that is fetched with *load* when it is first needed. */
export function lazy<Props extends object>(
  load: () => Promise<ComponentType<Props>>,
): ComponentType<Props> {
  const loaded: Signal<ComponentType<Props> | null> = signal(null);
  const failed = signal<ApiError | null>(null);
  const fetchIt = () => {
    failed.value = null;
    load().then(
      (component) => {
        loaded.value = component;
      },
      () => {
        failed.value = new ApiError("A part of this page could not be loaded.", 0, null, null);
      },
    );
  };
  return function Lazy(props: Props): JSX.Element | null {
    useEffect(() => {
      if (!loaded.peek()) fetchIt();
    }, []);
    const Component = loaded.value;
    if (failed.value) return <ErrorBox error={failed.value} onRetry={() => location.reload()} />;
    return Component ? <Component {...props} /> : null;
  };
}
