// Event streams (https://html.spec.whatwg.org/multipage/server-sent-events.html) as a list.

export interface StreamEvent {
  /** "" where the stream names none: then it is a `message`. */
  readonly name: string;
  readonly id: string;
  readonly data: string;
  /** Anything that is no field: a comment, or how many bytes were left out here. */
  readonly comment: string;
}

const LEFT_OUT = /^\[\.\.\. (\d+) bytes left out \.\.\.\]$/;

/** The events of a stream, at most *most* of them. A last one without its empty line counts. */
export function streamEvents(text: string, most: number): StreamEvent[] {
  const found: StreamEvent[] = [];
  let event = { name: "", id: "", data: [] as string[], comment: [] as string[] };
  const end = () => {
    const { name, id, data, comment } = event;
    if (name || id || data.length || comment.length) {
      found.push({ name, id, data: data.join("\n"), comment: comment.join("\n") });
    }
    event = { name: "", id: "", data: [], comment: [] };
  };
  for (const line of text.replace(/^\ufeff/, "").split(/\r\n|\n|\r/)) {
    if (found.length >= most) return found;
    const gap = LEFT_OUT.exec(line);
    if (gap) {
      end();
      event.comment.push(`${gap[1]} bytes were left out here`);
      end();
    } else if (line === "") {
      end();
    } else {
      take(event, line);
    }
  }
  end();
  return found.slice(0, most);
}

function take(
  event: { name: string; id: string; data: string[]; comment: string[] },
  line: string,
): void {
  const at = line.indexOf(":");
  const field = at < 0 ? line : line.slice(0, at);
  const value = at < 0 ? "" : line.slice(at + 1).replace(/^ /, "");
  if (field === "event") event.name = value;
  else if (field === "id") event.id = value;
  else if (field === "data") event.data.push(value);
  else event.comment.push(at === 0 ? value : line);
}
