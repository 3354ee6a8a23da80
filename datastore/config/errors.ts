/** What is wrong with a command line, an environment or a config file: one clear line for the person who wrote it. */
export class ConfigError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ConfigError';
  }
}
