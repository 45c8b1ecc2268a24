// The live list of calls: filter, chart, list, and the chosen call beside it.

import "./list.css";
import { useSignal, useSignalEffect } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { health, type Row } from "../../api.ts";
import { ErrorBox } from "../../components/basics.tsx";
import { lazy } from "../../lazy.tsx";
import { callPath } from "../../routes.ts";
import { narrow } from "../../screen.ts";
import { fromText, moment } from "../../time.ts";
import { address, change, navigate, param, q, SHARED, sel } from "../../url.ts";
import { FilterMenu } from "./cellmenu.tsx";
import { FilterBar } from "./filterbar.tsx";
import { Histogram } from "./histogram.tsx";
import { useListKeys } from "./listkeys.ts";
import { Calls } from "./model.ts";
import { Nothing } from "./nothing.tsx";
import { RangePicker } from "./rangepicker.tsx";
import { Split } from "./split.tsx";
import { Follow, NewCalls, Tools } from "./status.tsx";
import { Table, type TableHandle } from "./table.tsx";

const EventPane = lazy(async () => (await import("../event/index.tsx")).EventPane);

const to = param("to");
const DAY = 86_400_000;

export function ListPage(): JSX.Element {
  const calls = useCalls();
  const last = useRef<Calls | null>(null);
  const loading = calls.loading.value;
  const failed = calls.error.value;
  if (!loading && !failed) last.current = calls;
  // The list that was there stays until the next one has come: nothing flickers.
  const shown = (loading || failed) && last.current ? last.current : calls;
  const cursor = useSignal(sel.value);
  const menu = useSignal<Row | null>(null);
  // Also "back" and "forward" take the cursor along.
  useSignalEffect(() => {
    if (sel.value) cursor.value = sel.value;
  });
  const handle = useRef<TableHandle | null>(null);
  const close = () => {
    change({ sel: null });
    handle.current?.focus();
  };
  const pick = (row: Row) => {
    cursor.value = row.id;
    open(row.id);
  };
  useListKeys({ calls: shown, cursor, menu, handle, open, close });
  useEffect(() => {
    // A shared address of the split view, opened where there is room for one thing only.
    if (narrow.value && sel.value) open(sel.value, true);
  }, []);
  const opened = narrow.value ? "" : sel.value;
  return (
    <div class="list-page">
      <h1 class="off-screen">Calls</h1>
      <div class="bar-row">
        <FilterBar error={failed} />
        <RangePicker />
        <Follow calls={calls} />
      </div>
      <Histogram calls={calls}>
        <Tools calls={calls} />
      </Histogram>
      {failed && failed.status !== 400 ? (
        <ErrorBox error={failed} onRetry={() => calls.begin()} />
      ) : null}
      <Split
        pane={
          opened ? (
            <aside class="list-pane" aria-label="The chosen call">
              <EventPane id={opened} onClose={close} />
            </aside>
          ) : null
        }
      >
        <NewCalls calls={calls} onShow={() => handle.current?.toTop()} />
        {isEmpty(shown) && !loading ? (
          <Nothing calls={calls} stored={health.value?.store.calls} />
        ) : (
          <Table
            calls={shown}
            stale={shown !== calls || failed !== null}
            dated={isLong()}
            current={cursor.value}
            open={opened}
            handle={handle}
            onPick={pick}
          />
        )}
      </Split>
      {menu.value ? <FilterMenu row={menu.value} onClose={() => (menu.value = null)} /> : null}
    </div>
  );
}

function isEmpty(calls: Calls): boolean {
  calls.version.value;
  return calls.pages.length === 0;
}

/** Whether the range is longer than a day, so that a time of day alone does not say when. */
function isLong(): boolean {
  const end = moment(to.value, 0);
  const begin = moment(fromText.value, 0) ?? 0;
  if (end === null && begin <= 0) return begin === 0 || -begin > DAY;
  return (end ?? Date.now()) - begin > DAY;
}

/** Open a call: beside the list, or on a page of its own where there is no room. */
function open(id: string, replace = false): void {
  if (narrow.peek()) navigate(address(callPath(id), {}, SHARED), { replace });
  else change({ sel: id }, { replace: replace || sel.peek() !== "" });
}

/** The list that the address asks for; another address, another list. */
function useCalls(): Calls {
  const wanted = { q: q.value, from: fromText.value, to: to.value };
  const key = JSON.stringify(wanted);
  const calls = useMemo(() => new Calls(wanted), [key]);
  useEffect(() => {
    calls.begin();
    return () => calls.end();
  }, [calls]);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const seen = () => {
      clearTimeout(timer);
      if (document.hidden) timer = setTimeout(() => calls.seen(false), HIDDEN);
      else calls.seen(true);
    };
    const online = () => calls.reconnect();
    document.addEventListener("visibilitychange", seen);
    addEventListener("online", online);
    return () => {
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", seen);
      removeEventListener("online", online);
    };
  }, [calls]);
  return calls;
}

/** Milliseconds after which a page that nobody sees lets go of its stream. */
const HIDDEN = 60_000;
