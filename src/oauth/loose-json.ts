/** Reading of JSON that others wrote: nothing is believed about its shape, nothing is inherited. */

/** An object as its own fields alone: it has no prototype, so no field can come from or reach one. */
export type LooseRecord = Readonly<Record<string, unknown>>;

/** Parses JSON after a byte order mark and white space. Undefined where it is not JSON. */
export function parseJson(text: string): unknown {
  try {
    // The reader of the request's encoding keeps the mark; JSON.parse knows other white space itself.
    return JSON.parse(text.replace(/^\s*\uFEFF/, ""));
  } catch {
    return undefined;
  }
}

/** The value's own fields on an object without prototype; null where it is not an object (or an array). */
export function asRecord(value: unknown): LooseRecord | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  const record: Record<string, unknown> = Object.create(null);
  // On an object without prototype, `__proto__` is a field like any other.
  for (const name of Object.keys(value)) record[name] = Reflect.get(value, name);
  return record;
}

/** A string that says something, without white space around it; else null. */
export function textOf(value: unknown): string | null {
  if (typeof value !== "string") return null;
  const text = value.trim();
  return text === "" ? null : text;
}
