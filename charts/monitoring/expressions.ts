/** Reading PromQL, as far as it takes to say which metrics an expression asks for. */

const keywords = new Set(['and', 'or', 'unless', 'bool', 'offset', 'by', 'without', 'on', 'ignoring', 'group_left', 'group_right', 'inf', 'nan', 'atan2']);

/** The names of the metrics in an expression, each once. Labels, functions, numbers and durations are none. */
export function metricsOf(expr: string): string[] {
  const bare = expr
    .replace(/"(?:[^"\\]|\\.)*"/g, '""')
    .replace(/\{[^}]*\}/g, ' ') // label matchers
    .replace(/\[[^\]]*\]/g, ' ') // ranges
    .replace(/\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, ' ');
  const names = [...bare.matchAll(/[a-zA-Z_:][\w:]*(?!\w|\s*\()/g)]
    .filter(({ index }) => !/[\w.]/.test(bare[index - 1] ?? ' '))
    .map(([name]) => name)
    .filter((name) => !keywords.has(name.toLowerCase()));
  return [...new Set(names)];
}

/** The expression with a dashboard's variables replaced. Throws on one that has no value. */
export function withVariables(expr: string, values: Readonly<Record<string, string>>): string {
  return expr.replace(/\$(\w+)/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`no variable $${name}: ${expr}`);
    return value;
  });
}
