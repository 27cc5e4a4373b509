/** An entry under a name that somebody outside chose: "constructor" is as good a name as any, and no entry until somebody made one. */
export const own = <T>(record: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(record, name) ? record[name] : undefined;
