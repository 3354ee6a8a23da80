/** What the chart takes from elsewhere in the project. */
import { monitoringFiles } from '../../charts/monitoring/files.ts';

/** Path → contents. */
export function chart(): Map<string, string> {
  return monitoringFiles();
}
