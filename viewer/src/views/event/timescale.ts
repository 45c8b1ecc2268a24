// The time axis of a session: calls in their order, with long silences cut short.

export interface Moment {
  /** Milliseconds since 1970. */
  readonly time: number;
  /** Milliseconds, or null. */
  readonly duration: number | null;
}

export interface Mark {
  /** Shares of the width, 0 to 1. */
  readonly left: number;
  readonly width: number;
}

export interface Silence {
  /** Where it is, a share of the width. */
  readonly at: number;
  /** Milliseconds in which nothing happened. */
  readonly length: number;
}

/** A silence takes at most this share of what the calls together take. */
const LONGEST_SILENCE = 0.12;
/** A silence that is worth a word is so many times longer than it is drawn. */
const TELLING = 3;
/** Silences that get a word, the longest ones, and the share of the width that a word needs. */
const MOST_TOLD = 4;
const ROOM = 0.07;
/** A call is at least so wide, as a share. */
const LEAST = 0.004;

/** Place *moments*, oldest first, on an axis. */
export function timeScale(moments: readonly Moment[]): {
  readonly marks: readonly Mark[];
  readonly silences: readonly Silence[];
} {
  const gaps = silencesBefore(moments);
  const { drawn, told } = drawnSilences(gaps, busyTime(moments));
  const starts: number[] = [];
  const silences: Silence[] = [];
  let at = 0;
  let end = moments[0]?.time ?? 0;
  moments.forEach((moment, index) => {
    const room = drawn[index] ?? 0;
    if (room > 0) {
      if (told.has(index)) silences.push({ at: at + room / 2, length: gaps[index] ?? 0 });
      at += room;
      end = moment.time;
    }
    starts.push(at - (end - moment.time));
    const last = moment.time + (moment.duration ?? 0);
    at += Math.max(0, last - end);
    end = Math.max(end, last);
  });
  const whole = Math.max(at, 1e-6);
  const marks = moments.map((moment, index) => {
    const left = Math.min(1 - LEAST, Math.max(0, (starts[index] ?? 0) / whole));
    const width = Math.max(LEAST, (moment.duration ?? 0) / whole);
    return { left, width: Math.min(width, 1 - left) };
  });
  return { marks, silences: silences.map((one) => ({ ...one, at: one.at / whole })) };
}

/** How much room each silence gets, and which of them get a word. */
function drawnSilences(
  gaps: readonly number[],
  busy: number,
): { drawn: readonly number[]; told: ReadonlySet<number> } {
  const cap = Math.max(busy * LONGEST_SILENCE, median(gaps.filter((gap) => gap > 0)), 1);
  const drawn = gaps.map((gap) => Math.min(gap, cap));
  const long = gaps
    .map((gap, index) => ({ gap, index }))
    .filter(({ gap }) => gap > TELLING * cap)
    .sort((a, b) => b.gap - a.gap)
    .slice(0, MOST_TOLD);
  const others = busy + drawn.reduce((sum, room) => sum + room, 0);
  for (const { index } of long) drawn[index] = Math.max(drawn[index] ?? 0, others * ROOM);
  return { drawn, told: new Set(long.map(({ index }) => index)) };
}

/** The silence before each moment, 0 where a call before it was still under way. */
function silencesBefore(moments: readonly Moment[]): number[] {
  let end = moments[0]?.time ?? 0;
  return moments.map((moment) => {
    const gap = Math.max(0, moment.time - end);
    end = Math.max(end, moment.time + (moment.duration ?? 0));
    return gap;
  });
}

/** Milliseconds in which at least one call was under way. */
function busyTime(moments: readonly Moment[]): number {
  let end = Number.NEGATIVE_INFINITY;
  let sum = 0;
  for (const { time, duration } of moments) {
    const last = time + (duration ?? 0);
    if (last > end) sum += last - Math.max(end, time);
    end = Math.max(end, last);
  }
  return sum;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
