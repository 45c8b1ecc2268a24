// The keys that do something on this page.

import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { helpOpen, type Key, registered } from "../keys.ts";
import { Button } from "./basics.tsx";

const GROUPS: readonly Key["group"][] = ["List", "Call", "Everywhere", "Go to"];

const NAMES: Readonly<Record<string, string>> = {
  ArrowDown: "↓",
  ArrowUp: "↑",
  ArrowLeft: "←",
  ArrowRight: "→",
  Escape: "Esc",
  " ": "Space",
};

export function Help(): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  const open = helpOpen.value;
  useEffect(() => {
    if (open && !dialog.current?.open) dialog.current?.showModal();
    if (!open && dialog.current?.open) dialog.current.close();
  }, [open]);
  return (
    <dialog
      ref={dialog}
      class="dialog"
      aria-label="Keys"
      onClose={() => (helpOpen.value = false)}
      onClick={(event) => {
        if (event.target === dialog.current) helpOpen.value = false;
      }}
    >
      <div class="dialog-head">
        <h2>Keys</h2>
        <Button kind="quiet" onClick={() => (helpOpen.value = false)} label="Close">
          ✕
        </Button>
      </div>
      {open ? <Keys /> : null}
    </dialog>
  );
}

function Keys(): JSX.Element {
  return (
    <div class="keys">
      {GROUPS.map((group) => {
        const lines = lined(registered.value.filter((key) => key.group === group && key.label));
        if (!lines.length) return null;
        return (
          <section key={group}>
            <h3>{group}</h3>
            <ul>
              {lines.map(([label, keys]) => (
                <li key={label}>
                  <span>{label}</span>
                  <span>
                    {keys.map((name) => (
                      <KeyName key={name} keys={name} />
                    ))}
                  </span>
                </li>
              ))}
            </ul>
          </section>
        );
      })}
    </div>
  );
}

function KeyName({ keys }: { readonly keys: string }): JSX.Element {
  return (
    <>
      {(keys === " " ? [keys] : keys.split(" ")).map((key) => (
        <>
          {" "}
          <kbd>{NAMES[key] ?? key}</kbd>
        </>
      ))}
    </>
  );
}

/** One line for each thing to do, with every key that does it. */
function lined(keys: readonly Key[]): [string, string[]][] {
  const lines = new Map<string, string[]>();
  for (const { label, keys: name } of keys) {
    const line = lines.get(label) ?? [];
    if (!line.includes(name)) line.push(name);
    lines.set(label, line);
  }
  return [...lines];
}
