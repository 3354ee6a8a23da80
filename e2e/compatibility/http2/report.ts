/** h2spec's JUnit report. */

export interface SpecTest {
  /** Section and title: `http2/6.5: Sends a ...`. */
  readonly name: string;
  /** '' if it passed. */
  readonly failure: string;
  readonly seconds: number;
}

const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', '#34': '"', '#39': "'", '#xA': ' ', apos: "'" };
const text = (xml: string): string => xml.replace(/&([#\w]+);/g, (whole, name: string) => entities[name] ?? whole);

/** All tests of a report; what was skipped counts as failed. */
export function parseReport(xml: string): SpecTest[] {
  const tests: SpecTest[] = [];
  for (const [, attributes = '', body = ''] of xml.matchAll(/<testcase ([^>]*?)(?:\/>|>(.*?)<\/testcase>)/gs)) {
    const attribute = (name: string): string => text(new RegExp(`${name}="([^"]*)"`).exec(attributes)?.[1] ?? '');
    const failure = text(body.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ').trim());
    tests.push({
      name: `${attribute('package')}: ${attribute('classname')}`,
      failure: failure === '' && /<(failure|error|skipped)/.test(body) ? 'failed without a reason' : failure,
      seconds: Number(attribute('time')),
    });
  }
  return tests;
}
