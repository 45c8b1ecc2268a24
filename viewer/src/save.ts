// A file made on this page, handed to the reader.

/** Longest the browser may take to begin a download, in milliseconds. */
const GRACE = 10_000;

/** Download *content* as a file; *name* loses what no file name should have. */
export function save(name: string, content: BlobPart): void {
  // Never the logged type: a browser only keeps these bytes, it does not look at them.
  const blob = new Blob([content], { type: "application/octet-stream" });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name
    .replace(/[^\w.-]+/g, "_")
    .replace(/^\.+/, "_")
    .slice(0, 100);
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), GRACE);
}
