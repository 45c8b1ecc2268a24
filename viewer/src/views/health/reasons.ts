// Why calls are lost, in words: what each reason means and what to do about it.

import type { Health } from "../../api.ts";
import { plural } from "../../format.ts";

export interface Reason {
  /** What happened. */
  readonly means: string;
  /** What helps. */
  readonly helps: string;
  /** Whether somebody asked for it, so that nothing is wrong. */
  readonly wanted?: boolean;
}

const DISK = "Make room on the disk of the app, or give the spool another directory.";

const REASONS: Readonly<Record<string, Reason>> = {
  queue_full: {
    means: "More calls came than could be sent, and the oldest made room.",
    helps: "Set a spool, so that they wait on disk; or raise queue_events and queue_bytes.",
  },
  event_too_large: {
    means: "One event alone was larger than the collector takes.",
    helps: "Lower max_body_bytes, or leave that body out with mask_body.",
  },
  rejected: {
    means: "The destination refused the event.",
    helps: "Its answer is in the log of the app; what was refused here is listed below.",
  },
  destination_failed: {
    means: "The code of a destination failed.",
    helps: "The log of the app has the error; a destination of your own may need a fix.",
  },
  shutdown: {
    means: "The process ended before these were sent.",
    helps: "Set a spool, or raise shutdown_timeout.",
  },
  encode_failed: {
    means: "An event could not be written as JSON.",
    helps: "The log of the app says why; please report it.",
  },
  submit_failed: {
    means: "A call could not be handed over.",
    helps: "The log of the app says why; please report it.",
  },
  worker_failed: {
    means: "The thread that sends failed, and went on with the next ones.",
    helps: "The log of the app says why; please report it.",
  },
  filter_failed: {
    means: "A filter of yours raised an exception.",
    helps: "The log of the app has it; a filter gets calls without an answer, too.",
  },
  not_asked: {
    means: "A call ended where its hooks could not be asked any more, skip among them.",
    helps: "Nothing, if they were few: it is left out, because skip might have said so.",
  },
  skip_failed: {
    means: "The hook skip raised an exception.",
    helps: "Correct the hook; the log of the app has the error.",
  },
  sample_rate_failed: {
    means: "The hook sample_rate raised an exception.",
    helps: "Correct the hook; the log of the app has the error.",
  },
  mask_event_failed: {
    means: "The hook mask_event raised an exception, and nothing unmasked is sent.",
    helps: "Correct the hook; the log of the app has the error.",
  },
  spool_full: {
    means: "The spool was full, and the oldest successes made room.",
    helps: "Raise spool_bytes, or see why the destination takes so little.",
  },
  expired: {
    means: "Events waited in the spool for longer than they are kept.",
    helps: "See why the destination was away for so long.",
  },
  corrupt: {
    means: "Stored events were damaged on disk.",
    helps: "Look after that disk; apilog spool tells which files.",
  },
  damaged: {
    means: "Stored events could not be read again.",
    helps: "Look after that disk; apilog spool tells which files.",
  },
  disk_full: { means: "Neither disk nor memory had room.", helps: DISK },
  disk_error: { means: "The disk failed, and memory was full.", helps: DISK },
  file_too_large: {
    means: "A limit of the process or of the file system was reached.",
    helps: "Raise the limit (ulimit -f), or give the spool another directory.",
  },
  unsafe: {
    means: "The directory of the spool belongs to somebody else, or others may write in it.",
    helps: "Give the spool a directory of its own, with mode 0700.",
  },
  unavailable: {
    means: "The directory of the spool could not be used.",
    helps: "See that it is there, can be written to, and that file descriptors are left.",
  },
  spool_failed: {
    means: "The spool failed in a way that nobody foresaw.",
    helps: "The log of the app says why; please report it.",
  },
  sampled_out: { means: "Sampling left them out.", helps: "As you asked.", wanted: true },
  skipped: { means: "The hook skip left them out.", helps: "As you asked.", wanted: true },
  filtered: { means: "A filter left them out.", helps: "As you asked.", wanted: true },
  mask_event: { means: "The hook mask_event left them out.", helps: "As you asked.", wanted: true },
  self_traffic: {
    means: "Calls of apilog to this collector, which nobody wants to see.",
    helps: "Nothing: this is on purpose.",
    wanted: true,
  },
  closed: {
    means: "The calls came when recording was closed already.",
    helps: "Nothing, if the app was about to end.",
    wanted: true,
  },
};

const UNKNOWN: Reason = {
  means: "A reason that this page does not know.",
  helps: "The log of the app has a line on it.",
};

/** Return what is known of a reason. */
export function reasonOf(name: string): Reason {
  return Object.hasOwn(REASONS, name) ? (REASONS[name] ?? UNKNOWN) : UNKNOWN;
}

/** Return how many calls were lost against anybody's wish. */
export function lost(dropped: Health["dropped"]): number {
  return Object.entries(dropped)
    .filter(([name]) => !reasonOf(name).wanted)
    .reduce((sum, [, many]) => sum + many, 0);
}

export interface Verdict {
  readonly kind: "good" | "note" | "bad";
  readonly said: string;
}

/** Say in sentences how things are, the worst first. */
export function verdicts(health: Health): Verdict[] {
  const found: Verdict[] = [];
  const gone = lost(health.dropped);
  const { quarantined, spooled } = health.accounts;
  if (gone) {
    found.push({ kind: "bad", said: `${plural(gone, "call")} lost by senders; why stands below.` });
  }
  if (quarantined) {
    found.push({
      kind: "bad",
      said:
        `${plural(quarantined, "event")} in quarantine at a sender: refused, but kept. ` +
        "apilog spool shows them.",
    });
  }
  if (health.ingest.refused) {
    const many = plural(health.ingest.refused, "event");
    found.push({ kind: "note", said: `${many} refused here; why stands below.` });
  }
  if (spooled) {
    const many = plural(spooled, "event");
    found.push({ kind: "note", said: `${many} waiting on disks of senders, to be delivered.` });
  }
  if (!health.store.search) {
    found.push({
      kind: "note",
      said: "Bodies cannot be searched: serve runs with --no-search, or SQLite has no FTS5.",
    });
  }
  if (!found.length) found.push({ kind: "good", said: "Nothing was lost and nothing refused." });
  return found;
}
