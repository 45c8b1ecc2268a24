// XML and HTML, indented to be read. It changes white space, which the raw text does not.

/** Characters of a text that is indented. */
const MOST = 500_000;
const DEEPEST = 40;

/** Elements of HTML that never have an end. */
const VOID = new Set("area base br col embed hr img input link meta source track wbr".split(" "));

/** Whether *text* looks like XML or HTML that can be indented. */
export function isMarkup(text: string): boolean {
  return text.length <= MOST && /^\s*<[!?a-zA-Z]/.test(text) && /<\/|\/>/.test(text);
}

/** Give each tag and each text between tags a line of its own, indented by how deep it is. */
export function indented(text: string): string {
  const lines: string[] = [];
  let depth = 0;
  const tokens = text.match(/<[^<>]*>|[^<]+|</g) ?? [];
  for (let index = 0; index < tokens.length; index += 1) {
    const token = (tokens[index] ?? "").trim();
    if (!token) continue;
    const end = /^<\//.test(token);
    if (end) depth = Math.max(0, depth - 1);
    const whole = end ? null : short(tokens, index);
    lines.push("  ".repeat(Math.min(depth, DEEPEST)) + (whole ?? token));
    if (whole !== null) index += 2;
    else if (isBeginning(token)) depth += 1;
  }
  return lines.join("\n");
}

/** An element with nothing but a short text in it stays on one line. */
function short(tokens: readonly string[], index: number): string | null {
  const [begin = "", text = "", end = ""] = tokens.slice(index, index + 3);
  const name = nameOf(begin);
  if (!isBeginning(begin) || text.startsWith("<") || text.length > 80 || text.includes("\n")) {
    return null;
  }
  return name && nameOf(end) === name && end.startsWith("</") ? begin + text + end : null;
}

function nameOf(tag: string): string {
  return /^<\/?([^\s/>]+)/.exec(tag)?.[1]?.toLowerCase() ?? "";
}

function isBeginning(tag: string): boolean {
  return /^<[^!?/]/.test(tag) && !/\/>$/.test(tag) && tag.endsWith(">") && !VOID.has(nameOf(tag));
}
